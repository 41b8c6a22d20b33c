package store

import (
	"context"

	"github.com/weir-ci/weir"
)

// Triage keeps what people say of regressions, and what became of them. Every
// verb but the last writes who said so, and why, to the log of the regression.
type Triage interface {
	// Acknowledge records that somebody has an open regression in hand, for
	// weir.MaxAcknowledged at most; one whose Until is not after its At takes it
	// back. NotFound if there is no such regression, Conflict if it is closed.
	Acknowledge(ctx context.Context, id weir.RegressionID, a weir.Acknowledgement) error
	// Assign says whose business an open regression is; without a To nobody's.
	// Invalid if the name is too long, Conflict if it is closed.
	Assign(ctx context.Context, id weir.RegressionID, a weir.Assignment) error
	// Dismiss closes an open regression. Conflict if it is closed already.
	Dismiss(ctx context.Context, id weir.RegressionID, w weir.Word) error
	// Reopen searches a regression that is fixed or dismissed again, with all
	// that was observed. Tests that are good again stay so: where all are, it
	// is fixed again when the search has ended. Conflict if
	// it is open or merged.
	Reopen(ctx context.Context, id weir.RegressionID, w weir.Word) error
	// Merge hands the victims of an open regression to another open one.
	// Conflict if one of them is closed or they have different culprits, Invalid
	// if they are the same.
	Merge(ctx context.Context, id, into weir.RegressionID, w weir.Word) error
	// Split takes some victims out of an open regression, with what was observed
	// of them. They become a regression of their own, which is searched if its
	// builder is the one that is searched, and follows nobody. Invalid if none
	// or all of the victims are named, or one is not a victim.
	Split(ctx context.Context, id weir.RegressionID, victims []VictimKey, w weir.Word) (weir.RegressionID, error)
	// Ask opens a search that follows from another one or that a person asked
	// for, with one of the aims beside AimBreak. If there is one already with the
	// same Aim and Of (not 0) between the same two builds, on the same path, that
	// one is returned and nothing is opened.
	Ask(ctx context.Context, r weir.Regression) (weir.RegressionID, error)
	// Transitions lists what became of a regression, oldest first, at most 1,000.
	Transitions(ctx context.Context, id weir.RegressionID) ([]weir.Transition, error)
}

// VictimKey names a victim of a regression.
type VictimKey struct {
	Builder weir.BuilderID
	Test    weir.TestID
}
