package planner

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/condition"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// Assembly collects the builds of one run, with what they need in front of them:
// products of upstreams, and the other jobs that a job comes after.
type Assembly struct {
	Run   store.NewRun
	table *Table
	// planned holds the builds that stand on their builders' lines; others
	// are made for their product only, or for those that come after them.
	planned map[string]bool
	index   map[string]int // build key -> place in Run.Builds
}

// NewAssembly begins a run.
func NewAssembly(t *Table, run store.NewRun) *Assembly {
	run.Config = cmp.Or(run.Config, t.Version)
	return &Assembly{Run: run, table: t, index: map[string]int{}}
}

// buildKey identifies a build by builder and pins.
func buildKey(builder weir.BuilderID, pins weir.Pins) string {
	return fmt.Sprint(builder, " ", pins.Key())
}

// Add puts a build of a builder at pins into the run, behind the builds that it
// needs, and returns its place. The priority is that of its cause; the job's own
// comes on top. NotFound if the builder is not in the configuration, Invalid if
// nothing builds a product that it needs.
func (a *Assembly) Add(builder weir.BuilderID, pins weir.Pins, priority int, adjust func(*store.NewBuild)) (int, error) {
	return a.add(builder, pins, priority, math.MinInt, adjust)
}

// add is Add for a build of at least some rank.
func (a *Assembly) add(builder weir.BuilderID, pins weir.Pins, priority, least int, adjust func(*store.NewBuild)) (int, error) {
	p, ok := a.table.Plan(builder)
	if !ok {
		return 0, weir.Errorf(weir.NotFound, "builder %d is not in the configuration any more", builder)
	}
	b := store.NewBuild{Builder: builder, Pins: pins, Spec: p.Spec(pins), Priority: max(schedule.Rank(priority, p.Job.Priority), least),
		When: p.Job.When, Locks: p.Job.Locks}
	var err error
	if b.Needs, err = a.products(p, pins, priority, b.Priority+1); err != nil {
		return 0, err
	}
	adjust(&b)
	cause := cmp.Or(b.Cause, a.Run.Cause)
	if !answers(cause) { // whoever asks about one job's revisions wants that job's answer
		if b.After, err = a.after(p, pins, priority, b.Priority); err != nil {
			return 0, err
		}
	}
	b.Spec.Cause = cmp.Or(b.Spec.Cause, cause) // what is repeated is told what it was told
	b.Spec.Branch = p.Key.Branch
	b.Spec.Params = Params(p.Job, a.Run.Params)
	return a.place(b), nil
}

// answers reports whether builds of that cause stand for themselves.
func answers(c weir.Cause) bool {
	return c == weir.CauseProbe || c == weir.CauseRetry || c == weir.CauseProduct
}

// place puts a build into the run, unless one that is there may stand in for it.
func (a *Assembly) place(b store.NewBuild) int {
	b.Spec.Job.Labels = protocol.Labels(b.Spec)
	key := buildKey(b.Builder, b.Pins)
	if at, ok := a.index[key]; ok && b.Share != store.ShareNone {
		a.Run.Builds[at].Priority = max(a.Run.Builds[at].Priority, b.Priority)
		a.Run.Builds[at].Supersede = a.Run.Builds[at].Supersede || b.Supersede
		return at
	}
	a.Run.Builds = append(a.Run.Builds, b)
	a.index[key] = len(a.Run.Builds) - 1
	return len(a.Run.Builds) - 1
}

// products puts the builds into the run that make what a build unpacks.
func (a *Assembly) products(p recipe.Plan, pins weir.Pins, priority, least int) (places []int, err error) {
	for _, name := range p.Upstreams {
		job := p.ProductJob(a.table.Farm, name)
		if job == "" {
			continue
		}
		k, ok := a.table.product(p, name, job)
		if !ok {
			return nil, weir.Errorf(weir.Invalid, "%s needs the product of %s/%s, which is not built on %s",
				p.Key.Name(), name, job, p.Key.Platform).
				WithHint("add %s to the platforms of job %s of project %s", p.Key.Platform, job, name)
		}
		at, err := a.need(k, pins, priority+1, least, weir.CauseProduct)
		if err != nil {
			return nil, err
		}
		places = append(places, at)
	}
	return places, nil
}

// after puts the builds into the run that must end before one begins. What the
// same run asks for anyway is taken as it is.
func (a *Assembly) after(p recipe.Plan, pins weir.Pins, priority, least int) (places []int, err error) {
	for _, k := range a.table.needs(p) {
		at, ok := a.index[buildKey(a.table.Builders[k].ID, pins.Only(Names(a.table.Plans[k])))]
		if !ok {
			if at, err = a.need(k, pins, priority, least, ""); err != nil {
				return nil, err
			}
		}
		if !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	return places, nil
}

// need puts a build that others wait for into the run. If it does not stand on its
// line it has the cause given, or the run's own. Its rank is that of its own job, but
// at least that of what waits for it.
func (a *Assembly) need(k int, pins weir.Pins, priority, least int, cause weir.Cause) (int, error) {
	return a.add(a.table.Builders[k].ID, pins.Only(Names(a.table.Plans[k])), priority, least, func(n *store.NewBuild) {
		n.Share = store.ShareAny
		if !a.planned[buildKey(n.Builder, n.Pins)] {
			n.Cause = cause
		}
	})
}

// Params lists a job's parameters with what was chosen, or their defaults, in
// the order of the job. Those that the job does not have are left out.
func Params(j weir.Job, chosen []weir.EnvVar) []weir.EnvVar {
	var out []weir.EnvVar
	for _, p := range j.Params {
		value := p.Default
		for _, c := range chosen {
			if c.Name == p.Name {
				value = c.Value
			}
		}
		out = append(out, weir.EnvVar{Name: p.Name, Value: value})
	}
	return out
}

// Facts are what a condition of a plan's job knows if a cause sets it off.
func (t *Table) Facts(p recipe.Plan, cause weir.Cause, params []weir.EnvVar) condition.JobFacts {
	f := condition.JobFacts{Project: p.Key.Project, Job: p.Key.Job, Cell: p.Key.Cell, Platform: p.Key.Platform,
		Branch: p.Key.Branch, Cause: cause, Pull: cause == weir.CausePull, Params: condition.Vars(Params(p.Job, params)), Matrix: map[string]string{}}
	if project := t.Project(p.Key.Project); project != nil {
		job, _ := project.Job(p.Key.Job)
		if i := slices.IndexFunc(job.Cells, func(c weir.Cell) bool { return c.Name == p.Key.Cell }); i >= 0 {
			f.Matrix = condition.Vars(job.Cells[i].Vars)
		}
	}
	return f
}
