package recipe

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
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
func (r *reader) projects(n *yaml.Node, defaults []weir.Platform) []weir.Project {
	var drafts []*draft
	entries := r.entries(n, "projects")
	if len(entries) == 0 && target(n).Kind == yaml.MappingNode {
		r.warn(n, "the farm has no projects").hint("add some under the key projects")
	}
	if len(entries) > maxProjects {
		r.problem(n, "the farm has more than %d projects", maxProjects)
		return nil
	}
	for _, e := range entries {
		if !weir.ValidName(e.name) {
			r.badName(e.key, "a project", e.name)
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

func (r *reader) project(e entry) *draft {
	name := clip(e.name)
	what := "project " + name
	d := &draft{project: weir.Project{Name: e.name}, name: e.key, jobs: map[string]*yaml.Node{}}
	f := r.fields(e.value, what, "source", "upstreams", "jobs", "owners")
	if s, ok := f["source"]; ok {
		d.project.Source = r.source(s.value, name)
	} else if target(e.value).Kind == yaml.MappingNode {
		r.problem(e.key, "%s has no source", what).
			hint("write source: {git: URL}, source: {go: MODULE}, or source: none if there is nothing to check out")
	}
	f.with("upstreams", func(n *yaml.Node) { d.refs = r.upstreams(n, what) })
	f.with("owners", func(n *yaml.Node) { d.project.Owners = r.owners(n, what) })
	f.with("jobs", func(n *yaml.Node) {
		entries := r.entries(n, "the jobs of "+name)
		if len(entries) == 0 && target(n).Kind == yaml.MappingNode {
			r.problem(n, "jobs is empty").hint("give it a job or remove the line")
		}
		if len(entries) > maxJobs {
			r.problem(n, "%s has more than %d jobs", what, maxJobs)
			return
		}
		for _, j := range entries {
			d.jobs[j.name] = j.key
			if !weir.ValidName(j.name) {
				r.badName(j.key, "a job", j.name)
			}
			d.project.Jobs = append(d.project.Jobs, r.job(j, name))
		}
	})
	slices.SortFunc(d.project.Jobs, func(a, b weir.Job) int { return cmp.Compare(a.Name, b.Name) })
	return d
}

// upstreams reads the names of a project's upstreams.
func (r *reader) upstreams(n *yaml.Node, what string) []ref {
	var out []ref
	r.list(n, "upstreams of "+what, func(_ int, n *yaml.Node) {
		u := r.upstream(n, what)
		switch {
		case u.project == "":
		case slices.ContainsFunc(out, func(o ref) bool { return o.project == u.project }):
			r.problem(u.node, "%s names the upstream %s twice", what, show(u.project))
		case len(out) == maxUpstreams:
			r.problem(u.node, "%s has more than %d upstreams", what, maxUpstreams)
		default:
			out = append(out, u)
		}
	})
	return out
}

func (r *reader) upstream(n *yaml.Node, what string) ref {
	if target(n).Kind != yaml.MappingNode {
		name, _ := r.text(n, "an upstream of "+what)
		return ref{project: name, node: n, jobNode: n}
	}
	u := ref{node: n, jobNode: n}
	f := r.fields(n, "an upstream of "+what, "project", "job")
	if _, ok := f["project"]; !ok {
		r.problem(n, "an upstream of %s names no project", what).hint("write {project: NAME, job: JOB}, or just NAME")
	}
	f.with("project", func(n *yaml.Node) { u.project, _ = r.text(n, "project"); u.node = n })
	f.with("job", func(n *yaml.Node) { u.job, _ = r.text(n, "job"); u.jobNode = n })
	return u
}
