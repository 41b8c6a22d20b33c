package strict

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir/internal/recipe/near"
)

// List reads a list of at least one value; each value goes to item.
func (r *Reader) List(n *yaml.Node, what string, item func(i int, n *yaml.Node)) {
	n = Target(n)
	if n.Kind != yaml.SequenceNode || n.ShortTag() != "!!seq" {
		p := r.Wrong(n, what, "a list")
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && !strings.Contains(n.Value, "\n") {
			p.Hint("write [%s]", mask(Clip(n.Value)))
		}
		return
	}
	if len(n.Content) == 0 {
		r.Problem(n, "%s is empty", what).Hint("give it a value or remove the line")
	}
	for i, c := range n.Content {
		item(i, c)
	}
}

// Entry is one key of a mapping.
type Entry struct {
	Name       string
	Key, Value *yaml.Node
	Own        bool // written here, not merged in with <<
}

// Entries reads the keys of a mapping in the order of the file, merged ones last.
func (r *Reader) Entries(n *yaml.Node, what string) []Entry {
	n = Target(n)
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		r.Wrong(n, what, "a mapping")
		return nil
	}
	var out, merged []Entry
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if k := Target(key); k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge" {
			merged = append(merged, r.merge(value, what)...)
			continue
		}
		name, ok := r.Text(key, "a key of "+what)
		if !ok {
			continue
		}
		if before, dup := first[name]; dup {
			r.Problem(key, "%s has the key %s twice", what, Show(name)).Hint("the first one is on line %d", before.Line)
			continue
		}
		first[name] = key
		out = append(out, Entry{name, key, value, true})
	}
	for _, e := range merged {
		if _, dup := first[e.Name]; !dup {
			first[e.Name] = e.Key
			out = append(out, e)
		}
	}
	return out
}

// merge reads the value of a merge key: a mapping or a list of them.
func (r *Reader) merge(n *yaml.Node, what string) []Entry {
	sources := []*yaml.Node{n}
	if t := Target(n); t.Kind == yaml.SequenceNode {
		sources = t.Content
	}
	var out []Entry
	for _, s := range sources {
		if Target(s).Kind != yaml.MappingNode {
			r.Wrong(Target(s), "what << merges into "+what, "a mapping")
			continue
		}
		for _, e := range r.Entries(s, what) {
			e.Own = false
			out = append(out, e)
		}
	}
	return out
}

// Fields is a mapping with known keys.
type Fields map[string]Entry

// Keys is what a mapping may hold.
type Keys struct {
	Known []string
	// Renamed leads from names that keys had to those that they have: the old ones
	// still work, with a warning.
	Renamed map[string]string
	// Elsewhere leads from names that other programs have for something to a hint.
	Elsewhere map[string]string
}

// Fields reads a mapping and reports the keys that it may not have.
func (r *Reader) Fields(n *yaml.Node, what string, keys Keys) Fields {
	out := Fields{}
	for _, e := range r.Entries(n, what) {
		r.field(out, e, what, keys)
	}
	return out
}

// field puts an entry where it belongs.
func (r *Reader) field(out Fields, e Entry, what string, keys Keys) {
	name, renamed := e.Name, false
	if !slices.Contains(keys.Known, name) {
		if name, renamed = keys.Renamed[e.Name]; !renamed {
			note := r.Unknown(e.Key, "key", e.Name, " in "+what, keys.Known)
			if hint := keys.Elsewhere[e.Name]; hint != "" {
				note.Hint("%s", hint)
			}
			return
		}
		r.Warn(e.Key, "the key %s in %s is now called %s", Show(e.Name), what, name).
			Hint("write %s; the old name will not be understood for ever", name)
	}
	if before, twice := out[name]; twice {
		r.Problem(e.Key, "%s has both %s and %s, which are the same", what, Show(before.Name), Show(e.Name)).
			Hint("keep %s", name)
		return
	}
	out[name] = e
}

// With calls read with the value of a key, if it is there.
func (f Fields) With(name string, read func(n *yaml.Node)) {
	if e, ok := f[name]; ok {
		read(e.Value)
	}
}

// Unknown reports a name that is not one of known, with the nearest one.
func (r *Reader) Unknown(n *yaml.Node, kind, name, where string, known []string) *Note {
	p := r.Problem(n, "unknown %s %s%s", kind, Show(name), where)
	if len(r.problems) >= maxProblems {
		return p // nobody sees it, and with many names the search is slow
	}
	if other := near.Name(name, known); other != "" {
		p.Hint("did you mean %q?", other)
	} else if len(known) > 0 {
		sorted := slices.Sorted(slices.Values(known))
		if len(sorted) > 30 {
			sorted = append(sorted[:30], "...")
		}
		p.Hint("known: %s", strings.Join(sorted, ", "))
	}
	return p
}

// Lookup finds the value of a key that is written in the mapping n itself; n if
// there is none.
func Lookup(n *yaml.Node, name string) *yaml.Node {
	if one := Target(n); one.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(one.Content); i += 2 {
			if one.Content[i].Value == name {
				return one.Content[i+1]
			}
		}
	}
	return n
}
