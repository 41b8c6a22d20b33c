package jobs

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir/internal/recipe/strict"
)

const maxNeeds = 64

// need is a job that another one names.
type need struct {
	by, name string
	node     *yaml.Node
}

// needed reads the names of the jobs that one needs.
func (r reader) needed(n *yaml.Node, what, job string) ([]string, []need) {
	var places []need
	names := r.Unique(n, "needs of "+what, maxNeeds, func(n *yaml.Node) string {
		s, ok := r.Text(n, "a job in needs of "+what)
		if !ok {
			return ""
		}
		if s == job {
			r.Problem(strict.Target(n), "%s needs itself", what).Hint("remove it from the list")
			return ""
		}
		places = append(places, need{job, s, n})
		return s
	})
	slices.Sort(names)
	return names, places
}

// needs looks up the names of needed jobs, and reports circles among them.
func (r reader) needs(needs []need, project string) {
	all := make([]string, 0, len(r.out.Jobs))
	below := map[string][]need{}
	for _, j := range r.out.Jobs {
		all = append(all, j.Name)
	}
	for _, n := range needs {
		if !slices.Contains(all, n.name) {
			r.Unknown(strict.Target(n.node), "job", n.name, " in needs of job "+project+"/"+strict.Clip(n.by),
				slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == n.by }))
			continue
		}
		below[n.by] = append(below[n.by], n)
	}
	const (
		open = iota + 1
		done
	)
	state := map[string]int{}
	var path []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = open
		path = append(path, name)
		for _, n := range below[name] {
			switch {
			case state[n.name] == 0:
				visit(n.name)
			case state[n.name] == open && !r.Full():
				circle := append(slices.Clone(path[slices.Index(path, n.name):]), n.name)
				r.Problem(n.node, "jobs of %s need each other in a circle: %s", project, strict.Clip(strings.Join(circle, " -> "))).
					Hint("one of them must do without the other")
			}
		}
		path = path[:len(path)-1]
		state[name] = done
	}
	for _, name := range all {
		if state[name] == 0 {
			visit(name)
		}
	}
}
