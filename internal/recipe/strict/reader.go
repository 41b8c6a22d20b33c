package strict

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
)

// maxProblems is how many problems are kept; one more says that there are others.
const maxProblems = 300

// Reader reads one file. Its methods turn nodes into values; a node that does
// not hold what it should becomes a problem and a zero value, and the reading
// goes on.
type Reader struct {
	file     string
	data     []byte
	dir      string   // where relative paths start
	lines    []string // without line ends
	problems []*Note
	dropped  int
	// secrets says from which column on a line must not be shown.
	secrets map[int]int
}

// Note is a Problem that can still be added to.
type Note struct{ Problem }

// New makes a reader of a file with that name, which problems repeat.
func New(file string, data []byte) *Reader {
	whole := data
	if len(data) > MaxFile {
		data = data[:maxExcerpt] // only the first line is ever shown
	}
	return &Reader{
		file:    printable(file),
		data:    whole,
		dir:     directory(file),
		lines:   strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n"),
		secrets: map[int]int{},
	}
}

// Dir is where relative paths of the file start.
func (r *Reader) Dir() string { return r.dir }

// Full reports whether further problems are only counted, so that it is no use
// to look for them.
func (r *Reader) Full() bool { return len(r.problems) >= maxProblems }

// line returns a line of the file, counted from 1.
func (r *Reader) line(number int) string {
	if number < 1 || number > len(r.lines) {
		return ""
	}
	return r.lines[number-1]
}

// at adds a problem at a place.
func (r *Reader) at(line, column int, format string, args ...any) *Note {
	p := &Note{Problem{File: r.file, Line: max(line, 1), Column: max(column, 1),
		Message: printable(fmt.Sprintf(format, args...)), Severity: Error}}
	if len(r.problems) >= maxProblems {
		r.dropped++
		return p
	}
	r.problems = append(r.problems, p)
	return p
}

// Problem adds an error about a node. The node's text is the offending text.
func (r *Reader) Problem(n *yaml.Node, format string, args ...any) *Note {
	p := r.at(n.Line, n.Column, format, args...)
	switch n.Kind {
	case yaml.ScalarNode:
		p.Text = Clip(n.Value)
	case yaml.AliasNode:
		p.Text = Clip("*" + n.Value)
	}
	return p
}

// Warn adds a problem that does not keep the file from being used.
func (r *Reader) Warn(n *yaml.Node, format string, args ...any) *Note {
	p := r.Problem(n, format, args...)
	p.Severity = Warning
	return p
}

// Hint sets how to put it right, in place of an earlier hint.
func (p *Note) Hint(format string, args ...any) *Note {
	p.Problem.Hint = printable(fmt.Sprintf(format, args...))
	return p
}

// Hide keeps the value of a node, and what stands behind it on its line, out
// of every excerpt.
func (r *Reader) Hide(n *yaml.Node) {
	if column, ok := r.secrets[n.Line]; !ok || n.Column < column {
		r.secrets[n.Line] = n.Column
	}
}

// Finish puts the problems in order and adds the lines they are about. Where
// there are errors the warnings are left out: most are their consequences.
func (r *Reader) Finish() Problems {
	out := make(Problems, 0, len(r.problems))
	failed := slices.ContainsFunc(r.problems, func(p *Note) bool { return p.Severity == Error })
	for _, p := range r.problems {
		if failed && p.Severity == Warning {
			continue
		}
		hide := r.secrets[p.Line]
		if hide > 0 && p.Column >= hide {
			p.Text = ""
		}
		p.Text = mask(printable(p.Text))
		p.Excerpt, p.Caret = excerpt(r.line(p.Line), p.Column, hide)
		out = append(out, p.Problem)
	}
	out = sortProblems(out)
	if r.dropped > 0 {
		last := out[len(out)-1]
		out = append(out, Problem{File: r.file, Line: last.Line, Column: last.Column, Severity: Error,
			Message: fmt.Sprintf("and %d more problems", r.dropped), Hint: "put these right first"})
	}
	return out
}

// Clip shortens a text for a message.
func Clip(s string) string {
	if runes := []rune(s[:min(len(s), 4*maxText)]); len(runes) > maxText || len(s) > 4*maxText {
		return string(runes[:min(len(runes), maxText-3)]) + "..."
	}
	return s
}

// Show renders a text of the file in a message.
func Show(s string) string { return strconv.Quote(mask(Clip(s))) }

// Target follows an alias to what it stands for.
func Target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// found names what a node holds, in the words that an author knows.
func found(n *yaml.Node) string {
	switch tag := n.ShortTag(); tag {
	case "!!map":
		return "a mapping"
	case "!!seq":
		return "a list"
	case "!!null":
		return "nothing"
	case "!!bool":
		return "the boolean " + n.Value
	case "!!int", "!!float":
		return "the number " + Clip(n.Value)
	case "!!timestamp":
		return "the date " + Clip(n.Value)
	case "!!str":
		return "the text " + Show(n.Value)
	default:
		return "a value with the tag " + Clip(tag)
	}
}

// Wrong reports a value of the wrong type.
func (r *Reader) Wrong(n *yaml.Node, what, expected string) *Note {
	p := r.Problem(n, "%s must be %s, found %s", what, expected, found(n))
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		p.Hint("give it a value or remove the line")
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" && strings.HasPrefix(expected, "text"):
		p.Hint("put it in quotes: %q", n.Value)
	}
	return p
}

// directory is where relative paths of a file start.
func directory(file string) string {
	dir := filepath.Dir(file)
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir // the working directory is gone; leave it relative
}

// Report adds an error that something else made of a node; its hint, if it is a
// *weir.Error with one, becomes the problem's.
func (r *Reader) Report(n *yaml.Node, what string, err error) *Note {
	var e *weir.Error
	if !errors.As(err, &e) {
		return r.Problem(n, "%s is wrong", what)
	}
	p := r.Problem(n, "%s: %s", what, mask(e.Message))
	if e.Hint != "" {
		p.Hint("%s", mask(e.Hint))
	}
	return p
}
