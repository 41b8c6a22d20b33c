package github

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/importer/draft"
)

var (
	cronForm   = regexp.MustCompile(`^[0-9*,/-]+( [0-9A-Za-z*,/-]+){4}$`)
	expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)
	plainName  = regexp.MustCompile(`^(matrix|env|secrets|inputs|github\.event\.inputs)\.([A-Za-z0-9_-]+)$`)
	hashFiles  = regexp.MustCompile(`^hashFiles\(\s*'([^'{}]+)'\s*\)$`)
)

// exprs is what values need that are expressions.
type exprs struct {
	exports []weir.EnvVar // NAME=VALUE for the shell, where VALUE names variables
	secrets []string
}

func (e exprs) list() string {
	var names []string
	for _, v := range e.exports {
		names = append(names, v.Name)
	}
	return strings.Join(names, ", ")
}

func minutes(n *yaml.Node) time.Duration {
	f, err := strconv.ParseFloat(draft.Text(n), 64)
	if err != nil || f <= 0 || f > 1e6 {
		return 0
	}
	return draft.Minutes(time.Duration(f * float64(time.Minute)).Round(time.Second))
}

// context is what a value of GitHub's is called here.
func context(text string) (shell string, secret string, ok bool) {
	if m := plainName.FindStringSubmatch(text); m != nil {
		switch name := m[2]; m[1] {
		case "matrix":
			return "$" + draft.AxisName(name), "", true
		case "env":
			return "$" + name, "", draft.IsVariable(name)
		case "secrets":
			return "$" + name, name, draft.IsVariable(name) && name != "GITHUB_TOKEN"
		default:
			return "$WEIR_PARAM_" + draft.AxisName(name), "", true
		}
	}
	known := map[string]string{"github.sha": "$WEIR_REVISION", "github.workspace": "$PWD", "github.ref_name": "$WEIR_BRANCH",
		"runner.temp": "$TMPDIR", "github.run_id": "$WEIR_BUILD", "github.run_number": "$WEIR_BUILD"}
	v, ok := known[text]
	return v, "", ok
}

// replace puts variables in the place of expressions. bad lists those that have none.
func replace(s string) (out string, secrets, bad []string) {
	out = expression.ReplaceAllStringFunc(s, func(e string) string {
		text := expression.FindStringSubmatch(e)[1]
		shell, secret, ok := context(text)
		if !ok {
			bad = append(bad, text)
			return e
		}
		if secret != "" {
			secrets = append(secrets, secret)
		}
		return shell
	})
	return out, secrets, bad
}

// variables reads env, on top of what there is. Values that are expressions come
// as exports, for a command to begin with.
func (w *workflow) variables(n *yaml.Node, list []weir.EnvVar) ([]weir.EnvVar, exprs) {
	var ex exprs
	for _, e := range draft.Entries(n) {
		value := draft.Text(e.Value)
		if !strings.Contains(value, "${{") {
			list = w.SetEnv(e.Key, list, e.Name, value)
			continue
		}
		shell, secrets, bad := replace(value)
		switch {
		case len(bad) > 0:
			w.Note(e.Key, "the variable %s: ${{ %s }} has no counterpart", draft.Title(e.Name), draft.Title(bad[0]))
		case len(secrets) == 1 && shell == "$"+e.Name:
			ex.secrets = append(ex.secrets, e.Name)
		case !draft.IsVariable(e.Name) || strings.ContainsAny(shell, "\"`\\\n"):
			w.Note(e.Key, "the variable %s cannot be set", draft.Title(e.Name))
		default:
			ex.secrets = append(ex.secrets, secrets...)
			ex.exports = append(ex.exports, weir.EnvVar{Name: e.Name, Value: shell})
		}
	}
	return list, ex
}

// step reads one step of a job.
func (w *workflow) step(n *yaml.Node, title string, j *weir.Job, more exprs, dir string) {
	if uses := draft.Text(draft.Get(n, "uses")); uses != "" {
		w.action(n, uses, title, j)
		return
	}
	text := draft.Get(n, "run")
	if text == nil {
		w.Note(n, "job %s: a step that runs nothing", title)
		return
	}
	run, secrets, bad := replace(draft.Text(text))
	if len(bad) > 0 {
		w.Note(text, "job %s: a step was left out, because ${{ %s }} has no counterpart", title, draft.Title(bad[0]))
		return
	}
	for _, file := range []string{"GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH"} {
		if strings.Contains(run, file) {
			w.Note(text, "job %s: $%s is not there; later steps do not see what is written to it", title, file)
		}
	}
	run = strings.ReplaceAll(run, "$GITHUB_STEP_SUMMARY", "$WEIR_SUMMARY")
	name, _, _ := replace(draft.Text(draft.Get(n, "name")))
	s := weir.Step{Name: name, Timeout: minutes(draft.Get(n, "timeout-minutes")),
		AllowFailure: draft.Text(draft.Get(n, "continue-on-error")) == "true"}
	if at := draft.Get(n, "working-directory"); at != nil {
		dir = draft.Text(at)
	}
	if s.Dir = draft.RelativePath(dir); s.Dir == "" && dir != "" && dir != "." {
		w.Note(n, "job %s: a step was left out, because it runs in %s", title, draft.Title(dir))
		return
	}
	s.Env, more = w.stepEnv(n, more)
	j.Secrets = append(append(j.Secrets, secrets...), more.secrets...)
	s.Shell = shellOf(draft.Text(draft.Get(n, "shell")), *j)
	s.Run = run
	if s.Shell != weir.ShellCmd && s.Shell != weir.ShellPowerShell && s.Shell != weir.ShellPython {
		s.Run = draft.Exports(more.exports, run)
	} else if len(more.exports) > 0 {
		w.Note(n, "job %s: the variables %s of a step could not be taken over", title, more.list())
	}
	if !w.when(draft.Get(n, "if"), title, &s) {
		return
	}
	w.Step(n, j, s)
}

func (w *workflow) stepEnv(n *yaml.Node, more exprs) ([]weir.EnvVar, exprs) {
	list, own := w.variables(draft.Get(n, "env"), nil)
	return list, exprs{append(slices.Clone(more.exports), own.exports...), own.secrets}
}

// shellOf finds the shell that a step names; empty if it is the job's.
func shellOf(name string, j weir.Job) weir.Shell {
	first, _, _ := strings.Cut(name, " ")
	s := weir.ShellDefault
	switch first {
	case "bash":
		s = weir.ShellBash
	case "sh":
		s = weir.ShellSh
	case "pwsh", "powershell":
		s = weir.ShellPowerShell
	case "cmd":
		s = weir.ShellCmd
	case "python":
		s = weir.ShellPython
	}
	if s == j.Shell {
		return weir.ShellDefault
	}
	return s
}

// when reads the condition of a step, and reports whether the step is to be kept.
func (w *workflow) when(n *yaml.Node, title string, s *weir.Step) bool {
	text := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(draft.Text(n)), "${{"), "}}"))
	osOf := regexp.MustCompile(`^(?:runner\.os|matrix\.os)\s*(==|!=)\s*'(\w+)[^']*'$`).FindStringSubmatch(text)
	switch {
	case text == "" || text == "success()":
	case text == "always()" || text == "!cancelled()" || text == "success() || failure()":
		s.When = weir.WhenAlways
	case text == "failure()":
		s.When = weir.WhenFailed
	case osOf != nil:
		name := map[string]string{"linux": "linux", "ubuntu": "linux", "macos": "darwin", "windows": "windows"}[strings.ToLower(osOf[2])]
		if name == "" {
			w.Note(n, "job %s: a step was left out, because of its condition %s", title, draft.Title(text))
			return false
		}
		s.If = fmt.Sprintf("os %s %q", osOf[1], name)
	default:
		if m := regexp.MustCompile(`^matrix\.([A-Za-z0-9_-]+)\s*(==|!=)\s*'([^'"\\]*)'$`).FindStringSubmatch(text); m != nil {
			s.If = fmt.Sprintf("env[%q] %s %q", draft.AxisName(m[1]), m[2], m[3])
			return true
		}
		w.Note(n, "job %s: a step was left out, because of its condition %s", title, draft.Title(text))
		return false
	}
	return true
}

// action takes over what a farm does by itself, and notes the rest.
func (w *workflow) action(n *yaml.Node, uses, title string, j *weir.Job) {
	name, _, _ := strings.Cut(uses, "@")
	with := draft.Get(n, "with")
	switch {
	case name == "actions/checkout":
		for _, key := range []string{"submodules", "lfs", "fetch-depth", "repository", "ref", "path"} {
			if draft.Get(with, key) != nil && (key != "submodules" || draft.Text(draft.Get(with, key)) != "false") {
				w.Note(n, "job %s: %s of the checkout: see source in the farm file", title, key)
			}
		}
	case name == "actions/cache":
		w.cache(n, with, title, j)
	case name == "actions/upload-artifact":
		for line := range strings.SplitSeq(draft.Text(draft.Get(with, "path")), "\n") {
			if p := draft.RelativePath(line); p != "" && !strings.HasPrefix(p, "!") && !strings.ContainsAny(p, "[{") {
				if rule := (weir.ArtifactRule{Path: p}); !slices.Contains(j.Artifacts, rule) && len(j.Artifacts) < 30 {
					j.Artifacts = append(j.Artifacts, rule)
				}
			} else if strings.TrimSpace(line) != "" {
				w.Note(n, "job %s: the artifact %s was not taken over", title, draft.Title(line))
			}
		}
	case strings.Contains(name, "/setup-"):
		w.Note(n, "job %s: %s: the worker must have it; say so with labels", title, draft.Title(uses))
	default:
		w.Note(n, "job %s: there are no actions: what %s does has to be written as commands", title, draft.Title(uses))
	}
}

// cache takes over a cache.
func (w *workflow) cache(n, with *yaml.Node, title string, j *weir.Job) {
	c := weir.Cache{}
	for line := range strings.SplitSeq(draft.Text(draft.Get(with, "path")), "\n") {
		line = strings.TrimSpace(line)
		rest, home := strings.CutPrefix(line, "~/")
		if p := draft.RelativePath(rest); p != "" {
			if home {
				p = "~/" + p
			}
			c.Paths = append(c.Paths, p)
		}
	}
	var ok bool
	if c.Key, ok = cacheKey(draft.Text(draft.Get(with, "key"))); !ok || len(c.Paths) == 0 {
		w.Note(n, "job %s: its cache of %s was not taken over", title, draft.Title(draft.Text(draft.Get(with, "path"))))
		return
	}
	for line := range strings.SplitSeq(draft.Text(draft.Get(with, "restore-keys")), "\n") {
		if k, ok := cacheKey(strings.TrimSpace(line)); ok && len(c.Fallback) < 8 && !slices.Contains(c.Fallback, k) {
			c.Fallback = append(c.Fallback, k)
		}
	}
	if len(j.Caches) < 16 {
		j.Caches = append(j.Caches, c)
	}
}

// cacheKey turns a key into one with placeholders.
func cacheKey(s string) (key string, ok bool) {
	ok = s != "" && len(s) < 200 && !strings.ContainsAny(expression.ReplaceAllString(s, ""), "{}\n")
	key = expression.ReplaceAllStringFunc(s, func(e string) string {
		text := expression.FindStringSubmatch(e)[1]
		if m := hashFiles.FindStringSubmatch(text); m != nil && draft.RelativePath(m[1]) != "" && !strings.Contains(m[1], "[") {
			return "{hash:" + draft.RelativePath(m[1]) + "}"
		}
		if text == "runner.os" || text == "matrix.os" {
			return "{platform}"
		}
		if m := plainName.FindStringSubmatch(text); m != nil && m[1] == "matrix" {
			return "{" + draft.AxisName(m[2]) + "}"
		}
		ok = false
		return ""
	})
	return key, ok
}
