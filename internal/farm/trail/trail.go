// Package trail reads what lies between two builds of a builder: the settled
// builds of its line, what their tests reported, and the revisions that lead
// from one to the other. Judging and searching both follow it.
package trail

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what is read of the store.
type Store interface {
	Revision(ctx context.Context, project, branch, id string) (weir.Revision, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
	BuildSpec(ctx context.Context, id weir.BuildID) (weir.Spec, error)
}

// Results reads a result set; NotFound, Invalid or TooLarge if it is lost.
type Results func(ctx context.Context, d weir.Digest) (weir.ResultSet, error)

// Branch is where the revisions of a project come from.
type Branch struct{ Project, Branch string }

// Config is what the farm is configured to build, at one moment.
type Config interface {
	// Empty reports whether there are no builders, or not yet.
	Empty() bool
	// Involved lists the projects whose revisions a builder's builds pin,
	// upstreams first; none if the builder is not in the configuration.
	Involved(id weir.BuilderID) []Branch
	// Reverts reports whether a builder's builds can have single revisions of a
	// project reverted.
	Reverts(id weir.BuilderID, project string) bool
	// Add puts builds of a builder into a run, one for each of the pins, with
	// the products that they need in front of them. adjust is called for each,
	// but not for products. NotFound if the builder is not in the
	// configuration, Invalid if nothing builds a product that it needs.
	Add(run store.NewRun, id weir.BuilderID, at []weir.Pins, priority int, adjust func(*store.NewBuild)) (store.NewRun, error)
}

// Trail reads the past of builders.
type Trail struct {
	Store   Store
	Results Results
	Config  func() Config
}

const (
	// lookBackPage is how many builds are read at a time on the way back.
	lookBackPage = 50
	// lookBackPages bounds the way: probes and retries lie on it too.
	lookBackPages = 20
)

// Back visits the settled builds on the line before a build, newest first,
// until visit says that it has seen enough.
func (t Trail) Back(ctx context.Context, from weir.Build, visit func(weir.Build) (more bool, err error)) error {
	before := from.ID
	for range lookBackPages {
		page, err := t.Store.ListBuilds(ctx, store.BuildFilter{Builder: from.Builder.ID, Before: before, Limit: lookBackPage})
		if err != nil {
			return err
		}
		for _, b := range page {
			before = b.ID
			if b.Judgement != weir.Settled || !b.Cause.Advances() {
				continue
			}
			if more, err := visit(b); err != nil || !more {
				return err
			}
		}
		if len(page) < lookBackPage {
			return nil
		}
	}
	return nil
}

// ResultsOf reads what the tests of a build reported; nothing is no error.
func (t Trail) ResultsOf(ctx context.Context, b weir.Build) (weir.ResultSet, error) {
	if b.Results == "" {
		return weir.ResultSet{}, nil
	}
	return t.Results(ctx, b.Results)
}

// Path leads from the pins of a good build to those of a bad one, one project
// after the other, upstreams first.
func (t Trail) Path(ctx context.Context, bad, good weir.Build) ([]weir.Leg, error) {
	var legs []weir.Leg
	for _, source := range t.Config().Involved(bad.Builder.ID) {
		name, branch := source.Project, source.Branch
		from, to := good.Pins[name], bad.Pins[name]
		if from == to || from == "" || to == "" {
			continue
		}
		a, err := t.Store.Revision(ctx, name, branch, from)
		if weir.CodeOf(err) == weir.NotFound {
			continue // it was on another branch then: there is no way from there to here
		}
		if err != nil {
			return nil, err
		}
		b, err := t.Store.Revision(ctx, name, branch, to)
		if weir.CodeOf(err) == weir.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if b.Position > a.Position {
			legs = append(legs, weir.Leg{Project: name, Branch: branch, From: a.Position, To: b.Position})
		}
	}
	return legs, nil
}

// Unreadable reports whether an error means that what was asked for is gone or
// damaged for good, so that asking again would not help. A build whose results
// are says nothing.
func Unreadable(err error) bool {
	code := weir.CodeOf(err)
	return code == weir.NotFound || code == weir.Invalid || code == weir.TooLarge
}

// OnThePath lists victims by the names that their tests had on the path: those
// that were renamed got their new names behind it.
func OnThePath(victims []weir.Victim) []weir.Victim {
	out := slices.Clone(victims)
	for i, v := range out {
		if v.Was != (weir.TestID{}) {
			out[i].Test = v.Was
		}
	}
	return out
}
