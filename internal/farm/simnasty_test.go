package farm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// Real farms have machines that fall ill, recipes that change what a test sees,
// faults that take two or come back, and copies of one error for two reasons.
// The random worlds have all of them, each with a chance, and drawn from a seed
// of their own.

// simNasty is what goes wrong in a world beside its faults.
type simNasty struct {
	rng      *rand.Rand
	illness  []simIllness
	recipes  map[string][]string // tests that fail with each command, "project test"
	features map[string]int      // how often each kind of trouble was made
}

// simIllness makes a test of a project fail on a worker for a while.
type simIllness struct {
	worker        string // empty: on every one
	project, test string
	from, until   time.Time // until is zero if it is for good
	rate          float64   // 1: always
}

func newSimNasty(seed uint64) *simNasty {
	return &simNasty{rng: rand.New(rand.NewPCG(seed, 0xbad)), recipes: map[string][]string{}, features: map[string]int{}}
}

// chance draws, and counts what was drawn.
func (n *simNasty) chance(what string, p float64) bool {
	if n.rng.Float64() >= p {
		return false
	}
	n.features[what]++
	return true
}

func pick[T any](rng *rand.Rand, of []T) T { return of[rng.IntN(len(of))] }

// simMove is a project with the range of its revisions that have come in together.
type simMove struct {
	project     string
	first, last int
}

// complicate plants faults that take more than one revision to explain.
func (w *simWorld) complicate(moves []simMove) {
	n := w.nasty
	if n == nil || len(moves) == 0 {
		return
	}
	for range 2 {
		m := pick(n.rng, moves)
		at := m.first + n.rng.IntN(m.last-m.first+1)
		victims := w.below(m.project)
		if len(victims) == 0 {
			continue
		}
		victim := pick(n.rng, victims)
		f := simFault{Project: m.project, At: at, Victim: victim, Tests: []string{pick(n.rng, w.tests[victim])}, Kind: weir.NewlyFailing}
		switch {
		case n.chance("with", 0.3):
			if other, ok := w.partner(victim, m.project, moves); ok {
				f.With = weir.Pins{other.project: simRevision(other.project, other.first+n.rng.IntN(other.last-other.first+1))}
				w.faults = append(w.faults, f)
			}
		case n.chance("without", 0.2):
			if other, ok := w.partner(victim, m.project, moves); ok {
				f.Without = weir.Pins{other.project: simRevision(other.project, other.last+n.rng.IntN(5))}
				w.faults = append(w.faults, f)
			}
		case n.chance("herd", 0.3):
			for _, f.Victim = range victims {
				f.Tests = w.tests[f.Victim][:1+n.rng.IntN(len(w.tests[f.Victim]))]
				w.faults = append(w.faults, f)
			}
		case n.chance("lookalike", 0.3):
			for _, f.Victim = range victims {
				f.At, f.Like = m.first+n.rng.IntN(m.last-m.first+1), at
				f.Tests = w.tests[f.Victim][:1]
				w.faults = append(w.faults, f)
			}
		case n.chance("unbuilt around", 0.3):
			w.faults = append(w.faults, f)
			first, last := max(at-n.rng.IntN(4), m.first), min(at+n.rng.IntN(4), m.last-1)
			for i := first; i <= last && len(w.tests[m.project]) == 0; i++ {
				w.unbuilt[simRevision(m.project, i)] = true
			}
		}
	}
	for _, m := range moves {
		w.comeBack(m)
	}
}

// comeBack mends some old faults, and has some that were mended return.
func (w *simWorld) comeBack(m simMove) {
	n := w.nasty
	for i := range w.faults {
		f := w.faults[i]
		at := m.first + n.rng.IntN(m.last-m.first+1)
		switch {
		case f.Project != m.project || f.At >= m.first || f.Kind == weir.FailingDifferently:
		case f.Fixed == 0 && n.chance("mended", 0.25):
			w.faults[i].Fixed = at
		case f.Fixed != 0 && f.Fixed < m.first && n.chance("back", 0.3):
			again := f
			again.At, again.Fixed, again.Like = at, 0, f.At
			if f.Like != 0 {
				again.Like = f.Like
			}
			if n.rng.IntN(3) == 0 {
				again.Like = 0
			}
			w.faults = append(w.faults, again)
		}
	}
}

// below lists the projects with tests that a project can break, by name.
func (w *simWorld) below(project string) (below []string) {
	for name := range w.tests {
		if name == project || slices.Contains(w.above(name), project) {
			below = append(below, name)
		}
	}
	slices.Sort(below)
	return below
}

// above lists everything upstream of a project, near and far.
func (w *simWorld) above(project string) (above []string) {
	p, _ := w.farm.Project(project)
	for _, up := range p.Upstreams {
		for _, name := range append(w.above(up.Project), up.Project) {
			if !slices.Contains(above, name) {
				above = append(above, name)
			}
		}
	}
	return above
}

// partner finds another project that a victim is made of, one that has moved if
// there is one.
func (w *simWorld) partner(victim, project string, moves []simMove) (simMove, bool) {
	of := slices.DeleteFunc(append(w.above(victim), victim), func(name string) bool { return name == project })
	moved := slices.DeleteFunc(slices.Clone(moves), func(m simMove) bool { return !slices.Contains(of, m.project) })
	if len(moved) > 0 {
		return pick(w.nasty.rng, moved), true
	}
	if len(of) == 0 {
		return simMove{}, false
	}
	name := pick(w.nasty.rng, slices.Sorted(slices.Values(of)))
	return simMove{name, w.tips[name] + 1, w.tips[name] + 3}, true
}

// befall lets something happen to the machines or to the recipes, soon.
func (s *sim) befall() {
	n := s.world.nasty
	if n == nil || len(s.world.tests) == 0 {
		return
	}
	project := pick(n.rng, slices.Sorted(maps.Keys(s.world.tests)))
	test := pick(n.rng, s.world.tests[project])
	ill := simIllness{project: project, test: test, rate: 1, from: s.now.Add(time.Duration(n.rng.IntN(400)) * time.Second)}
	if n.rng.IntN(2) == 0 {
		ill.until = ill.from.Add(time.Duration(30+n.rng.IntN(600)) * time.Second)
	}
	worker := pick(n.rng, s.workers).Name
	switch {
	case n.chance("one machine ill", 0.25):
		ill.worker = worker
	case n.chance("flaky on one machine", 0.15):
		ill.worker, ill.rate = worker, 0.2+0.6*n.rng.Float64()
	case n.chance("all machines ill", 0.1):
	case n.chance("new recipe", 0.15):
		s.newRecipe(project, test)
		return
	default:
		return
	}
	n.illness = append(n.illness, ill)
}

// newRecipe gives a project another command, with which a test fails.
func (s *sim) newRecipe(project, test string) {
	farm := *s.world.farm
	farm.Projects = slices.Clone(farm.Projects)
	for i, p := range farm.Projects {
		if p.Name == project {
			job := p.Jobs[0]
			command := job.Steps[0].Run + " -v"
			s.world.nasty.recipes[command] = append(slices.Clone(s.world.nasty.recipes[job.Steps[0].Run]), project+" "+test)
			job.Steps = []weir.Step{{Name: "make", Run: command}}
			farm.Projects[i].Jobs = []weir.Job{job}
		}
	}
	s.world.farm = &farm
	for _, f := range s.farms {
		s.must(f.Configure(s.ctx, s.world.farm))
	}
}

// spoil changes what a worker has found to what its illness, and the recipe, make of it.
func (s *sim) spoil(a protocol.Assignment, end *simEnd) {
	n := s.world.nasty
	if n == nil {
		return
	}
	for i, r := range end.set.Results {
		why := ""
		for _, ill := range n.illness {
			if ill.strikes(s.holder[a.Attempt], a.Spec.Project, r.Test.Name, s.now) && n.rng.Float64() < ill.rate {
				why = "no such device"
			}
		}
		if slices.Contains(n.recipes[a.Spec.Job.Steps[0].Run], a.Spec.Project+" "+r.Test.Name) {
			why = "unknown flag of the new command"
		}
		if why != "" {
			end.outcome, end.reason = weir.Failed, weir.ReasonTests
			end.set.Results[i].Status, end.set.Results[i].Message = weir.Fail, why
		}
	}
}

func (i simIllness) strikes(worker, project, test string, now time.Time) bool {
	return (i.worker == "" || i.worker == worker) && i.project == project && i.test == test && !now.Before(i.from) && (i.until.IsZero() || now.Before(i.until))
}

// sick reports whether a test ever failed because of the machine or the recipe.
func (w *simWorld) sick(v weir.Victim) bool {
	if w.nasty == nil {
		return false
	}
	for _, ill := range w.nasty.illness {
		if ill.project == v.Builder.Project && ill.test == v.Test.Name {
			return true
		}
	}
	for _, tests := range w.nasty.recipes {
		if slices.Contains(tests, v.Builder.Project+" "+v.Test.Name) {
			return true
		}
	}
	return false
}

// String lists what was made.
func (n *simNasty) String() string {
	if n == nil {
		return "nothing"
	}
	return fmt.Sprint(n.features)
}
