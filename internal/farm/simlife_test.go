package farm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/verdict"
)

// What becomes of a regression is held against the world as well: nothing is open
// twice, and nothing is closed whose tests are bad.

// checkLife makes sure that the log is a walk through the states, and each step of the farm is shown.
func (s *sim) checkLife(d RegressionDetail) {
	s.t.Helper()
	at := weir.RegressionState("")
	for i, l := range d.Life {
		if i > 0 && l.To != at && !at.CanBecome(l.To) {
			s.t.Errorf("regression %d went from %s to %s: %+v", d.Regression.ID, at, l.To, l)
		}
		if i == 0 && l.Kind != weir.WasOpened && l.Kind != weir.WasSplit {
			s.t.Errorf("regression %d begins with %+v", d.Regression.ID, l)
		}
		if l.By == "" && len(l.Builds) == 0 && !strings.Contains(l.Note, "nobody can be asked") {
			s.t.Errorf("regression %d: nothing shows %+v", d.Regression.ID, l)
		}
		at = l.To
	}
	if at != d.Regression.State {
		s.t.Errorf("regression %d is %s, and its log ends with %s", d.Regression.ID, d.Regression.State, at)
	}
}

// checkDoubled makes sure that nothing is open twice, and what came back was reopened.
func (s *sim) checkDoubled(regressions []weir.Regression) {
	s.t.Helper()
	open := map[string]weir.RegressionID{}
	for _, r := range regressions {
		for _, v := range r.Victims {
			if r.State.Open() && v.FixedIn == 0 {
				key := fmt.Sprint(v.Builder.ID, v.Test, v.Verdict, v.Signature)
				if other := open[key]; other != 0 {
					s.t.Errorf("%s: is open as %d too", spoken(r, v), other)
				}
				open[key] = r.ID
			}
		}
		for _, old := range regressions {
			if old.ID >= r.ID || old.State != weir.Recovered || old.Closed.After(r.Opened) || old.Builder.ID != r.Builder.ID || r.State == weir.Merged {
				continue
			}
			if _, log := s.lifeOf(r.ID); slices.ContainsFunc(log, func(l weir.Transition) bool { return l.Kind == weir.WasJoined || l.Kind == weir.WasSplit }) {
				continue
			}
			if slices.ContainsFunc(regressions, func(o weir.Regression) bool {
				return o.ID != r.ID && o.Good.Build == r.Good.Build && o.Bad.Build == r.Bad.Build
			}) {
				continue // it was accused with tests that are new
			}
			if !slices.ContainsFunc(r.Victims, func(v weir.Victim) bool {
				return !slices.ContainsFunc(old.Victims, func(o weir.Victim) bool {
					return o.Builder.ID == v.Builder.ID && o.Test == v.Test && o.Verdict == v.Verdict && o.Signature == v.Signature && o.FixedIn < v.Build
				})
			}) {
				s.t.Errorf("%s: was regression %d, which was not reopened", spoken(r, r.Victims[0]), old.ID)
				for _, id := range []weir.RegressionID{old.ID, r.ID} {
					_, log := s.lifeOf(id)
					for _, l := range log {
						s.t.Logf("  %d %+v", id, l)
					}
				}
				for _, o := range regressions {
					s.t.Logf("  %d %s of %s, build %d to %d, %d victims", o.ID, o.State, o.Builder.Name(), o.Good.Build, o.Bad.Build, len(o.Victims))
				}
			}
		}
	}
}

// checkOpen makes sure that what a revision broke, and nothing has mended, is in an open regression.
func (s *sim) checkOpen(regressions []weir.Regression) {
	s.t.Helper()
	for _, b := range s.farms[0].config.Load().Builders {
		line := slices.DeleteFunc(s.history(b.ID), func(b weir.Build) bool {
			return !b.Cause.Advances() || b.Judgement != weir.Settled || !verdict.Reached(b)
		})
		if len(line) < 2 {
			continue
		}
		last := line[len(line)-1]
		for _, test := range s.world.tests[b.Project] {
			v := weir.Victim{Builder: b, Test: weir.TestID{Suite: "s", Name: test}}
			now, by := s.world.status(b.Project, test, last.Pins)
			was := slices.ContainsFunc(line, func(l weir.Build) bool {
				status, _ := s.world.status(b.Project, test, l.Pins)
				return status.Good()
			})
			if s.isFlaky(v) || s.world.sick(v) || now.Good() || !was {
				continue
			}
			if slices.ContainsFunc(regressions, func(r weir.Regression) bool {
				return (r.State.Open() || r.State == weir.Dismissed && strings.Contains(r.Note, "took the tests out")) && slices.ContainsFunc(r.Victims, func(o weir.Victim) bool {
					return o.Builder.ID == b.ID && o.Test == v.Test && o.FixedIn == 0
				})
			}) || s.tookOut(line, v) {
				continue
			}
			s.t.Errorf("%s %s is %s in build %d because of %s, and no regression is open", b.Name(), test, now, last.ID, simRevision(by.Project, by.At))
		}
	}
}

// tookOut reports whether a test's own project is known to have taken it out.
func (s *sim) tookOut(line []weir.Build, v weir.Victim) bool {
	for _, b := range line {
		changes, err := s.store.BuildChanges(s.ctx, b.ID, 0, 1000)
		s.must(err)
		if slices.ContainsFunc(changes, func(c weir.TestChange) bool { return c.Test == v.Test && c.Verdict == weir.Removed }) {
			return true
		}
	}
	return false
}

// explain logs all that is known of a victim and its regression.
func (s *sim) explain(v weir.Victim, d RegressionDetail) {
	s.t.Helper()
	s.t.Logf("good at %v, bad at %v, victim %+v, %s", d.Regression.Good.Pins, d.Regression.Bad.Pins, v, s.world.nasty)
	for _, f := range s.world.faults {
		if f.Victim == v.Builder.Project && slices.Contains(f.Tests, v.Test.Name) {
			s.t.Logf("  fault %+v", f)
		}
	}
	if s.world.nasty != nil {
		for _, ill := range s.world.nasty.illness {
			if ill.project == v.Builder.Project && ill.test == v.Test.Name {
				s.t.Logf("  illness %+v", ill)
			}
		}
	}
	way, _ := walk(d.Regression)
	for i, pins := range way {
		line := fmt.Sprintf("  %d %v is %s", i, pins, s.one(v, pins))
		for _, b := range s.history(d.Regression.Builder.ID) {
			if b.Pins.Key() == pins.Key() && b.ID >= d.Regression.Good.Build {
				k := slices.IndexFunc(d.Regression.Victims, func(o weir.Victim) bool { return o.Test == v.Test })
				line += fmt.Sprintf(", build %d on %s at %s", b.ID, b.Worker, b.Finished.Format(time.TimeOnly))
				for _, p := range d.Probes {
					if p.Build == b.ID && k >= 0 && k < len(p.Victims) {
						line += fmt.Sprint(" ", p.Victims[k])
					}
				}
			}
		}
		s.t.Log(line)
	}
}
