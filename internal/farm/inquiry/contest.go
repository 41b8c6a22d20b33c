package inquiry

import (
	"fmt"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/screen"
)

// Runs of one machine have that machine in common, so what it says against several
// runs of others is asked again elsewhere before it decides, and is left out if they agree
// that it is wrong (screen.Contest). It is recorded and shown like all other evidence.

// mostStrange is how many strange answers at one position make it one that cannot be tested.
const mostStrange = 3

// disbelieve finds answers of tests that are accused of failing in a certain way, which
// one machine alone gives (screen.Strange).
func (e *evidence) disbelieve(victims []weir.Victim, ready map[string]bool) {
	e.strange = map[[2]int]bool{}
	for i, v := range victims {
		if v.Verdict != weir.FailingDifferently {
			continue
		}
		said := make([]screen.Saying, len(e.other))
		for b := range said {
			said[b] = screen.Saying{Worker: e.ran[b].Worker, Signature: e.other[b][i]}
		}
		for _, b := range screen.Strange(said, strings.Fields(e.flakes[v.Test].Signature), ready) {
			e.strange[[2]int{b, i}] = true
		}
	}
}

func (e *evidence) isStrange(build, victim int) bool { return e.strange[[2]int{build, victim}] }

// overruled is answers that are left out: one machine says that a victim is good
// from a position on.
type overruled struct {
	from   int
	worker string
}

// weigh puts the evidence to the search, without what is overruled.
func (e *evidence) weigh(r weir.Regression, width int) bisect.Answer {
	for n := 0; ; n++ {
		answer, more := bisect.Next(e.question(r, width)), false
		for i, f := range answer.Findings {
			if c, parent := e.contest(i, f); c.Outvoted {
				if e.overruled == nil {
					e.overruled = map[int][]overruled{}
				}
				e.overruled[i], more = append(e.overruled[i], overruled{parent, c.Alone}), true
			}
		}
		if !more || n > len(e.trials) { // each time one is left out at least
			return answer
		}
	}
}

// counts reports whether what a build says of a victim is not overruled.
func (e *evidence) counts(build, victim int) bool {
	if e.isStrange(build, victim) {
		return false
	}
	for _, o := range e.overruled[victim] {
		at := e.trials[build].Position
		if e.said[build][victim] == weir.ObservedGood && e.ran[build].Worker == o.worker && (at >= o.from || e.alike(at, o.from)) {
			return false
		}
	}
	return true
}

// contest finds how machines contradict each other in front of what is accused.
func (e *evidence) contest(victim int, f bisect.Finding) (c screen.Contest, parent int) {
	if f.Kind != bisect.Found && f.Kind != bisect.Range {
		return c, 0
	}
	runs, parent, _ := e.sidesOf(victim, f)
	return screen.ContestOf(runs, parent), parent
}

// elsewhere asks another machine for the parent of a contested culprit.
func (s *surroundings) elsewhere(e *evidence, victim int, f bisect.Finding) (missing []ask, contested screen.Contest) {
	c, parent := e.contest(victim, f)
	worker, ok := c.Next(s.ready)
	if !ok || e.tries(parent) >= mostSides {
		return nil, c
	}
	project, rev := e.route.Step(f.First)
	what := fmt.Sprintf("what is in front of %s %s, on another worker than %s,", project, rev.Short(), c.Alone)
	if worker == c.Alone {
		what = fmt.Sprintf("what is in front of %s %s, on %s again,", project, rev.Short(), worker)
	}
	return []ask{{pins: e.route.Pins(parent), worker: worker, what: what}}, c
}

// surroundings finds the check of that name; nil if the search has none.
func (e *evidence) surroundings() *surroundings {
	for _, c := range e.checks {
		if s, ok := c.(*surroundings); ok {
			return s
		}
	}
	return nil
}
