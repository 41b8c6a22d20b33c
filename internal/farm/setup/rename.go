package setup

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// Renamer gives projects and jobs their names of now, with the histories that they
// have under former ones. The zero value is ready for use, by one goroutine at a time.
type Renamer struct {
	Log  *slog.Logger     // nil: nothing is logged
	done []store.Renaming // what was said last: saying it again changes nothing
}

// Apply renames what the projects of a farm were formerly called, and reports
// whether there was something to say. Conflict if a new name has a history of its own.
// That is the farm file's fault; what a repository says in its own recipe must not
// hold up the others, and has no effect then.
func (r *Renamer) Apply(ctx context.Context, s store.Configs, f *recipe.Farm, now time.Time) (said bool, err error) {
	all := Renamings(f)
	if slices.Equal(all, r.done) {
		return false, nil
	}
	own := func(n store.Renaming) bool {
		p, ok := f.Project(n.NewProject)
		return n.Job != "" && ok && p.Recipe != weir.RecipeFarm
	}
	for batch := range slices.Chunk(slices.DeleteFunc(slices.Clone(all), own), renamesAtOnce) {
		if err := s.Rename(ctx, batch, now); err != nil {
			return true, err
		}
	}
	for _, p := range f.Projects {
		if p.Recipe == weir.RecipeFarm {
			continue
		}
		jobs := slices.DeleteFunc(slices.Clone(all), func(n store.Renaming) bool { return !own(n) || n.NewProject != p.Name })
		if len(jobs) == 0 {
			continue
		}
		switch err := s.Rename(ctx, jobs[:min(len(jobs), renamesAtOnce)], now); weir.CodeOf(err) {
		case "":
		case weir.Conflict, weir.Invalid:
			if r.Log != nil {
				r.Log.Warn("a repository's recipe gives jobs names that they cannot have", "project", p.Name, "err", err)
			}
		default:
			return true, err
		}
	}
	r.done = all
	return true, nil
}

// renamesAtOnce is how many names the store is told at once.
const renamesAtOnce = 500

// Renamings lists the former names of projects, then those of jobs, which are told
// by the projects' names of now.
func Renamings(f *recipe.Farm) (all []store.Renaming) {
	for _, p := range f.Projects {
		for _, name := range p.Formerly {
			all = append(all, store.Renaming{Project: name, NewProject: p.Name})
		}
	}
	for _, p := range f.Projects {
		for _, j := range p.Jobs {
			for _, name := range j.Formerly {
				all = append(all, store.Renaming{Project: p.Name, NewProject: p.Name, Job: name, NewJob: j.Name})
			}
		}
	}
	return all
}
