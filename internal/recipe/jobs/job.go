package recipe

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on jobs.
const (
	minTimeout = time.Second
	maxTimeout = 24 * time.Hour
	maxSteps   = 100
	maxRun     = 64 << 10 // bytes of one step's commands
	maxEnv     = 256      // variables of a job or a step
	maxValue   = 32 << 10 // bytes of a variable's value
	maxResults = 64
	// prefix is where products are installed.
	prefix = "$WEIR_PREFIX"
)

var (
	envForm     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	productForm = regexp.MustCompile(`^\$(?:WEIR_PREFIX|\{WEIR_PREFIX\})/?$`)
)

// job reads one job of a project.
func (r reader) job(e strict.Entry, project string) weir.Job {
	what := "job " + project + "/" + strict.Clip(e.Name)
	j := weir.Job{Name: e.Name}
	f := r.Fields(e.Value, what, strict.Keys{Known: []string{"platforms", "labels", "steps", "env", "product", "results", "dir", "timeout", "quiet"}})
	f.With("platforms", func(n *yaml.Node) { j.Platforms = r.platforms(n, "platforms of "+what) })
	f.With("labels", func(n *yaml.Node) { j.Labels = r.labels(n, "labels of "+what) })
	if s, ok := f["steps"]; ok {
		j.Steps = r.steps(s.Value, what)
	} else if strict.Target(e.Value).Kind == yaml.MappingNode {
		r.Problem(e.Key, "%s has no steps", what).Hint("write steps: [COMMAND, ...]")
	}
	f.With("env", func(n *yaml.Node) { j.Env = r.env(n, "env of "+what) })
	f.With("product", func(n *yaml.Node) { j.Product = r.product(n) })
	f.With("results", func(n *yaml.Node) { j.Results = r.results(n, what) })
	f.With("dir", func(n *yaml.Node) { j.Dir = r.checkoutName(n) })
	f.With("timeout", func(n *yaml.Node) { j.Timeout = r.Duration(n, "timeout", minTimeout, maxTimeout) })
	f.With("quiet", func(n *yaml.Node) { j.Quiet = r.Duration(n, "quiet", minTimeout, maxTimeout) })
	return j
}

// env reads variables. Numbers and booleans are taken as they are written.
func (r reader) env(n *yaml.Node, what string) []weir.EnvVar {
	var out []weir.EnvVar
	for _, e := range r.Entries(n, what) {
		upper := strings.ToUpper(e.Name)
		switch {
		case !envForm.MatchString(e.Name):
			r.Problem(e.Key, "not the name of a variable: %s", strict.Show(e.Name)).
				Hint("use letters, digits and underscores, with no digit first")
		case strings.HasPrefix(upper, "WEIR_"):
			r.Problem(e.Key, "%s is set by the worker and cannot be set here", strict.Show(e.Name)).
				Hint("names that start with WEIR_ are reserved")
		case len(out) == maxEnv:
			r.Problem(e.Key, "%s has more than %d variables", what, maxEnv)
		default:
			if value, ok := r.value(e.Value, e.Name); ok {
				out = append(out, weir.EnvVar{Name: e.Name, Value: value})
			}
		}
	}
	slices.SortFunc(out, func(a, b weir.EnvVar) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (r reader) value(n *yaml.Node, name string) (string, bool) {
	n = strict.Target(n)
	tags := []string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp"}
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) {
		r.Wrong(n, "the variable "+name, "a text, a number or a boolean").
			Hint(`for an empty variable, write ""`)
		return "", false
	}
	if len(n.Value) > maxValue || strings.ContainsRune(n.Value, 0) {
		r.Problem(n, "the variable %s is longer than %d bytes, or holds the character NUL", name, maxValue)
		return "", false
	}
	return n.Value, true
}

// product reads the directory that is handed down.
func (r reader) product(n *yaml.Node) string {
	s, ok := r.Prose(n, "product")
	if !ok {
		return ""
	}
	if !productForm.MatchString(s) {
		r.Problem(strict.Target(n), "product must be %s, found %s", prefix, strict.Show(s)).
			Hint("install there: ./configure --prefix=%s, for example", prefix)
		return ""
	}
	return prefix
}

// results reads where tests leave their results, and in which format.
func (r reader) results(n *yaml.Node, what string) []weir.ResultFile {
	known := make([]string, 0, len(weir.ResultFormats()))
	for _, f := range weir.ResultFormats() {
		known = append(known, string(f))
	}
	var out []weir.ResultFile
	r.List(n, "results of "+what, func(_ int, n *yaml.Node) {
		entries := r.Entries(n, "an entry of results")
		if strict.Target(n).Kind == yaml.MappingNode && len(entries) != 1 {
			r.Problem(n, "an entry of results has one format and its path, found %d keys", len(entries)).
				Hint("write - {junit: PATH}, with a dash for each file")
		}
		for _, e := range entries {
			if !slices.Contains(known, e.Name) {
				r.Unknown(e.Key, "result format", e.Name, "", known)
				continue
			}
			file := weir.ResultFile{Format: weir.ResultFormat(e.Name), Path: r.Pattern(e.Value, "the path of "+e.Name)}
			switch {
			case file.Path == "":
			case slices.Contains(out, file):
				r.Problem(e.Value, "results names %s twice", strict.Show(file.Path))
			case len(out) == maxResults:
				r.Problem(e.Value, "results has more than %d entries", maxResults)
			default:
				out = append(out, file)
			}
		}
	})
	return out
}

// checkoutName reads the name of the checkout's directory.
func (r reader) checkoutName(n *yaml.Node) string {
	s, ok := r.Text(n, "dir")
	if !ok {
		return ""
	}
	if !weir.ValidName(s) {
		r.Problem(strict.Target(n), "dir of a job is the name of the checkout's directory, found %s", strict.Show(s)).
			Hint("write one name without slashes; for a directory below the checkout, use dir in a step")
		return ""
	}
	return s
}
