package recipe

import (
	"maps"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/jobs"
	"github.com/weir-ci/weir/internal/recipe/near"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// resolver gives the names in a file their meaning, once all projects are read.
type resolver struct {
	reader
	drafts   []*draft // in the order of the file
	byName   map[string]*draft
	names    []string
	farm     *Farm
	defaults []weir.Platform
}

func newResolver(r reader, drafts []*draft, farm *Farm) *resolver {
	g := &resolver{reader: r, drafts: drafts, byName: map[string]*draft{}, farm: farm, defaults: farm.Platforms}
	for _, d := range drafts {
		g.byName[d.project.Name] = d
		g.names = append(g.names, d.project.Name)
	}
	return g
}

func (g *resolver) resolve() {
	used := map[string]bool{}
	for _, d := range g.drafts {
		for i := range d.refs {
			g.ref(d, &d.refs[i])
			used[d.refs[i].project] = true
		}
		slices.SortFunc(d.project.Upstreams, func(a, b weir.Upstream) int { return strings.Compare(a.Project, b.Project) })
	}
	for _, d := range g.drafts {
		g.origin(d, used[d.project.Name])
		g.never(d)
		g.uses(d)
	}
	g.formerly()
	if !g.circles() {
		g.variables()
		g.common()
	}
}

// origin says where the jobs of a project come from that does not say so itself.
func (g *resolver) origin(d *draft, used bool) {
	switch p := &d.project; {
	case len(d.jobs) > 0 || used || p.Recipe != weir.RecipeFarm:
	case p.Source.Kind == weir.None:
		g.Warn(d.name, "project %s has no jobs, and nobody is downstream of it", strict.Clip(p.Name)).
			Hint("give it jobs, or name it among the upstreams of another project")
	default:
		p.Recipe = weir.RecipeAuto
	}
}

// never warns of jobs that only start on something that the source does not tell of.
func (g *resolver) never(d *draft) {
	for _, j := range d.project.Jobs {
		told := slices.ContainsFunc(j.Start.On, func(c weir.Cause) bool {
			switch c {
			case weir.CauseTag:
				return len(d.project.Source.Watch.Tags) > 0
			case weir.CausePull:
				return d.project.Source.Watch.Pulls.Build != weir.PullsNone
			}
			return true
		})
		if len(j.Start.On) > 0 && !told {
			g.Warn(d.jobs[j.Name], "nothing sets off job %s/%s: the source does not say which tags or pull requests are built",
				strict.Clip(d.project.Name), strict.Clip(j.Name)).Hint("write tags: [v*] or pulls: own in the source, or add another cause to on")
		}
	}
}

// uses looks up what a project and its jobs use of the farm's.
func (g *resolver) uses(d *draft) {
	secrets := slices.Sorted(maps.Keys(g.farm.Secrets))
	refs := append(slices.Clone(d.uses.Secrets), d.granted...)
	if name := d.project.Source.Credentials; name != "" {
		refs = append(refs, jobs.Ref{Name: name, Node: d.credentials})
	}
	for _, ref := range refs {
		if _, ok := g.farm.Secrets[ref.Name]; !ok {
			note := g.Unknown(ref.Node, "secret", ref.Name, " in project "+strict.Clip(d.project.Name), secrets)
			if near.Name(ref.Name, secrets) == "" {
				note.Hint("say where it is, at the top of the file: secrets: {%s: {file: PATH}}", strict.Clip(ref.Name))
			}
		}
	}
	names := make([]string, len(g.farm.Locks))
	for i, l := range g.farm.Locks {
		names[i] = l.Name
	}
	for _, ref := range d.uses.Locks {
		i := slices.Index(names, ref.Name)
		switch {
		case i < 0:
			note := g.Unknown(ref.Node, "lock", ref.Name, " in project "+strict.Clip(d.project.Name), names)
			if near.Name(ref.Name, names) == "" {
				note.Hint("say how many shares it has, at the top of the file: locks: {%s: 1}", strict.Clip(ref.Name))
			}
		case ref.Count > g.farm.Locks[i].Shares():
			g.tooMany(ref, g.farm.Locks[i].Shares())
		}
	}
}

// tooMany reports a job that could never have its lock.
func (r reader) tooMany(ref jobs.Ref, shares int) {
	r.Problem(ref.Node, "%d shares of the lock %s are wanted, and it has %d", ref.Count, strict.Show(ref.Name), shares).
		Hint("such a build would wait for ever")
}

// formerly reports names that two projects have, or had.
func (g *resolver) formerly() {
	had := map[string]string{}
	for _, d := range g.drafts {
		for _, name := range d.project.Formerly {
			if _, taken := g.byName[name]; taken {
				g.Problem(d.formerly, "project %s was formerly %s, which another project is called now", strict.Clip(d.project.Name), strict.Clip(name)).
					Hint("a history belongs to one project: remove the name")
			} else if other, taken := had[name]; taken {
				g.Problem(d.formerly, "the projects %s and %s were both formerly %s", strict.Clip(other), strict.Clip(d.project.Name), strict.Clip(name)).
					Hint("a history belongs to one project: remove the name from the other")
			}
			had[name] = d.project.Name
		}
	}
}

// ref resolves one upstream of d.
func (g *resolver) ref(d *draft, u *ref) {
	name := d.project.Name
	up, ok := g.byName[u.project]
	switch {
	case u.project == name:
		g.Problem(u.node, "project %s is its own upstream", strict.Clip(name)).Hint("remove it from the list")
		return
	case !ok:
		g.Unknown(u.node, "project", u.project, " among the upstreams of "+strict.Clip(name), without(g.names, name))
		return
	}
	u.resolved = true
	d.project.Upstreams = append(d.project.Upstreams, weir.Upstream{Project: u.project, Job: g.productJob(u, up)})
}

// productJob finds the job whose product an upstream hands down.
func (g *resolver) productJob(u *ref, up *draft) string {
	var products, all []string
	for _, j := range up.project.Jobs {
		all = append(all, j.Name)
		if j.Product != "" {
			products = append(products, j.Name)
		}
	}
	project := strict.Clip(u.project)
	switch {
	case u.job == "" && len(products) == 0:
		return ""
	case u.job == "" && len(products) == 1:
		return products[0]
	case u.job == "":
		g.Problem(u.node, "project %s has several products, of the jobs %s", project, strings.Join(products, ", ")).
			Hint("say which: {project: %s, job: %s}", project, products[0])
	case !slices.Contains(all, u.job):
		g.Unknown(u.jobNode, "job", u.job, " of project "+project, all)
	case !slices.Contains(products, u.job):
		g.Problem(u.jobNode, "job %s of project %s has no product", strict.Show(u.job), project).
			Hint("add product: $WEIR_PREFIX to it, or remove job to hand down only the revision")
	}
	return u.job
}

// circles reports projects that are upstream of themselves through others,
// each circle once, where its first project in the file names the next.
func (g *resolver) circles() bool {
	const (
		unseen = iota
		open
		done
	)
	state := map[string]int{}
	found := false
	var path []string
	var visit func(d *draft)
	visit = func(d *draft) {
		name := d.project.Name
		state[name] = open
		path = append(path, name)
		for _, u := range d.refs {
			if !u.resolved {
				continue
			}
			switch state[u.project] {
			case unseen:
				visit(g.byName[u.project])
			case open:
				found = true
				if g.Full() {
					continue // dense graphs have very many circles
				}
				g.circle(slices.Clone(path[slices.Index(path, u.project):]))
			}
		}
		path = path[:len(path)-1]
		state[name] = done
	}
	for _, d := range g.drafts {
		if state[d.project.Name] == unseen {
			visit(d)
		}
	}
	return found
}

// circle reports one circle: each project is downstream of the next.
func (g *resolver) circle(names []string) {
	first := g.byName[names[0]]
	next := names[1%len(names)]
	at := first.name
	for _, u := range first.refs {
		if u.project == next {
			at = u.node
		}
	}
	const most = 12
	shown := slices.Clone(names)
	if len(shown) > most {
		shown = append(shown[:most], "...")
	}
	g.Problem(at, "projects are upstream of each other in a circle: %s", strings.Join(append(shown, names[0]), " -> ")).
		Hint("one of them must do without the other")
}

// variables reports upstreams of one project whose variables have the same name.
func (g *resolver) variables() {
	graph := g.graph()
	for _, d := range g.drafts {
		owners := map[string]string{}
		closure := graph.closure(d.project.Name)
		if len(closure) > maxClosure {
			g.Problem(d.name, "project %s has more than %d upstreams, near and far", strict.Clip(d.project.Name), maxClosure)
			return // those behind it have even more
		}
		for _, up := range closure {
			for _, v := range []string{weir.UpstreamVar(up), weir.UpstreamVar(up) + "_REVISION"} {
				if other, taken := owners[v]; taken {
					g.Problem(d.name, "the upstreams %s and %s of project %s both set the variable %s",
						strict.Clip(other), strict.Clip(up), strict.Clip(d.project.Name), strict.Clip(v)).Hint("rename one of them")
					break
				}
				owners[v] = up
			}
		}
	}
}

// common reports jobs that can run nowhere, because no platform has the
// products of all their upstreams.
func (g *resolver) common() {
	graph := g.graph()
	e := newExpander(graph, g.defaults, "")
	for _, d := range g.drafts {
		g.runnable(d, graph, e)
	}
}

// runnable is common for one project.
func (g *resolver) runnable(d *draft, graph graph, e *expander) {
	needed := e.shared(&d.project)
	if needed == nil || len(g.defaults) == 0 && graph.hostDecides(d.project.Name) {
		return
	}
	for _, j := range d.project.Jobs {
		if len(j.Platforms) == 0 && len(needed) == 0 {
			g.Problem(d.jobs[j.Name], "job %s/%s can run nowhere: no platform has the products of all its upstreams",
				strict.Clip(d.project.Name), strict.Clip(j.Name)).Hint("give the upstreams' jobs a platform in common")
		}
		for _, p := range everywhere(j) {
			if !slices.Contains(needed, p) {
				g.Problem(d.jobs[j.Name], "job %s/%s runs on %s, where an upstream has no product",
					strict.Clip(d.project.Name), strict.Clip(j.Name), p).Hint("build the upstream there too, or remove the platform")
			}
		}
	}
}

// everywhere lists the platforms that a job or one of its cells names.
func everywhere(j weir.Job) []weir.Platform {
	out := slices.Clone(j.Platforms)
	for _, c := range j.Cells {
		for _, p := range c.Platforms {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

func (g *resolver) graph() graph {
	out := graph{}
	for _, d := range g.drafts {
		out[d.project.Name] = &d.project
	}
	return out
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

// hostDecides reports whether a product upstream of a project may be made on
// a platform that the file does not name.
func (g graph) hostDecides(project string) bool {
	return slices.ContainsFunc(g.closure(project), func(name string) bool {
		return slices.ContainsFunc(g[name].Jobs, func(j weir.Job) bool {
			return j.Product != "" && len(j.Platforms) == 0
		})
	})
}
