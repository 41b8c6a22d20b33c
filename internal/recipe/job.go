package recipe

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
)

// Limits on jobs.
const (
	minTimeout  = time.Second
	maxTimeout  = 24 * time.Hour
	maxSteps    = 100
	maxRun      = 64 << 10 // bytes of one step's commands
	maxEnv      = 256      // variables of a job or a step
	maxValue    = 32 << 10 // bytes of a variable's value
	maxResults  = 64
	maxFilePath = 1 << 10 // bytes of a path below the checkout
	// prefix is where products are installed.
	prefix = "$WEIR_PREFIX"
)

var (
	envForm     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	productForm = regexp.MustCompile(`^\$(?:WEIR_PREFIX|\{WEIR_PREFIX\})/?$`)
)

// job reads one job of a project.
func (r *reader) job(e entry, project string) weir.Job {
	what := "job " + project + "/" + clip(e.name)
	j := weir.Job{Name: e.name}
	f := r.fields(e.value, what, "platforms", "labels", "steps", "env", "product", "results", "dir", "timeout", "quiet")
	f.with("platforms", func(n *yaml.Node) { j.Platforms = r.platforms(n, "platforms of "+what) })
	f.with("labels", func(n *yaml.Node) { j.Labels = r.labels(n, "labels of "+what) })
	if s, ok := f["steps"]; ok {
		j.Steps = r.steps(s.value, what)
	} else if target(e.value).Kind == yaml.MappingNode {
		r.problem(e.key, "%s has no steps", what).hint("write steps: [COMMAND, ...]")
	}
	f.with("env", func(n *yaml.Node) { j.Env = r.env(n, "env of "+what) })
	f.with("product", func(n *yaml.Node) { j.Product = r.product(n) })
	f.with("results", func(n *yaml.Node) { j.Results = r.results(n, what) })
	f.with("dir", func(n *yaml.Node) { j.Dir = r.checkoutName(n) })
	f.with("timeout", func(n *yaml.Node) { j.Timeout = r.duration(n, "timeout", minTimeout, maxTimeout) })
	f.with("quiet", func(n *yaml.Node) { j.Quiet = r.duration(n, "quiet", minTimeout, maxTimeout) })
	return j
}

// env reads variables. Numbers and booleans are taken as they are written.
func (r *reader) env(n *yaml.Node, what string) []weir.EnvVar {
	var out []weir.EnvVar
	for _, e := range r.entries(n, what) {
		upper := strings.ToUpper(e.name)
		switch {
		case !envForm.MatchString(e.name):
			r.problem(e.key, "not the name of a variable: %s", show(e.name)).
				hint("use letters, digits and underscores, with no digit first")
		case strings.HasPrefix(upper, "WEIR_"):
			r.problem(e.key, "%s is set by the worker and cannot be set here", show(e.name)).
				hint("names that start with WEIR_ are reserved")
		case len(out) == maxEnv:
			r.problem(e.key, "%s has more than %d variables", what, maxEnv)
		default:
			if value, ok := r.value(e.value, e.name); ok {
				out = append(out, weir.EnvVar{Name: e.name, Value: value})
			}
		}
	}
	slices.SortFunc(out, func(a, b weir.EnvVar) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (r *reader) value(n *yaml.Node, name string) (string, bool) {
	n = target(n)
	tags := []string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp"}
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) {
		r.wrong(n, "the variable "+name, "a text, a number or a boolean").
			hint(`for an empty variable, write ""`)
		return "", false
	}
	if len(n.Value) > maxValue || strings.ContainsRune(n.Value, 0) {
		r.problem(n, "the variable %s is longer than %d bytes, or holds the character NUL", name, maxValue)
		return "", false
	}
	return n.Value, true
}

// product reads the directory that is handed down.
func (r *reader) product(n *yaml.Node) string {
	s, ok := r.prose(n, "product")
	if !ok {
		return ""
	}
	if !productForm.MatchString(s) {
		r.problem(target(n), "product must be %s, found %s", prefix, show(s)).
			hint("install there: ./configure --prefix=%s, for example", prefix)
		return ""
	}
	return prefix
}

// results reads where tests leave their results, and in which format.
func (r *reader) results(n *yaml.Node, what string) []weir.ResultFile {
	known := make([]string, 0, len(weir.ResultFormats()))
	for _, f := range weir.ResultFormats() {
		known = append(known, string(f))
	}
	var out []weir.ResultFile
	r.list(n, "results of "+what, func(_ int, n *yaml.Node) {
		entries := r.entries(n, "an entry of results")
		if target(n).Kind == yaml.MappingNode && len(entries) != 1 {
			r.problem(n, "an entry of results has one format and its path, found %d keys", len(entries)).
				hint("write - {junit: PATH}, with a dash for each file")
		}
		for _, e := range entries {
			if !slices.Contains(known, e.name) {
				r.unknown(e.key, "result format", e.name, "", known)
				continue
			}
			file := weir.ResultFile{Format: weir.ResultFormat(e.name), Path: r.relative(e.value, "the path of "+e.name)}
			switch {
			case file.Path == "":
			case !validPattern(file.Path):
				r.problem(target(e.value), "not a pattern for paths: %s", show(file.Path)).
					hint("[ starts a class of characters and needs a ] ; write \\[ for the character itself")
			case slices.Contains(out, file):
				r.problem(e.value, "results names %s twice", show(file.Path))
			case len(out) == maxResults:
				r.problem(e.value, "results has more than %d entries", maxResults)
			default:
				out = append(out, file)
			}
		}
	})
	return out
}

func validPattern(pattern string) bool {
	for part := range strings.SplitSeq(pattern, "/") {
		if _, err := path.Match(part, ""); err != nil {
			return false
		}
	}
	return true
}

// relative reads a path below the checkout, with slashes on every system.
func (r *reader) relative(n *yaml.Node, what string) string {
	s, ok := r.text(n, what)
	if !ok {
		return ""
	}
	n = target(n)
	switch {
	case strings.HasPrefix(s, "/"), driveForm.MatchString(s), strings.HasPrefix(s, `\`):
		r.problem(n, "%s must be relative to the checkout: %s", what, show(s)).hint("remove what stands before the checkout")
	case strings.HasPrefix(s, "~"), strings.HasPrefix(s, "$"):
		r.problem(n, "%s must be a plain path below the checkout: %s", what, show(s)).hint("variables and ~ are not replaced here")
	case slices.Contains(strings.FieldsFunc(s, func(c rune) bool { return c == '/' || c == '\\' }), ".."):
		r.problem(n, "%s may not leave the checkout: %s", what, show(s)).hint("remove the ..")
	case len(s) > maxFilePath || strings.ContainsFunc(s, unicode.IsControl):
		r.problem(n, "%s is not a path", what)
	default:
		return path.Clean(s)
	}
	return ""
}

// checkoutName reads the name of the checkout's directory.
func (r *reader) checkoutName(n *yaml.Node) string {
	s, ok := r.text(n, "dir")
	if !ok {
		return ""
	}
	if !weir.ValidName(s) {
		r.problem(target(n), "dir of a job is the name of the checkout's directory, found %s", show(s)).
			hint("write one name without slashes; for a directory below the checkout, use dir in a step")
		return ""
	}
	return s
}
