// Package github turns workflows of GitHub Actions into recipes: jobs with their
// matrix, needs and steps that run commands. Actions are other people's programs
// and have no counterpart, but for those that a farm does by itself: checking out,
// caching, keeping artifacts. The others are noted.
package github

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/importer/draft"
)

// workflow is a file that is being read.
type workflow struct {
	*draft.Draft
	env   []weir.EnvVar
	root  *yaml.Node
	names map[string]string // of jobs, by their keys
	start weir.Start
}

// Import reads a workflow.
func Import(file string, data []byte) *draft.Draft {
	d, root := draft.Open(file, data)
	if root == nil {
		return d
	}
	jobs := draft.Entries(draft.Get(root, "jobs"))
	if len(jobs) == 0 {
		d.Note(root, "there are no jobs: it is no workflow")
		return d
	}
	w := &workflow{Draft: d, root: root, names: map[string]string{}}
	for _, e := range draft.Entries(root) {
		switch e.Name {
		case "name", "run-name", "on", "jobs", "env", "defaults", "permissions":
		case "concurrency":
			w.Note(e.Key, "concurrency: a farm cancels what waits for an older revision; see superseded in docs/recipe.md")
		default:
			w.Note(e.Key, "%s was not taken over", draft.Title(e.Name))
		}
	}
	w.events(draft.Get(root, "on"))
	var exports exprs
	w.env, exports = w.variables(draft.Get(root, "env"), nil)
	if len(exports.exports) > 0 {
		w.Note(draft.Get(root, "env"), "env of the workflow has values that only GitHub knows: %s", exports.list())
	}
	for _, e := range jobs {
		w.names[e.Name] = draft.Name(e.Name)
	}
	for _, e := range jobs {
		w.job(e)
	}
	w.knownNeeds()
	return d
}

// knownNeeds takes out needs of jobs that were not taken over.
func (w *workflow) knownNeeds() {
	for i := range w.Jobs {
		w.Jobs[i].Needs = slices.DeleteFunc(w.Jobs[i].Needs, func(n string) bool {
			return !slices.ContainsFunc(w.Jobs, func(j weir.Job) bool { return j.Name == n })
		})
		if len(w.Jobs[i].Needs) == 0 {
			w.Jobs[i].When = weir.WhenPassed
		}
	}
}

// events reads what sets the workflow off.
func (w *workflow) events(on *yaml.Node) {
	names := draft.Texts(on)
	if draft.IsMap(on) {
		names = nil
		for _, e := range draft.Entries(on) {
			names = append(names, e.Name)
			for _, filter := range draft.Entries(e.Value) {
				switch filter.Name {
				case "branches", "branches-ignore", "paths", "paths-ignore", "tags", "tags-ignore":
					w.Note(filter.Key, "on.%s.%s: which branches, tags and files count is said in the farm file, at the project's source", draft.Title(e.Name), filter.Name)
				case "inputs":
					w.Note(filter.Key, "inputs: write them as params of the job")
				}
			}
			for _, item := range draft.Items(e.Value) {
				if spec := draft.Text(draft.Get(item, "cron")); e.Name == "schedule" && cronForm.MatchString(spec) {
					w.start.Cron = append(w.start.Cron, weir.Cron{Spec: spec})
				}
			}
		}
	}
	causes := map[string][]weir.Cause{"push": {weir.CauseChange, weir.CauseTry}, "pull_request": {weir.CausePull}, "pull_request_target": {weir.CausePull},
		"workflow_dispatch": {weir.CauseForce}, "schedule": {weir.CauseCron}, "release": {weir.CauseTag}, "create": {weir.CauseTag}, "merge_group": {weir.CausePull}}
	for _, n := range names {
		found, ok := causes[n]
		if !ok {
			w.Note(on, "on: %s has no counterpart", draft.Title(n))
		}
		for _, c := range found {
			if !slices.Contains(w.start.On, c) && (c != weir.CauseCron || len(w.start.Cron) > 0) {
				w.start.On = append(w.start.On, c)
			}
		}
	}
	if slices.Contains(w.start.On, weir.CauseChange) && len(w.start.Cron) == 0 {
		w.start.On = nil // as without it: changes, people, tries, pull requests
	} else if len(w.start.On) > 0 && !slices.Contains(w.start.On, weir.CauseForce) {
		w.start.On = append(w.start.On, weir.CauseForce)
	}
}

// quietKeys are keys of a job that mean nothing to a farm, and need no word.
var quietKeys = []string{"name", "permissions", "steps", "runs-on", "strategy", "needs", "env", "defaults", "if", "timeout-minutes", "continue-on-error"}

// job reads one job.
func (w *workflow) job(e draft.Entry) {
	title := draft.Title(e.Name)
	if uses := draft.Get(e.Value, "uses"); uses != nil {
		w.Note(e.Key, "job %s: it is the workflow %s, which lies elsewhere", title, draft.Title(draft.Text(uses)))
		return
	}
	j := weir.Job{Name: e.Name, Shell: weir.ShellBash, Start: w.start}
	for _, f := range draft.Entries(e.Value) {
		switch {
		case slices.Contains(quietKeys, f.Name):
		case f.Name == "container":
			w.Note(f.Key, "job %s: container: steps run on the worker itself; say with labels what it must have", title)
		case f.Name == "services":
			w.Note(f.Key, "job %s: services are images: write them as commands, see services in docs/recipe.md", title)
		case f.Name == "outputs":
			w.Note(f.Key, "job %s: outputs: steps hand on values within a job only", title)
		default:
			w.Note(f.Key, "job %s: %s was not taken over", title, draft.Title(f.Name))
		}
	}
	for _, n := range draft.Texts(draft.Get(e.Value, "needs")) {
		if name := w.names[n]; name != "" && !slices.Contains(j.Needs, name) {
			j.Needs = append(j.Needs, name)
		}
	}
	j.Timeout = minutes(draft.Get(e.Value, "timeout-minutes"))
	j.AllowFailure = draft.Text(draft.Get(e.Value, "continue-on-error")) == "true"
	w.condition(draft.Get(e.Value, "if"), title, &j)
	m := w.matrix(draft.Get(e.Value, "strategy", "matrix"), title)
	w.machine(draft.Get(e.Value, "runs-on"), title, m, &j)
	j.Cells = m.finish(w.Draft, title)
	var more exprs
	j.Env, more = w.variables(draft.Get(e.Value, "env"), w.env)
	j.Secrets = append(j.Secrets, more.secrets...)
	j.Env = slices.DeleteFunc(j.Env, func(v weir.EnvVar) bool { return slices.Contains(j.Secrets, v.Name) })
	dir := draft.Text(draft.Get(e.Value, "defaults", "run", "working-directory"))
	if dir == "" {
		dir = draft.Text(draft.Get(w.root, "defaults", "run", "working-directory"))
	}
	for _, s := range draft.Items(draft.Get(e.Value, "steps")) {
		w.step(s, title, &j, more, dir)
	}
	slices.Sort(j.Secrets)
	j.Secrets = slices.Compact(j.Secrets)
	w.Add(e.Key, j)
}

// condition reads the condition of a job.
func (w *workflow) condition(n *yaml.Node, title string, j *weir.Job) {
	switch text := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(draft.Text(n), "${{"), "}}")); {
	case text == "":
	case strings.Contains(text, "always()") && len(j.Needs) > 0:
		j.When = weir.WhenAlways
	case text == "failure()" && len(j.Needs) > 0:
		j.When = weir.WhenFailed
	case strings.Contains(text, "github.repository"): // a farm builds what its file names
	case onBranch.MatchString(text):
		j.If = fmt.Sprintf(`branch == %q and not pull and tag == ""`, onBranch.FindStringSubmatch(text)[1])
	case onTag.MatchString(text) || text == "github.ref_type == 'tag'":
		j.Start = weir.Start{On: []weir.Cause{weir.CauseTag, weir.CauseForce}}
	default: // it may be what keeps a deployment from everybody's pull request
		j.Start = weir.Start{On: []weir.Cause{weir.CauseForce}}
		w.Note(n, "job %s: the condition %s was not taken over, so it starts only when a person starts it; see on and if", title, draft.Title(text))
	}
}

// onTag is a condition that tags alone meet.
var onTag = regexp.MustCompile(`^(?:github\.event_name == 'push' && )?startsWith\(github\.ref, 'refs/tags/?'\)$`)

// onBranch is a condition that only one branch meets.
var onBranch = regexp.MustCompile(`^github\.ref(?:_name)? == '(?:refs/heads/)?([A-Za-z0-9][A-Za-z0-9._/-]*)'$`)
