package farm

import (
	"context"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/history/beta"
	"github.com/weir-ci/weir/internal/store"
)

// TestQuery names a test of a project.
type TestQuery struct {
	Project string
	Job     string // empty: all jobs
	Test    weir.TestID
}

// TestHistory is how a test stands on each builder of its project, since when,
// and how often it fails.
type TestHistory struct {
	Project  string           `json:"project"`
	Test     weir.TestID      `json:"test"`
	Builders []BuilderHistory `json:"builders"` // that know it, by job, cell, branch and platform; at most 100
	// Where compares the builders; its names are those of Builder.Name.
	Where history.Where `json:"where"`
}

// BuilderHistory is a test's past on one builder.
type BuilderHistory struct {
	Builder weir.Builder `json:"builder"`
	// State is the settled state; nil if the test was taken out.
	State *weir.TestState `json:"state,omitempty"`
	Says  string          `json:"says"` // all of it in one sentence
	Since Beginning       `json:"since"`
	Rate  FailureRate     `json:"rate"`
	history.History
	// Changes are the newest ones, newest first; at most 100. Older says how many more are known.
	Changes []TestMove `json:"changes"`
	Older   int        `json:"older_changes,omitempty"`
}

// Beginning says since when a test is as it is.
type Beginning struct {
	history.Point
	// With 99 % it began between the builds with these numbers.
	Earliest int `json:"earliest"`
	Latest   int `json:"latest"`
}

// FailureRate says how often a test fails in its present segment.
type FailureRate struct {
	beta.Interval     // of 95 %
	Runs          int `json:"runs"`
	Failures      int `json:"failures"`
}

// TestMove is one change of a test.
type TestMove struct {
	history.Point
	Change weir.TestChange `json:"change"`
	// Absolved says that the change accused somebody, and meant nothing: the test
	// was found to be flaky.
	Absolved bool `json:"absolved,omitempty"`
	// Moved lists the pins that differ from the settled build before, by project.
	Moved []PinMove `json:"moved,omitempty"`
}

// PinMove is a project whose revision moved.
type PinMove struct {
	Project string `json:"project"`
	From    string `json:"from,omitempty"` // empty: it was not pinned before
	To      string `json:"to,omitempty"`   // empty: it is not pinned any more
}

// Limits of one answer.
const (
	maxHistories = 100 // builders
	maxMoves     = 100 // changes of each
)

// TestHistory reads the past of a test; NotFound if no builder knows it.
func (f *Farm) TestHistory(ctx context.Context, q TestQuery) (TestHistory, error) {
	out := TestHistory{Project: q.Project, Test: q.Test}
	builders, err := f.store.KnownOn(ctx, q.Project, q.Job, q.Test)
	if err != nil {
		return out, err
	}
	if len(builders) == 0 {
		return out, weir.Errorf(weir.NotFound, "no builder of %.80q knows a test %.200q", q.Project, q.Test.String()).
			WithHint("a test is named as on the page of a build, its suite apart: weir history PROJECT TEST --suite SUITE")
	}
	var sides []history.Side
	for _, b := range builders[:min(len(builders), maxHistories)] {
		h, err := f.builderHistory(ctx, b, q.Test)
		if err != nil {
			return out, err
		}
		out.Builders = append(out.Builders, h)
		side := history.Side{Name: b.Name(), Platform: b.Platform, Present: h.Present()}
		if h.Now.Removed {
			side.Present = history.Segment{}
		}
		sides = append(sides, side)
	}
	out.Where = history.OnWhich(sides)
	return out, nil
}

func (f *Farm) builderHistory(ctx context.Context, b weir.Builder, test weir.TestID) (BuilderHistory, error) {
	out := BuilderHistory{Builder: b}
	kept, err := f.store.History(ctx, b.ID, test, store.MaxHistory)
	if err != nil {
		return out, err
	}
	absolved := absolvedIn(kept)
	out.State, out.History = kept.State, history.Read(pastOf(kept, absolved))
	if kept.State != nil && kept.State.Masked == 0 {
		out.Now.Masked = history.Point{} // it runs again and fails as before, which is no change
	}
	if err := f.namePoints(ctx, b.ID, &out.History); err != nil {
		return out, err
	}
	out.Says = out.History.String()
	out.Since.Point, out.Since.Earliest, out.Since.Latest = out.History.Since()
	counts, rate := out.HowOften()
	out.Rate = FailureRate{Interval: rate, Runs: counts.Runs, Failures: counts.Failures}
	if counts.Builds == 0 {
		out.Rate = FailureRate{}
	}
	out.Changes = []TestMove{}
	for _, e := range kept.Events[:min(len(kept.Events), maxMoves)] {
		out.Changes = append(out.Changes, TestMove{Point: pointOf(e.SettledBuild), Change: e.Change,
			Absolved: absolved[e.Build], Moved: movedPins(e.Before, e.Pins)})
	}
	out.Older = len(kept.Events) - len(out.Changes)
	return out, nil
}

func pointOf(b store.SettledBuild) history.Point {
	return history.Point{Number: b.Number, Build: b.Build, At: b.At}
}

// pastOf is what is kept of a test, as package history reads it.
func pastOf(kept store.TestHistory, absolved map[weir.BuildID]bool) history.Past {
	p := history.Past{First: pointOf(kept.First), Last: pointOf(kept.Last), Events: make([]history.Event, 0, len(kept.Events)+len(kept.Repeats))}
	if kept.State != nil {
		p.Status = kept.State.Status
		if len(kept.Events) == 0 && kept.Since.Number > p.First.Number {
			p.First = pointOf(kept.Since)
		}
	}
	for _, e := range slices.Backward(kept.Events) {
		event := history.Event{Point: pointOf(e.SettledBuild), Verdict: e.Change.Verdict, From: e.Change.From, To: e.Change.To, Signature: e.Change.Signature}
		if absolved[e.Build] {
			event.Verdict = weir.Flaky
		}
		p.Events = append(p.Events, event)
	}
	if e, ok := quietMove(kept); ok {
		p.Events = append(p.Events, e)
	}
	if e, ok := quietReturn(kept); ok {
		p.Events = append(p.Events, e)
	}
	for _, r := range kept.Repeats {
		event := history.Event{Point: history.Point{Number: r.Number}, Verdict: weir.Same, Again: 1}
		if r.Bad {
			event.AgainBad = 1
		}
		p.Events = append(p.Events, event)
	}
	return p
}

// quietMove is how a test came into its present status if that is not among its
// changes: one that was skipped and fails now is the same, as far as anybody is told.
func quietMove(kept store.TestHistory) (history.Event, bool) {
	n := len(kept.Events)
	if kept.State == nil || n == 0 || kept.Since.Number <= kept.Events[n-1].Number ||
		slices.ContainsFunc(kept.Events, func(e store.TestEvent) bool { return e.Build == kept.Since.Build }) {
		return history.Event{}, false
	}
	signature, _, _ := strings.Cut(kept.State.Signature, " ")
	return history.Event{Point: pointOf(kept.Since), Verdict: weir.Same, To: kept.State.Status, Signature: signature}, true
}

// quietReturn is that a test whose failure was hidden fails as before, of which
// nobody is told. It is not kept when it came back, only that it has.
func quietReturn(kept store.TestHistory) (history.Event, bool) {
	if s := kept.State; s == nil || s.Masked != 0 || !s.Status.Bad() || len(kept.Events) == 0 ||
		kept.Events[0].Change.Verdict != weir.Masked || kept.Last.Number <= kept.Events[0].Number {
		return history.Event{}, false
	}
	return history.Event{Point: pointOf(kept.Last), Verdict: weir.Same, To: kept.State.Status}, true
}

// absolvedIn finds the changes that accused somebody until a search found the
// test to be flaky. That puts the test's state back, and writes no change: so
// the next change, or the state, has a good test where this one left it bad.
func absolvedIn(kept store.TestHistory) map[weir.BuildID]bool {
	absolved := map[weir.BuildID]bool{}
	after := weir.Status("")
	if kept.State != nil {
		after = kept.State.Status
	}
	for _, e := range kept.Events { // newest first
		worse := e.Change.Verdict.Worse() && !e.Change.To.Good()
		if worse && (after.Good() || kept.State != nil && kept.State.LastFlake == e.Build) {
			absolved[e.Build] = true
		}
		after = e.Change.From
	}
	return absolved
}

// namePoints looks up the builds of which the history knows only the number.
func (f *Farm) namePoints(ctx context.Context, b weir.BuilderID, h *history.History) error {
	points := []*history.Point{&h.Now.Since, &h.Now.Masked}
	for i := range h.Segments {
		points = append(points, &h.Segments[i].From, &h.Segments[i].To)
	}
	points = slices.DeleteFunc(points, func(p *history.Point) bool { return p.Number < 1 || p.Build != 0 })
	var numbers []int
	for _, p := range points {
		numbers = append(numbers, p.Number)
	}
	slices.Sort(numbers)
	builds, err := f.store.SettledAt(ctx, b, slices.Compact(numbers))
	for _, p := range points {
		for _, s := range builds {
			if s.Number == p.Number {
				*p = pointOf(s)
			}
		}
	}
	return err
}

// movedPins lists what differs between two builds; nothing if one is not known.
func movedPins(before, now weir.Pins) []PinMove {
	if len(before) == 0 || len(now) == 0 {
		return nil
	}
	var moved []PinMove
	for project, to := range now {
		if from := before[project]; from != to {
			moved = append(moved, PinMove{Project: project, From: from, To: to})
		}
	}
	for project, from := range before {
		if _, ok := now[project]; !ok {
			moved = append(moved, PinMove{Project: project, From: from})
		}
	}
	slices.SortFunc(moved, func(a, b PinMove) int { return strings.Compare(a.Project, b.Project) })
	return moved
}
