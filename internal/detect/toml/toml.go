// Package toml answers what detection asks of a TOML file: what text, which list of
// texts, which table stands behind some keys.
//
// Nothing depends on it but a guess, so a file that is none is an empty table: the
// tool that the project is built with will say what is wrong with it.
package toml

import (
	"fmt"
	"maps"

	"github.com/BurntSushi/toml"
)

// Limits on what is read.
const (
	maxFile  = 1 << 20 // bytes
	maxDepth = 64      // of brackets within brackets, those in texts and comments counted too
)

// Table is a table: its values are string, []any or Table. Numbers, dates and
// booleans are text.
type Table map[string]any

// Read reads a file. One over 1 MiB, or with brackets too deep, is an empty table.
func Read(data string) Table {
	if len(data) > maxFile || deep(data) {
		return Table{}
	}
	var root map[string]any
	if _, err := toml.Decode(data, &root); err != nil {
		return Table{}
	}
	return table(root)
}

// deep reports whether values may lie too deep within values: the library goes one
// call deeper for each.
func deep(data string) bool {
	depth := 0
	for _, c := range []byte(data) {
		switch c {
		case '[', '{':
			if depth++; depth > maxDepth {
				return true
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return false
}

func table(m map[string]any) Table {
	t := make(Table, len(m))
	for k, v := range maps.All(m) {
		t[k] = value(v)
	}
	return t
}

func value(v any) any {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		return table(v)
	case []map[string]any: // a list of tables
		out := make([]any, len(v))
		for i := range v {
			out[i] = table(v[i])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = value(v[i])
		}
		return out
	}
	return fmt.Sprint(v)
}

// Table finds a table by the keys that lead to it; nil if there is none.
func (t Table) Table(keys ...string) Table {
	for _, k := range keys {
		next, ok := t[k].(Table)
		if !ok {
			return nil
		}
		t = next
	}
	return t
}

// Text finds a value that is no list and no table; empty if there is none.
func (t Table) Text(keys ...string) string {
	s, _ := t.get(keys).(string)
	return s
}

// Texts finds a list and returns what in it is text.
func (t Table) Texts(keys ...string) []string {
	list, _ := t.get(keys).([]any)
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Has reports whether there is something behind the keys.
func (t Table) Has(keys ...string) bool { return t.get(keys) != nil }

func (t Table) get(keys []string) any {
	if len(keys) == 0 {
		return nil
	}
	return t.Table(keys[:len(keys)-1]...)[keys[len(keys)-1]]
}
