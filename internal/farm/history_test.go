package farm

import (
	"reflect"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/storetest"
)

func kept(last int, state *weir.TestState, newestFirst ...store.TestEvent) store.TestHistory {
	return store.TestHistory{First: settledAt(1), Last: settledAt(last), State: state, Events: newestFirst}
}

func settledAt(n int) store.SettledBuild {
	return store.SettledBuild{Number: n, Build: weir.BuildID(100 + n)}
}

func event(n int, v weir.Verdict, from, to weir.Status) store.TestEvent {
	return store.TestEvent{SettledBuild: settledAt(n), Change: weir.TestChange{Verdict: v, From: from, To: to}}
}

// TestAbsolved: what a search took back was no change of the test.
func TestAbsolved(t *testing.T) {
	t.Parallel()
	passing, failing := &weir.TestState{Status: weir.Pass, Since: 101}, &weir.TestState{Status: weir.Fail, Since: 105}
	for _, c := range []struct {
		name string
		kept store.TestHistory
		want []weir.BuildID
	}{
		{"it fails still", kept(9, failing, event(5, weir.NewlyFailing, weir.Pass, weir.Fail)), nil},
		{"its state was put back", kept(9, passing, event(5, weir.NewlyFailing, weir.Pass, weir.Fail)), []weir.BuildID{105}},
		{"before the next change", kept(9, failing, event(7, weir.NewlyFailing, weir.Pass, weir.Fail), event(5, weir.Vanished, weir.Pass, weir.Absent)),
			[]weir.BuildID{105}},
		{"it was mended", kept(9, passing, event(7, weir.Fixed, weir.Fail, weir.Pass), event(5, weir.NewlyFailing, weir.Pass, weir.Fail)), nil},
		{"a later build was good before the search ended", kept(9, &weir.TestState{Status: weir.Pass, LastFlake: 105},
			event(7, weir.Fixed, weir.Fail, weir.Pass), event(5, weir.NewlyFailing, weir.Pass, weir.Fail)), []weir.BuildID{105}},
		{"it was taken out", kept(9, nil, event(7, weir.Removed, weir.Fail, weir.Absent), event(5, weir.NewlyFailing, weir.Pass, weir.Fail)), nil},
		{"new and bad", kept(9, failing, event(5, weir.New, "", weir.Fail)), nil},
	} {
		got := absolvedIn(c.kept)
		want := map[weir.BuildID]bool{}
		for _, id := range c.want {
			want[id] = true
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
}

// TestPast reads histories as the store keeps them.
func TestPast(t *testing.T) {
	t.Parallel()
	passing := &weir.TestState{Status: weir.Pass, Since: 101}
	flaked := kept(50, passing, event(20, weir.NewlyFailing, weir.Pass, weir.Fail), event(1, weir.New, "", weir.Pass))
	flaked.Repeats = []store.Repeat{{Number: 20, Build: 900}, {Number: 20, Build: 901, Bad: true}, {Number: 30, Build: 902, Bad: true}}
	unchanged := kept(50, &weir.TestState{Status: weir.Fail, Since: 111})
	unchanged.Since = settledAt(11)
	quiet := kept(50, &weir.TestState{Status: weir.Fail, Since: 111, Masked: 140}, event(40, weir.Masked, weir.Fail, weir.Absent), event(5, weir.NewlySkipped, weir.Pass, weir.Skip))
	quiet.Since = settledAt(11)
	older := kept(50, passing) // since a build that is gone
	for _, c := range []struct {
		name           string
		kept           store.TestHistory
		runs, failures int
		flakes         int
		says           string
	}{
		{"flaked in a search, and in a probe", flaked, 50, 1, 2, "passing since build 101, 50 runs, 2 flakes"},
		{"no change is kept", unchanged, 40, 40, 0, "failing since build 111, 40 runs"},
		{"it came to fail without a change, and hides", quiet, 0, 0, 0, "not run since build 140, 11 builds; before that failing for 29 builds"},
		{"older than all that is kept", older, 50, 0, 0, "passing since build 101, 50 runs"},
	} {
		h := history.Read(pastOf(c.kept, absolvedIn(c.kept)))
		got := h.Present()
		if got.Runs != c.runs || got.Failures != c.failures || got.Flakes != c.flakes || h.String() != c.says {
			t.Errorf("%s: %+v, %q", c.name, got.Counts, h.String())
		}
		if h.Now.Status != c.kept.State.Status {
			t.Errorf("%s: it is %s, and its state is %s", c.name, h.Now.Status, c.kept.State.Status)
		}
	}
}

func TestMovedPins(t *testing.T) {
	t.Parallel()
	before, now := weir.Pins{"a": "1", "b": "1", "d": "1"}, weir.Pins{"a": "1", "b": "2", "c": "1"}
	want := []PinMove{{"b", "1", "2"}, {"c", "", "1"}, {"d", "1", ""}}
	if got := movedPins(before, now); !reflect.DeepEqual(got, want) {
		t.Errorf("moved: %v, want %v", got, want)
	}
	if got := movedPins(nil, now); got != nil {
		t.Errorf("moved from nowhere: %v", got)
	}
}

// TestHistoryOfStore reads tests that are kept in a database: one that changed
// in nearly every build, and one that never did.
func TestHistoryOfStore(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld())
	const builds = 60
	past := storetest.FillPast(t, s.store, builds, 20)
	h, err := s.farms[0].TestHistory(s.ctx, TestQuery{Project: "mill", Test: past.Busiest})
	s.must(err)
	if len(h.Builders) != 1 || h.Builders[0].Builder != past.Builder || h.Where.Spread != history.NotKnown {
		t.Fatalf("%+v", h)
	}
	b := h.Builders[0]
	if len(b.Changes) != past.Most+1 || b.State == nil || b.Now.Status != b.State.Status || b.Rate.Runs == 0 || b.Since.Build == 0 {
		t.Errorf("%d changes, now %+v, state %+v, since %+v", len(b.Changes), b.Now, b.State, b.Since)
	}
	counted := 0
	for _, x := range b.Segments {
		counted += x.Builds
		if x.From.Build == 0 || x.To.Build == 0 || x.From.At.IsZero() {
			t.Errorf("a segment from %+v to %+v", x.From, x.To)
		}
	}
	if counted != builds {
		t.Errorf("the segments hold %d builds of %d", counted, builds)
	}
	if c := b.Changes[0]; len(c.Moved) != 1 || c.Moved[0].From == c.Moved[0].To {
		t.Errorf("moved with the newest change: %+v", c.Moved)
	}
	for _, q := range []TestQuery{{Project: "mill", Test: weir.TestID{Name: "none"}}, {Project: "mill", Job: "lint", Test: past.Busiest}, {Project: "brook", Test: past.Busiest}} {
		if _, err := s.farms[0].TestHistory(s.ctx, q); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestHistoryOfWhatComesBack: a failure is hidden for one build, and then there
// as before.
func TestHistoryOfWhatComesBack(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld())
	check := func(hidden bool) {
		t.Helper()
		s.until("at rest", true, s.atRest)
		b := s.farms[0].config.Load().Builders[0]
		s.checkHistories(b)
		states, _, err := s.store.Baseline(s.ctx, b.ID)
		s.must(err)
		if !slices.ContainsFunc(states, func(st weir.TestState) bool { return st.Status.Bad() && (st.Masked != 0) == hidden }) {
			t.Errorf("hidden should be %v: %+v", hidden, states)
		}
	}
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.breaks("d", 2, "t2")
	s.move("d", 2)
	check(false)
	s.world.panics = map[string]string{"d-3": "t1"}
	s.move("d", 3)
	check(true)
	s.move("d", 4)
	check(false)
}

// checkHistories: what the history of a test says it is now must be what its
// baseline says, whatever flaked, hid, was taken out or broke.
func (s *sim) checkHistories(b weir.Builder) {
	s.t.Helper()
	states, _, err := s.store.Baseline(s.ctx, b.ID)
	s.must(err)
	for _, state := range states {
		h, err := s.farms[0].builderHistory(s.ctx, b, state.Test)
		s.must(err)
		if h.Now.Status != state.Status || (h.Now.Masked.Number > 0) != (state.Masked > 0 && state.Status.Bad()) {
			s.t.Errorf("%s of %s is %+v by its changes %+v, and %+v", state.Test, b.Name(), h.Now, h.Changes, state)
		}
	}
}
