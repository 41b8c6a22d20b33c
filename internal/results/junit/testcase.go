package junit

import (
	"encoding/xml"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
)

// testCase is one testcase element.
type testCase struct {
	name, class     string
	status, outcome string
	seconds         string
	suites          []string // names of the test suites around it, outermost first
	outcomes        []*outcome
	output          results.Tail
}

// outcome is a child of a testcase that says how it went.
type outcome struct {
	kind, typ, note string // note is the message attribute
	body            results.Head
}

func newCase(t xml.StartElement, suites []string) *testCase {
	c := &testCase{suites: slices.Clone(suites)}
	c.output.Max = weir.MaxResultOutput
	for _, a := range t.Attr {
		switch a.Name.Local {
		case "name":
			c.name = a.Value
		case "classname":
			c.class = a.Value
		case "status":
			c.status = a.Value
		case "result":
			c.outcome = a.Value
		case "time":
			c.seconds = a.Value
		}
	}
	return c
}

func newOutcome(element string, t xml.StartElement) *outcome {
	switch element {
	case "failure", "error", "skipped", "rerunFailure", "rerunError", "flakyFailure", "flakyError":
		o := &outcome{kind: element, typ: attr(t, "type"), note: attr(t, "message")}
		o.body.Max = 4 * weir.MaxResultMessage
		return o
	}
	return nil
}

// nodeClass is the classname that node gives to every test.
const nodeClass = "test"

// fromNode reports whether the case looks like one of node's, which tell
// tests apart by nested test suites instead of class names.
func (c *testCase) fromNode() bool {
	return c.class == nodeClass && (len(c.suites) == 0 || c.suites[0] != "pytest")
}

// id says which test this is.
func (c *testCase) id() weir.TestID {
	switch {
	case c.fromNode():
		return weir.TestID{Suite: strings.Join(c.suites, " > "), Name: c.name}
	case c.class == "" || c.class == c.name:
		return weir.TestID{Suite: innermost(c.suites), Name: c.name}
	case c.name == "":
		return weir.TestID{Suite: c.class, Name: c.class}
	}
	return weir.TestID{Suite: c.class, Name: c.name}
}

func (c *testCase) has(kinds ...string) bool {
	return slices.ContainsFunc(c.outcomes, func(o *outcome) bool { return slices.Contains(kinds, o.kind) })
}

func (c *testCase) result() weir.Result {
	return weir.Result{
		Test:     c.id(),
		Status:   c.verdict(),
		Duration: seconds(c.seconds),
		Message:  c.message(),
		Output:   uncolour(c.output.String()),
		Mixed:    c.has("flakyFailure", "flakyError"),
	}
}

// verdict takes the worst of the outcomes.
func (c *testCase) verdict() weir.Status {
	bad := weir.Pass
	switch {
	case c.has("error") || c.didNotLoad() != "":
		bad = weir.Fault
	case c.has("failure"):
		bad = weir.Fail
	}
	for _, o := range c.outcomes {
		if o.kind != "skipped" {
			continue
		}
		switch {
		case bad == weir.Pass && o.notRun():
			return weir.Fault
		case o.typ == "pytest.xfail":
			return weir.ExpectedFailure
		case o.tolerates() && bad != weir.Pass:
			return weir.ExpectedFailure
		case o.typ == "todo" && c.fromNode():
			return weir.Pass // node runs what is marked as todo
		case bad == weir.Pass:
			return weir.Skip
		}
	}
	if bad != weir.Pass {
		return bad
	}
	switch {
	case c.status == "disabled", c.status == "notrun", c.outcome == "skipped", c.outcome == "suppressed":
		return weir.Skip // ctest and GoogleTest say it in an attribute only
	}
	return weir.Pass
}

// tolerates reports whether a failure of the test was expected.
func (o *outcome) tolerates() bool {
	return o.typ == "todo" || strings.Contains(o.note, "!mayfail")
}

// notRun reports whether ctest calls a test skipped that it counts as failed.
func (o *outcome) notRun() bool {
	switch o.note {
	case "Unable to find executable", "Required Files Missing", "Fixture dependency failed":
		return true
	}
	return false
}

// didNotLoad recognises the made-up cases that stand for a file or package
// whose tests never ran. It is empty for real tests.
func (c *testCase) didNotLoad() weir.IncidentKind {
	for _, o := range c.outcomes {
		if o.kind != "error" && o.kind != "failure" {
			continue
		}
		body := o.body.String()
		switch {
		case o.note == "collection failure": // pytest
			return weir.DidNotBuild
		case c.class == "" && c.name == "TestMain": // gotestsum
			if strings.Contains(body, "[build failed]") || strings.Contains(body, "[setup failed]") {
				return weir.DidNotBuild
			}
			return weir.Exited
		case c.class == "Test suite failed to run", c.name == "Test suite failed to run": // jest-junit
			return weir.DidNotBuild
		case c.name == "" && o.kind == "error": // surefire, when a class does not initialise
			return weir.DidNotBuild
		}
	}
	return ""
}

// loading is the suite that didNotLoad speaks about.
func (c *testCase) loading() string {
	switch {
	case c.class == "" && c.name == "TestMain":
		return innermost(c.suites)
	case c.class == "" || c.class == "Test suite failed to run":
		return c.name
	}
	return c.class
}

// message joins the messages of the outcomes, those of the bad ones first.
func (c *testCase) message() string {
	var parts []string
	for _, bad := range []bool{true, false} {
		for _, o := range c.outcomes {
			if (o.kind != "skipped") != bad || strings.HasPrefix(o.kind, "rerun") {
				continue
			}
			if m := o.message(); m != "" {
				parts = append(parts, m)
			}
		}
	}
	return strings.Join(parts, "\n\n")
}

// message puts the short message before the body, which is often a stack
// trace and often starts with the message anyway.
func (o *outcome) message() string {
	note := strings.TrimSpace(results.StripGoMarks(uncolour(o.note)))
	body := strings.TrimSpace(dedent(results.StripGoMarks(uncolour(o.body.String()))))
	switch {
	case body == "" && note == "":
		return o.typ
	case body == "":
		return note
	case note == "" || note == "Failed" || strings.HasPrefix(body, note):
		return body
	}
	return note + "\n\n" + body
}

// colour is a terminal sequence whose escape character the filter replaced.
var colour = regexp.MustCompile("\\x{FFFD}\\[[0-9;]{0,32}[mK]")

func uncolour(s string) string {
	if !strings.Contains(s, "\uFFFD[") {
		return s
	}
	return colour.ReplaceAllString(s, "")
}

// dedent removes the indentation that all lines have.
func dedent(s string) string {
	s = strings.Trim(s, "\r\n")
	indent := -1
	for line := range strings.Lines(s) {
		if text := strings.TrimLeft(line, " \t"); text != "" && text != "\n" {
			if n := len(line) - len(text); indent < 0 || n < indent {
				indent = n
			}
		}
	}
	if indent <= 0 {
		return s
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(line[min(indent, len(strings.TrimRight(line, "\n"))):])
	}
	return b.String()
}

// seconds reads a duration in seconds. Tools write 0.123, 1,234.5 with
// thousands separators, 12 and, in some locales, 0,123. What cannot be read
// is zero.
func seconds(s string) time.Duration {
	s = strings.TrimSuffix(strings.TrimSpace(s), "s")
	if whole, fraction, found := strings.Cut(s, ","); found && !strings.Contains(s, ".") &&
		!strings.Contains(fraction, ",") && (len(fraction) != 3 || whole == "0") {
		s = whole + "." + fraction
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	if err != nil || math.IsNaN(f) || f <= 0 {
		return 0
	}
	if f > results.MaxDuration.Seconds() {
		return results.MaxDuration
	}
	return time.Duration(f * float64(time.Second)).Round(time.Microsecond)
}
