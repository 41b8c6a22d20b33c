package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
)

// recipeSource is where the recipe comes from.
type recipeSource struct {
	farm  *recipe.Farm
	plans []recipe.Plan // a builder each; matrices are written out
	file  string        // for people
	dir   string        // what is tested instead of a checkout; empty: a checkout
	// here says that there is no farm file, but what lies in dir.
	here bool
}

// source finds the recipe.
func (f runFlags) source(c *cobra.Command) (*recipeSource, error) {
	_, err := os.Stat(f.file)
	if f.fileGiven || err == nil || !errors.Is(err, fs.ErrNotExist) {
		farm, err := console.LoadFarm(c, []string{f.file})
		if err != nil {
			return nil, err
		}
		s := &recipeSource{farm: farm, file: f.file, dir: f.dir}
		s.expand()
		return s, nil
	}
	return f.repository(c)
}

// repository makes a farm of the directory that is tested, with one project.
func (f runFlags) repository(c *cobra.Command) (*recipeSource, error) {
	dir := f.dir
	if dir == "" {
		dir = "."
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "%s is not a directory", show.Safe(f.dir)).WithCause(err)
	}
	s := &recipeSource{dir: dir, here: true, file: weir.RepositoryRecipe}
	jobs, err := f.repositoryJobs(c, dir)
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "there is no directory for caches").WithHint("set HOME").WithCause(err)
	}
	s.farm = &recipe.Farm{Name: recipe.DefaultName, Data: filepath.Join(cache, "weir", "run"), Projects: []weir.Project{{
		Name: projectName(dir), Source: weir.Source{Kind: weir.Git, Location: filepath.ToSlash(dir)}, Jobs: jobs}}}
	s.expand()
	return s, nil
}

// repositoryJobs reads .weir.yaml, or looks around if there is none.
func (f runFlags) repositoryJobs(c *cobra.Command, dir string) ([]weir.Job, error) {
	root, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.Open(weir.RepositoryRecipe)
	if errors.Is(err, fs.ErrNotExist) {
		jobs, reasons, err := f.detected(dir)
		if err != nil {
			return nil, err
		}
		if !f.quiet {
			fmt.Fprintf(c.OutOrStdout(), "there is no %s here; weir detect shows what is run instead, because of:\n", weir.RepositoryRecipe)
			for _, r := range reasons {
				if r.Job != "" {
					fmt.Fprintf(c.OutOrStdout(), "  %s: %s\n", show.Safe(r.File), show.Safe(r.Text))
				}
			}
		}
		return jobs, nil
	}
	path := filepath.Join(dir, weir.RepositoryRecipe)
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "%s cannot be read", path).WithCause(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, recipe.MaxFile+1))
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "%s cannot be read", path).WithCause(err)
	}
	jobs, problems := recipe.ParseRepository(path, data)
	if problems.Err() != nil {
		return nil, console.ShowProblems(c.ErrOrStderr(), path, problems)
	}
	if len(problems) > 0 {
		fmt.Fprint(c.ErrOrStderr(), problems.Format())
	}
	return jobs, nil
}

// projectName makes a project's name of a directory's.
func projectName(dir string) string {
	name := strings.Map(func(r rune) rune {
		if weir.ValidName("a" + string(r)) {
			return r
		}
		return '-'
	}, filepath.Base(dir))
	name = strings.TrimLeft(name, "._+-")
	if name = name[:min(len(name), 64)]; !weir.ValidName(name) {
		return "here"
	}
	return name
}

// expand lists the builders.
func (s *recipeSource) expand() { s.plans = recipe.Expand(s.farm, console.HostPlatform()) }

// runsHere reports whether a builder is one of this machine's platform.
func runsHere(p recipe.Plan) bool { return p.Key.Platform == console.HostPlatform() }

// choose finds the builders that a person means, and those that they need, each
// behind what it needs.
func (s *recipeSource) choose(want, job, cell string) ([]recipe.Plan, error) {
	project, name, _ := strings.Cut(want, "/")
	if job != "" && name != "" && job != name {
		return nil, console.Usage(fmt.Errorf("--job %s: the argument names the job %s", job, name))
	}
	if s.here && project != "" && project != s.farm.Projects[0].Name {
		return nil, weir.Errorf(weir.NotFound, "there is no farm file %s, so that %q means nothing here", recipe.FileName, want).
			WithHint("leave it out to test what is here; weir init writes a farm file")
	}
	if name == "" {
		name = job
	}
	var jobs, all []string
	var fit []recipe.Plan
	for _, p := range s.plans {
		if !runsHere(p) {
			continue
		}
		title := p.Key.Project + "/" + p.Key.Job
		if !slices.Contains(all, title) {
			all = append(all, title)
		}
		if (project == "" || p.Key.Project == project) && (name == "" || p.Key.Job == name) {
			if !slices.Contains(jobs, title) {
				jobs = append(jobs, title)
			}
			fit = append(fit, p)
		}
	}
	if err := s.oneJob(want, name, jobs, all); err != nil {
		return nil, err
	}
	if cell != "" {
		cells := names(fit)
		fit = slices.DeleteFunc(fit, func(p recipe.Plan) bool { return p.Key.Cell != cell })
		if len(fit) == 0 {
			return nil, weir.Errorf(weir.NotFound, "no job has a cell %q", cell).WithHint("%s", cellHint(cells))
		}
	}
	return s.withNeeds(fit), nil
}

// oneJob checks that it is clear which job is meant.
func (s *recipeSource) oneJob(want, name string, jobs, all []string) error {
	if want == "" {
		want = name
	}
	switch {
	case len(all) == 0:
		return weir.Errorf(weir.NotFound, "%s has no job that runs on %s", s.file, console.HostPlatform())
	case len(jobs) == 0:
		return weir.Errorf(weir.NotFound, "%s has no job %q that runs on %s", s.file, want, console.HostPlatform()).
			WithHint("there are: %s", short(all))
	case len(jobs) > 1 && !s.here:
		return weir.Errorf(weir.Invalid, "%q may be several jobs", want).
			WithHint("name one: weir run PROJECT/JOB; there are: %s", short(all))
	}
	return nil
}

func names(plans []recipe.Plan) []string {
	var out []string
	for _, p := range plans {
		if p.Key.Cell != "" {
			out = append(out, p.Key.Cell)
		}
	}
	return out
}

// cellHint says which cells there are.
func cellHint(cells []string) string {
	if len(cells) == 0 {
		return "no job here has a matrix; leave out --cell"
	}
	return "there are: " + short(cells)
}

// maxNamed is how many names a hint lists.
const maxNamed = 12

func short(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > maxNamed {
		return strings.Join(names[:maxNamed], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}
