package farm

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/source"
)

const simPlatform = weir.Platform("linux/amd64")

// simFault is a planted culprit: from revision At of Project on, until
// revision Fixed (0: never), these tests of one downstream are bad.
type simFault struct {
	Project   string
	At, Fixed int
	Victim    string
	Tests     []string
	Kind      weir.Verdict
	With      weir.Pins       // only if these projects have got there too
	Without   weir.Pins       // only if these have not
	Also      map[string]bool // whether it is there at these revisions, which are not of the line
	Like      int             // its failures say what those of a fault at this revision do; 0: At
}

// simWorld is a synthetic ecosystem whose history grows on request. What a
// build does is a function of its pins, but for flaky tests.
type simWorld struct {
	ill      map[string][]string // tests that fail on a worker
	nasty    *simNasty           // nil: nothing of that
	rng      *rand.Rand
	farm     *recipe.Farm
	tips     map[string]int // newest position, from 1
	tests    map[string][]string
	flaky    map[string]float64 // "project test" -> rate
	unstable map[string]bool    // "project test": its failures say something else each time
	faults   []simFault
	unbuilt  map[string]bool   // revisions of upstreams that do not build
	unusable map[string]bool   // revisions whose builds always end in infra
	panics   map[string]string // revisions whose test of that name takes the rest of its suite down
	renames  map[string]simRename
	runs     int // how many there were, for messages that are never the same twice

	content func(revision string) string               // what is in a product; nil: no two are alike
	sides   map[string][][]string                      // lines that a revision merged
	lister  source.Adapter                             // in place of the world's own revisions
	real    func(project, revision string) weir.Status // what tests do at those
	apart   map[string]simEnd                          // endings of builds at certain pins, by Pins.Key
}

// simRename is the name that a test has from a revision of its project on.
type simRename struct {
	at int
	to string
}

func simRevision(project string, position int) string { return fmt.Sprintf("%s-%d", project, position) }

// simPosition is where a revision stands. One without another one that came
// before stands where it does itself.
func simPosition(revision string) int {
	n, err := strconv.Atoi(strings.Split(revision, "-")[1])
	if err != nil {
		panic(err)
	}
	return n
}

// newSimWorld plants one to two upstreams and one to six downstreams.
func newSimWorld(rng *rand.Rand) *simWorld {
	w := &simWorld{rng: rng, farm: &recipe.Farm{Name: "sim"}, tips: map[string]int{}, tests: map[string][]string{},
		flaky: map[string]float64{}, unstable: map[string]bool{}, unbuilt: map[string]bool{}, unusable: map[string]bool{}}
	ups := []weir.Upstream{{Project: "up", Job: "build"}}
	w.addProject("up", nil, "build")
	if rng.IntN(3) == 0 {
		var of []weir.Upstream
		if rng.IntN(2) == 0 {
			of = ups
		}
		w.addProject("lib", of, "build")
		ups = append(ups, weir.Upstream{Project: "lib", Job: "build"})
	}
	for i := range 1 + rng.IntN(6) {
		name := fmt.Sprintf("d%d", i)
		w.addProject(name, ups[rng.IntN(len(ups)):], "test")
		for k := range 1 + rng.IntN(8) {
			test := fmt.Sprintf("t%d", k)
			w.tests[name] = append(w.tests[name], test)
			if rng.IntN(8) == 0 {
				w.flaky[name+" "+test] = 0.02 + 0.28*rng.Float64()
			}
			w.unstable[name+" "+test] = rng.IntN(10) == 0
		}
	}
	return w
}

func (w *simWorld) addProject(name string, ups []weir.Upstream, job string) {
	j := weir.Job{Name: job, Platforms: []weir.Platform{simPlatform}, Steps: []weir.Step{{Name: "make", Run: "make"}}}
	if job == "build" {
		j.Product = "$WEIR_PREFIX"
	}
	w.farm.Projects = append(w.farm.Projects, weir.Project{Name: name, Upstreams: slices.Clone(ups), Jobs: []weir.Job{j},
		Source: weir.Source{Kind: weir.Git, Location: "https://example.org/" + name, Branch: "main"}})
	w.tips[name] = 1
}

// grow appends revisions to some projects, with new faults in them.
func (w *simWorld) grow() {
	var moves []simMove
	for _, p := range w.farm.Projects {
		steps := 0
		switch {
		case p.Jobs[0].Product != "":
			steps = w.rng.IntN(24)
		case w.rng.IntN(3) == 0:
			steps = 1 + w.rng.IntN(6)
		}
		first := w.tips[p.Name] + 1
		w.tips[p.Name] += steps
		for at := first; at < first+steps; at++ {
			if p.Jobs[0].Product != "" && w.rng.IntN(12) == 0 {
				w.unbuilt[simRevision(p.Name, at)] = true
			}
			if w.rng.IntN(60) == 0 {
				w.unusable[simRevision(p.Name, at)] = true
			}
		}
		for range w.rng.IntN(3) {
			if steps > 0 {
				w.plant(p, first+w.rng.IntN(steps))
			}
		}
		if steps > 0 {
			moves = append(moves, simMove{p.Name, first, first + steps - 1})
		}
	}
	w.complicate(moves)
}

func (w *simWorld) plant(p weir.Project, at int) {
	below := w.below(p.Name)
	if len(below) == 0 {
		return
	}
	kinds := []weir.Verdict{weir.NewlyFailing, weir.NewlyFailing, weir.NewlySkipped, weir.Vanished, weir.FailingDifferently}
	fixed := 0
	if w.rng.IntN(3) == 0 {
		fixed = at + 1 + w.rng.IntN(20)
	}
	kind := kinds[w.rng.IntN(len(kinds))]
	for _, victim := range below {
		if w.rng.IntN(2) == 0 {
			continue
		}
		tests := slices.Clone(w.tests[victim])
		if kind == weir.FailingDifferently {
			if tests = w.red(victim); len(tests) == 0 {
				continue // it would not show
			}
		}
		w.rng.Shuffle(len(tests), func(i, j int) { tests[i], tests[j] = tests[j], tests[i] })
		w.faults = append(w.faults, simFault{p.Name, at, fixed, victim, tests[:1+w.rng.IntN(len(tests))], kind, nil, nil, nil, 0})
	}
}

// red lists tests of a downstream that have been broken for good.
func (w *simWorld) red(victim string) []string {
	return slices.DeleteFunc(slices.Clone(w.tests[victim]), func(test string) bool {
		return !slices.ContainsFunc(w.faults, func(f simFault) bool {
			return f.Victim == victim && f.Kind == weir.NewlyFailing && f.Fixed == 0 && slices.Contains(f.Tests, test)
		})
	})
}

// status is what a test really does at pins, flakiness aside, and the fault
// that makes it so. What does not run cannot fail.
func (w *simWorld) status(project, test string, pins weir.Pins) (weir.Status, *simFault) {
	status, by := weir.Pass, (*simFault)(nil)
	for i := range w.faults {
		f := &w.faults[i]
		if f.Victim != project || !slices.Contains(f.Tests, test) || !f.active(pins) {
			continue
		}
		switch {
		case f.Kind == weir.FailingDifferently: // see message
		case f.Kind == weir.Vanished:
			return weir.Absent, f
		case f.Kind == weir.NewlySkipped:
			status, by = weir.Skip, f
		case status == weir.Pass:
			status, by = weir.Fail, f
		}
	}
	return status, by
}

// message is what a test says that fails: the same for the same cause, but for
// what changes from run to run. What fails for no reason says so.
func (w *simWorld) message(project, test string, pins weir.Pins) string {
	cause := w.cause(project, test, pins)
	if w.unstable[project+" "+test] {
		cause = "no " + spelled(w.rng.IntN(1e9))
	}
	return fmt.Sprintf("%s: got %d, want 0 (pid %d, %d ms)", cause, w.runs%7+1, 1000+w.runs, 17*w.runs)
}

// corrupt begins what tests say that fail differently.
const corrupt = "corrupt "

func (w *simWorld) cause(project, test string, pins weir.Pins) string {
	cause := "connection lost"
	for i := range w.faults {
		f := &w.faults[i]
		if f.Victim != project || !slices.Contains(f.Tests, test) || !f.active(pins) {
			continue
		}
		if f.Kind == weir.NewlyFailing && cause == "connection lost" {
			cause = "wrong " + spelled(cmp.Or(f.Like, f.At)) + " of " + f.Project
		}
		if f.Kind == weir.FailingDifferently {
			return corrupt + spelled(f.At) + " of " + f.Project
		}
	}
	return cause
}

// spelled makes a word of a number: digits in messages are masked.
func spelled(n int) string {
	word := ""
	for _, digit := range strconv.Itoa(n) {
		word += []string{"lo", "mi", "ku", "po", "ru", "so", "ti", "zu", "ny", "ge"}[digit-'0']
	}
	return word
}

func (f simFault) active(pins weir.Pins) bool {
	rev, ok := pins[f.Project]
	at := 0
	if strings.HasSuffix(rev, "-"+simRevision(f.Project, f.At)) {
		return false // it is reverted
	}
	if ok {
		at = simPosition(rev)
	}
	for name, rev := range f.With {
		if simPosition(pins[name]) < simPosition(rev) {
			return false
		}
	}
	for name, rev := range f.Without {
		if simPosition(pins[name]) >= simPosition(rev) {
			return false
		}
	}
	if on, ok := f.Also[rev]; ok {
		return on
	}
	return at >= f.At && (f.Fixed == 0 || at < f.Fixed)
}

// simEnd is how an attempt ends.
type simEnd struct {
	outcome weir.Outcome
	reason  weir.ReasonCode
	set     weir.ResultSet
	product bool
}

// runOn is what a worker finds when it runs a build. On one that is ill, some
// tests fail whatever they test.
func (w *simWorld) runOn(worker string, spec weir.Spec) simEnd {
	end := w.run(spec)
	for i, r := range end.set.Results {
		if slices.Contains(w.ill[worker], r.Test.Name) {
			end.outcome, end.reason = weir.Failed, weir.ReasonTests
			end.set.Results[i].Status, end.set.Results[i].Message = weir.Fail, "no such device"
		}
	}
	return end
}

// run is what any worker finds when it runs a build.
func (w *simWorld) run(spec weir.Spec) simEnd {
	pins := weir.Pins{spec.Project: spec.Revision}
	for _, in := range spec.Inputs {
		pins[in.Project] = in.Revision
	}
	if w.real != nil {
		end := simEnd{outcome: weir.Passed}
		r := weir.Result{Test: weir.TestID{Suite: "s", Name: "t0"}, Status: w.real(spec.Project, spec.Revision)}
		if r.Status.Bad() {
			end.outcome, end.reason = weir.Failed, weir.ReasonTests
		}
		end.set.Results = append(end.set.Results, r)
		return end
	}
	if end, ok := w.apart[pins.Key()]; ok {
		return end
	}
	step := weir.Result{Test: weir.TestID{Suite: weir.StepSuite, Name: "make"}, Status: weir.Pass}
	end := simEnd{outcome: weir.Passed, product: spec.Job.Product != ""}
	switch {
	case w.unusable[spec.Revision]:
		return simEnd{outcome: weir.Infra, reason: weir.ReasonDiskFull}
	case w.unbuilt[spec.Revision]:
		end.outcome, end.reason, end.product, step.Status = weir.Failed, weir.ReasonStep, false, weir.Fail
	}
	end.set.Results = append(end.set.Results, step)
	w.runs++
	for _, test := range w.tests[spec.Project] {
		status, _ := w.status(spec.Project, test, pins)
		if status == weir.Pass && w.rng.Float64() < w.flaky[spec.Project+" "+test] {
			status = weir.Fail
		}
		if status == weir.Absent {
			continue
		}
		r := weir.Result{Test: weir.TestID{Suite: "s", Name: test}, Status: status}
		if to, ok := w.renames[test]; ok && simPosition(spec.Revision) >= to.at {
			r.Test.Name = to.to
		}
		panics := w.panics[spec.Revision] == test
		if panics {
			r.Status = weir.Fail
			end.set.Incidents = []weir.Incident{{Kind: weir.Panicked, Suite: "s", Test: test, Message: "boom"}}
		}
		if r.Status.Bad() {
			end.outcome, end.reason = weir.Failed, weir.ReasonTests
			r.Message = w.message(spec.Project, test, pins)
		}
		end.set.Results = append(end.set.Results, r)
		if panics {
			break
		}
	}
	return end
}

// Revisions makes the world a source.Lister.
func (w *simWorld) Revisions(ctx context.Context, src weir.Source, known string) (source.Listing, error) {
	if w.lister != nil {
		return w.lister.Revisions(ctx, src, known)
	}
	name := src.Location[strings.LastIndexByte(src.Location, '/')+1:]
	from := 1
	if known != "" {
		from = simPosition(known) + 1
	}
	l := source.Listing{Branch: "main"}
	for at := from; at <= w.tips[name]; at++ {
		l.Revisions = append(l.Revisions, weir.Revision{ID: simRevision(name, at), Message: "change"})
	}
	return l, nil
}

// Merged makes the world a source.MergeLister.
func (w *simWorld) Merged(ctx context.Context, src weir.Source, revision string) ([]source.Side, error) {
	if m, ok := w.lister.(source.MergeLister); ok {
		return m.Merged(ctx, src, revision)
	}
	var sides []source.Side
	for i, line := range w.sides[revision] {
		s := source.Side{Parent: i + 2}
		for _, id := range line {
			s.Revisions = append(s.Revisions, weir.Revision{ID: id, Message: "change"})
		}
		sides = append(sides, s)
	}
	return sides, nil
}

func encodeSet(set weir.ResultSet) ([]byte, error) {
	var b bytes.Buffer
	err := results.Encode(&b, set)
	return b.Bytes(), err
}
