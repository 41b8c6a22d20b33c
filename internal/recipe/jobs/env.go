package jobs

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on variables.
const (
	maxEnv   = 256      // of a job or a step
	maxValue = 32 << 10 // bytes of a value
)

var envForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

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

// IsVariable reports whether s can be the name of a variable of an environment.
func IsVariable(s string) bool { return envForm.MatchString(s) }
