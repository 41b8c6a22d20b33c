package planner

import (
	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// Table is what a farm is configured to build: its builders, and how builds of
// them are made. It does not change. Its methods Empty, Involved, Reverts and Add
// make it a trail.Config.
type Table struct {
	Farm     *recipe.Farm
	Plans    []recipe.Plan
	Builders []weir.Builder // parallel to Plans
	Version  string         // of the configuration, for the runs that are made of it
	byID     map[weir.BuilderID]int
	byJob    map[jobKey][]int
}

// jobKey finds the plans of a project's job on a platform: one for each cell and branch.
type jobKey struct {
	project, job string
	platform     weir.Platform
}

// NewTable makes a table of the plans of a farm and their builders, in the same order.
func NewTable(farm *recipe.Farm, plans []recipe.Plan, builders []weir.Builder) *Table {
	t := &Table{Farm: farm, Plans: plans, Builders: builders,
		byID: make(map[weir.BuilderID]int, len(builders)), byJob: map[jobKey][]int{}}
	for i, b := range builders {
		t.byID[b.ID] = i
		key := jobKey{b.Project, b.Job, b.Platform}
		t.byJob[key] = append(t.byJob[key], i)
	}
	return t
}

// Keys lists the keys of the builders that plans need.
func Keys(plans []recipe.Plan) []weir.BuilderKey {
	keys := make([]weir.BuilderKey, len(plans))
	for i, p := range plans {
		keys[i] = p.Key
	}
	return keys
}

// Project finds a project by name; nil if there is none.
func (t *Table) Project(name string) *weir.Project {
	p, _ := t.Farm.Project(name)
	return p
}

// Plan finds the plan of a builder.
func (t *Table) Plan(id weir.BuilderID) (plan recipe.Plan, ok bool) {
	i, ok := t.byID[id]
	if !ok {
		return plan, false
	}
	return t.Plans[i], true
}

// IDs lists the builders.
func (t *Table) IDs() []weir.BuilderID {
	ids := make([]weir.BuilderID, len(t.Builders))
	for i, b := range t.Builders {
		ids[i] = b.ID
	}
	return ids
}

// Names lists the projects whose revisions a plan's builds pin: everything
// upstream of it, upstreams first, and its own.
func Names(p recipe.Plan) []string {
	out := make([]string, 0, len(p.Upstreams)+1)
	return append(append(out, p.Upstreams...), p.Key.Project)
}

// branch is the branch of a project that a plan's builds are of.
func (t *Table) branch(p recipe.Plan, project string) string {
	if project == p.Key.Project {
		return p.Key.Branch
	}
	if up := t.Project(project); up != nil {
		return up.Source.Branch
	}
	return ""
}

// Tips is the newest revisions, by project and branch.
type Tips map[trail.Branch]weir.Tip

// Ends finds where a plan's line starts and where it should be; both nil while
// nothing is due of one of its projects.
func (t *Table) Ends(p recipe.Plan, tips Tips) (start, end weir.Pins) {
	start, end = weir.Pins{}, weir.Pins{}
	for _, name := range Names(p) {
		tip, ok := tips[trail.Branch{Project: name, Branch: t.branch(p, name)}]
		if !ok || Due(tip).ID == "" {
			return nil, nil
		}
		start[name], end[name] = tip.First.ID, Due(tip).ID
	}
	return start, end
}

// Due is the revision of a tip that is to be built. One that knows of none that
// is due, because it was recorded before there were such, is due as it is.
func Due(tip weir.Tip) weir.Revision {
	if tip.Due.ID == "" {
		return tip.Revision
	}
	return tip.Due
}

// product finds the plan whose builds make the product of an upstream's job for
// a plan: on the same platform, of the same cell if the job has it, on the
// upstream's own branch.
func (t *Table) product(p recipe.Plan, upstream, job string) (at int, ok bool) {
	branch := t.branch(p, upstream)
	best := -1
	for _, i := range t.byJob[jobKey{upstream, job, p.Key.Platform}] {
		key := t.Plans[i].Key
		if key.Branch == branch && (best < 0 || key.Cell == p.Key.Cell) {
			best = i
		}
	}
	return best, best >= 0
}

// needs finds the plans whose builds a plan's builds come after: all cells of each
// job that its job needs, on the same platform if they run there, on all of
// theirs if not.
func (t *Table) needs(p recipe.Plan) (at []int) {
	for _, job := range p.Job.Needs {
		same := t.ofBranch(t.byJob[jobKey{p.Key.Project, job, p.Key.Platform}], p.Key.Branch)
		if len(same) > 0 {
			at = append(at, same...)
			continue
		}
		for i, other := range t.Plans {
			if k := other.Key; k.Project == p.Key.Project && k.Job == job && k.Branch == p.Key.Branch {
				at = append(at, i)
			}
		}
	}
	return at
}

func (t *Table) ofBranch(all []int, branch string) (at []int) {
	for _, i := range all {
		if t.Plans[i].Key.Branch == branch {
			at = append(at, i)
		}
	}
	return at
}

// Empty is for trail.Config.
func (t *Table) Empty() bool { return len(t.Builders) == 0 }

// Involved is for trail.Config.
func (t *Table) Involved(id weir.BuilderID) (all []trail.Branch) {
	if p, ok := t.Plan(id); ok {
		for _, name := range Names(p) {
			all = append(all, trail.Branch{Project: name, Branch: t.branch(p, name)})
		}
	}
	return all
}

// Reverts is for trail.Config.
func (t *Table) Reverts(id weir.BuilderID, project string) bool {
	plan, ok := t.Plan(id)
	p := t.Project(project)
	if !ok || p == nil || p.Source.Kind != weir.Git {
		return false
	}
	// What is only told of an upstream is its revision, and no tool but ours
	// knows what one is without another.
	_, product := p.ProductJob()
	return product || plan.Key.Project == project
}

// Add is for trail.Config.
func (t *Table) Add(run store.NewRun, id weir.BuilderID, at []weir.Pins, priority int, adjust func(*store.NewBuild)) (store.NewRun, error) {
	a := NewAssembly(t, run)
	for _, pins := range at {
		if _, err := a.Add(id, pins, priority, adjust); err != nil {
			return a.Run, err
		}
	}
	return a.Run, nil
}
