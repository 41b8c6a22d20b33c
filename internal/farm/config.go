package farm

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/schedule/relevance"
)

// config is a configuration with what follows from it.
type config struct {
	*recipe.Farm
	*planner.Table
	version string // see setup.Version
	locks   map[string]weir.Lock
}

// Configure gives the farm its projects, in place of those it had.
func (f *Farm) Configure(ctx context.Context, farm *recipe.Farm) error {
	f.setting.Lock()
	defer f.setting.Unlock()
	return f.configure(ctx, farm)
}

// reconfigure puts the same configuration in force again, because its projects
// have other branches now.
func (f *Farm) reconfigure(ctx context.Context) error {
	f.setting.Lock()
	defer f.setting.Unlock()
	return f.configure(ctx, f.config.Load().Farm)
}

func (f *Farm) configure(ctx context.Context, farm *recipe.Farm) error {
	renamed, err := f.renamer.Apply(ctx, f.store, farm, f.now())
	if err != nil {
		return err
	}
	if renamed {
		f.known.forget()
		f.polled.forget()
	}
	branches, err := f.store.Branches(ctx)
	if err != nil {
		return err
	}
	for _, p := range farm.Projects { // what is watched may have changed since they were recorded
		branches[p.Name] = relevance.Names(p.Source.Watch.Branches, branches[p.Name], relevance.MaxBranches, p.Source.Branch)
	}
	plans := recipe.ExpandBranches(farm, f.host, branches)
	builders, err := f.store.EnsureBuilders(ctx, planner.Keys(plans))
	if err != nil {
		return err
	}
	c := &config{Farm: farm, version: setup.Version(farm), locks: locksOf(farm), Table: planner.NewTable(farm, plans, builders)}
	c.Table.Version = c.version
	f.config.Store(c)
	f.moved.ring()
	f.configured.ring()
	f.due.ring()
	f.stir()
	return nil
}

// Setup tells how the farm stands with its configuration.
func (f *Farm) Setup() setup.Status { return f.setup.Status() }

// project finds a project by name; nil if there is none.
func (c *config) project(name string) *weir.Project {
	for i := range c.Projects {
		if c.Projects[i].Name == name {
			return &c.Projects[i]
		}
	}
	return nil
}

// builds reports whether there are builders of a branch.
func (c *config) builds(project, branch string) bool {
	return slices.ContainsFunc(c.Table.Builders, func(b weir.Builder) bool { return b.Project == project && b.Branch == branch })
}

// locksOf lists the locks of a farm file by name.
func locksOf(farm *recipe.Farm) map[string]weir.Lock {
	locks := make(map[string]weir.Lock, len(farm.Locks))
	for _, l := range farm.Locks {
		locks[l.Name] = l
	}
	return locks
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
