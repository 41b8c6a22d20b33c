// Package gitlab turns .gitlab-ci.yml into a recipe: jobs with their scripts, the
// order of their stages as needs, matrices, artifacts and reports of tests. What
// is included from elsewhere is not read.
package gitlab

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/importer/draft"
)

// pipeline is a file that is being read.
type pipeline struct {
	*draft.Draft
	root     *yaml.Node
	defaults *yaml.Node
	env      []weir.EnvVar
	stages   []string
	names    map[string]string // of jobs, by their keys
	stageOf  map[string]string
	order    []string // keys of jobs
	chains   map[string][]*yaml.Node
}

// global are keys of the file that are no jobs.
var global = []string{"stages", "default", "variables", "include", "workflow", "image", "services", "before_script", "after_script", "cache", "pages", "spec", "types"}

// Import reads a file.
func Import(file string, data []byte) *draft.Draft {
	d, root := draft.Open(file, data)
	if root == nil {
		return d
	}
	if !draft.IsMap(root) {
		d.Note(root, "it is no .gitlab-ci.yml")
		return d
	}
	p := &pipeline{Draft: d, root: root, defaults: draft.Get(root, "default"), names: map[string]string{}, stageOf: map[string]string{},
		chains: map[string][]*yaml.Node{}}
	p.stages = draft.Texts(draft.Get(root, "stages"))
	if len(p.stages) == 0 {
		p.stages = []string{"build", "test", "deploy"}
	}
	p.stages = append(append([]string{".pre"}, p.stages...), ".post")
	p.env = p.variables(draft.Get(root, "variables"), nil)
	var jobs []draft.Entry
	for _, e := range draft.Entries(root) {
		switch {
		case e.Name == "include":
			p.Note(e.Key, "include: what lies elsewhere was not read")
		case e.Name == "workflow":
			p.Note(e.Key, "workflow: when a project is built is said in the farm file, at its source")
		case slices.Contains(global, e.Name) && e.Name != "pages", strings.HasPrefix(e.Name, "."):
		case draft.IsMap(e.Value):
			jobs = append(jobs, e)
		}
	}
	for _, e := range jobs {
		p.chains[e.Name] = p.chain(e.Value, 0)
		p.names[e.Name] = draft.Name(e.Name)
		p.stageOf[e.Name] = draft.Text(p.get(e.Name, "stage"))
		if p.stageOf[e.Name] == "" {
			p.stageOf[e.Name] = "test"
		}
		p.order = append(p.order, e.Name)
	}
	for _, e := range jobs {
		p.job(e)
	}
	p.knownNeeds()
	return d
}

// knownNeeds takes out needs of jobs that were not taken over.
func (p *pipeline) knownNeeds() {
	for i := range p.Jobs {
		p.Jobs[i].Needs = slices.DeleteFunc(p.Jobs[i].Needs, func(n string) bool {
			return n == p.Jobs[i].Name || !slices.ContainsFunc(p.Jobs, func(j weir.Job) bool { return j.Name == n })
		})
		if len(p.Jobs[i].Needs) == 0 {
			p.Jobs[i].When = weir.WhenPassed
		}
	}
}

// maxExtends limits how deep jobs extend others.
const maxExtends = 8

// chain lists what a job's keys are looked up in: the job, and what it extends.
func (p *pipeline) chain(n *yaml.Node, depth int) []*yaml.Node {
	out := []*yaml.Node{n}
	if depth > maxExtends {
		return out
	}
	bases := draft.Texts(draft.Get(n, "extends"))
	for _, b := range slices.Backward(bases) { // the last one wins
		at := draft.Get(p.root, b)
		if at == nil {
			p.Note(draft.Get(n, "extends"), "extends %s, which lies elsewhere", draft.Title(b))
			continue
		}
		if len(out) < 50 {
			out = append(out, p.chain(at, depth+1)...)
		}
	}
	return out
}

// get finds a key of a job, in what it extends, or among the defaults.
func (p *pipeline) get(job, key string) *yaml.Node {
	for _, n := range p.chains[job] {
		if v := draft.Get(n, key); v != nil {
			return v
		}
	}
	if slices.Contains([]string{"before_script", "after_script", "image", "cache", "services", "timeout", "retry", "tags", "artifacts"}, key) {
		if v := draft.Get(p.defaults, key); v != nil {
			return v
		}
		return draft.Get(p.root, key)
	}
	return nil
}

// variables reads variables; those that use others are noted.
func (p *pipeline) variables(n *yaml.Node, list []weir.EnvVar) []weir.EnvVar {
	for _, e := range draft.Entries(n) {
		value := draft.Text(e.Value)
		if draft.IsMap(e.Value) {
			value = draft.Text(draft.Get(e.Value, "value"))
		}
		switch {
		case strings.HasPrefix(e.Name, "GIT_") || strings.HasPrefix(e.Name, "FF_"): // how GitLab's runner works
		case strings.Contains(value, "$"):
			p.Note(e.Key, "the variable %s uses others: set it in a command", draft.Title(e.Name))
		default:
			list = p.SetEnv(e.Key, list, e.Name, value)
		}
	}
	return list
}

var jobKeys = []string{"stage", "script", "before_script", "after_script", "image", "variables", "needs", "dependencies", "extends", "artifacts",
	"cache", "parallel", "allow_failure", "timeout", "retry", "tags", "when", "services", "rules", "only", "except", "coverage", "interruptible"}

// job reads one job.
func (p *pipeline) job(e draft.Entry) {
	title := draft.Title(e.Name)
	for _, f := range draft.Entries(e.Value) {
		if !slices.Contains(jobKeys, f.Name) {
			p.Note(f.Key, "job %s: %s was not taken over", title, draft.Title(f.Name))
		}
	}
	if p.get(e.Name, "trigger") != nil {
		p.Note(e.Key, "job %s was left out: it starts another pipeline", title)
		return
	}
	j := weir.Job{Name: e.Name, Shell: weir.ShellBash, Env: p.env}
	chain := p.chains[e.Name]
	for _, n := range slices.Backward(chain) {
		j.Env = p.variables(draft.Get(n, "variables"), j.Env)
	}
	if image := p.get(e.Name, "image"); image != nil {
		name := draft.Text(image)
		if draft.IsMap(image) {
			name = draft.Text(draft.Get(image, "name"))
		}
		p.Note(image, "job %s: it runs on the worker itself, which must have what the image %s holds", title, draft.Title(name))
	}
	if services := p.get(e.Name, "services"); services != nil {
		p.Note(services, "job %s: services are images: write them as commands, see services in docs/recipe.md", title)
	}
	for _, tag := range draft.Texts(p.get(e.Name, "tags")) {
		if platform := draft.Platform(tag); platform != "" {
			j.Platforms = []weir.Platform{platform}
		} else if weir.ValidName(tag) && len(j.Labels) < 20 {
			j.Labels = append(j.Labels, tag)
		}
	}
	p.conditions(e, title, &j)
	p.needs(e, title, &j)
	p.matrix(p.get(e.Name, "parallel"), title, &j)
	p.keep(p.get(e.Name, "artifacts"), title, &j)
	p.caches(p.get(e.Name, "cache"), title, &j)
	j.Timeout = duration(draft.Text(p.get(e.Name, "timeout")))
	p.script(e, title, &j)
	p.Add(e.Key, j)
}

// script makes steps: a failing line ends before_script and script, not after_script.
func (p *pipeline) script(e draft.Entry, title string, j *weir.Job) {
	retry := p.get(e.Name, "retry")
	times := draft.Text(retry)
	if draft.IsMap(retry) {
		times = draft.Text(draft.Get(retry, "max"))
	}
	if times != "" && times != "0" {
		p.Note(retry, "job %s: retry: a farm repeats what ended for its own reasons; a step can have retry", title)
	}
	for _, phase := range []string{"before_script", "script", "after_script"} {
		at := p.get(e.Name, phase)
		lines := draft.Texts(at)
		for _, item := range draft.Items(at) {
			if item.Tag == "!reference" {
				p.Note(item, "job %s: !reference: write the commands themselves", title)
				lines = slices.DeleteFunc(lines, func(l string) bool { return slices.Contains(draft.Texts(item), l) })
			}
		}
		if len(lines) == 0 {
			continue
		}
		s := weir.Step{Name: strings.ReplaceAll(phase, "_", " "), Run: known(strings.Join(lines, "\n"))}
		if phase == "after_script" {
			s.When, s.AllowFailure = weir.WhenAlways, true
		}
		if i := strings.Index(s.Run, "$CI_"); i >= 0 {
			name := s.Run[i+1:]
			if end := strings.IndexFunc(name, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' }); end > 0 {
				name = name[:end]
			}
			p.Note(at, "job %s: $%s is not set; docs/recipe.md lists what is", title, draft.Title(name))
		}
		p.Step(at, j, s)
	}
}

// known puts this farm's variables in the place of GitLab's.
func known(run string) string {
	return strings.NewReplacer("$CI_COMMIT_SHA", "$WEIR_REVISION", "${CI_COMMIT_SHA}", "${WEIR_REVISION}",
		"$CI_COMMIT_BRANCH", "$WEIR_BRANCH", "${CI_COMMIT_BRANCH}", "${WEIR_BRANCH}", "$CI_COMMIT_REF_NAME", "$WEIR_BRANCH",
		"$CI_PROJECT_DIR", "$PWD", "${CI_PROJECT_DIR}", "${PWD}", "$CI_PIPELINE_ID", "$WEIR_BUILD", "$CI_JOB_ID", "$WEIR_BUILD").Replace(run)
}

// needs reads what comes before: needs, or all jobs of the stage before.
func (p *pipeline) needs(e draft.Entry, title string, j *weir.Job) {
	add := func(key string) {
		if name := p.names[key]; name != "" && key != e.Name && !slices.Contains(j.Needs, name) && len(j.Needs) < 60 {
			j.Needs = append(j.Needs, name)
		}
	}
	if at := p.get(e.Name, "needs"); at != nil {
		for _, item := range draft.Items(at) {
			key := draft.Text(item)
			if draft.IsMap(item) {
				key = draft.Text(draft.Get(item, "job"))
			}
			if p.names[key] == "" {
				p.Note(item, "job %s needs %s, which is not here", title, draft.Title(key))
			}
			add(key)
		}
		return
	}
	for at := slices.Index(p.stages, p.stageOf[e.Name]) - 1; at >= 0 && len(j.Needs) == 0; at-- {
		for _, key := range p.order {
			if p.stageOf[key] == p.stages[at] {
				add(key)
			}
		}
	}
}

// conditions reads what says when a job is built.
func (p *pipeline) conditions(e draft.Entry, title string, j *weir.Job) {
	allow := p.get(e.Name, "allow_failure")
	j.AllowFailure = draft.Text(allow) == "true" || draft.IsMap(allow)
	when := p.get(e.Name, "when")
	switch draft.Text(when) {
	case "manual":
		j.Start.On = []weir.Cause{weir.CauseForce}
	case "always":
		j.When = weir.WhenAlways
	case "on_failure":
		j.When = weir.WhenFailed
	case "never":
		p.Note(when, "job %s: when: never", title)
	}
	for _, key := range []string{"rules", "only", "except"} {
		at := p.get(e.Name, key)
		switch values := draft.Texts(at); {
		case at == nil:
		case key == "only" && len(values) == 1 && values[0] == "tags":
			j.Start.On = []weir.Cause{weir.CauseTag, weir.CauseForce}
		case key == "only" && len(values) == 1 && values[0] == "schedules":
			p.Note(at, "job %s: write the times under cron", title)
		default:
			p.Note(at, "job %s: %s was not taken over; it is built for each change. See if and on in docs/recipe.md", title, key)
		}
	}
}

func duration(s string) time.Duration {
	if d, err := time.ParseDuration(strings.ReplaceAll(s, " ", "")); err == nil {
		return draft.Minutes(d)
	}
	number, unit, _ := strings.Cut(strings.TrimSpace(s), " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 100_000 {
		return 0
	}
	switch {
	case strings.HasPrefix(unit, "h"):
		return draft.Minutes(time.Duration(n) * time.Hour)
	case strings.HasPrefix(unit, "m"):
		return draft.Minutes(time.Duration(n) * time.Minute)
	case strings.HasPrefix(unit, "s"):
		return draft.Minutes(time.Duration(n) * time.Second)
	}
	return 0
}
