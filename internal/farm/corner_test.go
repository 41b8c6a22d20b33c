package farm

import (
	"maps"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
)

// TestSides lets upstream and project move at once, and looks at whom is blamed.
func TestSides(t *testing.T) {
	t.Parallel()
	fault := func(project string, at int) simFault {
		return simFault{Project: project, At: at, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing}
	}
	together := fault("d", 3)
	together.With = weir.Pins{"up": "up-2"}
	beside := weir.Pins{"up": "up-1", "d": "d-4"}
	apart := func(end simEnd) map[string]simEnd { return map[string]simEnd{beside.Key(): end} }
	cases := []struct {
		name    string
		faults  []simFault
		apart   map[string]simEnd
		culprit string
		note    string
		blame   weir.Blame
		asked   [2]int // at least and at most so many builds at the corner
	}{
		{"upstream", []simFault{fault("up", 3)}, nil, "up-3", "the new upstreams alone break it", weir.BlameUpstream, [2]int{1, 1}},
		{"downstream", []simFault{fault("d", 2)}, nil, "d-2", "the new project alone breaks it", weir.BlameDownstream, [2]int{2, 12}},
		{"both", []simFault{fault("up", 3), fault("d", 2)}, nil, "up-3", "each side breaks it by itself, and together", weir.BlameBoth, [2]int{2, 12}},
		{"interaction", []simFault{together}, nil, "d-3", "only the two together are bad", weir.BlameInteraction, [2]int{1, 1}},
		{"the project needs the upstream", []simFault{fault("up", 3)}, apart(simEnd{outcome: weir.Broken, reason: weir.ReasonPrepare}),
			"up-3", "the new upstreams alone break it", weir.BlameUpstream, [2]int{2, 2}},
		{"the project needs the upstream, and breaks", []simFault{together}, apart(simEnd{outcome: weir.Broken, reason: weir.ReasonPrepare}),
			"d-3", "cannot be told", weir.BlameNone, [2]int{2, 2}},
		{"nobody can build the corner", []simFault{together}, apart(simEnd{outcome: weir.Infra, reason: weir.ReasonSourceDown}),
			"d-3", "cannot be told", weir.BlameNone, [2]int{3, 3}},
	}
	if raceDetector { // see TestSimulation
		cases = cases[:1]
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startSim(t, smallWorld("up"))
			s.poll()
			s.until("at rest", true, s.atRest)
			s.world.faults, s.world.apart = c.faults, c.apart
			s.world.tips["up"] = 5
			s.move("d", 4)
			s.until("at rest", true, s.atRest)
			all := s.regressions()
			if len(all) != 1 || all[0].State != weir.Located || all[0].Culprit.Revision.ID != c.culprit || !strings.Contains(all[0].Note, c.note) {
				t.Fatalf("regressions are %+v", all)
			}
			if r := all[0]; r.Blame != c.blame || len(r.Corners) != 4 || blame.Verdict(r.Corners...) != r.Blame {
				t.Errorf("blamed is %q, at %+v", r.Blame, r.Corners)
			}
			asked := 0
			for _, b := range s.history(all[0].Builder.ID) {
				if maps.Equal(b.Pins, beside) {
					asked++
					if b.Cause != weir.CauseProbe {
						t.Errorf("build %d is no probe but a %s", b.ID, b.Cause)
					}
				}
			}
			if asked < c.asked[0] || asked > c.asked[1] {
				t.Errorf("the corner was asked %d times, want %v", asked, c.asked)
			}
			d, err := s.farm().Regression(t.Context(), all[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			shown := 0
			for _, b := range d.Beside {
				if maps.Equal(b.Pins, beside) {
					shown++
				}
			}
			if corner := all[0].Corners[blame.NewDownstream]; corner.Build != 0 && shown != asked || corner.Build == 0 && shown != 0 {
				t.Errorf("of %d builds at the corner %d are shown", asked, shown)
			}
			if g := blame.Grounds(all[0], d.Probes, d.Beside); len(g) != len(d.Probes)+len(d.Beside) {
				t.Errorf("of %d probes and %d builds beside them %d are told", len(d.Probes), len(d.Beside), len(g))
			}
		})
	}
}

// TestOneSideIsNotAsked: if only one side has moved, there are no other corners.
func TestOneSideIsNotAsked(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.until("at rest", true, s.atRest)
	r := s.regressions()[0]
	if r.State != weir.Located || strings.Contains(r.Note, "side") || strings.Contains(r.Note, "alone") {
		t.Errorf("regression is %s: %s", r.State, r.Note)
	}
}

// TestLockStep plays a real case: the upstream moves and breaks its downstream,
// which follows, and cannot be built with the old upstream any more.
func TestLockStep(t *testing.T) {
	t.Parallel()
	beside := weir.Pins{"up": "up-1", "d": "d-2"}
	fault := simFault{Project: "up", At: 3, Victim: "d", Tests: []string{"t0", "t1"}, Kind: weir.NewlyFailing, Without: weir.Pins{"d": "d-2"}}
	alone := fault
	alone.Project, alone.At, alone.Without = "d", 2, weir.Pins{"up": "up-3"}
	apart := map[string]simEnd{beside.Key(): {outcome: weir.Broken, reason: weir.ReasonPrepare}}
	cases := []struct {
		name   string
		faults []simFault
		apart  map[string]simEnd
		moves  string // who mends it
		blame  weir.Blame
		said   weir.Observed // at the corner; empty: not asked
		note   string
		advice string
	}{
		{name: "cannot be built apart", faults: []simFault{fault}, apart: apart, moves: "d", blame: weir.BlameLockStep, said: weir.ObservedNone,
			note: "both have to move", advice: "pin up below up-3, or take d d-2 or newer"},
		{name: "bad apart", faults: []simFault{fault, alone}, moves: "d", blame: weir.BlameLockStep, said: weir.ObservedBad,
			note: "both have to move", advice: "pin up below up-3, or take d d-2 or newer"},
		{name: "copes with both", faults: []simFault{fault}, moves: "d", blame: weir.BlameUpstream, said: weir.ObservedGood,
			note: "d is good with the old and the new upstreams now", advice: "or take d d-2 or newer"},
		{name: "the upstream mends it", faults: []simFault{{Project: "up", At: 3, Fixed: 5, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing}},
			moves: "up", blame: weir.BlameUpstream, advice: "pin up below up-3"},
	}
	if raceDetector { // see TestSimulation
		cases = cases[:1]
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startSim(t, smallWorld("up"))
			s.poll()
			s.until("at rest", true, s.atRest)
			s.world.faults, s.world.apart = c.faults, c.apart
			s.move("up", 4)
			s.until("at rest", true, s.atRest)
			if r := s.regressions()[0]; r.State != weir.Located || r.Blame != weir.BlameUpstream || len(r.Corners) != 2 {
				t.Fatalf("regression is %+v", r)
			}
			s.move(c.moves, map[string]int{"d": 2, "up": 6}[c.moves])
			s.until("mended", true, func() bool { return s.quiet() && s.regressions()[0].State == weir.Recovered })
			looks := 0
			s.until("reconsidered", true, func() bool {
				s.now = s.now.Add(31e9) // closed regressions are not looked at all the time
				looks++
				return looks > 12 && s.quiet()
			})
			all := s.regressions()
			r := all[0]
			if len(all) != 1 || r.State != weir.Recovered || r.Blame != c.blame || !strings.Contains(r.Note, c.note) || r.Culprit.Revision.ID != "up-3" {
				t.Errorf("regressions are %+v", all)
			}
			if a := blame.Advise(r); !strings.Contains(strings.Join(a.Downstream, "\n"), c.advice) {
				t.Errorf("the advice is %q", a.Downstream)
			}
			asked := 0
			for _, b := range s.history(r.Builder.ID) {
				if maps.Equal(b.Pins, beside) {
					asked++
				}
			}
			if c.said == "" {
				if asked > 0 || len(r.Corners) != 2 {
					t.Errorf("the corner was asked %d times: %+v", asked, r.Corners)
				}
				return
			}
			if len(r.Corners) != 4 || asked == 0 || asked > 8 {
				t.Fatalf("after %d builds the corners are %+v", asked, r.Corners)
			}
			if k := r.Corners[blame.NewDownstream]; k.Said != c.said || !maps.Equal(k.Pins, beside) || k.Build == 0 || k.Unbuilt != (c.apart != nil) {
				t.Errorf("the corner is %+v", k)
			}
		})
	}
}
