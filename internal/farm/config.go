package farm

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// config is a configuration with what follows from it.
type config struct {
	*recipe.Farm
	plans    []recipe.Plan
	builders []weir.Builder // parallel to plans
	byID     map[weir.BuilderID]int
	byKey    map[jobKey]int
}

// jobKey finds the plan of a project's job on a platform.
type jobKey struct {
	project, job string
	platform     weir.Platform
}

// Configure gives the farm its projects, in place of those it had.
func (f *Farm) Configure(ctx context.Context, farm *recipe.Farm) error {
	c := &config{Farm: farm, plans: recipe.Expand(farm, f.host),
		byID: map[weir.BuilderID]int{}, byKey: map[jobKey]int{}}
	keys := make([]weir.BuilderKey, len(c.plans))
	for i, p := range c.plans {
		keys[i] = p.Key
	}
	var err error
	if c.builders, err = f.store.EnsureBuilders(ctx, keys); err != nil {
		return err
	}
	for i, b := range c.builders {
		c.byID[b.ID] = i
		c.byKey[jobKey{b.Project, b.Job, b.Platform}] = i
	}
	f.config.Store(c)
	f.moved.ring()
	f.configured.ring()
	f.stir()
	return nil
}

// project finds a project by name; nil if there is none.
func (c *config) project(name string) *weir.Project {
	for i := range c.Projects {
		if c.Projects[i].Name == name {
			return &c.Projects[i]
		}
	}
	return nil
}

// involved lists the projects whose revisions a plan's builds pin: everything
// upstream of it, upstreams first, and its own.
func involved(p recipe.Plan) []string {
	out := make([]string, 0, len(p.Upstreams)+1)
	return append(append(out, p.Upstreams...), p.Key.Project)
}

// Known is for triage.Config.
func (c *config) Known(project string) bool { return c.project(project) != nil }

// SourceOf is for aftermath.Config.
func (c *config) SourceOf(project string) (weir.Source, bool) {
	if p := c.project(project); p != nil {
		return p.Source, true
	}
	return weir.Source{}, false
}

// Empty is for trail.Config.
func (c *config) Empty() bool { return len(c.builders) == 0 }

// Involved is for trail.Config.
func (c *config) Involved(id weir.BuilderID) (all []trail.Branch) {
	if i, ok := c.byID[id]; ok {
		for _, name := range involved(c.plans[i]) {
			all = append(all, trail.Branch{Project: name, Branch: c.project(name).Source.Branch})
		}
	}
	return all
}

// Reverts is for trail.Config.
func (c *config) Reverts(id weir.BuilderID, project string) bool {
	i, ok := c.byID[id]
	p := c.project(project)
	if !ok || p == nil || p.Source.Kind != weir.Git {
		return false
	}
	// What is only told of an upstream is its revision, and no tool but ours
	// knows what one is without another.
	_, product := p.ProductJob()
	return product || c.builders[i].Project == project
}

// Add is for trail.Config.
func (c *config) Add(run store.NewRun, id weir.BuilderID, at []weir.Pins, priority int, adjust func(*store.NewBuild)) (store.NewRun, error) {
	a := assembly{config: c, run: run}
	for _, pins := range at {
		if _, err := a.add(id, pins, priority, adjust); err != nil {
			return a.run, err
		}
	}
	return a.run, nil
}
