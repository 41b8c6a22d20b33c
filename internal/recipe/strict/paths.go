package strict

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir/internal/recipe/near"
)

// Limits on texts.
const (
	MaxTitle    = 64      // characters of a short text for people
	MaxPath     = 4 << 10 // bytes of a path or a location
	maxFilePath = 1 << 10 // bytes of a path below the checkout
)

var driveForm = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

// Drive reports whether a path starts with a drive of Windows.
func Drive(path string) bool { return driveForm.MatchString(path) }

// Title reads a short text for people, of one line; empty if it is none.
func (r *Reader) Title(n *yaml.Node, what string) string { return r.Line(n, what, MaxTitle) }

// Line reads a text of one line with at most that many characters; empty if it
// is none.
func (r *Reader) Line(n *yaml.Node, what string, most int) string {
	s, ok := r.Text(n, what)
	if !ok {
		return ""
	}
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > most || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		r.Problem(Target(n), "%s must be one line of at most %d characters", what, most)
		return ""
	}
	return s
}

// LocalPath reads the path of a file or directory of the farm's machine, and
// makes it absolute; empty if it is none.
func (r *Reader) LocalPath(n *yaml.Node, what string) string {
	s, ok := r.Prose(n, what)
	if !ok {
		return ""
	}
	if len(s) > MaxPath || strings.ContainsFunc(s, unicode.IsControl) {
		r.Problem(Target(n), "%s is not a path", what)
		return ""
	}
	if strings.HasPrefix(s, "~") {
		r.Problem(Target(n), "%s starts with ~, which only a shell knows", what).Hint("write the whole path")
		return ""
	}
	return r.Absolute(s)
}

// Absolute makes a path relative to the file's directory absolute.
func (r *Reader) Absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.dir, filepath.FromSlash(path))
}

// Relative reads a path below the checkout, with slashes on every system; empty
// if it is none.
func (r *Reader) Relative(n *yaml.Node, what string) string {
	s, ok := r.Text(n, what)
	if !ok {
		return ""
	}
	n = Target(n)
	switch {
	case strings.HasPrefix(s, "/"), Drive(s), strings.HasPrefix(s, `\`):
		r.Problem(n, "%s must be relative to the checkout: %s", what, Show(s)).Hint("remove what stands before the checkout")
	case strings.HasPrefix(s, "~"), strings.HasPrefix(s, "$"):
		r.Problem(n, "%s must be a plain path below the checkout: %s", what, Show(s)).Hint("variables and ~ are not replaced here")
	case slices.Contains(strings.FieldsFunc(s, func(c rune) bool { return c == '/' || c == '\\' }), ".."):
		r.Problem(n, "%s may not leave the checkout: %s", what, Show(s)).Hint("remove the ..")
	case len(s) > maxFilePath || strings.ContainsFunc(s, unicode.IsControl):
		r.Problem(n, "%s is not a path", what)
	default:
		return path.Clean(s)
	}
	return ""
}

// Pattern reads a pattern of paths below the checkout; empty if it is none.
func (r *Reader) Pattern(n *yaml.Node, what string) string {
	s := r.Relative(n, what)
	if s == "" {
		return ""
	}
	for part := range strings.SplitSeq(s, "/") {
		if _, err := path.Match(part, ""); err != nil {
			r.Problem(Target(n), "not a pattern for paths: %s", Show(s)).
				Hint("[ starts a class of characters and needs a ] ; write \\[ for the character itself")
			return ""
		}
	}
	return s
}

// Choice reads one of the known words; ok is false if it is none.
func (r *Reader) Choice(n *yaml.Node, what string, known []string) (word string, ok bool) {
	s, ok := r.Text(n, what)
	if !ok {
		return "", false
	}
	if !slices.Contains(known, s) {
		p := r.Problem(Target(n), "%s cannot be %s", what, Show(s))
		if other := near.Name(s, known); other != "" {
			p.Hint("did you mean %q?", other)
		} else {
			p.Hint("known: %s", strings.Join(known, ", "))
		}
		return "", false
	}
	return s, true
}

// Unique reads a list whose items item turns into texts, none of which may be
// there twice, of at most that many. Empty items were reported.
func (r *Reader) Unique(n *yaml.Node, what string, most int, item func(n *yaml.Node) string) []string {
	var out []string
	r.List(n, what, func(_ int, n *yaml.Node) {
		s := item(n)
		switch {
		case s == "":
		case slices.Contains(out, s):
			r.Problem(n, "%s names %s twice", what, Show(s))
		case len(out) == most:
			r.Problem(n, "%s has more than %d entries", what, most)
		default:
			out = append(out, s)
		}
	})
	return out
}

// BadName reports a name that cannot be one by weir.ValidName.
func (r *Reader) BadName(n *yaml.Node, kind, name string) {
	r.Problem(n, "%s cannot be the name of %s", Show(name), kind).
		Hint("use up to 64 letters, digits, dots, dashes, underscores and plus signs, with a letter or digit first")
}

var variableForm = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// Variable reads the name of something that steps find in their environment,
// such as a secret; empty if it is none.
func (r *Reader) Variable(n *yaml.Node, what string) string {
	s, ok := r.Text(n, what)
	if !ok {
		return ""
	}
	switch {
	case strings.HasPrefix(s, "WEIR_"):
		r.Problem(Target(n), "%s cannot be called %s", what, Show(s)).Hint("names that start with WEIR_ are reserved")
	case !variableForm.MatchString(s):
		r.Hide(Target(n)) // somebody may have written the value
		r.Problem(Target(n), "%s is not a name", what).
			Hint("write the name alone, in capitals, digits and underscores: UPLOAD_TOKEN; values stand in the farm's secrets")
	default:
		return s
	}
	return ""
}
