package inquiry

import (
	"context"
	"fmt"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/screen"
	"github.com/weir-ci/weir/internal/verdict"
)

// Before a revision is blamed, the surroundings are: the machine, its user, the
// directory, the load. One machine has to see the tests good in front of a revision
// and bad with it, and once more, before it is named. And where the evidence says that it was no
// revision, what the bad runs have in common is looked for and shown.

const (
	// mostAgain is how many runs at one position one machine may take to be told
	// apart. Workers may be away, or their owners may not want it.
	mostAgain = 6
	// mostSides is after how many runs at one position nobody is asked for
	// another one to see both sides.
	mostSides = 12
	// screened is how many settled builds from before are held against the bad runs.
	screened = 10
)

// surroundings is the check for them.
type surroundings struct {
	ready map[string]bool // workers that could run it now
}

func (s *surroundings) has(weir.Build) bool { return false } // all that it asks for is on the path
func (s *surroundings) awaits(weir.Build)   {}
func (s *surroundings) misses(weir.Build)   {}
func (s *surroundings) hear([]weir.Victim, weir.Build, []weir.Observed, weir.ResultSet) {
}

// asks wants each finding to be seen by one machine.
func (s *surroundings) asks(e *evidence, findings []bisect.Finding, width int) (missing []ask, settled bool) {
	if len(e.pending) > 0 {
		return nil, false
	}
	seen := map[string]bool{}
	for i, f := range findings {
		var more []ask
		switch f.Kind {
		case bisect.Found, bisect.Range:
			if more, _ = s.elsewhere(e, i, f); len(more) == 0 && f.Kind == bisect.Found {
				more = s.bothSides(e, i, f)
			}
		case bisect.Nobody:
			more = s.tellApart(e, i)
		}
		for _, a := range more {
			key := a.worker + " " + a.pins.Key()
			if !seen[key] && len(missing) < max(width, 2) {
				seen[key], missing = true, append(missing, a)
			}
		}
	}
	return missing, len(missing) == 0
}

// runs lists what was seen of a victim, in the order of time.
func (e *evidence) runs(victim int) []screen.Run {
	var order []int
	for b := range e.trials {
		if e.said[b][victim] != weir.ObservedNone && b < len(e.ran) && e.ran[b].Worker != "" && e.counts(b, victim) {
			order = append(order, b)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return e.ran[a].Leased.Compare(e.ran[b].Leased) })
	var out []screen.Run
	for _, b := range order {
		out = append(out, screen.Run{Position: e.trials[b].Position, Worker: e.ran[b].Worker, Said: e.said[b][victim]})
	}
	return out
}

// sidesOf lists the runs of a victim at a culprit and in front of it, with the two
// positions, which are those with the same products that were tried.
func (e *evidence) sidesOf(victim int, f bisect.Finding) (runs []screen.Run, parent, culprit int) {
	tried := func(position int) int {
		if e.twin(position) {
			return e.spoken(position)
		}
		return position
	}
	parent, culprit = tried(f.First-1), tried(f.First)
	runs = e.runs(victim)
	for i, r := range runs {
		for _, at := range []int{parent, culprit} {
			if e.joint.same != nil && e.joint.same[r.Position] == e.joint.same[at] {
				runs[i].Position = at
			}
		}
	}
	return runs, parent, culprit
}

// bothSides asks one machine for both sides of a culprit, and then for one again.
func (s *surroundings) bothSides(e *evidence, victim int, f bisect.Finding) []ask {
	runs, parent, culprit := e.sidesOf(victim, f)
	if len(screen.Witnesses(runs, parent, culprit)) > 0 {
		return nil
	}
	worker, position, ok := screen.Next(runs, parent, culprit, s.ready)
	heard := 0
	for _, r := range runs {
		if r.Position == position {
			heard++
		}
	}
	if tries := e.tries(position); !ok || tries >= mostSides || tries-heard >= maxSilent {
		return nil
	}
	project, rev := e.route.Step(f.First)
	what := fmt.Sprintf("%s %s, on the same worker,", project, rev.Short())
	if position == parent {
		what = "what is in front of " + what
	}
	return []ask{{pins: e.route.Pins(position), worker: worker, what: what}}
}

// healthy is a machine that probes should run on, where another one is always bad
// and is contradicted, or says what no other one says; empty if that is none, or none can be told.
func (e *evidence) healthy(victims int) string {
	s := e.surroundings()
	for b := range e.builds {
		for i := range victims {
			if s != nil && e.isStrange(b, i) {
				return screen.Other(s.ready, e.ran[b].Worker)
			}
		}
	}
	for i := range victims {
		runs := e.runs(i)
		ill := screen.Ill(runs)
		if s == nil || len(ill) == 0 {
			continue
		}
		for _, r := range slices.Backward(runs) {
			if r.Said == weir.ObservedGood && s.ready[r.Worker] && !slices.Contains(ill, r.Worker) {
				return r.Worker
			}
		}
	}
	return ""
}

// witness is a machine that saw both sides of a culprit; empty if none did.
func (e *evidence) witness(findings []bisect.Finding) string {
	for i, f := range findings {
		if f.Kind == bisect.Found {
			if seen := screen.Witnesses(e.sidesOf(i, f)); len(seen) > 0 {
				return seen[0]
			}
		}
	}
	return ""
}

// outside takes back what was found where the surroundings have changed under the
// search: what was good in front of a culprit is bad there since, on every machine. And
// where one machine clears what others saw bad several times, and does not stand by it, and nobody is left to be
// asked which of them is right, it may be any revision since the others saw it good.
func (e *evidence) outside(findings []bisect.Finding) {
	s := e.surroundings()
	for i, f := range findings {
		if f.Kind == bisect.Found && s != nil && screen.Changed(e.sidesOf(i, f)) {
			findings[i] = bisect.Finding{Kind: bisect.Environment, First: f.First, Last: f.First, Confidence: f.Confidence}
		} else if s != nil {
			if ask, c := s.elsewhere(e, i, f); c.Alone != "" && len(ask) == 0 && !c.Upheld {
				findings[i] = bisect.Finding{Kind: bisect.Range, First: max(c.Cleared+1, 1), Last: f.Last, Confidence: f.Confidence}
			}
		}
	}
}

// tellApart asks again where a victim was good and bad at one revision, if so far
// each worker has always said the same.
func (s *surroundings) tellApart(e *evidence, victim int) []ask {
	runs := e.runs(victim)
	d, ok := screen.Divide(runs)
	if !ok || d.Chance() < screen.Apart || max(len(runs), e.tries(d.Position)) >= 4*mostAgain {
		return nil
	}
	var list []ask
	for _, side := range [][]string{d.Bad, d.Good} {
		if i := slices.IndexFunc(side, func(w string) bool { return s.ready[w] }); i >= 0 {
			list = append(list, ask{pins: e.route.Pins(d.Position), worker: side[i], what: "the same on " + side[i]})
		}
	}
	if len(list) < 2 {
		return nil // only both together say something
	}
	return list
}

// tell notes who saw both sides of a culprit, or what the bad runs have in common.
func (s *surroundings) tell(e *evidence, r *weir.Regression, victims []int, f bisect.Finding) {
	switch f.Kind {
	case bisect.Found:
		var all []string
		for n, i := range victims {
			both := screen.Witnesses(e.sidesOf(i, f))
			if n == 0 {
				all = both
			}
			all = slices.DeleteFunc(all, func(w string) bool { return !slices.Contains(both, w) })
		}
		r.Checks.Workers = all
	case bisect.Nobody, bisect.Environment:
		r.Checks.Screen = e.clues(victims)
		if f.Kind != bisect.Nobody {
			return
		}
		var ill weir.Clue
		for _, i := range victims {
			d, ok := screen.Divide(e.runs(i))
			if !ok || d.Chance() >= screen.Apart {
				return
			}
			ill = d.Clue()
		}
		// One machine, and not chance. What it was before it fell ill does not count.
		r.Blame = weir.BlameEnvironment
		r.Checks.Screen = slices.Insert(slices.DeleteFunc(r.Checks.Screen, func(c weir.Clue) bool { return c.Facet == ill.Facet }), 0, ill)
	}
}

// clues looks for what the bad runs of victims have in common, and the good ones
// have not. The builds from before the accusation count as well: the revisions may
// be the same, and the machines not.
func (e *evidence) clues(victims []int) []weir.Clue {
	var runs []flake.Outcome
	add := func(a weir.Attempt, said []weir.Observed) {
		o := weir.ObservedNone
		for _, i := range victims {
			if said[i] == weir.ObservedBad || o == weir.ObservedNone {
				o = said[i]
			}
		}
		if o == weir.ObservedNone || a.Worker == "" {
			return
		}
		runs = append(runs, flake.Outcome{Bad: o == weir.ObservedBad, Worker: a.Worker, Root: a.Surroundings.Root, Load: a.Surroundings.Load,
			Network: a.Surroundings.Network, Clock: a.Surroundings.Clock, At: a.Leased, Directory: a.Surroundings.Directory})
	}
	for _, p := range e.past {
		add(p.attempt, p.said)
	}
	for b := range e.trials {
		if b < len(e.ran) {
			add(e.ran[b], e.said[b])
		}
	}
	out := screen.Clues(runs)
	if e.recipe != "" {
		out = slices.Insert(out, 0, weir.Clue{Facet: "recipe", Value: e.recipe, Chance: 1})
	}
	return out
}

// clueText says the clearest clue as the end of a note.
func clueText(r weir.Regression) string {
	if len(r.Checks.Screen) == 0 {
		return ""
	}
	c := r.Checks.Screen[0]
	if c.Runs == 0 {
		return "; " + c.Value
	}
	return fmt.Sprintf("; %s: %d of %d runs are bad, and %d of %d others", c.Value, c.Bad, c.Runs, c.OtherBad, c.OtherRuns)
}

// innocent reports whether some finding is that no revision did it.
func innocent(findings []bisect.Finding) bool {
	return slices.ContainsFunc(findings, func(f bisect.Finding) bool { return f.Kind == bisect.Nobody || f.Kind == bisect.Environment })
}

// pastRun is what a build from before the accusation said, and where it ran.
type pastRun struct {
	attempt weir.Attempt
	said    []weir.Observed
}

// gatherSurroundings reads where the builds of a search have run.
func (q *Inquiry) gatherSurroundings(ctx context.Context, r weir.Regression, e *evidence) error {
	ready := q.readyOn(r.Builder.Platform)
	if s := e.surroundings(); s != nil {
		s.ready = ready
	}
	for _, b := range e.builds {
		a, err := q.lastAttempt(ctx, b.ID)
		if err != nil {
			return err
		}
		e.ran = append(e.ran, a)
	}
	return nil
}

// gatherPast reads what the tests did before they were accused, for a search
// that has come to the conclusion that no revision did it.
func (q *Inquiry) gatherPast(ctx context.Context, r weir.Regression, e *evidence) error {
	asked := trail.OnThePath(r.Victims)
	visited := 0
	err := q.trail.Back(ctx, weir.Build{ID: r.Bad.Build, Builder: r.Builder}, func(b weir.Build) (bool, error) {
		visited++
		set, err := q.trail.ResultsOf(ctx, b)
		if trail.Unreadable(err) {
			return visited < screened, nil
		}
		if err != nil {
			return false, err
		}
		a, err := q.lastAttempt(ctx, b.ID)
		e.past = append(e.past, pastRun{a, verdict.ObserveAll(asked, b, set)})
		return visited < screened, err
	})
	if err != nil || r.Good.Build == 0 || len(e.builds) == 0 {
		return err
	}
	e.recipe, err = q.trail.RecipeChange(ctx, r.Good.Build, e.builds[len(e.builds)-1].ID)
	return err
}

// lastAttempt finds the attempt that gave a build its outcome; the zero Attempt if none did.
func (q *Inquiry) lastAttempt(ctx context.Context, id weir.BuildID) (weir.Attempt, error) {
	if a, ok := q.ran[id]; ok {
		return a, nil
	}
	all, err := q.store.Attempts(ctx, id)
	if err != nil || len(all) == 0 {
		return weir.Attempt{}, err
	}
	last := all[len(all)-1]
	if !last.Live() {
		if len(q.ran) >= mostRemembered {
			clear(q.ran)
		}
		q.ran[id] = last
	}
	return last, nil
}

// mostRemembered is how many attempts are remembered.
const mostRemembered = 10_000

// readyOn names the workers of a platform that get work.
func (q *Inquiry) readyOn(p weir.Platform) map[string]bool {
	ready := map[string]bool{}
	for _, w := range q.workers {
		if w.Platform == p && w.State(q.now()) == weir.WorkerReady {
			ready[w.Name] = true
		}
	}
	return ready
}
