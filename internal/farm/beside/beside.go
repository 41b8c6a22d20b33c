// Package beside reads what stands beside a build and makes it mean something: how
// long such builds usually take, the builds before it, the same revisions on other
// platforms, the revisions that are new in it and who wrote them, and what it
// measured before.
//
// It decides nothing and remembers nothing; everything is bounded.
package beside

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what is read.
type Store interface {
	Build(ctx context.Context, id weir.BuildID) (weir.Build, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
	BuildSpec(ctx context.Context, id weir.BuildID) (weir.Spec, error)
	Revision(ctx context.Context, project, branch, id string) (weir.Revision, error)
	RevisionRange(ctx context.Context, project, branch string, first, last int64) ([]weir.Revision, error)
	Notes(ctx context.Context, id weir.BuildID) (store.Notes, error)
	History(ctx context.Context, builder weir.BuilderID, test weir.TestID, limit int) (store.TestHistory, error)
}

// Reader reads it. Make one with New.
type Reader struct{ store Store }

// New makes a reader.
func New(s Store) *Reader { return &Reader{s} }

// Beside is what stands beside a build.
type Beside struct {
	// Usual is the median duration of the newest of the builder's passed builds before
	// it, UsualOf of how many; zero if there are none.
	Usual   time.Duration `json:"usual,omitempty"`
	UsualOf int           `json:"usual_of,omitempty"`
	// Previous is the build on the builder's line before it that says something,
	// LastGood the last one that passed, ran tests if it has any, and had nothing newly
	// bad; 0 if there is none among the last 60.
	Previous weir.BuildID `json:"previous,omitempty"`
	LastGood weir.BuildID `json:"last_good,omitempty"`
	// Siblings are builds of the same job at the same revisions elsewhere: other
	// platforms and cells, at most 20.
	Siblings []weir.Build `json:"siblings,omitempty"`
	// Moves are its revisions, the own project first, against those of Previous.
	Moves []Move `json:"moves"`
	// Metrics are what it measured, by name, and what Previous did.
	Metrics []Metric `json:"metrics,omitempty"`
	// Summary is what it says of itself.
	Summary string `json:"summary,omitempty"`
}

// Metric is a measurement and the one before it.
type Metric struct {
	weir.Metric
	Before *float64 `json:"before,omitempty"` // nil: it was not measured before, or in another unit
}

// Limits.
const (
	depth       = 60 // builds of the builder before it that are looked at
	runDepth    = 200
	maxSiblings = 20
)

// Read reads what stands beside a build; spec is its own.
func (r *Reader) Read(ctx context.Context, b weir.Build, spec weir.Spec) (Beside, error) {
	var out Beside
	before, err := r.store.ListBuilds(ctx, store.BuildFilter{Builder: b.Builder.ID, Before: b.ID, Limit: depth})
	if err != nil {
		return out, err
	}
	previous := out.past(before)
	sameRun, err := r.store.ListBuilds(ctx, store.BuildFilter{Run: b.Run, Limit: runDepth})
	if err != nil {
		return out, err
	}
	for _, s := range sameRun {
		if s.ID != b.ID && s.Builder.ID != b.Builder.ID && s.Builder.Project == b.Builder.Project && s.Builder.Job == b.Builder.Job &&
			s.Pins.Key() == b.Pins.Key() && len(out.Siblings) < maxSiblings {
			out.Siblings = append(out.Siblings, s)
		}
	}
	var from weir.Pins
	if previous != nil {
		from = previous.Pins
	}
	if out.Moves, err = r.Moves(ctx, from, b.Pins, spec); err != nil {
		return out, err
	}
	return out, r.notes(ctx, b, &out)
}

// past reads what the builds before say, newest first, and finds the previous one.
func (o *Beside) past(before []weir.Build) *weir.Build {
	var usual recent.Usual
	var previous *weir.Build
	for i := range before {
		b := &before[i]
		if b.State != weir.Finished || b.Outcome == weir.Passed && b.Started.IsZero() {
			continue
		}
		usual.Add(b.Outcome, b.Started, b.Finished)
		if !b.Cause.Advances() || !b.Outcome.SaysSomething() {
			continue
		}
		if previous == nil {
			previous, o.Previous = b, b.ID
		}
		if o.LastGood == 0 && b.Outcome == weir.Passed && !b.Hollow() && b.Changes.Worse() == 0 {
			o.LastGood = b.ID
		}
	}
	o.Usual, o.UsualOf = usual.Time(), usual.Of()
	return previous
}

// notes reads what a build measured, and what the previous one did.
func (r *Reader) notes(ctx context.Context, b weir.Build, out *Beside) error {
	if !b.State.Final() {
		return nil
	}
	now, err := r.store.Notes(ctx, b.ID)
	if err != nil {
		return err
	}
	out.Summary = now.Summary
	var before store.Notes
	if len(now.Metrics) > 0 && out.Previous != 0 {
		if before, err = r.store.Notes(ctx, out.Previous); err != nil {
			return err
		}
	}
	for _, m := range now.Metrics {
		line := Metric{Metric: m}
		if i := slices.IndexFunc(before.Metrics, func(o weir.Metric) bool { return o.Name == m.Name && o.Unit == m.Unit }); i >= 0 {
			line.Before = &before.Metrics[i].Value
		}
		out.Metrics = append(out.Metrics, line)
	}
	return nil
}
