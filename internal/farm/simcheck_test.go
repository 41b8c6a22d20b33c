package farm

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// simTally is what worlds had in them, and what became of it.
type simTally struct {
	sync.Mutex
	features                                map[string]int // what the worlds had in them beside faults
	worlds, builds, probes, searches, most  int
	breaks, located, narrowed, excused      int
	flakyAccused, flakyLocated, flakyNarrow int
	differently, mended                     int
}

func (a *simTally) add(b *simTally) {
	a.Lock()
	defer a.Unlock()
	a.worlds++
	a.builds += b.builds
	a.probes += b.probes
	a.searches += b.searches
	a.most = max(a.most, b.most)
	a.breaks += b.breaks
	a.located += b.located
	a.narrowed += b.narrowed
	a.excused += b.excused
	a.flakyAccused += b.flakyAccused
	a.flakyLocated += b.flakyLocated
	a.flakyNarrow += b.flakyNarrow
	a.differently += b.differently
	a.mended += b.mended
	for what, n := range b.features {
		if a.features == nil {
			a.features = map[string]int{}
		}
		a.features[what] += n
	}
}

func (a *simTally) report(t *testing.T) {
	t.Logf("%d worlds, %d builds; %d probes in %d searches, at most %d in one; %d tests broken: %d located, %d narrowed, %d removed; "+
		"%d flaky tests accused after a retry: %d located, %d narrowed; %d red ones accused of failing differently; of %d it is known what mended them; %v", a.worlds, a.builds, a.probes, a.searches, a.most,
		a.breaks, a.located, a.narrowed, a.excused, a.flakyAccused, a.flakyLocated, a.flakyNarrow, a.differently, a.mended, a.features)
}

func (s *sim) quiet() bool { return s.unrest() == "" }

// unrest says what there is left to do.
func (s *sim) unrest() string {
	depth, err := s.store.QueueDepth(s.ctx)
	s.must(err)
	for state, n := range depth {
		if n > 0 {
			return fmt.Sprintf("%d builds are %s", n, state)
		}
	}
	unjudged, err := s.store.NextToJudge(s.ctx, 1)
	s.must(err)
	doubts, err := s.store.Doubted(s.ctx)
	s.must(err)
	searching, err := s.store.Regressions(s.ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Searching}, Aims: weir.Aims()})
	s.must(err)
	switch {
	case len(unjudged) > 0:
		return fmt.Sprintf("build %d waits for a judgement", unjudged[0].ID)
	case len(doubts) > 0:
		return fmt.Sprintf("build %d is doubted", doubts[0].Build.ID)
	case len(searching) > 0:
		return fmt.Sprintf("regression %d is searched: %s", searching[0].ID, searching[0].Note)
	}
	return s.behind()
}

// behind says which builder has no judged build at the tips.
func (s *sim) behind() string {
	c := s.farms[0].config.Load()
	for i, b := range c.Builders {
		heads, err := s.store.LineHeads(s.ctx, []weir.BuilderID{b.ID})
		s.must(err)
		head, ok := heads[b.ID]
		if !ok {
			return b.Name() + " was never built"
		}
		for _, name := range planner.Names(c.Plans[i]) {
			if at := simPosition(head.Pins[name]); at != s.world.tips[name] {
				return fmt.Sprintf("%s stands at %s %d, not %d", b.Name(), name, at, s.world.tips[name])
			}
		}
		if !head.State.Final() || head.Judgement == weir.Unjudged || head.Judgement == weir.Doubted {
			return fmt.Sprintf("%s: build %d is %s %s", b.Name(), head.ID, head.State, head.Judgement)
		}
	}
	return ""
}

// check holds the end against what was planted.
func (s *sim) check() *simTally {
	s.t.Helper()
	tally := &simTally{}
	s.tally = tally
	if s.world.nasty != nil {
		tally.features = s.world.nasty.features
	}
	regressions, err := s.store.Regressions(s.ctx, store.RegressionFilter{Limit: 1000})
	s.must(err)
	for _, r := range regressions {
		s.checkRegression(tally, r)
	}
	s.checkTruth(regressions)
	for _, b := range s.farms[0].config.Load().Builders {
		builds := s.history(b.ID)
		s.checkLine(tally, builds, regressions)
		s.checkEconomy(tally, builds)
		s.checkHistories(b)
	}
	return tally
}

// history lists all builds of a builder, oldest first.
func (s *sim) history(id weir.BuilderID) (all []weir.Build) {
	for before := weir.BuildID(0); ; {
		page, err := s.store.ListBuilds(s.ctx, store.BuildFilter{Builder: id, Before: before, Limit: 1000})
		s.must(err)
		if len(page) == 0 {
			slices.Reverse(all)
			return all
		}
		all = append(all, page...)
		before = page[len(page)-1].ID
	}
}

func (s *sim) isFlaky(v weir.Victim) bool {
	return s.world.flaky[v.Builder.Project+" "+v.Test.Name] > 0
}

func (s *sim) checkRegression(tally *simTally, r weir.Regression) {
	s.t.Helper()
	detail, err := s.farms[0].Regression(s.ctx, r.ID)
	s.must(err)
	probes := s.probesOf(r)
	tally.searches++
	tally.probes += probes
	tally.most = max(tally.most, probes)
	if most := 90; probes > most { // most are needed where many revisions in a row do not build, or a machine is ill, as in worlds 83 and 136
		s.t.Errorf("regression %d took %d probes on a path of %d: %s", r.ID, probes, len(detail.Points)-1, r.Note)
		s.explain(r.Victims[0], detail)
	}
	s.checkFix(tally, r)
	for _, v := range r.Victims {
		flaky := s.isFlaky(v)
		if v.Verdict == weir.FailingDifferently {
			tally.differently++
			if s.world.unstable[v.Builder.Project+" "+v.Test.Name] {
				s.t.Errorf("regression %d: %s says something else each time, and somebody is accused of that", r.ID, v.Test)
			}
		}
		if flaky {
			tally.flakyAccused++
		}
		if flaky && r.State == weir.Narrowed {
			tally.flakyNarrow++
		}
	}
}

// checkFix makes sure that a revision that is said to have mended tests did.
func (s *sim) checkFix(tally *simTally, r weir.Regression) {
	s.t.Helper()
	by := r.FixedBy
	if by.Project == "" {
		return
	}
	tally.mended++
	if by.Search != 0 {
		return // see checkMended
	}
	bad, good := s.buildOf(r.Builder.Project, by.After), s.buildOf(r.Builder.Project, by.Build)
	for _, v := range r.Victims { // it is about all that became good in that build
		if v.FixedIn == by.Build && (s.isFlaky(v) || s.world.sick(v) || s.one(v, bad.Pins) == weir.ObservedBad && s.one(v, good.Pins) == weir.ObservedGood) {
			return
		}
	}
	s.t.Errorf("regression %d was not made good by %s: %s", r.ID, by.Revision.ID, r.Note)
}

func (s *sim) probesOf(r weir.Regression) int {
	n := 0
	for _, b := range s.history(r.Builder.ID) {
		run, err := s.store.Run(s.ctx, b.Run)
		s.must(err)
		if run.Regression == r.ID && b.Cause == weir.CauseProbe {
			n++
		}
	}
	return n
}

// checkLine makes sure that every test that was good in one settled build of
// a line and is not in the next has a regression.
func (s *sim) checkLine(tally *simTally, builds []weir.Build, regressions []weir.Regression) {
	s.t.Helper()
	line := slices.DeleteFunc(slices.Clone(builds), func(b weir.Build) bool {
		return !b.Cause.Advances() || b.Judgement != weir.Settled || !verdict.Reached(b)
	})
	seen := map[string]bool{} // tests with what they said
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		for _, test := range s.world.tests[b.Builder.Project] {
			seen[test+s.world.cause(b.Builder.Project, test, a.Pins)] = true
			v := weir.Victim{Builder: b.Builder, Test: weir.TestID{Suite: "s", Name: test}}
			before, _ := s.world.status(b.Builder.Project, test, a.Pins)
			after, fault := s.world.status(b.Builder.Project, test, b.Pins)
			if s.world.sick(v) {
				continue
			}
			if !s.isFlaky(v) {
				s.checkDifferent(a, b, test, seen, regressions)
			}
			if s.isFlaky(v) || !before.Good() || after.Good() {
				continue
			}
			tally.breaks++
			what := fmt.Sprintf("%s %s: good in build %d, %s in build %d because of %s", b.Builder.Name(), test, a.ID, after, b.ID,
				simRevision(fault.Project, fault.At))
			s.checkFound(tally, what, b, v.Test, regressions)
		}
	}
}

// checkDifferent makes sure that somebody was told of every test that failed in
// two settled builds of a line, and in the second one for a reason that was
// never seen before.
func (s *sim) checkDifferent(a, b weir.Build, test string, seen map[string]bool, regressions []weir.Regression) {
	s.t.Helper()
	project := b.Builder.Project
	before, _ := s.world.status(project, test, a.Pins)
	after, _ := s.world.status(project, test, b.Pins)
	cause := s.world.cause(project, test, b.Pins)
	if !before.Bad() || !after.Bad() || !strings.HasPrefix(cause, corrupt) || seen[test+cause] || s.world.unstable[project+" "+test] {
		return
	}
	for _, r := range regressions {
		for _, v := range r.Victims {
			if v.Builder.ID == b.Builder.ID && v.Test.Name == test && v.Verdict == weir.FailingDifferently && v.Build >= b.ID {
				return
			}
		}
	}
	s.t.Errorf("%s %s: fails in build %d with %q, in %d with %q, and nobody was told", b.Builder.Name(), test,
		a.ID, s.world.cause(project, test, a.Pins), b.ID, cause)
}

func (s *sim) checkFound(tally *simTally, what string, b weir.Build, test weir.TestID, regressions []weir.Regression) {
	s.t.Helper()
	for _, r := range regressions {
		if !slices.ContainsFunc(r.Victims, func(v weir.Victim) bool {
			return v.Builder.ID == b.Builder.ID && v.Test == test && v.Build == b.ID
		}) {
			continue
		}
		switch {
		case r.Culprit.Revision.ID != "":
			tally.located++
		case r.State == weir.Dismissed:
			tally.excused++
		default:
			tally.narrowed++
		}
		return
	}
	for _, r := range regressions { // it may have been mended and bad again since
		_, log := s.lifeOf(r.ID)
		if slices.ContainsFunc(log, func(l weir.Transition) bool {
			return (l.Kind == weir.WasOpened || l.Kind == weir.WasReopened) && slices.Contains(l.Builds, b.ID)
		}) && slices.ContainsFunc(r.Victims, func(v weir.Victim) bool { return v.Builder.ID == b.Builder.ID }) {
			tally.located++
			return
		}
	}
	changes, err := s.store.BuildChanges(s.ctx, b.ID, 0, 1000)
	s.must(err)
	for _, c := range changes {
		if c.Test == test && c.Verdict == weir.Removed {
			tally.excused++
			return
		}
	}
	s.t.Errorf("%s: nobody was told", what)
}

// checkEconomy makes sure that products are built once.
func (s *sim) checkEconomy(tally *simTally, builds []weir.Build) {
	s.t.Helper()
	made := map[string]weir.BuildID{}
	for _, b := range builds {
		tally.builds++
		if b.Cause == weir.CauseProbe || b.Cause == weir.CauseRetry || !b.Outcome.SaysSomething() {
			continue
		}
		key := b.Pins.Key()
		if made[key] != 0 {
			s.t.Errorf("%s: builds %d and %d are of the same revisions %s", b.Builder.Name(), made[key], b.ID, key)
		}
		made[key] = b.ID
	}
}
