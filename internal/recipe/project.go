package recipe

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/jobs"
	"github.com/weir-ci/weir/internal/recipe/sources"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on projects.
const (
	maxProjects  = 5000
	maxUpstreams = 64  // of one project, direct ones
	maxClosure   = 256 // of one project, near and far
	maxGranted   = 64  // secrets of one project
)

// draft is a project as it is read, with the places of what other parts of
// the file decide on.
type draft struct {
	project weir.Project
	name    *yaml.Node // the key
	refs    []ref
	jobs    map[string]*yaml.Node // keys of its jobs, by name; wrong ones too
	uses    jobs.Recipe           // what its jobs use of the farm's
	// credentials and formerly are where those keys stand; nil if they do not.
	credentials, formerly *yaml.Node
	granted               []jobs.Ref // secrets that the recipe in its repository may use
}

// ref is an upstream as the file names it.
type ref struct {
	project  string
	job      string // empty: not said
	node     *yaml.Node
	jobNode  *yaml.Node
	resolved bool // its project exists and is another one
}

// projects reads all projects and resolves their names.
func (r reader) projects(n *yaml.Node, farm *Farm) {
	var drafts []*draft
	entries := r.Entries(n, "projects")
	if len(entries) == 0 && strict.Target(n).Kind == yaml.MappingNode {
		r.Warn(n, "the farm has no projects").Hint("add some under the key projects")
	}
	if len(entries) > maxProjects {
		r.Problem(n, "the farm has more than %d projects", maxProjects)
		return
	}
	for _, e := range entries {
		if !weir.ValidName(e.Name) {
			r.BadName(e.Key, "a project", e.Name)
		}
		drafts = append(drafts, r.project(e))
	}
	g := newResolver(r, drafts, farm)
	g.resolve()
	for _, d := range drafts {
		farm.Projects = append(farm.Projects, d.project)
		for _, s := range d.granted {
			farm.Grants[d.project.Name] = append(farm.Grants[d.project.Name], s.Name)
		}
	}
	slices.SortFunc(farm.Projects, func(a, b weir.Project) int { return cmp.Compare(a.Name, b.Name) })
}

// ProjectKeys lists what a project may hold.
func ProjectKeys() strict.Keys {
	return strict.Keys{
		Known: []string{"source", "upstreams", "jobs", "owners", "recipe", "secrets", "formerly"},
		Elsewhere: map[string]string{
			"git": "write source: {git: URL}", "go": "write source: {go: MODULE}", "branch": "it is a key of the source",
			"steps": "write jobs: {test: {steps: [...]}}", "job": "write jobs: {NAME: {steps: [...]}}",
		},
	}
}

// UpstreamKeys lists what an entry of upstreams may hold, if it is a mapping.
func UpstreamKeys() strict.Keys { return strict.Keys{Known: []string{"project", "job"}} }

func (r reader) project(e strict.Entry) *draft {
	name := strict.Clip(e.Name)
	what := "project " + name
	d := &draft{project: weir.Project{Name: e.Name}, name: e.Key, jobs: map[string]*yaml.Node{}}
	f := r.Fields(e.Value, what, ProjectKeys())
	if s, ok := f["source"]; ok {
		d.project.Source = sources.Read(r.Reader, s.Value, name)
		d.credentials = strict.Lookup(s.Value, "credentials")
	} else if strict.Target(e.Value).Kind == yaml.MappingNode {
		r.Problem(e.Key, "%s has no source", what).
			Hint("write source: {git: URL}, source: {go: MODULE}, or source: none if there is nothing to check out")
	}
	f.With("upstreams", func(n *yaml.Node) { d.refs = r.upstreams(n, what) })
	f.With("owners", func(n *yaml.Node) { d.project.Owners = r.owners(n, what) })
	f.With("formerly", func(n *yaml.Node) {
		d.formerly = n
		d.project.Formerly = jobs.Formerly(r.Reader, n, "a project", e.Name)
	})
	f.With("jobs", func(n *yaml.Node) {
		d.uses = jobs.All(r.Reader, n, name)
		d.project.Jobs, d.jobs = d.uses.Jobs, d.uses.Keys
	})
	r.origin(f, d, what)
	return d
}

// origin reads where the jobs of a project come from.
func (r reader) origin(f strict.Fields, d *draft, what string) {
	f.With("recipe", func(n *yaml.Node) {
		known := []string{}
		for _, o := range weir.RecipeOrigins() {
			if o != weir.RecipeFarm {
				known = append(known, string(o))
			}
		}
		s, ok := r.Choice(n, "recipe of "+what, known)
		d.project.Recipe = weir.RecipeFrom(s)
		switch {
		case !ok:
		case f["jobs"].Key != nil:
			r.Problem(f["recipe"].Key, "%s has jobs, and a recipe from elsewhere", what).Hint("keep one of the two")
		case d.project.Source.Kind == weir.None:
			r.Problem(f["recipe"].Key, "%s has nothing to check out, so there is no recipe in it", what).Hint("write jobs")
		}
	})
	f.With("secrets", func(n *yaml.Node) {
		r.Unique(n, "secrets of "+what, maxGranted, func(n *yaml.Node) string {
			s := r.Variable(n, "a secret of "+what)
			if s != "" {
				d.granted = append(d.granted, jobs.Ref{Name: s, Node: n})
			}
			return s
		})
		if f["jobs"].Key != nil {
			r.Problem(f["secrets"].Key, "secrets of %s are for a recipe in its repository, and its jobs stand here", what).
				Hint("name them in the jobs or steps that need them")
		}
	})
}

// upstreams reads the names of a project's upstreams.
func (r reader) upstreams(n *yaml.Node, what string) []ref {
	var out []ref
	r.List(n, "upstreams of "+what, func(_ int, n *yaml.Node) {
		u := r.upstream(n, what)
		switch {
		case u.project == "":
		case slices.ContainsFunc(out, func(o ref) bool { return o.project == u.project }):
			r.Problem(u.node, "%s names the upstream %s twice", what, strict.Show(u.project))
		case len(out) == maxUpstreams:
			r.Problem(u.node, "%s has more than %d upstreams", what, maxUpstreams)
		default:
			out = append(out, u)
		}
	})
	return out
}

func (r reader) upstream(n *yaml.Node, what string) ref {
	if strict.Target(n).Kind != yaml.MappingNode {
		name, _ := r.Text(n, "an upstream of "+what)
		return ref{project: name, node: n, jobNode: n}
	}
	u := ref{node: n, jobNode: n}
	f := r.Fields(n, "an upstream of "+what, UpstreamKeys())
	if _, ok := f["project"]; !ok {
		r.Problem(n, "an upstream of %s names no project", what).Hint("write {project: NAME, job: JOB}, or just NAME")
	}
	f.With("project", func(n *yaml.Node) { u.project, _ = r.Text(n, "project"); u.node = n })
	f.With("job", func(n *yaml.Node) { u.job, _ = r.Text(n, "job"); u.jobNode = n })
	return u
}
