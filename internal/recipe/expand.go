package recipe

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Plan is one builder that the farm file asks for, with all that is needed to
// make builds of it.
type Plan struct {
	Key     weir.BuilderKey
	Project *weir.Project // in the farm that was expanded
	Job     weir.Job      // as the plan's cell has it; see weir.Job.Variants
	// Upstreams are the project's transitive upstreams, upstreams first.
	Upstreams []string
}

// Expand lists the builders of a farm on the branches that its sources name: one
// for each project, job, cell and platform, ordered by project, job, cell as the
// matrix has them, and the order in which platforms are listed.
//
// A job or cell runs on its own platforms; without any, on those on which every
// product that it is built against is made; without products, on the farm's
// default platforms; and without those, on host.
func Expand(farm *Farm, host weir.Platform) []Plan { return ExpandBranches(farm, host, nil) }

// ExpandBranches is Expand for further branches too, by project. Whatever branch a
// builder is of, it is built against the upstreams' own ones.
func ExpandBranches(farm *Farm, host weir.Platform, branches map[string][]string) []Plan {
	g := newGraph(farm)
	e := newExpander(g, farm.Platforms, host)
	var plans []Plan
	for i := range farm.Projects {
		p := &farm.Projects[i]
		upstreams := g.closure(p.Name)
		add := func(branch string) {
			for _, j := range p.Jobs {
				for _, v := range j.Variants() {
					for _, platform := range e.platforms(p, v) {
						plans = append(plans, Plan{
							Key: weir.BuilderKey{Project: p.Name, Job: j.Name, Cell: v.Cell, Platform: platform,
								Branch: branch, Upstreams: directNames(p)},
							Project: p, Job: v, Upstreams: upstreams,
						})
					}
				}
			}
		}
		add(p.Source.Branch)
		for _, branch := range branches[p.Name] {
			if branch != p.Source.Branch {
				add(branch)
			}
		}
	}
	return plans
}

// directNames joins the names of a project's own upstreams, sorted.
func directNames(p *weir.Project) string {
	names := make([]string, len(p.Upstreams))
	for i, u := range p.Upstreams {
		names[i] = u.Project
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// Spec makes what a worker needs to know to run a build of the plan at pins.
// Everything upstream of the project becomes an input. A project that has no
// pin gets an empty revision; the inputs' products are left empty.
func (plan Plan) Spec(pins weir.Pins) weir.Spec {
	s := weir.Spec{
		Project:    plan.Key.Project,
		Job:        plan.Job,
		Platform:   plan.Key.Platform,
		Source:     plan.Project.Source,
		Revision:   pins[plan.Key.Project],
		ProductKey: plan.ProductKey(pins),
		Branch:     plan.Key.Branch,
	}
	s.Source.Branch = plan.Key.Branch
	for _, name := range slices.Sorted(slices.Values(plan.Upstreams)) {
		s.Inputs = append(s.Inputs, weir.UpstreamSpec{Project: name, Revision: pins[name]})
	}
	return s
}

// ProductJob finds which job of an upstream makes the product that the plan's
// builds use: the one that the plan's project, or a project between the two,
// names. It is empty if only the upstream's revision is handed down.
func (plan Plan) ProductJob(farm *Farm, upstream string) string {
	between := append(slices.Clone(plan.Upstreams), plan.Key.Project)
	for _, name := range slices.Backward(between) {
		p, ok := farm.Project(name)
		if !ok {
			continue
		}
		for _, u := range p.Upstreams {
			if u.Project == upstream && u.Job != "" {
				return u.Job
			}
		}
	}
	return ""
}

// productKeyLength is the number of hex digits in a product's key.
const productKeyLength = 20

// ProductKey names the product that the plan's build at pins makes: equal for
// equal builds and, for all that can happen, for no others. It is empty if the
// job has no product.
func (plan Plan) ProductKey(pins weir.Pins) string {
	if plan.Job.Product == "" {
		return ""
	}
	involved := append(slices.Clone(plan.Upstreams), plan.Key.Project)
	sum := sha256.Sum256([]byte(strings.Join([]string{plan.Key.Project, plan.Key.Job, plan.Key.Cell,
		string(plan.Key.Platform), pins.Only(involved).Key()}, "\n")))
	return hex.EncodeToString(sum[:])[:productKeyLength]
}

// graph is projects by name.
type graph map[string]*weir.Project

func newGraph(farm *Farm) graph {
	g := make(graph, len(farm.Projects))
	for i := range farm.Projects {
		g[farm.Projects[i].Name] = &farm.Projects[i]
	}
	return g
}

func (g graph) closure(project string) []string {
	seen := map[string]bool{project: true}
	var out []string
	var visit func(name string)
	visit = func(name string) {
		p, ok := g[name]
		if !ok {
			return
		}
		ups := slices.SortedFunc(slices.Values(p.Upstreams), func(a, b weir.Upstream) int { return cmp.Compare(a.Project, b.Project) })
		for _, u := range ups {
			if !seen[u.Project] {
				seen[u.Project] = true
				visit(u.Project)
				out = append(out, u.Project)
			}
		}
	}
	visit(project)
	return out
}

// expander works out platforms. A job's platforms can depend on those of jobs
// far upstream, so each answer is kept.
type expander struct {
	graph    graph
	defaults []weir.Platform
	known    map[[2]string][]weir.Platform
}

func newExpander(g graph, defaults []weir.Platform, host weir.Platform) *expander {
	if len(defaults) == 0 {
		defaults = []weir.Platform{host}
	}
	return &expander{graph: g, defaults: defaults, known: map[[2]string][]weir.Platform{}}
}

// platforms lists where a job runs.
func (e *expander) platforms(p *weir.Project, j weir.Job) []weir.Platform {
	if len(j.Platforms) > 0 {
		return j.Platforms
	}
	key := [2]string{p.Name, j.Name} // cells without platforms of their own share the job's
	if known, ok := e.known[key]; ok {
		return known
	}
	e.known[key] = nil // ends a circle, which Parse does not let through
	out := e.shared(p)
	if out == nil {
		out = e.defaults
	}
	e.known[key] = out
	return out
}

// shared lists the platforms on which every product that p is built against
// is made; nil if there are no such products.
func (e *expander) shared(p *weir.Project) []weir.Platform {
	var out []weir.Platform
	for _, u := range p.Upstreams {
		up, ok := e.graph[u.Project]
		if !ok || u.Job == "" {
			continue
		}
		j, ok := up.Job(u.Job)
		if !ok {
			continue
		}
		theirs := e.platforms(up, j)
		if out == nil {
			out = append([]weir.Platform{}, theirs...)
			continue
		}
		out = slices.DeleteFunc(out, func(p weir.Platform) bool { return !slices.Contains(theirs, p) })
	}
	return out
}
