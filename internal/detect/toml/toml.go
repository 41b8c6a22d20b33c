// Package toml reads as much of a TOML file as is needed to find out how a
// project is tested: tables, strings, lists and inline tables.
//
// It is lenient, because nothing depends on it but a guess: what it does not
// understand it leaves out, and what is wrong it passes over. Numbers, dates and
// booleans come as the text that stands there.
package toml

import "strings"

// Limits on what is read.
const (
	maxDepth = 16      // of values within values
	maxFile  = 1 << 20 // bytes
	maxLines = 50_000  // of keys and tables
)

// Table is a table: its values are string, []any or Table.
type Table map[string]any

// Read reads a file. What lies beyond 1 MiB is left out.
func Read(data string) Table {
	if len(data) > maxFile {
		data = data[:maxFile]
	}
	p := &parser{text: data}
	root := Table{}
	current := root
	for range maxLines {
		p.blank(true)
		if p.done() {
			break
		}
		if p.peek() == '[' {
			if t := p.header(root); t != nil {
				current = t
			}
			p.line()
			continue
		}
		keys := p.keys()
		p.blank(false)
		if len(keys) == 0 || p.done() || p.peek() != '=' {
			p.line()
			continue
		}
		p.at++
		p.blank(false)
		value, ok := p.value(0)
		if t := current.below(keys[:len(keys)-1]); ok && t != nil {
			t[keys[len(keys)-1]] = value
		}
		p.line()
	}
	return root
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

// below finds a table, or makes it; nil if something else is there. Of a list of
// tables it is the last one.
func (t Table) below(keys []string) Table {
	for _, k := range keys {
		switch v := t[k].(type) {
		case nil:
			next := Table{}
			t[k], t = next, next
		case Table:
			t = v
		case []any:
			if len(v) == 0 {
				return nil
			}
			last, ok := v[len(v)-1].(Table)
			if !ok {
				return nil
			}
			t = last
		default:
			return nil
		}
	}
	return t
}

type parser struct {
	text string
	at   int
}

func (p *parser) done() bool { return p.at >= len(p.text) }
func (p *parser) peek() byte { return p.text[p.at] }

// blank passes over spaces and, if lines is set, over line ends and comments.
func (p *parser) blank(lines bool) {
	for !p.done() {
		switch c := p.peek(); {
		case c == ' ' || c == '\t' || c == '\r':
			p.at++
		case lines && c == '\n':
			p.at++
		case lines && c == '#':
			p.line()
		default:
			return
		}
	}
}

// line passes over the rest of the line.
func (p *parser) line() {
	if i := strings.IndexByte(p.text[p.at:], '\n'); i >= 0 {
		p.at += i + 1
	} else {
		p.at = len(p.text)
	}
}

// header reads [a.b] or [[a.b]] and returns the table that it opens.
func (p *parser) header(root Table) Table {
	p.at++
	list := !p.done() && p.peek() == '['
	if list {
		p.at++
	}
	keys := p.keys()
	if len(keys) == 0 || len(keys) > maxDepth {
		return nil
	}
	if !list {
		return root.below(keys)
	}
	parent := root.below(keys[:len(keys)-1])
	if parent == nil {
		return nil
	}
	name, t := keys[len(keys)-1], Table{}
	old, _ := parent[name].([]any)
	parent[name] = append(old, t)
	return t
}

// keys reads a dotted key.
func (p *parser) keys() []string {
	var out []string
	for len(out) <= maxDepth {
		p.blank(false)
		if p.done() {
			return out
		}
		if c := p.peek(); c == '"' || c == '\'' {
			s, ok := p.text1(c)
			if !ok {
				return nil
			}
			out = append(out, s)
		} else {
			start := p.at
			for !p.done() && bare(p.peek()) {
				p.at++
			}
			if p.at == start {
				return nil
			}
			out = append(out, p.text[start:p.at])
		}
		p.blank(false)
		if p.done() || p.peek() != '.' {
			return out
		}
		p.at++
	}
	return nil
}

func bare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// value reads what stands behind a key or in a list.
func (p *parser) value(depth int) (any, bool) {
	if p.done() || depth > maxDepth {
		return nil, false
	}
	switch c := p.peek(); c {
	case '"', '\'':
		return p.quoted(c)
	case '[':
		return p.list(depth)
	case '{':
		return p.inline(depth)
	}
	start := p.at
	for !p.done() && !strings.ContainsRune(",]}#\n", rune(p.peek())) {
		p.at++
	}
	s := strings.TrimSpace(p.text[start:p.at])
	return s, s != ""
}

// quoted reads a string in one or three quotation marks.
func (p *parser) quoted(quote byte) (string, bool) {
	three := strings.Repeat(string(quote), 3)
	rest, ok := strings.CutPrefix(p.text[p.at:], three)
	if !ok {
		return p.text1(quote)
	}
	escape := 0
	for i := 0; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && quote == '"':
			i++
			escape++
		case strings.HasPrefix(rest[i:], three):
			p.at += 3 + i + 3
			return unescape(strings.TrimPrefix(rest[:i], "\n"), escape > 0), true
		}
	}
	p.at = len(p.text)
	return "", false
}

// text1 reads a string in single marks, which ends on its line.
func (p *parser) text1(quote byte) (string, bool) {
	p.at++
	start, escape := p.at, false
	for ; !p.done(); p.at++ {
		switch c := p.peek(); {
		case c == '\n':
			return "", false
		case c == '\\' && quote == '"':
			escape = true
			p.at++
		case c == quote:
			s := p.text[start:p.at]
			p.at++
			return unescape(s, escape), true
		}
	}
	p.at = len(p.text)
	return "", false
}

// unescape replaces the escapes that occur in names and commands.
func unescape(s string, escaped bool) string {
	if !escaped {
		return s
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\t`, "\t", `\r`, "\r", "\\\n", "").Replace(s)
}

func (p *parser) list(depth int) (any, bool) {
	p.at++
	out := []any{}
	for {
		p.blank(true)
		if p.done() {
			return nil, false
		}
		switch p.peek() {
		case ']':
			p.at++
			return out, true
		case ',':
			p.at++
			continue
		}
		before := p.at
		v, ok := p.value(depth + 1)
		if !ok || p.at == before {
			return nil, false
		}
		out = append(out, v)
	}
}

func (p *parser) inline(depth int) (any, bool) {
	p.at++
	out := Table{}
	for {
		p.blank(true)
		if p.done() {
			return nil, false
		}
		switch p.peek() {
		case '}':
			p.at++
			return out, true
		case ',':
			p.at++
			continue
		}
		keys := p.keys()
		p.blank(false)
		if len(keys) == 0 || p.done() || p.peek() != '=' {
			return nil, false
		}
		p.at++
		p.blank(true)
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		if t := out.below(keys[:len(keys)-1]); t != nil {
			t[keys[len(keys)-1]] = v
		}
	}
}
