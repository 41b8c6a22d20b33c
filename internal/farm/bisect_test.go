package farm

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/triage"
	"github.com/weir-ci/weir/internal/store"
)

// episode is a farm whose upstream has broken t0 with up-4 and mended it with
// up-7 before anybody looked: its line knows up-1 and up-9, and nothing broke.
func episode(t *testing.T) *sim {
	t.Helper()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.faults = []simFault{{Project: "up", At: 4, Fixed: 7, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing}}
	s.move("up", 9)
	s.until("at rest", true, s.atRest)
	if got := s.regressions(); len(got) != 0 {
		t.Fatalf("regressions are %+v", got)
	}
	return s
}

// ask starts a search and lets it come to its end.
func (s *sim) ask(ask triage.Ask) weir.Regression {
	s.t.Helper()
	ask.By = "ada"
	asked, err := s.farms[0].Bisect(s.ctx, ask)
	s.must(err)
	if !asked.New || asked.Search.Aim != weir.AimAsked || asked.Search.Asked.By != "ada" {
		s.t.Errorf("asked is %+v", asked)
	}
	return s.searched(asked.Search.ID)
}

func (s *sim) searched(id weir.RegressionID) weir.Regression {
	s.t.Helper()
	var r weir.Regression
	s.until("searched", true, func() bool {
		var err error
		r, err = s.store.Regression(s.ctx, id)
		s.must(err)
		return r.State != weir.Searching
	})
	return r
}

var t0 = weir.TestID{Suite: "s", Name: "t0"}

// TestBisectByHand asks about an episode that the farm has never seen.
func TestBisectByHand(t *testing.T) {
	t.Parallel()
	s := episode(t)
	before := s.line("d")
	r := s.ask(triage.Ask{Project: "d", Test: t0, Of: "up", Good: "up-2", Bad: "up-6", Word: weir.Word{Why: "bug 12"}})
	if r.State != weir.Located || r.Culprit.Revision.ID != "up-4" || r.Good.Build != 0 || r.Bad.Build != 0 || r.Asked.Why != "bug 12" {
		t.Errorf("the search is %+v", r)
	}
	if after := s.line("d"); len(after) != len(before) {
		t.Errorf("the line has %d builds, had %d", len(after), len(before))
	}
	states, _, err := s.store.Baseline(s.ctx, r.Builder.ID)
	s.must(err)
	if i := slices.IndexFunc(states, func(st weir.TestState) bool { return st.Test == t0 }); states[i].Status != weir.Pass || states[i].Flakes != 0 {
		t.Errorf("the baseline says %+v", states[i])
	}
	if got := s.regressions(); len(got) != 0 {
		t.Errorf("regressions are %+v", got)
	}
	d, err := s.farms[0].Regression(s.ctx, r.ID)
	s.must(err)
	if d.Spec.Project != "d" || len(d.Life) < 2 || d.Life[0].By != "ada" || d.Life[0].Kind != weir.WasOpened || d.Life[len(d.Life)-1].Kind != weir.WasLocated {
		t.Errorf("spec of %q, life %+v", d.Spec.Project, d.Life)
	}

	// What the first search has built is known to the second.
	builds := len(s.history(r.Builder.ID))
	again := s.ask(triage.Ask{Project: "d", Test: t0, Of: "up", Good: "up-1", Bad: "up-6"})
	if again.State != weir.Located || again.Culprit.Revision.ID != "up-4" || again.Bad.Build == 0 || again.Good.Build != before[0].ID {
		t.Errorf("the second search is %+v", again)
	}
	if more := len(s.history(r.Builder.ID)) - builds; more > 1 {
		t.Errorf("the second search has made %d builds more", more)
	}
}

// TestBisectWrongEnds: what somebody says of the ends is not believed.
func TestBisectWrongEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ good, bad, says string }{
		{"up-1", "up-3", "good at up up-3 too, which was said to be bad"},
		{"up-4", "up-6", "bad at up up-4 too, which was said to be good"},
		{"up-5", "up-8", "good at up up-8 too, which was said to be bad"}, // both are wrong
	} {
		s := episode(t)
		if r := s.ask(triage.Ask{Project: "d", Test: t0, Of: "up", Good: c.good, Bad: c.bad}); r.State != weir.Dismissed || !strings.Contains(r.Note, c.says) {
			t.Errorf("%s to %s: %s: %s", c.good, c.bad, r.State, r.Note)
		}
	}
}

// TestBisectFromHistory leaves the ends to what the test's history knows.
func TestBisectFromHistory(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.until("at rest", true, s.atRest)
	r := s.ask(triage.Ask{Project: "d", Test: t0, Of: "up"})
	first := s.regressions()[0]
	if r.Culprit.Revision.ID != "up-5" || r.Bad.Build != first.Bad.Build || r.Good.Build != first.Good.Build || r.Victims[0].Signature != first.Victims[0].Signature {
		t.Errorf("the search is %+v", r)
	}
	_, err := s.farms[0].Bisect(s.ctx, triage.Ask{Project: "d", Test: t0, Word: weir.Word{By: "ada"}})
	var told *weir.Error
	if told, _ = err.(*weir.Error); told == nil || told.Code != weir.Conflict || !strings.Contains(told.Hint, "these did: up") {
		t.Errorf("of itself: %v", err)
	}
}

// TestBisectWhatMended asks which revision made the tests good again.
func TestBisectWhatMended(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.until("at rest", true, s.atRest)
	open := s.regressions()[0]
	say := weir.Word{By: "ada"}
	if _, err := s.farms[0].BisectFix(s.ctx, open.ID, say); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("it is not mended, and %v", err)
	}
	for i := range s.world.faults {
		s.world.faults[i].Fixed = 12
	}
	s.move("up", 15)
	s.until("mended", false, func() bool { return s.regressions()[0].State == weir.Recovered })
	asked, err := s.farms[0].BisectFix(s.ctx, open.ID, say)
	s.must(err)
	fix := s.searched(asked.Search.ID)
	if fix.Aim != weir.AimFix || fix.Of != open.ID || fix.State != weir.Located || fix.Culprit.Revision.ID != "up-12" {
		t.Errorf("the search is %+v", fix)
	}
	way, err := s.farms[0].Regression(s.ctx, fix.ID)
	s.must(err)
	if p := way.Points[0]; p.Revision.ID != "up-15" || p.Position != 0 || p.Suspect {
		t.Errorf("the way back begins at %+v", p)
	}
	for _, p := range way.Points {
		if p.Suspect != (p.Revision.ID == "up-12") {
			t.Errorf("on the way back lies %+v", p)
		}
	}
	again, err := s.farms[0].BisectFix(s.ctx, open.ID, say)
	if err != nil || again.New || again.Search.ID != fix.ID {
		t.Errorf("asked again: %+v, %v", again, err)
	}
	d, err := s.farms[0].Regression(s.ctx, open.ID)
	s.must(err)
	if len(d.Searches) != 1 || d.Searches[0].ID != fix.ID || d.Regression.FixedBy.Search != fix.ID {
		t.Errorf("searches %+v, mended by %+v", d.Searches, d.Regression.FixedBy)
	}
}

// TestSplitStays: what somebody has split off is not merged again because it
// has the same culprit.
func TestSplitStays(t *testing.T) {
	t.Parallel()
	s := broken(t)
	part, err := s.farms[0].Split(s.ctx, s.regressions()[0].ID, []triage.Pick{{Test: t0}}, weir.Word{By: "ada"})
	s.must(err)
	s.until("at rest", true, s.atRest)
	all := s.regressions()
	if len(all) != 2 || all[0].ID != part || all[0].State != weir.Located || all[1].State != weir.Located || all[0].Culprit.Revision.ID != all[1].Culprit.Revision.ID {
		t.Errorf("regressions are %+v", all)
	}
}

// TestAcknowledged: a word holds while it holds, and does not stop the search.
func TestAcknowledged(t *testing.T) {
	t.Parallel()
	s := broken(t)
	id := s.regressions()[0].ID
	s.must(s.farms[0].Acknowledge(s.ctx, id, triage.Hold{Word: weir.Word{By: "ada", Why: "on it"}, For: 48 * time.Hour}))
	s.until("at rest", true, s.atRest)
	r := s.regressions()[0]
	if r.State != weir.Located || r.Acknowledged.By != "ada" || !r.Acknowledged.In(s.now) || r.Acknowledged.In(s.now.Add(72*time.Hour)) {
		t.Errorf("the regression is %+v", r)
	}
}

// TestAskedWrongly: whoever asks for what cannot be searched is told what to do.
func TestAskedWrongly(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.until("at rest", true, s.atRest)
	for _, c := range []struct {
		name string
		ask  triage.Ask
		code weir.Code
		says string // of message and hint
	}{
		{"unknown project", triage.Ask{Project: "x", Test: t0}, weir.NotFound, `no project "x"`},
		{"unknown test", triage.Ask{Project: "d", Test: weir.TestID{Name: "t0"}}, weir.NotFound, "its suite apart"},
		{"unknown platform", triage.Ask{Project: "d", Test: t0, Platform: "windows/amd64"}, weir.NotFound, "these do: d/test main linux/amd64"},
		{"no platform", triage.Ask{Project: "d", Test: t0, Platform: "windows"}, weir.Invalid, "linux/amd64"},
		{"not upstream", triage.Ask{Project: "d", Test: t0, Of: "lib"}, weir.NotFound, "stand on: up, d"},
		{"unknown revision", triage.Ask{Project: "d", Test: t0, Of: "up", Good: "zz", Bad: "up-9"}, weir.NotFound, "no revision \"zz\""},
		{"too short", triage.Ask{Project: "d", Test: t0, Of: "up", Good: "up-", Bad: "up-9"}, weir.Conflict, "up-9, up-8"},
		{"the same", triage.Ask{Project: "d", Test: t0, Of: "up", Good: "up-9", Bad: "up-9"}, weir.Invalid, "both up-9"},
		{"the wrong way round", triage.Ask{Project: "d", Test: t0, Of: "up", Good: "up-9", Bad: "up-2"}, weir.Invalid, "--fix"},
		{"good behind the known bad one", triage.Ask{Project: "d", Test: t0, Of: "up", Good: "up-9"}, weir.Invalid, "both up-9"},
		{"nothing known", triage.Ask{Project: "d", Test: weir.TestID{Suite: "s", Name: "t2"}, Of: "up"}, weir.Conflict, "--good REV --bad REV"},
		{"pinned and searched", triage.Ask{Project: "d", Test: t0, Of: "up", At: map[string]string{"up": "up-2"}}, weir.Invalid, "cannot be pinned"},
		{"pinned beside it", triage.Ask{Project: "d", Test: t0, Of: "up", At: map[string]string{"lib": "1"}}, weir.NotFound, "stand on: up, d"},
		{"control characters", triage.Ask{Project: "d", Test: t0, Of: "up", Good: "up-\x1b"}, weir.Invalid, "one line"},
		{"nobody asks", triage.Ask{Project: "d", Test: t0}, weir.Invalid, "not known who"},
	} {
		if c.name != "nobody asks" {
			c.ask.By = "ada"
		}
		_, err := s.farms[0].Bisect(s.ctx, c.ask)
		told, _ := err.(*weir.Error)
		if told == nil || told.Code != c.code || !strings.Contains(told.Message+"; "+told.Hint, c.says) {
			t.Errorf("%s: %v; %+v", c.name, err, told)
		}
	}
	if all, err := s.store.Regressions(s.ctx, store.RegressionFilter{Aims: []weir.Aim{weir.AimAsked}}); err != nil || len(all) != 0 {
		t.Errorf("searches are %+v, %v", all, err)
	}
}

// TestWords goes through what people say of a regression.
func TestWords(t *testing.T) {
	t.Parallel()
	s := broken(t)
	f, ctx, id := s.farms[0], s.ctx, s.regressions()[0].ID
	ada := weir.Word{By: "ada", Why: "because"}
	fails := func(what string, code weir.Code, err error) {
		t.Helper()
		if weir.CodeOf(err) != code || err == nil {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	fails("for no time", weir.Invalid, f.Acknowledge(ctx, id, triage.Hold{Word: ada}))
	fails("for both", weir.Invalid, f.Acknowledge(ctx, id, triage.Hold{Word: ada, For: time.Hour, Until: s.now.Add(time.Hour)}))
	fails("for too long", weir.Invalid, f.Acknowledge(ctx, id, triage.Hold{Word: ada, For: 91 * 24 * time.Hour}))
	fails("until the past", weir.Invalid, f.Acknowledge(ctx, id, triage.Hold{Word: ada, Until: s.now.Add(-time.Hour)}))
	fails("a long reason", weir.Invalid, f.Acknowledge(ctx, id, triage.Hold{Word: weir.Word{By: "ada", Why: strings.Repeat("x", 501)}, For: time.Hour}))
	fails("nobody has it", weir.Conflict, f.Unacknowledge(ctx, id, ada))
	fails("no such regression", weir.NotFound, f.Acknowledge(ctx, 99, triage.Hold{Word: ada, For: time.Hour}))
	s.must(f.Acknowledge(ctx, id, triage.Hold{Word: ada, For: time.Hour}))
	s.must(f.Unacknowledge(ctx, id, ada))
	fails("without a reason", weir.Invalid, f.Dismiss(ctx, id, weir.Word{By: "ada"}))
	fails("open", weir.Conflict, f.Reopen(ctx, id, ada))
	s.must(f.Dismiss(ctx, id, ada))
	fails("closed", weir.Conflict, f.Acknowledge(ctx, id, triage.Hold{Word: ada, For: time.Hour}))
	s.must(f.Reopen(ctx, id, ada))

	pick := func(name, builder string) []triage.Pick {
		return []triage.Pick{{Test: weir.TestID{Name: name}, Builder: builder}}
	}
	_, err := f.Split(ctx, id, pick("t9", ""), ada)
	fails("no such test", weir.Invalid, err)
	_, err = f.Split(ctx, id, pick("t0", "nowhere"), ada)
	fails("no such builder", weir.Invalid, err)
	_, err = f.Split(ctx, id, nil, ada)
	fails("no test", weir.Invalid, err)
	part, err := f.Split(ctx, id, pick("s t0", "d/test main linux/amd64"), ada)
	s.must(err)
	fails("into itself", weir.Invalid, f.Merge(ctx, id, id, ada))
	s.must(f.Merge(ctx, part, id, ada))
	fails("merged", weir.Conflict, f.Dismiss(ctx, part, ada))
	asked, err := f.Bisect(ctx, triage.Ask{Project: "d", Test: t0, Of: "up", Word: ada})
	s.must(err)
	if again, err := f.Bisect(ctx, triage.Ask{Project: "d", Test: t0, Of: "up", Word: ada}); err != nil || again.New || again.Search.ID != asked.Search.ID {
		t.Errorf("asked twice: %+v, %v", again, err)
	}
	fails("a search", weir.Conflict, f.Acknowledge(ctx, asked.Search.ID, triage.Hold{Word: ada, For: time.Hour}))
	fails("merge a search", weir.Conflict, f.Merge(ctx, asked.Search.ID, id, ada))
	s.must(f.Dismiss(ctx, asked.Search.ID, ada))

	var kinds []weir.TransitionKind
	life, err := f.Transitions(ctx, id)
	s.must(err)
	for _, step := range life {
		kinds = append(kinds, step.Kind)
	}
	want := []weir.TransitionKind{weir.WasOpened, weir.WasConfirmed, weir.WasAcknowledged, weir.WasUnacknowledged, weir.WasDismissed, weir.WasReopened, weir.WasSplit, weir.WasJoined}
	if !slices.Equal(kinds, want) {
		t.Errorf("its life is %v, want %v", kinds, want)
	}
}
