// Package woodpecker turns workflows of Woodpecker, and pipelines of Drone's older
// form, into recipes. A workflow is a job. Its steps run in containers there, and
// on the worker itself here: what the images hold, the worker must have.
package woodpecker

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/importer/draft"
)

// Import reads a workflow.
func Import(file string, data []byte) *draft.Draft {
	d, root := draft.Open(file, data)
	if root == nil {
		return d
	}
	steps := draft.Get(root, "steps")
	if steps == nil {
		steps = draft.Get(root, "pipeline")
	}
	if steps == nil {
		d.Note(root, "there are no steps: it is no workflow")
		return d
	}
	j := weir.Job{Name: workflowName(file), Shell: weir.ShellSh}
	for _, e := range draft.Entries(root) {
		switch e.Name {
		case "steps", "pipeline", "matrix", "kind", "type", "name", "skip_clone", "variables":
		case "labels", "platform":
			machine(d, e, &j)
		case "depends_on":
			for _, n := range draft.Texts(e.Value) {
				d.Note(e.Key, "depends_on %s: put both workflows into one recipe and write needs: [%s]", draft.Title(n), draft.Name(n))
			}
		case "when", "branches", "trigger":
			d.Note(e.Key, "%s: which branches and events count is said in the farm file, at the project's source, or with on and if", e.Name)
		case "services":
			d.Note(e.Key, "services are images: write them as commands, see services in docs/recipe.md")
		case "clone", "workspace":
			d.Note(e.Key, "%s: how a project is checked out is said in the farm file, at its source", e.Name)
		default:
			d.Note(e.Key, "%s was not taken over", draft.Title(e.Name))
		}
	}
	matrix(d, draft.Get(root, "matrix"), &j)
	for _, s := range list(steps) {
		step(d, s, &j)
	}
	slices.Sort(j.Secrets)
	j.Secrets = slices.Compact(j.Secrets)
	d.Add(steps, j)
	return d
}

// workflowName is the name of a job: that of the file, if it says anything.
func workflowName(file string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(path.Base(strings.ReplaceAll(file, `\`, "/")), ".yml"), ".yaml")
	if name = strings.TrimPrefix(name, "."); name == "woodpecker" || name == "drone" || name == "" {
		return "test"
	}
	return name
}

// list makes entries of steps, which are a mapping or a list with names.
func list(n *yaml.Node) []draft.Entry {
	if draft.IsMap(n) {
		return draft.Entries(n)
	}
	var out []draft.Entry
	for i, item := range draft.Items(n) {
		name := draft.Text(draft.Get(item, "name"))
		if name == "" {
			name = fmt.Sprintf("step %d", i+1)
		}
		out = append(out, draft.Entry{Name: name, Key: item, Value: item})
	}
	return out
}

func machine(d *draft.Draft, e draft.Entry, j *weir.Job) {
	set := func(at *yaml.Node, v string) {
		if p := weir.Platform(v); p.Valid() {
			j.Platforms = []weir.Platform{p}
			return
		}
		d.Note(at, "the platform %s is none that is known", draft.Title(v))
	}
	if e.Name == "platform" {
		set(e.Key, draft.Text(e.Value))
		return
	}
	for _, l := range draft.Entries(e.Value) {
		switch v := draft.Text(l.Value); {
		case l.Name == "platform":
			set(l.Key, v)
		case weir.ValidName(draft.Name(l.Name+"-"+v)) && len(j.Labels) < 20:
			j.Labels = append(j.Labels, draft.Name(l.Name+"-"+v))
		}
	}
}

func matrix(d *draft.Draft, n *yaml.Node, j *weir.Job) {
	if n == nil {
		return
	}
	var cells []weir.Cell
	if include := draft.Get(n, "include"); include != nil {
		for _, item := range draft.Items(include) {
			c := weir.Cell{}
			for _, e := range draft.Entries(item) {
				c.Vars = append(c.Vars, weir.EnvVar{Name: draft.AxisName(e.Name), Value: draft.Text(e.Value)})
			}
			cells = append(cells, c)
		}
	} else {
		var axes []draft.Axis
		for _, e := range draft.Entries(n) {
			if values := draft.Texts(e.Value); len(values) > 0 {
				axes = append(axes, draft.Axis{Name: draft.AxisName(e.Name), Values: values})
			}
		}
		var ok bool
		if cells, ok = draft.Cells(axes); !ok {
			d.Note(n, "the matrix has more than %d cells", draft.MaxCells)
			return
		}
		if len(axes) == 0 {
			return
		}
	}
	lost := 0
	if j.Cells, lost = draft.Finish(cells); lost > 0 {
		d.Note(n, "%d cells of the matrix cannot be named, or are there twice", lost)
	}
}

// ciVariable is a variable that Woodpecker or Drone sets.
var ciVariable = regexp.MustCompile(`\$\{?((?:CI|DRONE)_[A-Z_]+)`)

// known are variables that are called otherwise here.
func known(run string) string {
	for from, to := range map[string]string{"CI_COMMIT_SHA": "WEIR_REVISION", "CI_COMMIT_BRANCH": "WEIR_BRANCH", "CI_PIPELINE_NUMBER": "WEIR_BUILD",
		"CI_BUILD_NUMBER": "WEIR_BUILD", "DRONE_COMMIT_SHA": "WEIR_REVISION", "DRONE_COMMIT": "WEIR_REVISION", "DRONE_BRANCH": "WEIR_BRANCH",
		"DRONE_BUILD_NUMBER": "WEIR_BUILD", "CI_WORKSPACE": "PWD"} {
		run = regexp.MustCompile(`\$(\{?)`+from+`\b`).ReplaceAllString(run, "$$${1}"+to)
	}
	return run
}

func step(d *draft.Draft, e draft.Entry, j *weir.Job) {
	title := draft.Title(e.Name)
	commands := draft.Texts(draft.Get(e.Value, "commands"))
	image := draft.Text(draft.Get(e.Value, "image"))
	if len(commands) == 0 {
		d.Note(e.Key, "step %s: what the plugin %s does has to be written as commands", title, draft.Title(image))
		return
	}
	if image != "" {
		d.Note(draft.Get(e.Value, "image"), "step %s: it runs on the worker itself, which must have what the image %s holds", title, draft.Title(image))
	}
	s := weir.Step{Name: e.Name, Run: known(strings.Join(commands, "\n"))}
	var exports []weir.EnvVar
	for _, f := range draft.Entries(e.Value) {
		switch f.Name {
		case "name", "image", "commands", "pull", "settings", "group", "depends_on":
		case "environment":
			exports = environment(d, f.Value, title, &s, j)
		case "secrets":
			for _, item := range draft.Items(f.Value) {
				if name := strings.ToUpper(draft.Text(item)); draft.IsVariable(name) {
					j.Secrets = append(j.Secrets, name)
				}
			}
		case "failure":
			s.AllowFailure = draft.Text(f.Value) == "ignore"
		case "directory":
			if s.Dir = draft.RelativePath(draft.Text(f.Value)); s.Dir == "" {
				d.Note(f.Key, "step %s was left out, because it runs in %s", title, draft.Title(draft.Text(f.Value)))
				return
			}
		case "when":
			if !when(d, f, title, &s) {
				return
			}
		case "detach":
			d.Note(f.Key, "step %s was left out, because it runs beside the others: see services in docs/recipe.md", title)
			return
		default:
			d.Note(f.Key, "step %s: %s was not taken over", title, draft.Title(f.Name))
		}
	}
	if m := ciVariable.FindStringSubmatch(s.Run); m != nil {
		d.Note(e.Key, "step %s: $%s is not set; docs/recipe.md lists what is", title, m[1])
	}
	s.Run = draft.Exports(exports, s.Run)
	d.Step(e.Key, j, s)
}

// environment reads variables, as a mapping or as NAME=VALUE.
func environment(d *draft.Draft, n *yaml.Node, title string, s *weir.Step, j *weir.Job) (exports []weir.EnvVar) {
	for _, item := range draft.Items(n) {
		if name, value, ok := strings.Cut(draft.Text(item), "="); ok {
			s.Env = d.SetEnv(item, s.Env, name, value)
		}
	}
	for _, e := range draft.Entries(n) {
		secret := strings.ToUpper(draft.Text(draft.Get(e.Value, "from_secret")))
		switch {
		case secret == "" && draft.IsMap(e.Value):
			d.Note(e.Key, "step %s: the variable %s cannot be set", title, draft.Title(e.Name))
		case secret == "" && ciVariable.MatchString(draft.Text(e.Value)):
			d.Note(e.Key, "step %s: the variable %s uses others: set it in a command", title, draft.Title(e.Name))
		case secret == "":
			s.Env = d.SetEnv(e.Key, s.Env, e.Name, draft.Text(e.Value))
		case !draft.IsVariable(secret) || !draft.IsVariable(e.Name):
			d.Note(e.Key, "step %s: the variable %s cannot be set", title, draft.Title(e.Name))
		default:
			j.Secrets = append(j.Secrets, secret)
			if e.Name != secret {
				exports = append(exports, weir.EnvVar{Name: e.Name, Value: "$" + secret})
			}
		}
	}
	return exports
}

// when reads the conditions of a step, and reports whether it is to be kept.
func when(d *draft.Draft, f draft.Entry, title string, s *weir.Step) bool {
	for _, item := range draft.Items(f.Value) {
		for _, c := range draft.Entries(item) {
			values := draft.Texts(c.Value)
			switch {
			case c.Name == "status" && slices.Contains(values, "failure") && slices.Contains(values, "success"):
				s.When = weir.WhenAlways
			case c.Name == "status" && slices.Contains(values, "failure"):
				s.When = weir.WhenFailed
			case c.Name == "status":
			case c.Name == "event" && slices.Contains(values, "push"):
			case c.Name == "event" && slices.Contains(values, "pull_request"), c.Name == "branch" && len(draft.Entries(item)) == 1 && len(values) == 1 && plainBranch.MatchString(values[0]):
				if c.Name == "event" {
					s.If = "pull"
				} else {
					s.If = fmt.Sprintf("branch == %q", values[0])
				}
			default:
				d.Note(c.Key, "step %s was left out, because of its condition on %s", title, draft.Title(c.Name))
				return false
			}
		}
	}
	return true
}

var plainBranch = regexp.MustCompile(`^[A-Za-z0-9._/-]+$`)
