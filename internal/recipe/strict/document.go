package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits on a file. They are far above what a farm of a thousand projects needs.
const (
	MaxFile  = 4 << 20 // bytes
	maxNodes = 200_000 // values in the file, each alias counted as what it stands for
	maxDepth = 32      // of values within values, through aliases too
	// maxSearch is the size, in bytes, up to which the line of a syntax error
	// is searched for: that parses the file some twenty times.
	maxSearch = 256 << 10
)

// Document turns the file into nodes. It returns nil if there is nothing to
// walk; the problems say why.
func (r *Reader) Document() *yaml.Node {
	data := r.data
	if len(data) > MaxFile {
		r.at(1, 1, "the file is larger than %d MiB", MaxFile>>20).
			Hint("generated projects fit better behind an anchor that they share")
		return nil
	}
	if !r.plainText(data) {
		return nil
	}
	doc, second, err := decode(data)
	if err != nil {
		r.syntax(data, err)
		return nil
	}
	if second != nil {
		r.Problem(second, "the file holds a second YAML document").
			Hint("remove the line --- ; a farm has one document")
		return nil
	}
	if doc == nil || len(doc.Content) == 0 {
		r.at(1, 1, "the file is empty").Hint("weir init writes one with explanations")
		return nil
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		r.Problem(root, "the file is empty").Hint("weir init writes one with explanations")
		return nil
	}
	m := measurer{known: map[*yaml.Node]extent{}, open: map[*yaml.Node]bool{}}
	m.measure(root, 0)
	if m.culprit != nil {
		r.Problem(m.culprit, "%s", m.reason).Hint("write the value out where it is used")
		return nil
	}
	return root
}

// plainText refuses what YAML cannot hold, with a better place than the
// parser gives.
func (r *Reader) plainText(data []byte) bool {
	line, column := 1, 1
	for len(data) > 0 {
		c, size := utf8.DecodeRune(data)
		switch {
		case c == utf8.RuneError && size == 1:
			r.at(line, column, "the file is not UTF-8 text").Hint("save it in the encoding UTF-8")
			return false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7f:
			r.at(line, column, "the file holds the control character %#02x", c).
				Hint(`in a text in double quotes, write it as \x%02x`, c)
			return false
		case c == '\n':
			line, column = line+1, 0
		}
		column++
		data = data[size:]
	}
	return true
}

// decode parses the first document of data, and the second one if there is
// one. The parser is foreign code under hostile input: should it panic, that
// is a file it cannot read.
func decode(data []byte) (doc, second *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			doc, second, err = nil, nil, fmt.Errorf("yaml: the parser gave up: %.80v", p)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	var nodes [2]*yaml.Node
	for i := range nodes {
		n := new(yaml.Node)
		err := d.Decode(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		nodes[i] = n
	}
	return nodes[0], nodes[1], nil
}

var (
	errorLine     = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntax reports the parser's error.
func (r *Reader) syntax(data []byte, err error) {
	message := strings.TrimPrefix(err.Error(), errorLine.FindString(err.Error()))
	line, column := r.findError(data, err), 0
	text := ""
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		text = "*" + m[1]
		if i := strings.Index(r.line(line), text); i >= 0 {
			column = utf8.RuneCountInString(r.line(line)[:i]) + 1
		}
		message = fmt.Sprintf("the alias %s has no anchor &%s above it", Show(text), m[1])
	} else {
		message = "this is not valid YAML: " + message
	}
	if column == 0 {
		l := r.line(line)
		column = len(l) - len(strings.TrimLeft(l, " \t")) + 1
	}
	p := r.at(line, column, "%s", message)
	p.Text = Clip(text)
	p.Problem.Hint = syntaxHint(message, r.line(line))
}

// findError finds the line of an error that the parser made. The parser often
// names the line where the broken value starts, or the one before it, or none,
// so this searches for the first line with which the error is there.
func (r *Reader) findError(data []byte, err error) int {
	if len(data) > maxSearch {
		line := 1
		if m := errorLine.FindStringSubmatch(err.Error()); m[1] != "" {
			_, _ = fmt.Sscan(m[1], &line) // digits only
		}
		return min(max(line, 1), len(r.lines))
	}
	ends := []int{}
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	ends = append(ends, len(data))
	i := sort.Search(len(ends), func(i int) bool {
		_, _, e := decode(data[:ends[i]])
		return e != nil && e.Error() == err.Error()
	})
	return min(i+1, len(r.lines))
}

func syntaxHint(message, line string) string {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	switch {
	case strings.Contains(message, "anchor"):
		return "an anchor is written &NAME in front of a value, and stands above its uses"
	case strings.Contains(indent, "\t"):
		return "YAML is indented with spaces; this line has a tab"
	case strings.Contains(message, "cannot start any token"):
		return "put a text that starts with @, `, % or a tab in quotes"
	case strings.Contains(message, "mapping values are not allowed"):
		return `put a text with ": " in it in quotes, and look at the indentation`
	}
	return "look at the indentation of this line, and for a quote, [ or { that is not closed"
}

// extent is how large a value is when its aliases are written out.
type extent struct{ nodes, depth int }

// measurer finds the alias that makes a document too large, or endless.
type measurer struct {
	known   map[*yaml.Node]extent // of anchored values
	open    map[*yaml.Node]bool   // anchored values that are being measured
	culprit *yaml.Node
	reason  string
}

// measure returns the extent of n, which stands below depth other values.
func (m *measurer) measure(n *yaml.Node, depth int) extent {
	if m.culprit != nil {
		return extent{}
	}
	if depth > maxDepth {
		m.blame(n, fmt.Sprintf("values are nested more than %d deep", maxDepth))
		return extent{}
	}
	if n.Kind == yaml.AliasNode {
		if m.open[n.Alias] {
			m.blame(n, fmt.Sprintf("the anchor &%s contains itself", Clip(n.Value)))
			return extent{}
		}
		size, ok := m.known[n.Alias]
		if !ok {
			size = m.measure(n.Alias, depth)
		}
		m.check(n, size, depth)
		return size
	}
	size := extent{nodes: 1, depth: 1}
	if n.Anchor != "" {
		m.open[n] = true
	}
	for _, child := range n.Content {
		c := m.measure(child, depth+1)
		size.nodes += c.nodes
		size.depth = max(size.depth, c.depth+1)
		m.check(child, size, depth)
	}
	if n.Anchor != "" {
		delete(m.open, n)
		m.known[n] = size
	}
	return size
}

func (m *measurer) check(n *yaml.Node, size extent, depth int) {
	switch {
	case size.nodes > maxNodes:
		m.blame(n, fmt.Sprintf("the file grows to more than %d values", maxNodes))
	case depth+size.depth > maxDepth+1:
		m.blame(n, fmt.Sprintf("values are nested more than %d deep", maxDepth))
	}
}

func (m *measurer) blame(n *yaml.Node, reason string) {
	if m.culprit == nil {
		m.culprit, m.reason = n, reason
	}
}
