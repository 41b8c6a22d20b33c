package recipe

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/jobs"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// onlyJob is the name of the job of a recipe that is one job.
const onlyJob = "test"

// RepositoryKeys lists what a recipe in a repository may hold, unless it is one job
// or a farm file.
func RepositoryKeys() strict.Keys { return strict.Keys{Known: []string{"jobs"}} }

// InRepository reports whether a file is a recipe in a repository, by its name.
func InRepository(file string) bool { return filepath.Base(file) == weir.RepositoryRecipe }

// ParseRepository reads a recipe in a repository, .weir.yaml. It is one of three:
// jobs, under that key; a job alone, whose name is test; or a farm file with one
// project, whose jobs are taken. The jobs are sorted by name, and nil if one of the
// problems is an error. What they use of a farm is not looked up.
func ParseRepository(file string, data []byte) ([]weir.Job, Problems) {
	return parseRepository(nil, weir.Project{Name: projectOf(file)}, file, data)
}

// ParseFor is ParseRepository for a project of a farm. What the recipe uses of the
// farm's, its locks and secrets, must be there, and granted to the project; its
// jobs must be able to run where the products are that they are built against.
func ParseFor(farm *Farm, p weir.Project, file string, data []byte) ([]weir.Job, Problems) {
	return parseRepository(farm, p, file, data)
}

// projectOf makes a name for messages.
func projectOf(file string) string {
	if name := filepath.Base(filepath.Dir(file)); weir.ValidName(name) {
		return name
	}
	return "here"
}

func parseRepository(farm *Farm, p weir.Project, file string, data []byte) ([]weir.Job, Problems) {
	r := reader{strict.New(file, data)}
	var out jobs.Recipe
	if root := r.Document(); root != nil {
		out = r.repository(farm, p, root)
	}
	problems := r.Finish()
	if problems.Err() != nil {
		return nil, problems
	}
	return out.Jobs, problems
}

// repository reads the whole file.
func (r reader) repository(farm *Farm, p weir.Project, root *yaml.Node) jobs.Recipe {
	if strict.Target(root).Kind != yaml.MappingNode {
		r.Wrong(root, "a recipe", "a mapping").Hint("write jobs: {test: {steps: [COMMAND, ...]}}")
		return jobs.Recipe{}
	}
	var out jobs.Recipe
	switch root := withoutScratch(root); {
	case has(root, "projects"):
		out = r.onlyProject(p, root)
	case has(root, "jobs"):
		r.Fields(root, "the recipe", RepositoryKeys()).With("jobs", func(n *yaml.Node) { out = jobs.All(r.Reader, n, p.Name) })
	case has(root, "source"), has(root, "upstreams"):
		r.Problem(root, "the recipe has no jobs").Hint("where a project comes from, and what is upstream of it, says the farm file; write jobs here")
	default:
		out = jobs.One(r.Reader, root, p.Name, onlyJob)
	}
	if farm == nil {
		return out
	}
	r.granted(farm, p.Name, out)
	p.Jobs = out.Jobs
	g := resolver{reader: r, farm: farm, defaults: farm.Platforms}
	whole := newGraph(farm)
	whole[p.Name] = &p
	g.runnable(&draft{project: p, jobs: out.Keys}, whole, newExpander(whole, farm.Platforms, ""))
	return out
}

// onlyProject reads a farm file, and takes the jobs of the project that is meant.
func (r reader) onlyProject(p weir.Project, root *yaml.Node) (out jobs.Recipe) {
	entries := r.Entries(strict.Lookup(root, "projects"), "projects")
	i := 0
	if len(entries) != 1 {
		i = slices.IndexFunc(entries, func(e strict.Entry) bool { return e.Name == p.Name })
	}
	if i < 0 || len(entries) == 0 {
		r.Problem(strict.Lookup(root, "projects"), "the recipe is a farm file with %d projects, none of which is called %s", len(entries), strict.Clip(p.Name)).
			Hint("leave the one that this repository is, or write its jobs alone")
		return out
	}
	r.Fields(root, "the farm file", FarmKeys())
	f := r.Fields(entries[i].Value, "project "+strict.Clip(entries[i].Name), ProjectKeys())
	if _, ok := f["jobs"]; !ok {
		r.Problem(entries[i].Key, "project %s has no jobs", strict.Clip(entries[i].Name)).Hint("write jobs: {test: {steps: [COMMAND, ...]}}")
	}
	f.With("jobs", func(n *yaml.Node) { out = jobs.All(r.Reader, n, p.Name) })
	return out
}

// granted reports what a recipe uses of the farm's and may not.
func (r reader) granted(farm *Farm, project string, recipe jobs.Recipe) {
	for _, ref := range recipe.Secrets {
		if !slices.Contains(farm.Grants[project], ref.Name) {
			r.Problem(ref.Node, "project %s may not use the secret %s", strict.Clip(project), ref.Name).
				Hint("the farm file says which it may: secrets: [%s]", strings.Join(append(slices.Clone(farm.Grants[project]), ref.Name), ", "))
		}
	}
	locks := map[string]int{}
	for _, l := range farm.Locks {
		locks[l.Name] = l.Shares()
	}
	for _, ref := range recipe.Locks {
		switch shares, ok := locks[ref.Name]; {
		case !ok:
			r.Unknown(ref.Node, "lock", ref.Name, " of the farm", slices.Sorted(maps.Keys(locks)))
		case ref.Count > shares:
			r.tooMany(ref, shares)
		}
	}
}

// has reports whether a mapping has a key.
func has(n *yaml.Node, name string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return true
		}
	}
	return false
}

// withoutScratch copies a mapping without the keys that are left alone.
func withoutScratch(n *yaml.Node) *yaml.Node {
	out := *strict.Target(n)
	out.Content = nil
	for i, all := 0, strict.Target(n).Content; i+1 < len(all); i += 2 {
		if !strings.HasPrefix(all[i].Value, scratch) {
			out.Content = append(out.Content, all[i], all[i+1])
		}
	}
	return &out
}
