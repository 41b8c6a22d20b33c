package servertest

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/triage"
)

// Acknowledge notes that somebody has a regression in hand.
func (f *Farm) Acknowledge(_ context.Context, id weir.RegressionID, h triage.Hold) error {
	until := ""
	if !h.Until.IsZero() {
		until = " until " + h.Until.UTC().Format("2006-01-02 15:04")
	}
	return f.did("acknowledge %d for %v%s %q %s", id, h.For, until, h.Why, h.By)
}

// Unacknowledge notes that nobody has it any more.
func (f *Farm) Unacknowledge(_ context.Context, id weir.RegressionID, w weir.Word) error {
	return f.did("unacknowledge %d %q %s", id, w.Why, w.By)
}

// Dismiss notes that a regression was closed.
func (f *Farm) Dismiss(_ context.Context, id weir.RegressionID, w weir.Word) error {
	return f.did("dismiss %d %q %s", id, w.Why, w.By)
}

// Reopen notes that it was opened again.
func (f *Farm) Reopen(_ context.Context, id weir.RegressionID, w weir.Word) error {
	return f.did("reopen %d %q %s", id, w.Why, w.By)
}

// Merge notes that a regression was merged.
func (f *Farm) Merge(_ context.Context, id, into weir.RegressionID, w weir.Word) error {
	return f.did("merge %d into %d %q %s", id, into, w.Why, w.By)
}

// Split makes regression 78.
func (f *Farm) Split(_ context.Context, id weir.RegressionID, picks []triage.Pick, w weir.Word) (weir.RegressionID, error) {
	return 78, f.did("split %d %+v %q %s", id, picks, w.Why, w.By)
}

// Bisect starts search 79.
func (f *Farm) Bisect(_ context.Context, ask triage.Ask) (triage.Asked, error) {
	return triage.Asked{Search: weir.Regression{ID: 79, Aim: weir.AimAsked, State: weir.Searching, Asked: ask.Word}, New: true}, f.did("bisect %+v", ask)
}

// BisectFix finds search 80.
func (f *Farm) BisectFix(_ context.Context, id weir.RegressionID, w weir.Word) (triage.Asked, error) {
	return triage.Asked{Search: weir.Regression{ID: 80, Aim: weir.AimFix, Of: id, Asked: w}}, f.did("bisect --fix %d %s", id, w.By)
}

// Bisections lists the searches among Cases.
func (f *Farm) Bisections(context.Context) ([]weir.Regression, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []weir.Regression
	for id := weir.RegressionID(100); id > 0; id-- {
		if d, ok := f.Cases[id]; ok && d.Regression.Aim != weir.AimBreak {
			list = append(list, d.Regression)
		}
	}
	return list, f.Fail
}
