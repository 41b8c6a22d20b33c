package jobs

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/condition"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on steps.
const (
	maxSteps = 100
	maxRun   = 64 << 10 // bytes of one step's commands
)

// StepKeys lists what a step may hold.
func StepKeys() strict.Keys {
	return strict.Keys{
		Known: []string{"name", "run", "script", "shell", "dir", "env", "secrets", "timeout", "quiet", "when", "if", "allow_failure", "retry"},
		Elsewhere: map[string]string{
			"uses": "there are no actions: write the commands themselves, under run", "commands": "write run: |, and the commands below it",
			"command": "write run: COMMAND", "cmd": "write run: COMMAND", "id": "write name: NAME", "working-directory": "write dir: PATH", "cwd": "write dir: PATH",
			"continue-on-error": "write allow_failure: true", "ignore_failure": "write allow_failure: true", "always": "write when: always",
			"image": "steps run on the worker itself: write labels in the job", "environment": "write env: {NAME: VALUE}",
			"retries": "write retry: 2", "timeout-minutes": "write timeout: 30m",
		},
	}
}

// steps reads the commands of a job and gives a name to those that have none.
func (r reader) steps(n *yaml.Node, what string, j weir.Job) []weir.Step {
	var out []weir.Step
	taken := map[string]int{}
	before := []string{} // names that a condition can use
	r.List(n, "steps of "+what, func(i int, n *yaml.Node) {
		if i >= maxSteps {
			if i == maxSteps {
				r.Problem(n, "%s has more than %d steps", what, maxSteps).Hint("put commands that belong together into one step, with run: |")
			}
			return
		}
		s, named := r.step(n, i, j, before)
		if named != nil {
			if before, dup := taken[s.Name]; dup {
				r.Problem(named, "two steps of %s have the name %s", what, strict.Show(s.Name)).
					Hint("the other one is step %d", before)
			}
			taken[s.Name] = i + 1
			before = append(before, s.Name)
		}
		out = append(out, s)
	})
	for i := range out {
		if out[i].Name == "" {
			out[i].Name = freeName(stepName(cmp.Or(out[i].Run, out[i].Script)), i+1, taken)
		}
	}
	return out
}

// step reads one step, and where its name stands if it has one.
func (r reader) step(n *yaml.Node, i int, j weir.Job, before []string) (s weir.Step, name *yaml.Node) {
	t := strict.Target(n)
	if t.Kind != yaml.MappingNode {
		if t.Kind == yaml.ScalarNode && t.ShortTag() == "!!str" {
			s.Run = r.run(t)
		} else {
			p := r.Wrong(t, "a step", "a command or a mapping with run")
			if t.Kind == yaml.ScalarNode && t.ShortTag() != "!!null" {
				p.Hint("put the command in quotes: %q", strict.Clip(t.Value))
			}
		}
		return s, nil
	}
	what := fmt.Sprintf("step %d", i+1)
	f := r.Fields(t, what, StepKeys())
	f.With("name", func(n *yaml.Node) {
		if s.Name = r.Title(n, "the name of "+what); s.Name != "" {
			name = n
		}
	})
	r.command(n, f, what, &s)
	f.With("shell", func(n *yaml.Node) { s.Shell = r.shell(n, "shell of "+what) })
	f.With("dir", func(n *yaml.Node) { s.Dir = r.Relative(n, "dir") })
	f.With("env", func(n *yaml.Node) { s.Env = r.env(n, "env of "+what) })
	f.With("secrets", func(n *yaml.Node) { s.Secrets = r.secrets(n, what, append(slices.Clone(j.Env), s.Env...)) })
	f.With("timeout", func(n *yaml.Node) { s.Timeout = r.Duration(n, "timeout", minTimeout, maxTimeout) })
	f.With("quiet", func(n *yaml.Node) { s.Quiet = r.Duration(n, "quiet", minTimeout, maxTimeout) })
	f.With("when", func(n *yaml.Node) { s.When = r.when(n, "when of "+what) })
	f.With("if", func(n *yaml.Node) {
		scope := scopeOf(j)
		scope.Steps = before
		s.If = r.condition(n, "if of "+what, func(text string) error { return condition.CheckStep(text, scope) })
	})
	f.With("allow_failure", func(n *yaml.Node) { s.AllowFailure = r.Boolean(n, "allow_failure") })
	f.With("retry", func(n *yaml.Node) { s.Retry, _ = r.Number(n, "retry", 0, weir.MaxStepRetry) })
	return s, name
}

// command reads what a step runs: a command, or a file of the checkout.
func (r reader) command(n *yaml.Node, f strict.Fields, what string, s *weir.Step) {
	run, hasRun := f["run"]
	script, hasScript := f["script"]
	switch {
	case hasRun && hasScript:
		r.Problem(script.Key, "%s has both run and script", what).Hint("run is a command, script a file of the checkout: keep one of the two")
	case hasRun:
		s.Run = r.run(run.Value)
	case hasScript:
		one := strict.Target(script.Value)
		if one.Kind == yaml.SequenceNode || strings.ContainsAny(one.Value, " \n") {
			r.Problem(script.Value, "script of %s is not the path of a file", what).Hint("for commands, write run: |, and the commands below it")
			return
		}
		s.Script = r.Relative(script.Value, "script")
	default:
		r.Problem(n, "%s has no command", what).Hint("write run: COMMAND; a line that holds \": \" must be in quotes or behind run: |")
	}
}

func (r reader) run(n *yaml.Node) string {
	s, ok := r.Prose(n, "run")
	if ok && len(s) > maxRun {
		r.Problem(strict.Target(n), "run is longer than %d KiB", maxRun>>10).Hint("put it into a script in the repository")
		return ""
	}
	return s
}

var (
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=\S*$`)
	program    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]{0,23}$`)
	verb       = regexp.MustCompile(`^[a-z][a-z-]{0,15}$`)
)

// stepName makes a name of a command: its program, and the verb behind it if
// there is one, as in "go test". It is empty if the command does not start
// with a plain program.
func stepName(run string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(run), "\n")
	words := strings.Fields(line)
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return ""
	}
	name := path.Base(words[0])
	if !program.MatchString(name) {
		return ""
	}
	if len(words) > 1 && verb.MatchString(words[1]) {
		name += " " + words[1]
	}
	return name
}

// freeName returns name, or name with the lowest number behind it that makes
// it unique, and takes it.
func freeName(name string, number int, taken map[string]int) string {
	base := name
	if base == "" {
		base, name = "step", fmt.Sprintf("step %d", number)
	}
	for i := 2; taken[name] != 0; i++ {
		name = fmt.Sprintf("%s %d", base, i)
	}
	taken[name] = number
	return name
}
