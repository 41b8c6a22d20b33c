package ecosystem

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	data "github.com/weir-ci/weir/testdata/ecosystem"
)

// Ecosystem is a set of repositories on disk and the plot that they follow.
// It is safe for concurrent use.
type Ecosystem struct {
	dir      string
	names    []string // of projects, as the configuration lists them
	projects map[string]project
	plot     plot

	mu    sync.Mutex // guards stage and the branches on disk
	stage int
}

// project is one repository with its whole history, pushed or not.
type project struct {
	demo    bool
	repo    string // path of the repository
	commits []Commit
}

// Project is a project of the ecosystem.
type Project struct {
	Name string
	// Demo says that the project belongs to the demo. The others are for
	// tests of limits and isolation.
	Demo bool
	Repo string // absolute path of a bare repository with the branch main
	// Commits is the whole history, oldest first, also what is not pushed yet.
	Commits []Commit
}

// Create writes the repositories below dir/repos, at stage 0. dir is made if
// it is missing; a dir that already has repositories is a weir.Conflict, a
// machine without git is weir.Unsupported.
func Create(dir string) (*Ecosystem, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, weir.Errorf(weir.Internal, "there is no working directory for the ecosystem").WithCause(err)
	}
	e := &Ecosystem{dir: dir, projects: map[string]project{}}
	if err := e.load(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, cannotWrite(dir, err)
	}
	repos := filepath.Join(dir, "repos")
	if err := os.Mkdir(repos, 0o755); errors.Is(err, fs.ErrExist) {
		return nil, weir.Errorf(weir.Conflict, "there is an ecosystem in %s already", dir).WithHint("name an empty directory")
	} else if err != nil {
		return nil, cannotWrite(repos, err)
	}
	if err := e.write(); err != nil {
		return nil, err
	}
	return e, nil
}

// load reads the data, without ids of commits.
func (e *Ecosystem) load() error {
	demo, err := configured(demoFile)
	if err != nil {
		return err
	}
	extras, err := configured(extrasFile)
	if err != nil {
		return err
	}
	e.names = slices.Concat(demo, extras)
	for i, name := range e.names {
		commits, err := readHistory(data.Files, name)
		if err != nil {
			return err
		}
		e.projects[name] = project{demo: i < len(demo), repo: filepath.Join(e.dir, "repos", name), commits: commits}
	}
	e.plot, err = readPlot(e.projects)
	return err
}

// write makes the repositories and learns the ids of their commits.
func (e *Ecosystem) write() error {
	var g errgroup.Group
	g.SetLimit(2 * runtime.GOMAXPROCS(0)) // git waits for the disk as much as it computes
	for name, p := range e.projects {
		tip := e.plot.tip(0, name)
		g.Go(func() error { return importHistory(p.repo, p.commits, tip) })
	}
	return g.Wait()
}

// Dir is the directory that the ecosystem lives in, as an absolute path.
func (e *Ecosystem) Dir() string { return e.dir }

// Projects lists the projects: brook, the other ones of the demo, the rest.
func (e *Ecosystem) Projects() []Project {
	var out []Project
	for _, name := range e.names {
		p := e.projects[name]
		out = append(out, Project{Name: name, Demo: p.demo, Repo: p.repo, Commits: slices.Clone(p.commits)})
	}
	return out
}

// Stages is the number of stages, stage 0 included.
func (e *Ecosystem) Stages() int { return len(e.plot.Stages) }

// Stage is the stage that the branches are at.
func (e *Ecosystem) Stage() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stage
}

// About says in one line what a stage from 0 to Stages()-1 brings; it is
// empty for others.
func (e *Ecosystem) About(stage int) string {
	if stage < 0 || stage >= len(e.plot.Stages) {
		return ""
	}
	return e.plot.Stages[stage].About
}

// Advance moves the branch main of every project to where stage has it. A
// stage before the present one is weir.Conflict, because branches do not move
// back; one that does not exist is weir.NotFound. The present stage changes
// nothing.
func (e *Ecosystem) Advance(stage int) error {
	if stage < 0 || stage >= len(e.plot.Stages) {
		return weir.Errorf(weir.NotFound, "the ecosystem has no stage %d", stage).
			WithHint("stages are 0 to %d", len(e.plot.Stages)-1)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if stage < e.stage {
		return weir.Errorf(weir.Conflict, "the ecosystem is at stage %d and does not go back to %d", e.stage, stage).
			WithHint("create another one")
	}
	for _, name := range e.names {
		from, to := e.plot.tip(e.stage, name), e.plot.tip(stage, name)
		if from == to {
			continue
		}
		p := e.projects[name]
		if err := moveBranch(p.repo, p.commits[from-1].ID, p.commits[to-1].ID); err != nil {
			return err
		}
	}
	e.stage = stage
	return nil
}

// Tip is the commit that a project's branch main ends with at a stage.
func (e *Ecosystem) Tip(stage int, project string) (Commit, bool) {
	p, ok := e.projects[project]
	if !ok || stage < 0 || stage >= len(e.plot.Stages) {
		return Commit{}, false
	}
	return p.commits[e.plot.tip(stage, project)-1], true
}

// Commit finds a commit of a project by its number, from 1.
func (e *Ecosystem) Commit(project string, number int) (Commit, bool) {
	commits := e.projects[project].commits
	if number < 1 || number > len(commits) {
		return Commit{}, false
	}
	return commits[number-1], true
}

func cannotWrite(path string, err error) error {
	return weir.Errorf(weir.Unavailable, "%s cannot be written", path).
		WithHint("check its permissions and the space on its disk").WithCause(err)
}
