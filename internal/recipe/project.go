package recipe

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on projects.
const (
	maxProjects  = 5000
	maxUpstreams = 64  // of one project, direct ones
	maxClosure   = 256 // of one project, near and far
	maxJobs      = 256 // of one project
)

// draft is a project as it is read, with the places of what other parts of
// the file decide on.
type draft struct {
	project weir.Project
	name    *yaml.Node // the key
	refs    []ref
	jobs    map[string]*yaml.Node // keys of its jobs, by name; wrong ones too
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
func (r reader) projects(n *yaml.Node, defaults []weir.Platform) []weir.Project {
	var drafts []*draft
	entries := r.Entries(n, "projects")
	if len(entries) == 0 && strict.Target(n).Kind == yaml.MappingNode {
		r.Warn(n, "the farm has no projects").Hint("add some under the key projects")
	}
	if len(entries) > maxProjects {
		r.Problem(n, "the farm has more than %d projects", maxProjects)
		return nil
	}
	for _, e := range entries {
		if !weir.ValidName(e.Name) {
			r.BadName(e.Key, "a project", e.Name)
		}
		drafts = append(drafts, r.project(e))
	}
	g := newResolver(r, drafts, defaults)
	g.resolve()
	out := make([]weir.Project, len(drafts))
	for i, d := range drafts {
		out[i] = d.project
	}
	slices.SortFunc(out, func(a, b weir.Project) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (r reader) project(e strict.Entry) *draft {
	name := strict.Clip(e.Name)
	what := "project " + name
	d := &draft{project: weir.Project{Name: e.Name}, name: e.Key, jobs: map[string]*yaml.Node{}}
	f := r.Fields(e.Value, what, strict.Keys{Known: []string{"source", "upstreams", "jobs", "owners"}})
	if s, ok := f["source"]; ok {
		d.project.Source = r.source(s.Value, name)
	} else if strict.Target(e.Value).Kind == yaml.MappingNode {
		r.Problem(e.Key, "%s has no source", what).
			Hint("write source: {git: URL}, source: {go: MODULE}, or source: none if there is nothing to check out")
	}
	f.With("upstreams", func(n *yaml.Node) { d.refs = r.upstreams(n, what) })
	f.With("owners", func(n *yaml.Node) { d.project.Owners = r.owners(n, what) })
	f.With("jobs", func(n *yaml.Node) {
		entries := r.Entries(n, "the jobs of "+name)
		if len(entries) == 0 && strict.Target(n).Kind == yaml.MappingNode {
			r.Problem(n, "jobs is empty").Hint("give it a job or remove the line")
		}
		if len(entries) > maxJobs {
			r.Problem(n, "%s has more than %d jobs", what, maxJobs)
			return
		}
		for _, j := range entries {
			d.jobs[j.Name] = j.Key
			if !weir.ValidName(j.Name) {
				r.BadName(j.Key, "a job", j.Name)
			}
			d.project.Jobs = append(d.project.Jobs, r.job(j, name))
		}
	})
	slices.SortFunc(d.project.Jobs, func(a, b weir.Job) int { return cmp.Compare(a.Name, b.Name) })
	return d
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
	f := r.Fields(n, "an upstream of "+what, strict.Keys{Known: []string{"project", "job"}})
	if _, ok := f["project"]; !ok {
		r.Problem(n, "an upstream of %s names no project", what).Hint("write {project: NAME, job: JOB}, or just NAME")
	}
	f.With("project", func(n *yaml.Node) { u.project, _ = r.Text(n, "project"); u.node = n })
	f.With("job", func(n *yaml.Node) { u.job, _ = r.Text(n, "job"); u.jobNode = n })
	return u
}
