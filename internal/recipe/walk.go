package recipe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxProblems is how many problems are kept; one more says that there are others.
const maxProblems = 300

// reader reads one file. Its methods turn nodes into values; a node that does
// not hold what it should becomes a problem and a zero value, and the reading
// goes on.
type reader struct {
	file     string
	dir      string   // where relative paths start
	lines    []string // without line ends
	problems []*problem
	dropped  int
	// secrets says from which column on a line must not be shown.
	secrets map[int]int
}

// problem is a Problem that can still be added to.
type problem struct{ Problem }

func newReader(file string, data []byte) *reader {
	if len(data) > MaxFile {
		data = data[:maxExcerpt] // only the first line is ever shown
	}
	return &reader{
		file:    printable(file),
		dir:     directory(file),
		lines:   strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n"),
		secrets: map[int]int{},
	}
}

// line returns a line of the file, counted from 1.
func (r *reader) line(number int) string {
	if number < 1 || number > len(r.lines) {
		return ""
	}
	return r.lines[number-1]
}

// at adds a problem at a place.
func (r *reader) at(line, column int, format string, args ...any) *problem {
	p := &problem{Problem{File: r.file, Line: max(line, 1), Column: max(column, 1),
		Message: printable(fmt.Sprintf(format, args...)), Severity: Error}}
	if len(r.problems) >= maxProblems {
		r.dropped++
		return p
	}
	r.problems = append(r.problems, p)
	return p
}

// problem adds a problem with a node. The node's text is the offending text.
func (r *reader) problem(n *yaml.Node, format string, args ...any) *problem {
	p := r.at(n.Line, n.Column, format, args...)
	switch n.Kind {
	case yaml.ScalarNode:
		p.Text = clip(n.Value)
	case yaml.AliasNode:
		p.Text = clip("*" + n.Value)
	}
	return p
}

// warn adds a problem that does not keep the file from being used.
func (r *reader) warn(n *yaml.Node, format string, args ...any) *problem {
	p := r.problem(n, format, args...)
	p.Severity = Warning
	return p
}

func (p *problem) hint(format string, args ...any) *problem {
	p.Hint = printable(fmt.Sprintf(format, args...))
	return p
}

// hide keeps the value of a node, and what stands behind it on its line, out
// of every excerpt.
func (r *reader) hide(n *yaml.Node) {
	if column, ok := r.secrets[n.Line]; !ok || n.Column < column {
		r.secrets[n.Line] = n.Column
	}
}

// finish puts the problems in order and adds the lines they are about. Where
// there are errors the warnings are left out: most are their consequences.
func (r *reader) finish() Problems {
	out := make(Problems, 0, len(r.problems))
	failed := slices.ContainsFunc(r.problems, func(p *problem) bool { return p.Severity == Error })
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

// clip shortens a text for a message.
func clip(s string) string {
	if runes := []rune(s[:min(len(s), 4*maxText)]); len(runes) > maxText || len(s) > 4*maxText {
		return string(runes[:min(len(runes), maxText-3)]) + "..."
	}
	return s
}

// show renders a text of the file in a message.
func show(s string) string { return strconv.Quote(mask(clip(s))) }

// target follows an alias to what it stands for.
func target(n *yaml.Node) *yaml.Node {
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
		return "the number " + clip(n.Value)
	case "!!timestamp":
		return "the date " + clip(n.Value)
	case "!!str":
		return "the text " + show(n.Value)
	default:
		return "a value with the tag " + clip(tag)
	}
}

// wrong reports a value of the wrong type.
func (r *reader) wrong(n *yaml.Node, what, expected string) *problem {
	p := r.problem(n, "%s must be %s, found %s", what, expected, found(n))
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		p.hint("give it a value or remove the line")
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" && strings.HasPrefix(expected, "text"):
		p.hint("put it in quotes: %q", n.Value)
	}
	return p
}

// text reads a text. Numbers and dates are taken as they are written, since
// branches and versions look like them.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	n = target(n)
	if n.Kind == yaml.ScalarNode {
		switch n.ShortTag() {
		case "!!str", "!!int", "!!float", "!!timestamp":
			return r.clean(n, what)
		}
	}
	r.wrong(n, what, "text")
	return "", false
}

// prose reads a text that is nothing but text: a command, a URL.
func (r *reader) prose(n *yaml.Node, what string) (string, bool) {
	n = target(n)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.wrong(n, what, "text")
		return "", false
	}
	return r.clean(n, what)
}

func (r *reader) clean(n *yaml.Node, what string) (string, bool) {
	if strings.TrimSpace(n.Value) == "" {
		r.problem(n, "%s is empty", what).hint("give it a value or remove the line")
		return "", false
	}
	if strings.ContainsRune(n.Value, 0) {
		r.problem(n, "%s holds the character NUL", what)
		return "", false
	}
	return n.Value, true
}

func (r *reader) boolean(n *yaml.Node, what string) bool {
	n = target(n)
	var v bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&v) != nil {
		r.wrong(n, what, "true or false")
	}
	return v
}

func (r *reader) number(n *yaml.Node, what string, low, high int) (int, bool) {
	n = target(n)
	v := 0
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&v) != nil {
		r.wrong(n, what, "a whole number")
		return 0, false
	}
	if v < low || v > high {
		r.problem(n, "%s must lie between %d and %d, found %d", what, low, high, v)
		return 0, false
	}
	return v, true
}

func (r *reader) duration(n *yaml.Node, what string, low, high time.Duration) time.Duration {
	n = target(n)
	if n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float") {
		r.problem(n, "%s has no unit", what).hint("write %ss or %sm, for seconds or minutes", n.Value, n.Value)
		return 0
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.wrong(n, what, "a duration like 20m")
		return 0
	}
	s, ok := r.prose(n, what)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		r.problem(n, "%s is not a duration: %s", what, show(s)).hint("write it like 90s, 20m or 1h30m")
		return 0
	}
	if d < low || d > high {
		r.problem(n, "%s must lie between %s and %s, found %s", what, short(low), short(high), show(s))
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

// list reads a list of at least one value; each value goes to item.
func (r *reader) list(n *yaml.Node, what string, item func(i int, n *yaml.Node)) {
	n = target(n)
	if n.Kind != yaml.SequenceNode || n.ShortTag() != "!!seq" {
		p := r.wrong(n, what, "a list")
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && !strings.Contains(n.Value, "\n") {
			p.hint("write [%s]", mask(clip(n.Value)))
		}
		return
	}
	if len(n.Content) == 0 {
		r.problem(n, "%s is empty", what).hint("give it a value or remove the line")
	}
	for i, c := range n.Content {
		item(i, c)
	}
}

// entry is one key of a mapping.
type entry struct {
	name       string
	key, value *yaml.Node
	own        bool // written here, not merged in with <<
}

// entries reads the keys of a mapping in the order of the file, merged ones last.
func (r *reader) entries(n *yaml.Node, what string) []entry {
	n = target(n)
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		r.wrong(n, what, "a mapping")
		return nil
	}
	var out, merged []entry
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if k := target(key); k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge" {
			merged = append(merged, r.merge(value, what)...)
			continue
		}
		name, ok := r.text(key, "a key of "+what)
		if !ok {
			continue
		}
		if before, dup := first[name]; dup {
			r.problem(key, "%s has the key %s twice", what, show(name)).hint("the first one is on line %d", before.Line)
			continue
		}
		first[name] = key
		out = append(out, entry{name, key, value, true})
	}
	for _, e := range merged {
		if _, dup := first[e.name]; !dup {
			first[e.name] = e.key
			out = append(out, e)
		}
	}
	return out
}

// merge reads the value of a merge key: a mapping or a list of them.
func (r *reader) merge(n *yaml.Node, what string) []entry {
	sources := []*yaml.Node{n}
	if t := target(n); t.Kind == yaml.SequenceNode {
		sources = t.Content
	}
	var out []entry
	for _, s := range sources {
		if target(s).Kind != yaml.MappingNode {
			r.wrong(target(s), "what << merges into "+what, "a mapping")
			continue
		}
		for _, e := range r.entries(s, what) {
			e.own = false
			out = append(out, e)
		}
	}
	return out
}

// fields is a mapping with known keys.
type fields map[string]entry

// fields reads a mapping and reports the keys that are not in known.
func (r *reader) fields(n *yaml.Node, what string, known ...string) fields {
	out := fields{}
	for _, e := range r.entries(n, what) {
		if slices.Contains(known, e.name) {
			out[e.name] = e
			continue
		}
		r.unknown(e.key, "key", e.name, " in "+what, known)
	}
	return out
}

// with calls read with the value of a key, if it is there.
func (f fields) with(name string, read func(n *yaml.Node)) {
	if e, ok := f[name]; ok {
		read(e.value)
	}
}

// unknown reports a name that is not one of known, with the nearest one.
func (r *reader) unknown(n *yaml.Node, kind, name, where string, known []string) {
	p := r.problem(n, "unknown %s %s%s", kind, show(name), where)
	if len(r.problems) >= maxProblems {
		return // nobody sees it, and with many names the search is slow
	}
	if near := nearest(name, known); near != "" {
		p.hint("did you mean %q?", near)
	} else if len(known) > 0 {
		sorted := slices.Sorted(slices.Values(known))
		if len(sorted) > 12 {
			sorted = append(sorted[:12], "...")
		}
		p.hint("known: %s", strings.Join(sorted, ", "))
	}
}
