package gotest

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
)

// pkg is a package whose tests run.
type pkg struct {
	name    string
	running map[string]*test
	output  results.Tail // of the package itself
	crash   crash
	bad     bool // a test failed
	events  bool // something of a test came
	failed  string
}

// test is a test that was started and has not ended.
type test struct {
	paused bool
	head   results.Head
	tail   results.Tail
}

// crash is a panic that may have ended the package. Anybody can print a line
// that looks like one, so it counts only when nothing comes after it.
type crash struct {
	test    string // in whose output it stood
	text    results.Head
	trace   bool // the list of goroutines followed
	timeout bool
	running []string // tests that a timeout lists
}

func newPkg(name string) *pkg {
	k := &pkg{name: name, running: map[string]*test{}}
	k.output.Max = weir.MaxResultMessage
	return k
}

// silent reports whether a package without an end has nothing to tell: go vet
// and go list make such.
func (k *pkg) silent() bool { return !k.events && k.output.Len() == 0 }

func (k *pkg) started(name, action string) {
	if name == "" {
		return
	}
	k.events = true
	k.crash = crash{}
	t := k.running[name]
	switch {
	case action == "run":
		t = &test{}
		t.head.Max, t.tail.Max = weir.MaxResultMessage, weir.MaxResultOutput
		k.running[name] = t
	case t != nil:
		t.paused = action == "pause"
	}
}

func (p *parser) output(k *pkg, e event) {
	if e.Test == "" {
		if name, ok := failedPackage(e.Output); ok && name == k.name && !k.events {
			k.failed = e.Output
			return
		}
		k.output.WriteString(e.Output)
	}
	k.crash.see(e)
	t := k.running[e.Test]
	if t == nil || results.GoMark(e.Output) {
		return
	}
	if p.held += len(e.Output); p.held <= maxHeld {
		t.head.WriteString(e.Output)
		t.tail.WriteString(e.Output)
	}
}

// see looks for a panic in the output.
func (c *crash) see(e event) {
	line := strings.TrimRight(e.Output, "\n")
	switch {
	case strings.HasPrefix(line, "panic: "), strings.HasPrefix(line, "fatal error: "):
		*c = crash{test: e.Test, timeout: strings.HasPrefix(line, "panic: test timed out after ")}
		c.text.Max = weir.MaxResultMessage
	case c.text.Max == 0, strings.HasPrefix(line, "exit status "), strings.HasPrefix(line, "FAIL\t"):
		return
	case strings.HasPrefix(line, "goroutine "):
		c.trace = true
	case c.timeout && !c.trace && line != "":
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " ("); ok {
			c.running = append(c.running, name)
		}
	}
	c.text.WriteString(e.Output)
}

func (c *crash) real() bool { return c.text.Max > 0 && (c.trace || c.timeout) }

// culprit is the test that panicked: the one whose function stands in the
// stack, if the output was given to another one that ran at the same time.
func (c *crash) culprit(pkgName string) string {
	if c.timeout && len(c.running) > 0 {
		return c.running[len(c.running)-1]
	}
	root, _, _ := strings.Cut(c.test, "/")
	for line := range strings.Lines(c.text.String()) {
		rest, ok := strings.CutPrefix(line, pkgName+".Test")
		if !ok {
			continue
		}
		name := "Test" + rest[:strings.IndexFunc(rest+"(", func(r rune) bool { return r == '.' || r == '(' || r == '\n' })]
		if name != root {
			return name
		}
		break
	}
	return c.test
}

func (p *parser) endTest(k *pkg, e event) {
	t := k.running[e.Test]
	if t == nil {
		return // never started: forged by a test's output
	}
	status := map[string]weir.Status{"pass": weir.Pass, "bench": weir.Pass, "fail": weir.Fail, "skip": weir.Skip}[e.Action]
	if status == weir.Fail {
		k.bad = true
		if k.crash.real() && k.crash.test == e.Test {
			status = weir.Fault
		}
	} else {
		k.crash = crash{}
	}
	p.add(k, e.Test, t, status, e.Elapsed, "")
}

func (p *parser) add(k *pkg, name string, t *test, status weir.Status, elapsed float64, message string) {
	delete(k.running, name)
	p.held = max(0, p.held-t.tail.Len())
	r := weir.Result{
		Test:     weir.TestID{Suite: k.name, Name: name},
		Status:   status,
		Duration: seconds(elapsed),
		Output:   t.tail.String(),
	}
	if status != weir.Pass {
		r.Message = dedent(t.head.String())
		if k.crash.real() && k.crash.test == name {
			r.Message = k.crash.text.String()
		}
		if message != "" {
			r.Message = strings.TrimSpace(message + "\n\n" + r.Message)
		}
	}
	p.collect.Add(r, "")
}

// endPackage takes the end of a package.
func (p *parser) endPackage(k *pkg, e event) {
	delete(p.packages, e.Package)
	if e.Action != "fail" {
		for _, name := range slices.Sorted(maps.Keys(k.running)) {
			// Benchmarks have no end of their own. Any other test without
			// an end cannot be: the package would have failed.
			if strings.HasPrefix(name, "Benchmark") {
				p.add(k, name, k.running[name], weir.Pass, 0, "")
			}
		}
		return
	}
	if e.FailedBuild != "" || k.failed != "" {
		p.didNotBuild(k.name, e.FailedBuild, strings.TrimSpace(k.failed))
		return
	}
	kind, culprit, message := weir.Exited, "", lastLines(k.output.String(), k.name)
	switch {
	case k.crash.real():
		kind, culprit, message = weir.Panicked, k.crash.culprit(k.name), k.crash.text.String()
		if k.crash.timeout {
			kind = weir.TimedOutTest
		}
	case k.unfinished() == "" && k.bad:
		return // tests failed, and that is all
	default:
		culprit = k.unfinished()
		if t := k.running[culprit]; t != nil {
			message = strings.TrimSpace(t.head.String() + "\n" + message)
		}
		message = cmp.Or(message, "the test process ended before its tests did")
	}
	p.collect.Incident(weir.Incident{Kind: kind, Suite: k.name, Test: culprit, Message: message})
	p.settle(k, "the test did not finish")
}

// unfinished is the innermost running test, if only one chain of tests runs,
// and else the first one by name; empty if none runs.
func (k *pkg) unfinished() string {
	found := ""
	for _, name := range slices.Sorted(maps.Keys(k.running)) {
		if !k.running[name].paused && (found == "" || strings.HasPrefix(name, found+"/")) {
			found = name
		}
	}
	return found
}

// settle makes errors of the tests that were running.
func (p *parser) settle(k *pkg, why string) {
	if k.crash.real() {
		why += ": " + strings.TrimSpace(firstLine(k.crash.text.String()))
	}
	for _, name := range slices.Sorted(maps.Keys(k.running)) {
		if t := k.running[name]; !t.paused {
			p.add(k, name, t, weir.Fault, 0, why)
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// lastLines drops the summary line of the go command.
func lastLines(s, name string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "FAIL\t"+name) && line != "FAIL\n" {
			b.WriteString(line)
		}
	}
	return strings.TrimSpace(b.String())
}

// dedent removes the four spaces that the testing package puts before what a
// test logs.
func dedent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimPrefix(line, "    "))
	}
	return b.String()
}

func seconds(f float64) time.Duration {
	if math.IsNaN(f) || f <= 0 {
		return 0
	}
	return time.Duration(min(f, results.MaxDuration.Seconds()) * float64(time.Second)).Round(time.Microsecond)
}
