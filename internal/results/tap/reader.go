// Package tap reads the Test Anything Protocol, versions 12, 13 and 14, as
// perl's Test::More, prove -v, node and Catch2 write it.
//
// A stream is a plan (1..4), before or after the tests, and a line for each
// test:
//
//	ok 1 - adds
//	not ok 2 - subtracts # TODO not yet
//	  ---
//	  message: what went wrong
//	  ...
//
// What is made of it:
//
//   - "ok" is a pass, "not ok" a failure; with SKIP a skip; "not ok" with TODO
//     an expected failure. A bonus, "ok" with TODO, is a pass.
//   - Descriptions need not be unique in TAP. Equal ones are different tests,
//     told apart by their order; a test without one is named after its number.
//   - Subtests, indented by four spaces, are results like others. Their suite
//     is the chain of their parents' names, joined by " > ", behind the file's
//     name when prove or a version line separates files.
//   - Fewer tests than planned are an Exited incident with the numbers, since
//     that is how a crash looks in TAP; "Bail out!" and a plan of 1..0 are
//     BailedOut; no plan at all is Truncated.
//
// Lines that are not TAP are what the tests printed, and are not looked at.
package tap

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
)

// Limits of one stream.
const (
	maxDepth = 32      // nested subtests
	maxPlan  = 1 << 31 // tests that a plan can announce
	// maxPending is how many results of subtests wait for their parent's line,
	// and maxHeld how many bytes of output they hold meanwhile.
	maxPending = 20_000
	maxHeld    = 16 << 20
)

// Read reads one TAP stream within the usual limits. See results.Reader for
// its errors.
func Read(r io.Reader) (weir.ResultSet, error) { return ReadLimited(r, results.Limits{}) }

// ReadLimited is Read with limits.
func ReadLimited(r io.Reader, limits results.Limits) (weir.ResultSet, error) {
	in, err := results.NewInput(r, limits, "TAP")
	if err != nil {
		return weir.ResultSet{}, err
	}
	p := &parser{collect: results.NewCollector(limits), levels: []*level{{}}}
	for {
		line, _, err := in.Line()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return weir.ResultSet{}, err
		}
		p.line(string(line))
	}
	p.endDocument(in.Capped())
	if in.Capped() {
		p.collect.Incident(in.CappedIncident())
	}
	if p.dropped > 0 {
		p.collect.Incident(weir.Incident{Kind: weir.Truncated,
			Message: fmt.Sprintf("a subtest holds more than %d tests: %d were dropped", maxPending, p.dropped)})
	}
	if !p.seen {
		return weir.ResultSet{}, weir.Errorf(weir.Invalid, "the file holds no TAP").
			WithHint("a TAP stream has a plan such as 1..4 and lines that start with ok or not ok")
	}
	return p.collect.Set(), nil
}

// parser reads a stream line by line.
type parser struct {
	collect  *results.Collector
	levels   []*level // the document and its open subtests, outermost first
	file     string   // the file that prove names; empty without
	document int      // number of the document in the stream
	seen     bool     // something of TAP came
	bailed   bool
	held     int   // bytes of output in pending results
	dropped  int   // results of subtests beyond maxPending
	last     *test // where YAML blocks and comments belong; nil when none may follow
	yaml     *yamlBlock
}

// level is a document or an open subtest.
type level struct {
	name    string // from "# Subtest: name"; the parent's line has the last word
	next    string // name announced for the subtest that follows
	plan    int    // tests that are announced; -1: all skipped
	planned bool
	count   int
	pending []*test     // results of closed subtests and of this level, until the parent's line
	short   []shortfall // incidents of subtests, likewise
}

type shortfall struct {
	chain   []string
	message string
}

func (p *parser) line(s string) {
	if p.yaml != nil {
		if p.yaml.add(s) {
			return
		}
		p.endYAML()
		if strings.TrimSpace(s) == "..." {
			return
		}
	}
	text := strings.TrimLeft(s, " ")
	indent := len(s) - len(text)
	if indent%4 == 2 && strings.HasPrefix(text, "---") && p.last != nil {
		p.yaml = &yamlBlock{indent: indent}
		return
	}
	if file, ok := proveHeader(s); ok {
		p.endDocument(false)
		p.file = file
		return
	}
	l, ok := parseLine(text)
	if !ok || indent%4 != 0 || indent/4 >= maxDepth {
		p.other(text)
		return
	}
	p.at(indent/4, l)
}

// other takes a line that says nothing by itself. Comments below a failed
// test explain it when they are indented, as Test::More does; others belong
// to no test.
func (p *parser) other(text string) {
	comment, ok := strings.CutPrefix(text, "#  ")
	switch {
	case !ok:
		p.last = nil
	case p.last != nil && p.last.status.Bad():
		p.last.message.WriteString(strings.TrimPrefix(comment, " ") + "\n")
	}
}

// at takes a line of TAP at a depth.
func (p *parser) at(depth int, l line) {
	if l.kind == commentLine {
		p.announce(depth, l)
		return
	}
	if depth >= len(p.levels)+1 && !(l.kind == testLine || l.kind == planLine) {
		return
	}
	p.seen = true
	switch l.kind {
	case versionLine:
		if depth == 0 && (p.levels[0].count > 0 || p.levels[0].planned) {
			p.endDocument(false)
		}
	case bailLine:
		p.bailed = true
		p.collect.Incident(weir.Incident{Kind: weir.BailedOut, Suite: p.file, Message: "bail out: " + l.text})
	case planLine:
		p.open(depth)
		p.last = nil
		lv := p.levels[depth]
		lv.planned, lv.plan = true, l.number
		if l.number == 0 && depth == 0 {
			p.collect.Incident(weir.Incident{Kind: weir.BailedOut, Suite: p.file,
				Message: strings.TrimSpace("all tests skipped: " + l.text)})
		}
	case testLine:
		p.test(depth, l)
	}
}

func (p *parser) announce(depth int, l line) {
	// The comment stands at the parent's depth, or already at the subtest's.
	if depth < len(p.levels) {
		p.levels[depth].next = l.text
	}
	p.last = nil
}

// open opens the levels down to depth.
func (p *parser) open(depth int) {
	for len(p.levels) <= depth {
		parent := p.levels[len(p.levels)-1]
		p.levels = append(p.levels, &level{name: parent.next})
		parent.next = ""
	}
}

func (p *parser) test(depth int, l line) {
	p.open(depth)
	lv := p.levels[depth]
	lv.count++
	if l.number == 0 {
		l.number = lv.count
	}
	t := newTest(l)
	for len(p.levels) > depth+1 {
		p.closeSubtest(t.name)
	}
	lv.next = ""
	p.keep(lv, t)
	p.last = t
	if !l.counts {
		lv.count--
	}
	if depth == 0 {
		p.flush(1)
	}
}

func (p *parser) keep(lv *level, t *test) {
	if len(lv.pending) < maxPending {
		lv.pending = append(lv.pending, t)
	} else {
		p.dropped++
	}
}

// closeSubtest moves what the innermost level holds to its parent. The last
// subtest that closes takes its name from the parent's line.
func (p *parser) closeSubtest(name string) {
	n := len(p.levels) - 1
	child, parent := p.levels[n], p.levels[n-1]
	p.levels = p.levels[:n]
	if child.name != "" {
		name = child.name
	}
	for _, t := range child.pending {
		t.chain = append(t.chain, name)
		p.keep(parent, t)
	}
	if m := child.missing(); m != "" {
		child.short = append(child.short, shortfall{message: m})
	}
	for _, s := range child.short {
		s.chain = append(s.chain, name)
		parent.short = append(parent.short, s)
	}
}

// flush hands over all results of the document but the last n, whose YAML
// blocks and comments may still come.
func (p *parser) flush(n int) {
	doc := p.levels[0]
	out := max(0, len(doc.pending)-n)
	for _, t := range doc.pending[:out] {
		p.collect.Add(t.result(p.file), t.scope(p.document))
	}
	doc.pending = append(doc.pending[:0], doc.pending[out:]...)
	for _, s := range doc.short {
		p.collect.Incident(weir.Incident{Kind: weir.Exited, Suite: suiteOf(p.file, s.chain), Message: s.message})
	}
	doc.short = nil
	if len(doc.pending) == 0 || len(p.levels) == 1 {
		p.held = 0
	}
}

// endDocument closes a document and checks its plan.
func (p *parser) endDocument(capped bool) {
	p.endYAML()
	for len(p.levels) > 1 {
		p.closeSubtest("(subtest)")
	}
	p.flush(0)
	doc := p.levels[0]
	switch m := doc.missing(); {
	case p.bailed || capped:
	case m != "":
		p.collect.Incident(weir.Incident{Kind: weir.Exited, Suite: p.file, Message: m})
	case !doc.planned && doc.count > 0:
		p.collect.Incident(weir.Incident{Kind: weir.Truncated, Suite: p.file, Message: "no plan: the stream ends in the middle"})
	}
	p.levels = []*level{{}}
	p.last, p.bailed = nil, false
	p.document++
}

func (p *parser) endYAML() {
	if p.yaml != nil && p.last != nil {
		p.last.explain(p.yaml)
		if p.held += len(p.last.output); p.held > maxHeld {
			p.last.output = ""
		}
		p.last = nil
	}
	p.yaml = nil
}
