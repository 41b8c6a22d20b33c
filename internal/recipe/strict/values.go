package strict

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Text reads a text. Numbers and dates are taken as they are written, since
// branches and versions look like them.
func (r *Reader) Text(n *yaml.Node, what string) (string, bool) {
	n = Target(n)
	if n.Kind == yaml.ScalarNode {
		switch n.ShortTag() {
		case "!!str", "!!int", "!!float", "!!timestamp":
			return r.clean(n, what)
		}
	}
	r.Wrong(n, what, "text")
	return "", false
}

// Prose reads a text that is nothing but text: a command, a URL.
func (r *Reader) Prose(n *yaml.Node, what string) (string, bool) {
	n = Target(n)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.Wrong(n, what, "text")
		return "", false
	}
	return r.clean(n, what)
}

func (r *Reader) clean(n *yaml.Node, what string) (string, bool) {
	if strings.TrimSpace(n.Value) == "" {
		r.Problem(n, "%s is empty", what).Hint("give it a value or remove the line")
		return "", false
	}
	if strings.ContainsRune(n.Value, 0) {
		r.Problem(n, "%s holds the character NUL", what)
		return "", false
	}
	return n.Value, true
}

// Boolean reads true or false; other things are a problem, and false.
func (r *Reader) Boolean(n *yaml.Node, what string) bool {
	n = Target(n)
	var v bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&v) != nil {
		r.Wrong(n, what, "true or false")
	}
	return v
}

// Number reads a whole number between low and high.
func (r *Reader) Number(n *yaml.Node, what string, low, high int) (int, bool) {
	n = Target(n)
	v := 0
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&v) != nil {
		r.Wrong(n, what, "a whole number")
		return 0, false
	}
	if v < low || v > high {
		r.Problem(n, "%s must lie between %d and %d, found %d", what, low, high, v)
		return 0, false
	}
	return v, true
}

// Duration reads a duration with a unit, between low and high; zero if it is none.
func (r *Reader) Duration(n *yaml.Node, what string, low, high time.Duration) time.Duration {
	n = Target(n)
	if n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float") {
		r.Problem(n, "%s has no unit", what).Hint("write %ss or %sm, for seconds or minutes", n.Value, n.Value)
		return 0
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.Wrong(n, what, "a duration like 20m")
		return 0
	}
	s, ok := r.Prose(n, what)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		r.Problem(n, "%s is not a duration: %s", what, Show(s)).Hint("write it like 90s, 20m or 1h30m")
		return 0
	}
	if d < low || d > high {
		r.Problem(n, "%s must lie between %s and %s, found %s", what, short(low), short(high), Show(s))
		return 0
	}
	return d
}

// short renders a duration without its empty parts.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
