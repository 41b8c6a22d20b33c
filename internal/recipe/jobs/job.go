package jobs

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on jobs.
const (
	minTimeout  = time.Second
	maxTimeout  = 24 * time.Hour
	maxJobs     = 256 // of one project
	maxFormerly = 16
	// maxBuilders bounds the builders that the jobs of one project ask for by their
	// cells and platforms, on each of its branches.
	maxBuilders = 2000
	maxPriority = 100
)

// reader reads the keys of jobs.
type reader struct {
	*strict.Reader
	out *Recipe
}

// Recipe is what stands under the key jobs.
type Recipe struct {
	Jobs []weir.Job            // sorted by name
	Keys map[string]*yaml.Node // where each job starts, by name; wrong ones too
	// Locks and Secrets are the names that jobs use of what the farm has.
	Locks, Secrets []Ref
}

// Ref is a name and where it stands.
type Ref struct {
	Name  string
	Count int // shares of a lock
	Node  *yaml.Node
}

// Keys lists what a job may hold.
func Keys() strict.Keys {
	return strict.Keys{
		Known: []string{"platforms", "labels", "steps", "env", "product", "results", "checkout_dir", "timeout", "quiet",
			"matrix", "needs", "when", "if", "on", "cron", "params", "priority", "locks", "superseded",
			"allow_failure", "secrets", "services", "caches", "artifacts", "shell", "formerly"},
		Renamed: map[string]string{"dir": "checkout_dir"},
		Elsewhere: map[string]string{
			"depends_on": "write needs: [JOB, ...]", "after": "write needs: [JOB, ...]", "requires": "write needs: [JOB, ...]",
			"script": "write steps: [COMMAND, ...]", "commands": "write steps: [COMMAND, ...]", "run": "write steps: [COMMAND, ...]",
			"before_script": "write the commands as the first steps", "after_script": "write a step with when: always",
			"strategy": "write matrix: {AXIS: [VALUE, ...]}", "parallel": "write matrix: {AXIS: [VALUE, ...]}",
			"runs-on": "write platforms: [linux/amd64], and labels for what else a worker must offer",
			"tags":    "write labels: [NAME] for what a worker must offer, and on: [tag] for what sets the job off",
			"image":   "steps run on the worker itself: write labels for what it must offer",
			"cache":   "write caches: [{paths: [...], key: ...}]", "schedule": "write cron: \"30 3 * * *\"",
			"variables": "write env: {NAME: VALUE}", "environment": "write env: {NAME: VALUE}",
			"only": "write if: CONDITION, or on: [CAUSE, ...]", "except": "write if: CONDITION", "rules": "write if: CONDITION",
			"triggers": "write on: [CAUSE, ...]", "continue-on-error": "write allow_failure: true",
			"retry": "a step can have retry: write it there", "timeout-minutes": "write timeout: 30m",
		},
	}
}

// All reads the jobs of a project.
func All(in *strict.Reader, n *yaml.Node, project string) Recipe {
	out := Recipe{Keys: map[string]*yaml.Node{}}
	r := reader{in, &out}
	entries := r.Entries(n, "the jobs of "+project)
	if len(entries) == 0 && strict.Target(n).Kind == yaml.MappingNode {
		r.Problem(n, "jobs is empty").Hint("give it a job or remove the line")
	}
	if len(entries) > maxJobs {
		r.Problem(n, "project %s has more than %d jobs", project, maxJobs)
		return out
	}
	var needs []need
	for _, e := range entries {
		out.Keys[e.Name] = e.Key
		if !weir.ValidName(e.Name) {
			r.BadName(e.Key, "a job", e.Name)
		}
		j, wants := r.job(e, project)
		out.Jobs = append(out.Jobs, j)
		needs = append(needs, wants...)
	}
	r.needs(needs, project)
	r.formerly()
	r.size(n, project)
	slices.SortFunc(out.Jobs, func(a, b weir.Job) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// size reports jobs that multiply beyond what anybody can want. A recipe may be
// foreign text.
func (r reader) size(n *yaml.Node, project string) {
	count := 0
	for _, j := range r.out.Jobs {
		for _, v := range j.Variants() {
			count += max(1, len(v.Platforms))
		}
	}
	if count > maxBuilders {
		r.Problem(n, "the jobs of %s ask for %d builders, and %d is the most", project, count, maxBuilders).
			Hint("give them fewer platforms, or their matrices fewer cells")
	}
}

// job reads one job of a project, and the jobs that it needs.
func (r reader) job(e strict.Entry, project string) (weir.Job, []need) {
	what := "job " + project + "/" + strict.Clip(e.Name)
	j := weir.Job{Name: e.Name}
	f := r.Fields(e.Value, what, Keys())
	f.With("platforms", func(n *yaml.Node) { j.Platforms = Platforms(r.Reader, n, "platforms of "+what) })
	f.With("labels", func(n *yaml.Node) { j.Labels = Labels(r.Reader, n, "labels of "+what) })
	f.With("env", func(n *yaml.Node) { j.Env = r.env(n, "env of "+what) })
	f.With("product", func(n *yaml.Node) { j.Product = r.product(n) })
	f.With("matrix", func(n *yaml.Node) { j.Cells = r.matrix(n, what) })
	if m, ok := f["matrix"]; ok && j.Product != "" {
		r.Problem(m.Key, "%s has both a product and a matrix", what).
			Hint("downstreams are built against one product: make a job of each variant that has one")
	}
	r.start(f, &j, what)
	var needs []need
	f.With("needs", func(n *yaml.Node) { j.Needs, needs = r.needed(n, what, j.Name) })
	f.With("when", func(n *yaml.Node) {
		j.When = r.when(n, "when of "+what)
		if len(j.Needs) == 0 && f["needs"].Key == nil {
			r.Problem(f["when"].Key, "%s has when, but needs no job", what).Hint("write needs: [JOB, ...]; for a step, write when there")
		}
	})
	r.holds(f, &j, what)
	f.With("shell", func(n *yaml.Node) { j.Shell = r.shell(n, "shell of "+what) })
	if s, ok := f["steps"]; ok {
		j.Steps = r.steps(s.Value, what, j)
	} else if strict.Target(e.Value).Kind == yaml.MappingNode {
		r.Problem(e.Key, "%s has no steps", what).Hint("write steps: [COMMAND, ...]")
	}
	f.With("results", func(n *yaml.Node) { j.Results = r.results(n, what) })
	f.With("artifacts", func(n *yaml.Node) { j.Artifacts = r.artifacts(n, what) })
	f.With("checkout_dir", func(n *yaml.Node) { j.Dir = r.checkoutName(n) })
	f.With("timeout", func(n *yaml.Node) { j.Timeout = r.Duration(n, "timeout", minTimeout, maxTimeout) })
	f.With("quiet", func(n *yaml.Node) { j.Quiet = r.Duration(n, "quiet", minTimeout, maxTimeout) })
	f.With("priority", func(n *yaml.Node) { j.Priority, _ = r.Number(n, "priority", -maxPriority, maxPriority) })
	f.With("allow_failure", func(n *yaml.Node) { j.AllowFailure = r.Boolean(n, "allow_failure") })
	f.With("superseded", func(n *yaml.Node) { j.Superseded = r.superseded(n, what) })
	f.With("formerly", func(n *yaml.Node) { j.Formerly = Formerly(r.Reader, n, "a job", j.Name) })
	return j, needs
}

// Formerly reads the names that a project or a job, which is called name now,
// had before.
func Formerly(r *strict.Reader, n *yaml.Node, kind, name string) []string {
	return r.Unique(n, "formerly", maxFormerly, func(n *yaml.Node) string {
		s, ok := r.Text(n, "a name in formerly")
		switch {
		case !ok:
		case !weir.ValidName(s):
			r.BadName(strict.Target(n), kind, s)
		case s == name:
			r.Problem(strict.Target(n), "formerly names what is called so now: %s", strict.Show(s)).Hint("remove it")
		default:
			return s
		}
		return ""
	})
}

// formerly reports names that two jobs have, or had.
func (r reader) formerly() {
	had := map[string]string{}
	for _, j := range r.out.Jobs {
		for _, name := range j.Formerly {
			if _, taken := r.out.Keys[name]; taken {
				r.Problem(r.out.Keys[j.Name], "job %s was formerly %s, which another job is called now", strict.Clip(j.Name), strict.Clip(name)).
					Hint("a history belongs to one job: remove the name")
			} else if other, taken := had[name]; taken {
				r.Problem(r.out.Keys[j.Name], "the jobs %s and %s were both formerly %s", strict.Clip(other), strict.Clip(j.Name), strict.Clip(name)).
					Hint("a history belongs to one job: remove the name from the other")
			}
			had[name] = j.Name
		}
	}
}

func (r reader) superseded(n *yaml.Node, what string) weir.Superseded {
	s, _ := r.Choice(n, "superseded of "+what, []string{"waiting", "running", "never"})
	if s == "waiting" {
		return weir.SupersededWaiting
	}
	return weir.Superseded(s)
}

// when reads how what came before must have ended.
func (r reader) when(n *yaml.Node, what string) weir.When {
	s, _ := r.Choice(n, what, []string{"passed", "failed", "always"})
	if s == "passed" {
		return weir.WhenPassed
	}
	return weir.When(s)
}

func (r reader) shell(n *yaml.Node, what string) weir.Shell {
	known := make([]string, 0, len(weir.Shells()))
	for _, s := range weir.Shells() {
		known = append(known, string(s))
	}
	s, _ := r.Choice(n, what, known)
	return weir.Shell(s)
}

// checkoutName reads the name of the checkout's directory.
func (r reader) checkoutName(n *yaml.Node) string {
	s, ok := r.Text(n, "checkout_dir")
	if !ok {
		return ""
	}
	if !weir.ValidName(s) {
		r.Problem(strict.Target(n), "checkout_dir is the name of the checkout's directory, found %s", strict.Show(s)).
			Hint("write one name without slashes; for a directory below the checkout, use dir in a step")
		return ""
	}
	return s
}

// One reads a mapping that is one job, which gets that name.
func One(in *strict.Reader, n *yaml.Node, project, name string) Recipe {
	out := Recipe{Keys: map[string]*yaml.Node{name: n}}
	r := reader{in, &out}
	j, needs := r.job(strict.Entry{Name: name, Key: n, Value: n, Own: true}, project)
	out.Jobs = []weir.Job{j}
	r.needs(needs, project)
	r.size(n, project)
	return out
}
