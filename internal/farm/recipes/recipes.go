// Package recipes keeps the jobs of projects whose repositories say how they are
// built: in the file .weir.yaml, or, if the farm file allows it, by what they hold.
//
// The newest revision of a project decides. Its recipe is read before anybody
// hears of the revision, so that no build of it is made with an older one:
//
//	poll -> Book.Arrive(revision) -> .weir.yaml, or detection -> store
//	                                                                |
//	        Farm.Configure <- setup.Keeper.Refill <- Book.Fill <----+
//	                |
//	        the revision is recorded, and planned
//
// What was read lies in the store, so that it survives restarts and is the same
// on every server. A recipe with mistakes leaves the last good one in force, and
// everybody who looks at the project is told.
//
// A recipe is foreign text: it is limited in size, and cannot do more than the
// farm file grants its project.
package recipes

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/detect"
	"github.com/weir-ci/weir/internal/detect/render"
	"github.com/weir-ci/weir/internal/farm/secrets"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/store"
)

// Detected is the origin of a recipe that no file holds.
const Detected = "detected"

// Limits on a recipe.
const (
	MaxRecipe  = 256 << 10 // bytes of the file
	maxProblem = 1 << 10   // bytes of what is said of a bad one
)

// Store is where recipes lie.
type Store interface {
	// Tips lists the newest revisions that are known.
	Tips(ctx context.Context) ([]weir.Tip, error)
	// RecordRecipe keeps the recipe of a project; see store.Configs.
	RecordRecipe(ctx context.Context, r store.RepositoryRecipe) error
	// Recipes lists them, by project.
	Recipes(ctx context.Context) ([]store.RepositoryRecipe, error)
}

// Options are what a Book needs.
type Options struct {
	Store Store
	Files source.FileReader
	// Refill makes the farm call Fill, and puts what that says in force.
	Refill func(ctx context.Context) error
	Log    *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
}

// Book knows the recipes of repositories. Make one with New; it is safe for
// concurrent use.
type Book struct {
	o       Options
	mu      sync.Mutex
	force   filling           // what is in force
	last    filling           // what was filled last, perhaps only to compare it
	visited map[string]string // project -> revision at which its recipe was looked for
	wake    chan struct{}     // another farm is in force
}

// filling is a farm and what it was filled with.
type filling struct {
	farm   *recipe.Farm
	any    bool // some project of it has its jobs from its repository
	with   [sha256.Size]byte
	parsed map[string]parsed // by project
}

// parsed is a recipe that was parsed already.
type parsed struct {
	text    string
	jobs    []weir.Job
	problem string
}

// New makes a Book.
func New(o Options) *Book {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Book{o: o, visited: map[string]string{}, wake: make(chan struct{}, 1)}
}

// Fill returns a farm in which projects that have their jobs from their
// repositories have them, as far as they are known, and tells where they come
// from. f is not changed.
func (b *Book) Fill(ctx context.Context, f *recipe.Farm) (*recipe.Farm, []setup.Recipe, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := filling{farm: f, any: slices.ContainsFunc(f.Projects, own), parsed: map[string]parsed{}}
	if b.force.farm == f { // another one may grant more, or less
		now.parsed = b.force.parsed
	}
	if !now.any {
		b.last = now
		return f, nil, nil
	}
	known, err := b.o.Store.Recipes(ctx)
	if err != nil {
		return nil, nil, err
	}
	full := *f
	full.Projects = slices.Clone(f.Projects)
	var list []setup.Recipe
	for i := range full.Projects {
		p := &full.Projects[i]
		if !own(*p) {
			continue
		}
		r := lastOf(known, *p)
		says := setup.Recipe{Project: p.Name, Revision: r.Revision, Origin: r.Origin, Problem: r.Problem, Read: r.Read}
		if r.Text != "" {
			jobs, problem := now.jobs(*p, r)
			p.Jobs = jobs
			says.Problem = cmp.Or(problem, says.Problem)
		}
		list = append(list, says)
	}
	handDown(&full)
	now.with = fingerprint(known)
	b.last = now
	return &full, list, nil
}

// InForce says that what Fill made of f last is in force now.
func (b *Book) InForce(f *recipe.Farm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last.farm != f {
		return
	}
	if b.force.farm != f {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	b.force = b.last
}

// own reports whether a project's repository says how it is built.
func own(p weir.Project) bool { return p.Recipe != weir.RecipeFarm }

func of(known []store.RepositoryRecipe, project string) store.RepositoryRecipe {
	i := slices.IndexFunc(known, func(r store.RepositoryRecipe) bool { return r.Project == project })
	if i < 0 {
		return store.RepositoryRecipe{}
	}
	return known[i]
}

// lastOf returns the recipe that a project has, or had under a former name: until it
// is read under the new one, its jobs are the same, and none of them is removed.
func lastOf(known []store.RepositoryRecipe, p weir.Project) store.RepositoryRecipe {
	for _, name := range append([]string{p.Name}, p.Formerly...) {
		if r := of(known, name); r.Project != "" {
			return r
		}
	}
	return store.RepositoryRecipe{}
}

// jobs parses a recipe, unless that was done before.
func (x filling) jobs(p weir.Project, r store.RepositoryRecipe) ([]weir.Job, string) {
	if c, ok := x.parsed[p.Name]; ok && c.text == r.Text {
		return c.jobs, c.problem
	}
	c := parsed{text: r.Text}
	jobs, problems := recipe.ParseFor(x.farm, p, weir.RepositoryRecipe, []byte(r.Text))
	if problems.Err() != nil {
		c.problem = tell(problems)
	} else {
		c.jobs = jobs
	}
	x.parsed[p.Name] = c
	return c.jobs, c.problem
}

// handDown lets downstreams use the products of jobs that the farm file does not
// know: of an upstream with one product, that.
func handDown(f *recipe.Farm) {
	for i := range f.Projects {
		p := &f.Projects[i]
		cloned := false
		for k, u := range p.Upstreams {
			up, ok := f.Project(u.Project)
			if !ok || !own(*up) || u.Job != "" {
				continue
			}
			products := slices.DeleteFunc(slices.Clone(up.Jobs), func(j weir.Job) bool { return j.Product == "" })
			if len(products) != 1 {
				continue
			}
			if !cloned {
				p.Upstreams, cloned = slices.Clone(p.Upstreams), true
			}
			p.Upstreams[k].Job = products[0].Name
		}
	}
}

// Current makes sure that what other servers have read is in force here, too.
func (b *Book) Current(ctx context.Context) error {
	b.mu.Lock()
	force := b.force
	b.mu.Unlock()
	if !force.any {
		return nil
	}
	known, err := b.o.Store.Recipes(ctx)
	if err != nil || fingerprint(known) == force.with {
		return err
	}
	return b.o.Refill(ctx)
}

func fingerprint(known []store.RepositoryRecipe) [sha256.Size]byte {
	h := sha256.New()
	for _, r := range known {
		for _, part := range []string{r.Project, r.Revision, r.Origin, r.Text, r.Problem} {
			fmt.Fprintf(h, "%d %s\n", len(part), part)
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Arrive reads the recipe of a project at its newest revision and puts it in
// force, unless it was read already. It returns an error if that could not be
// found out: the revision must not be built then. A recipe with mistakes is no
// error.
func (b *Book) Arrive(ctx context.Context, project, revision string) error {
	b.mu.Lock()
	farm, visited := b.force.farm, b.visited[project]
	b.mu.Unlock()
	if farm == nil || visited == revision {
		return nil
	}
	p, ok := farm.Project(project)
	if !ok || !own(*p) {
		return nil
	}
	known, err := b.o.Store.Recipes(ctx)
	if err != nil {
		return err
	}
	if last := of(known, project); last.Revision != revision || last.Problem != "" {
		r, err := b.read(ctx, farm, *p, revision)
		if err != nil {
			return err
		}
		if err := b.o.Store.RecordRecipe(ctx, r); err != nil {
			return err
		}
		if r.Problem != "" {
			b.o.Log.Warn("a repository's recipe has mistakes; the last good one stays in force", "project", project, "revision", revision, "problem", r.Problem)
		} else if last.Text != r.Text {
			b.o.Log.Info("recipe read", "project", project, "revision", revision, "from", r.Origin)
		}
	}
	if err := b.Current(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	b.visited[project] = revision
	b.mu.Unlock()
	return nil
}

// retry is how soon a recipe is read again that could not be.
const retry = time.Minute

// Run reads recipes of revisions that were known before anybody asked for their
// recipes, because the farm file said something else then, until ctx ends.
func (b *Book) Run(ctx context.Context) error {
	for {
		if err := b.catchUp(ctx); err != nil && ctx.Err() == nil {
			b.o.Log.Warn("a recipe cannot be read", "err", err, "cause", errors.Unwrap(err))
		}
		select {
		case <-b.wake:
		case <-time.After(retry):
		case <-ctx.Done():
			return nil
		}
	}
}

func (b *Book) catchUp(ctx context.Context) error {
	b.mu.Lock()
	farm, any := b.force.farm, b.force.any
	b.mu.Unlock()
	if !any {
		return nil
	}
	tips, err := b.o.Store.Tips(ctx)
	if err != nil {
		return err
	}
	var all []error
	for _, t := range tips {
		if p, ok := farm.Project(t.Project); ok && own(*p) && p.Source.Branch == t.Branch {
			all = append(all, b.Arrive(ctx, t.Project, t.Revision.ID))
		}
	}
	return errors.Join(all...)
}

// read reads the recipe of a project at a revision.
func (b *Book) read(ctx context.Context, f *recipe.Farm, p weir.Project, revision string) (store.RepositoryRecipe, error) {
	if p.Source.Credentials != "" {
		ctx = source.WithSecrets(ctx, func(name string) (string, error) { return secrets.Find(f, name) })
	}
	r := store.RepositoryRecipe{Project: p.Name, Revision: revision, Origin: weir.RepositoryRecipe, Read: b.o.Now()}
	data, err := b.o.Files.ReadFile(ctx, p.Source, revision, weir.RepositoryRecipe, MaxRecipe)
	switch code := weir.CodeOf(err); {
	case err == nil:
		r.Text = string(data)
	case code == weir.NotFound && p.Recipe == weir.RecipeAuto:
		r.Origin = Detected
		if r.Text, err = b.detect(ctx, p, revision); weir.CodeOf(err) == weir.NotFound {
			r.Problem = fmt.Sprintf("%s has no %s, and nothing in it tells how it is built", weir.ShortRevision(revision), weir.RepositoryRecipe)
			return r, nil
		}
		if err != nil {
			return r, err
		}
	case code == weir.NotFound:
		r.Problem = fmt.Sprintf("%s has no %s", weir.ShortRevision(revision), weir.RepositoryRecipe)
		return r, nil
	case code == weir.TooLarge:
		r.Problem = fmt.Sprintf("%s at %s is larger than %d KiB", weir.RepositoryRecipe, weir.ShortRevision(revision), MaxRecipe>>10)
		return r, nil
	default:
		return r, err
	}
	_, problems := recipe.ParseFor(f, p, weir.RepositoryRecipe, []byte(r.Text))
	if problems.Err() != nil {
		r.Problem = fmt.Sprintf("at %s: %s", weir.ShortRevision(revision), tell(problems))
	}
	return r, nil
}

// detect makes a recipe by looking at a repository; NotFound if nothing in it is known.
func (b *Book) detect(ctx context.Context, p weir.Project, revision string) (string, error) {
	jobs, _, err := detect.Project(tree{ctx: ctx, files: b.o.Files, source: p.Source, revision: revision})
	if err != nil {
		return "", err
	}
	text, err := render.YAML(jobs, render.Comments{})
	return string(text), err
}

// tree is a repository at a revision, as a detector wants to see it.
type tree struct {
	ctx      context.Context
	files    source.FileReader
	source   weir.Source
	revision string
}

// Paths lists all files.
func (t tree) Paths() ([]string, error) { return t.files.Files(t.ctx, t.source, t.revision) }

// Read reads one. What is too large says nothing.
func (t tree) Read(path string) ([]byte, error) {
	data, err := t.files.ReadFile(t.ctx, t.source, t.revision, path, detect.MaxRead)
	if code := weir.CodeOf(err); code == weir.NotFound || code == weir.TooLarge || code == weir.Invalid {
		return nil, errors.Join(fs.ErrNotExist, err)
	}
	return data, err
}

// tell puts the mistakes of a recipe into one line.
func tell(problems recipe.Problems) string {
	var first string
	n := 0
	for _, p := range problems {
		if p.Severity != recipe.Error {
			continue
		}
		if n == 0 {
			first = p.Error()
			if p.Hint != "" {
				first += " (" + p.Hint + ")"
			}
		}
		n++
	}
	if n > 1 {
		first += fmt.Sprintf("; and %d more, which weir check lists", n-1)
	}
	if len(first) > maxProblem {
		first = first[:maxProblem]
	}
	return first
}
