package judgement

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// settled is a store in which one builder has a baseline.
type settled struct {
	listed
	states []weir.TestState
}

func (s settled) Baseline(context.Context, weir.BuilderID) ([]weir.TestState, *weir.Build, error) {
	return s.states, &s.builds[0], nil
}

// TestKnownRedWritesNothing: what has been red for long costs a build nothing,
// though its messages are never the same twice.
func TestKnownRedWritesNothing(t *testing.T) {
	t.Parallel()
	set := func(run int) (set weir.ResultSet) {
		for i := range 10_000 {
			r := weir.Result{Test: weir.TestID{Suite: "s", Name: fmt.Sprintf("t%05d", i)}, Status: weir.Pass}
			if i%100 == 0 {
				r.Status, r.Message = weir.Fail, fmt.Sprintf("table %c: %d rows in /tmp/run%d after %d ms", 'a'+rune(i%7), run*i, run, 17*run)
			}
			set.Results = append(set.Results, r)
		}
		return set
	}
	builds := []weir.Build{{ID: 1, Cause: weir.CauseChange, State: weir.Finished, Outcome: weir.Failed, Judgement: weir.Settled, Results: "first"}}
	empty := verdict.Baseline{Empty: true}
	states := verdict.Apply(empty, verdict.Compare(empty, builds[0], set(1)), 1)
	slices.SortFunc(states, func(a, b weir.TestState) int { return a.Test.Compare(b.Test) })
	q := New(Options{Store: settled{listed{builds: builds}, states}, Now: func() time.Time { return time.Unix(1, 0) },
		Results: func(context.Context, weir.Digest) (weir.ResultSet, error) { return set(2), nil }})
	b := weir.Build{ID: 2, Cause: weir.CauseChange, State: weir.Finished, Outcome: weir.Failed, Results: "second", Counts: set(2).Count()}
	got, _, err := q.judgement(t.Context(), b, nil)
	want := store.Settlement{Build: 2, Become: weir.Settled, Now: time.Unix(1, 0), States: []weir.TestState{}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("settled as %+v, %v", got, err)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	absent := func(name string, was weir.Status, since weir.BuildID, cause weir.IncidentKind, message string) verdict.Absence {
		return verdict.Absence{Test: weir.TestID{Name: name}, Was: was, Since: since, Cause: cause, Message: message}
	}
	l := verdict.Ledger{Expected: 100, Reported: 94, Executed: 92, Absent: []verdict.Absence{
		absent("a", weir.Pass, 0, weir.DidNotBuild, "no such file"),
		absent("b", weir.Pass, 0, weir.Panicked, "in c: nil"),
		absent("c", weir.Fail, 7, weir.Panicked, "in c: nil"),
		absent("d", weir.Absent, 7, weir.Gone, ""),
		absent("e", weir.Skip, 0, weir.Gone, ""), // was always skipped
		absent("f", weir.Pass, 0, weir.RenamedTest, "renamed to g"),
		absent("h", weir.Pass, 0, weir.Gone, ""), // taken out
	}}
	removed := []weir.TestChange{{Test: weir.TestID{Name: "h"}, Verdict: weir.Removed}}
	want := weir.Ledger{Expected: 99, Reported: 94, Executed: 92, Hidden: 4, Masked: 1, Cause: weir.Panicked, ByCause: 2, Message: "in c: nil"}
	if got := figures(l, removed); got != want {
		t.Errorf("figures are %+v", got)
	}
	if due := want.Due(); due != 96 {
		t.Errorf("%d were due", due)
	}
	l.Absent = l.Absent[4:]
	if got := figures(l, removed); got != (weir.Ledger{}) {
		t.Errorf("figures of a build in which all ran are %+v", got)
	}
}
