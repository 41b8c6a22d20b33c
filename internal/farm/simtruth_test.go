package farm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/verdict"
)

// What a farm says of a world is held against the world. A healthy machine would
// find at any pins what truth says, with the first recipe and without flakes.

// truth is what is so of victims at pins; none if nobody can get to their tests.
func (s *sim) truth(project string, victims []weir.Victim, pins weir.Pins) []weir.Observed {
	none := slices.Repeat([]weir.Observed{weir.ObservedNone}, len(victims))
	spec := weir.Spec{Project: project, Revision: pins[project]}
	for name, rev := range pins {
		if name == project {
			continue
		}
		if s.world.unbuilt[rev] || s.world.unusable[rev] {
			return none
		}
		spec.Inputs = append(spec.Inputs, weir.UpstreamSpec{Project: name, Revision: rev})
	}
	healthy := *s.world
	healthy.flaky, healthy.unstable = nil, nil
	end := healthy.run(spec)
	if end.outcome == weir.Infra {
		return none
	}
	return verdict.ObserveAll(onPath(victims), weir.Build{Outcome: end.outcome}, end.set)
}

func onPath(victims []weir.Victim) []weir.Victim {
	out := slices.Clone(victims)
	for i, v := range out {
		if v.Was != (weir.TestID{}) {
			out[i].Test = v.Was
		}
	}
	return out
}

// walk lists the pins at each position of a regression's path from its good end,
// or for one that looks for what mended something from its bad one, and the
// revision that is new at each.
func walk(r weir.Regression) (way []weir.Pins, news []string) {
	at := maps.Clone(r.Bad.Pins)
	for _, l := range r.Path {
		at[l.Project] = simRevision(l.Project, int(l.From))
	}
	way, news = []weir.Pins{maps.Clone(at)}, []string{""}
	for _, l := range r.Path {
		for i := l.From + 1; i <= l.To; i++ {
			at[l.Project] = simRevision(l.Project, int(i))
			way, news = append(way, maps.Clone(at)), append(news, at[l.Project])
		}
	}
	return way, news
}

// one is what is true of one victim.
func (s *sim) one(v weir.Victim, pins weir.Pins) weir.Observed {
	return s.truth(v.Builder.Project, []weir.Victim{v}, pins)[0]
}

// turns reports whether a victim turns bad with the revision of a position.
func (s *sim) turns(v weir.Victim, way []weir.Pins, position int) bool {
	return position > 0 && position < len(way) && s.one(v, way[position]) == weir.ObservedBad && s.one(v, way[position-1]) == weir.ObservedGood
}

// blamed reports whether a victim turns bad at a culprit, on the path of the
// regression that has it, or of one that was merged into that.
func (s *sim) blamed(v weir.Victim, d RegressionDetail, merged []RegressionDetail) bool {
	for _, d := range append([]RegressionDetail{d}, merged...) {
		if d.Regression.Builder.ID != v.Builder.ID {
			continue
		}
		way, news := walk(d.Regression)
		if s.turns(v, way, slices.Index(news, d.Regression.Culprit.Revision.ID)) {
			return true
		}
	}
	return false
}

// mergedInto lists what was merged into a regression, and what was merged into that.
func mergedInto(id weir.RegressionID, all []RegressionDetail) (out []RegressionDetail) {
	for _, d := range all {
		if d.Regression.State == weir.Merged && d.Regression.MergedInto == id {
			out = append(append(out, d), mergedInto(d.Regression.ID, all)...)
		}
	}
	return out
}

// checkTruth holds every regression against the world.
func (s *sim) checkTruth(regressions []weir.Regression) {
	s.t.Helper()
	var all []RegressionDetail
	for _, r := range regressions {
		d, err := s.farms[0].Regression(s.ctx, r.ID)
		s.must(err)
		all = append(all, d)
	}
	for _, d := range all {
		r := d.Regression
		merged := mergedInto(r.ID, all)
		for _, v := range r.Victims {
			s.checkVictim(v, d, merged)
		}
		s.checkLife(d)
		s.checkCorners(d)
		s.checkNeeds(d)
		s.checkReverted(d)
		s.checkMended(d)
	}
	s.checkDoubled(regressions)
	s.checkOpen(regressions)
}

func spoken(r weir.Regression, v weir.Victim) string {
	return fmt.Sprintf("regression %d (%s, build %d to %d, %s): %s %s %s", r.ID, r.State, r.Good.Build, r.Bad.Build, r.Note, v.Builder.Name(), v.Test, v.Verdict)
}

func (s *sim) checkVictim(v weir.Victim, d RegressionDetail, merged []RegressionDetail) {
	s.t.Helper()
	r := d.Regression
	excused := s.isFlaky(v)
	switch {
	case r.Culprit.Revision.ID != "" && r.State != weir.Dismissed:
		if !s.blamed(v, d, merged) && !s.isUnstable(v) {
			if excused {
				s.tally.flakyLocated++
				s.t.Logf("a flake of rate %.2f: %s: %s is not to blame", s.world.flaky[v.Builder.Project+" "+v.Test.Name], spoken(r, v), r.Culprit.Revision.ID)
				break
			}
			s.t.Errorf("%s: %s is not to blame", spoken(r, v), r.Culprit.Revision.ID)
			s.explain(v, d)
		}
	case r.State == weir.Narrowed:
		s.checkNarrowed(v, d)
	case r.State == weir.Dismissed && !excused:
		s.checkDismissed(v, d)
	}
}

func (s *sim) isUnstable(v weir.Victim) bool {
	return v.Verdict == weir.FailingDifferently && s.world.unstable[v.Builder.Project+" "+v.Test.Name]
}

// checkNarrowed makes sure that the culprit is in the range, and nothing in the
// range could have been tested.
func (s *sim) checkNarrowed(v weir.Victim, d RegressionDetail) {
	s.t.Helper()
	r := d.Regression
	way, _ := walk(r)
	if s.isFlaky(v) || v.Builder.ID != r.Builder.ID {
		return
	}
	first, last := r.Suspects.First, r.Suspects.Last
	seen, turned := map[int]bool{}, false
	for i := first - 1; i <= last; i++ {
		switch s.one(v, way[i]) {
		case weir.ObservedBad:
			turned = turned || seen[1]
		case weir.ObservedGood:
			seen[1] = true
		case weir.ObservedNone: // it may be either
			turned, seen[1] = turned || seen[1] && i == last, true
		}
	}
	if !turned {
		s.t.Errorf("%s: nobody of %v is to blame", spoken(r, v), r.Suspects)
	}
	if first == last && !s.turns(v, way, first) && !strings.Contains(r.Note, "or nobody") {
		s.t.Errorf("%s: %v accuses one revision, and that is not to blame", spoken(r, v), r.Suspects)
		s.explain(v, d)
	}
	var could []int // a few that lie among others that cannot be tested are not worth a build
	for i := first; i < last && !s.world.sick(v); i++ {
		if s.one(v, way[i]) != weir.ObservedNone && !strings.Contains(r.Note, "nobody can be asked") {
			could = append(could, i)
		}
	}
	if 4*len(could) > last-first {
		s.t.Errorf("%s: positions %v of %v could be tested", spoken(r, v), could, r.Suspects)
		s.explain(v, d)
	}
}

// checkDismissed makes sure that the reason is true.
func (s *sim) checkDismissed(v weir.Victim, d RegressionDetail) {
	s.t.Helper()
	r := d.Regression
	bad := s.one(v, r.Bad.Pins)
	switch {
	case s.world.sick(v):
	case strings.Contains(r.Note, "took the tests out"):
	default:
		s.t.Errorf("%s: dismissed, and %s at its bad end", spoken(r, v), bad)
	}
	if r.Blame == weir.BlameEnvironment && !s.world.sick(v) {
		s.t.Errorf("%s: nothing but revisions has changed: %+v", spoken(r, v), r.Checks.Screen)
	}
}

// checkCorners makes sure that the corners are as the world has them, and the
// blame follows from them.
func (s *sim) checkCorners(d RegressionDetail) {
	s.t.Helper()
	r := d.Regression
	mine := s.mine(d)
	if r.Blame == weir.BlameEnvironment || len(mine) == 0 || len(r.Corners) == 0 {
		return
	}
	if len(r.Corners) == 4 && blame.Verdict(r.Corners...) != r.Blame {
		s.t.Errorf("regression %d blames %q, and its corners %q", r.ID, r.Blame, blame.Verdict(r.Corners...))
	}
	for _, c := range r.Corners {
		said := blame.Join(s.truth(r.Builder.Project, mine, c.Pins)...)
		if c.Said != said && c.Said != weir.ObservedNone && (said != weir.ObservedNone || !slices.ContainsFunc(mine, s.world.sick)) {
			s.t.Errorf("regression %d (%s, blames %q): at %v it is %s, and it says %s (build %d): %s", r.ID, r.State, r.Blame, c.Pins, said, c.Said, c.Build, r.Note)
			s.explain(mine[0], d)
		}
		if c.Said == weir.ObservedNone && said != weir.ObservedNone {
			s.t.Logf("regression %d (%s, blames %q): at %v it is %s, and it does not know: %s", r.ID, r.State, r.Blame, c.Pins, said, r.Note)
		}
	}
}

// mine are the victims that a regression was searched for; nil if that cannot be told any more.
func (s *sim) mine(d RegressionDetail) (mine []weir.Victim) {
	r := d.Regression
	for _, l := range d.Life {
		if l.Kind == weir.WasJoined || l.Kind == weir.WasMerged {
			return nil
		}
	}
	for _, v := range r.Victims {
		if s.isFlaky(v) || s.isUnstable(v) {
			return nil
		}
		mine = append(mine, v)
	}
	return mine
}

// checkNeeds makes sure that what moved is enough, and nothing of it too much.
func (s *sim) checkNeeds(d RegressionDetail) {
	s.t.Helper()
	r, mine := d.Regression, s.mine(d)
	at := func(moved []string) weir.Observed {
		pins := maps.Clone(r.Bad.Pins)
		for _, l := range r.Path {
			position := l.From
			if slices.Contains(moved, l.Project) {
				position = l.To
			}
			pins[l.Project] = simRevision(l.Project, int(position))
		}
		return blame.Join(s.truth(r.Builder.Project, mine, pins)...)
	}
	if len(mine) == 0 || len(r.Checks.Moved) == 0 {
		return
	}
	if said := at(r.Checks.Moved); said == weir.ObservedGood {
		s.t.Errorf("regression %d takes %v, with which it is %s: %s; tried %+v", r.ID, r.Checks.Moved, said, r.Note, r.Checks.Tried)
	}
	for _, name := range r.Checks.Moved {
		less := slices.DeleteFunc(slices.Clone(r.Checks.Moved), func(n string) bool { return n == name })
		if said := at(less); said == weir.ObservedBad {
			s.t.Errorf("regression %d takes %v, and is bad without %s: %s; tried %+v", r.ID, r.Checks.Moved, name, r.Note, r.Checks.Tried)
		}
	}
	for _, c := range r.Checks.Tried {
		if said := at(c.Moved); said != c.Said && c.Said != weir.ObservedNone {
			s.t.Errorf("regression %d: with %v it is %s, and it says %s", r.ID, c.Moved, said, c.Said)
		}
	}
}

func (s *sim) checkReverted(d RegressionDetail) {
	s.t.Helper()
	r, mine := d.Regression, s.mine(d)
	said := r.Checks.Reverted.Said
	if len(mine) == 0 || said == "" || said == weir.ObservedNone || said == weir.ObservedBad && slices.ContainsFunc(mine, s.world.sick) {
		return // that something else is bad too is what it says
	}
	pins := maps.Clone(r.Bad.Pins)
	pins[r.Culprit.Project] = weir.Without(pins[r.Culprit.Project], r.Culprit.Revision.ID)
	if so := blame.Join(s.truth(r.Builder.Project, mine, pins)...); so != said {
		s.t.Errorf("regression %d: with %s reverted it is %s, and it says %s", r.ID, r.Culprit.Revision.ID, so, said)
		s.explain(mine[0], d)
	}
}

// checkMended makes sure that what is said to have mended a victim did.
func (s *sim) checkMended(d RegressionDetail) {
	s.t.Helper()
	for _, r := range d.Searches {
		if r.Aim != weir.AimFix || r.Culprit.Revision.ID == "" {
			continue
		}
		f, err := s.farms[0].Regression(s.ctx, r.ID)
		s.must(err)
		way, news := walk(r)
		i := slices.Index(news, r.Culprit.Revision.ID)
		if i < 0 {
			s.t.Errorf("regression %d has %s for a culprit, which is not on its path", r.ID, r.Culprit.Revision.ID)
			continue
		}
		for _, v := range r.Victims {
			if !s.isFlaky(v) && (s.one(v, way[i]) == weir.ObservedBad || s.one(v, way[i-1]) == weir.ObservedGood) {
				s.t.Errorf("%s: mended by %s, with which it is %s, and without %s", spoken(r, v), r.Culprit.Revision.ID, s.one(v, way[i]), s.one(v, way[i-1]))
				s.explain(v, f)
			}
		}
	}
}
