// Package junit reads JUnit XML, the format that nearly every test tool
// writes and none defines. It takes the dialects of ant, surefire, pytest,
// gotestsum, ctest, jest-junit, node, GoogleTest, Catch2, RSpec, Rust's
// libtest and their kin.
//
// What the dialects have in common: test cases with a name, somewhere below
// testsuites and testsuite elements in any nesting, or in none. What they
// disagree on, and what is made of it here:
//
//   - The suite of a test is its classname, unless that says nothing (it is
//     missing, equal to the name, or node's constant "test"); then it is the
//     name of the test suite around it.
//   - All counts are ignored and counted anew: tools count attempts, or not.
//   - Several outcomes in one case: the worst wins. Skipped as "todo" or
//     "!mayfail" together with a failure is an expected failure.
//   - The same case twice in a suite is one test with two attempts.
//   - A file that failed to load shows up as a made-up test case; it becomes
//     an incident as well, so that the tests it holds are explained.
//   - A file that ends in the middle yields the complete test cases before
//     that point and a Truncated incident.
//
// The file is read as a stream, and nothing in it is resolved: no document
// type, no entities, no references to other files.
package junit

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
)

// maxDepth is how deep elements may nest.
const maxDepth = 256

// Read reads one JUnit XML file within the usual limits. See results.Reader
// for its errors.
func Read(r io.Reader) (weir.ResultSet, error) { return ReadLimited(r, results.Limits{}) }

// ReadLimited is Read with limits.
func ReadLimited(r io.Reader, limits results.Limits) (weir.ResultSet, error) {
	in, err := results.NewInput(r, limits, "JUnit XML")
	if err != nil {
		return weir.ResultSet{}, err
	}
	f := newFilter(in.Reader)
	d := xml.NewDecoder(f)
	d.Strict = false
	p := &parser{collect: results.NewCollector(limits)}
	err = p.run(d)
	if broken := f.broken(); broken != nil {
		return weir.ResultSet{}, broken
	}
	if !p.known {
		return weir.ResultSet{}, weir.Errorf(weir.Invalid, "the file is not JUnit XML: it %s", p.opening()).
			WithHint("a JUnit XML file starts with <testsuites> or <testsuite>")
	}
	switch {
	case in.Capped():
		p.collect.Incident(in.CappedIncident())
	case err != nil:
		p.collect.Incident(weir.Incident{Kind: weir.Truncated, Test: p.openCase(), Message: err.Error()})
	}
	return p.collect.Set(), nil
}

// parser follows the elements of a file. It does not use the decoder's own
// matching of start and end tags, so that one forgotten end tag does not cost
// the rest of the file.
type parser struct {
	collect *results.Collector
	stack   []string // open elements
	suites  []string // names of the open test suites
	test    *testCase
	outcome *outcome // the open failure, error or skipped element
	suiteUp *outcome // an error element directly in a suite
	root    string
	known   bool
}

func (p *parser) opening() string {
	if p.root == "" {
		return "holds no element"
	}
	return fmt.Sprintf("starts with <%.40s>", p.root)
}

func (p *parser) openCase() string {
	if p.test == nil {
		return ""
	}
	return p.test.name
}

func (p *parser) run(d *xml.Decoder) error {
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if len(p.stack) > 0 {
				return fmt.Errorf("the file ends within <%.40s>", p.stack[len(p.stack)-1])
			}
			return nil
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				return fmt.Errorf("damaged after line %d: %s", syntax.Line, syntax.Msg)
			}
			return errors.New("damaged XML")
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(p.stack) >= maxDepth {
				return errors.New("elements nest too deep")
			}
			p.start(t)
		case xml.EndElement:
			p.end(t.Name.Local)
		case xml.CharData:
			p.text(string(t))
		}
	}
}

func (p *parser) start(t xml.StartElement) {
	name := t.Name.Local
	if p.root == "" {
		p.root = name
		p.known = slices.Contains([]string{"testsuites", "testsuite", "testcase"}, name)
	}
	p.stack = append(p.stack, name)
	if !p.known {
		return
	}
	switch name {
	case "testsuite":
		p.suites = append(p.suites, attr(t, "name"))
	case "testcase":
		p.test, p.outcome = newCase(t, p.suites), nil
	default:
		if o := newOutcome(name, t); o != nil {
			p.openOutcome(o)
		}
	}
}

func (p *parser) openOutcome(o *outcome) {
	switch {
	case p.test != nil:
		p.test.outcomes = appendBounded(p.test.outcomes, o)
		p.outcome = o
	case o.kind == "error" || o.kind == "failure":
		p.suiteUp, p.outcome = o, o
	}
}

// maxOutcomes is how many outcomes one test case may have.
const maxOutcomes = 64

func appendBounded(os []*outcome, o *outcome) []*outcome {
	if len(os) < maxOutcomes {
		return append(os, o)
	}
	os[maxOutcomes-1] = o
	return os
}

func (p *parser) text(s string) {
	if len(p.stack) == 0 {
		return
	}
	switch element := p.stack[len(p.stack)-1]; {
	case p.outcome != nil && element != "system-out" && element != "system-err":
		p.outcome.body.WriteString(s)
	case p.test != nil && (element == "system-out" || element == "system-err"):
		p.test.output.WriteString(s)
	}
}

// end closes the innermost element of that name and all within it. An end
// tag that closes nothing is ignored.
func (p *parser) end(name string) {
	for i := len(p.stack) - 1; i >= 0; i-- {
		if p.stack[i] != name {
			continue
		}
		for len(p.stack) > i {
			p.closed(p.stack[len(p.stack)-1])
			p.stack = p.stack[:len(p.stack)-1]
		}
		return
	}
}

func (p *parser) closed(name string) {
	if !p.known {
		return
	}
	switch name {
	case "testsuite":
		if len(p.suites) > 0 {
			p.suites = p.suites[:len(p.suites)-1]
		}
	case "testcase":
		if p.test != nil {
			p.finish(p.test)
		}
		p.test, p.outcome = nil, nil
	case "failure", "error", "skipped", "rerunFailure", "rerunError", "flakyFailure", "flakyError":
		if p.suiteUp != nil {
			p.collect.Incident(weir.Incident{Kind: weir.Exited, Suite: innermost(p.suites), Message: p.suiteUp.message()})
			p.suiteUp = nil
		}
		p.outcome = nil
	}
}

func (p *parser) finish(t *testCase) {
	p.collect.Add(t.result(), strings.Join(t.suites, "\x00"))
	if kind := t.didNotLoad(); kind != "" {
		p.collect.Incident(weir.Incident{Kind: kind, Suite: t.loading(), Message: t.message()})
	}
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func innermost(suites []string) string {
	for _, s := range slices.Backward(suites) {
		if s != "" && s != "(empty)" {
			return s
		}
	}
	return ""
}
