// Package gotest reads the stream of go test -json, as Go 1.21 and later
// write it.
//
// A stream holds the events of several packages, interleaved. The suite of a
// test is its package; subtests and the tests around them are results of
// their own. What kept tests from reporting becomes incidents:
//
//   - A package that did not compile, or whose set-up failed, has no tests:
//     DidNotBuild, with what the compiler said. Newer versions of Go say it in
//     events, older ones in plain lines among the events, when the standard
//     error stream goes to the same file; both are understood.
//   - A panic takes the rest of its package down: Panicked, with the test.
//   - A time limit likewise: TimedOutTest, with the test that was running.
//   - A process that ends otherwise, by os.Exit or log.Fatal: Exited.
//   - A stream that ends before its packages do: Truncated.
//
// Tests that were running when their package ended are errors; those that
// waited in t.Parallel never ran and have no result. A test's own output can
// imitate events, so a result counts only for a test that was started, and a
// test without result in a package that passed counts not at all.
package gotest

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
)

// Limits of one stream.
const (
	maxPackages = 100_000
	maxBuilds   = 10_000
	// maxHeld is how many bytes of output the running tests hold together.
	maxHeld = 64 << 20
)

// event is one line. The field names are those of cmd/test2json and of
// go build -json.
type event struct {
	Action      string
	Package     string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
	ImportPath  string
}

// Read reads one stream within the usual limits. See results.Reader for its
// errors.
func Read(r io.Reader) (weir.ResultSet, error) { return ReadLimited(r, results.Limits{}) }

// ReadLimited is Read with limits.
func ReadLimited(r io.Reader, limits results.Limits) (weir.ResultSet, error) {
	in, err := results.NewInput(r, limits, "go test -json")
	if err != nil {
		return weir.ResultSet{}, err
	}
	p := &parser{collect: results.NewCollector(limits), packages: map[string]*pkg{}, builds: map[string]*build{}}
	for {
		line, whole, err := in.Line()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return weir.ResultSet{}, err
		}
		p.line(line, whole)
	}
	p.end()
	if !p.seen {
		return weir.ResultSet{}, weir.Errorf(weir.Invalid, "the file holds no events of go test").
			WithHint("write it with go test -json ./... > FILE")
	}
	switch {
	case in.Capped():
		p.collect.Incident(in.CappedIncident())
	case p.cut:
		p.collect.Incident(weir.Incident{Kind: weir.Truncated, Message: "the stream ends in the middle of an event"})
	}
	return p.collect.Set(), nil
}

// parser keeps what is known of the packages that run.
type parser struct {
	collect  *results.Collector
	packages map[string]*pkg
	builds   map[string]*build // by import path
	plain    *build            // where plain lines of the compiler go
	held     int
	seen     bool
	cut      bool
}

// build is what a compiler said about one package.
type build struct {
	text           results.Head
	failed, blamed bool
}

func (p *parser) line(line []byte, whole bool) {
	if len(line) == 0 {
		return
	}
	var e event
	if line[0] != '{' || json.Unmarshal(line, &e) != nil || e.Action == "" {
		p.cut = !whole && line[0] == '{'
		p.text(string(line))
		return
	}
	p.seen = true
	switch {
	case e.Action == "build-output":
		p.build(e.ImportPath).text.WriteString(e.Output)
	case e.Action == "build-fail":
		p.build(e.ImportPath).failed = true
	case e.Package != "":
		p.event(e)
	}
}

// build finds or makes the record of an import path.
func (p *parser) build(path string) *build {
	b := p.builds[path]
	if b == nil {
		b = &build{}
		b.text.Max = 2 * weir.MaxResultMessage
		if len(p.builds) < maxBuilds {
			p.builds[path] = b
		}
	}
	return b
}

// text takes a line that is no event: the go command's own messages.
func (p *parser) text(line string) {
	if path, ok := strings.CutPrefix(line, "# "); ok {
		if path = strings.TrimSpace(path); !strings.HasPrefix(path, "[") {
			p.plain = p.build(path)
		}
		return
	}
	if name, ok := failedPackage(line); ok {
		p.seen = true
		p.didNotBuild(name, "", line)
		return
	}
	if p.plain != nil {
		p.plain.text.WriteString(line + "\n")
	}
}

// failedPackage recognises the line in which the go command says that a
// package has no tests to run.
func failedPackage(line string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "FAIL\t")
	if !ok {
		return "", false
	}
	for _, suffix := range []string{" [build failed]", " [setup failed]"} {
		if name, ok := strings.CutSuffix(rest, suffix); ok {
			return name, true
		}
	}
	return "", false
}

// didNotBuild adds the incident of a package, with what its compiler said. The
// build that failed may be another package's, on which it depends.
func (p *parser) didNotBuild(name, failedBuild, otherwise string) {
	message := ""
	for _, path := range []string{failedBuild, name + " [" + name + ".test]", name, name + "_test [" + name + ".test]"} {
		if b := p.builds[path]; b != nil && path != "" {
			b.blamed = true
			if message == "" {
				message = withoutHeader(b.text.String())
			}
		}
	}
	if message == "" {
		message = otherwise
	}
	p.collect.Incident(weir.Incident{Kind: weir.DidNotBuild, Suite: name, Message: message})
}

// withoutHeader drops the "# package" lines before the first message.
func withoutHeader(s string) string {
	for strings.HasPrefix(s, "# ") {
		_, rest, _ := strings.Cut(s, "\n")
		s = rest
	}
	return s
}

func (p *parser) event(e event) {
	k := p.packages[e.Package]
	if k == nil {
		if len(p.packages) >= maxPackages {
			return
		}
		k = newPkg(e.Package)
		p.packages[e.Package] = k
	}
	switch e.Action {
	case "output":
		p.output(k, e)
	case "run", "pause", "cont":
		k.started(e.Test, e.Action)
	case "pass", "fail", "skip", "bench":
		if e.Test == "" {
			p.endPackage(k, e)
		} else {
			p.endTest(k, e)
		}
	}
}

// end settles what has not ended by itself.
func (p *parser) end() {
	for _, name := range slices.Sorted(maps.Keys(p.packages)) {
		k := p.packages[name]
		if k.silent() {
			continue
		}
		p.settle(k, "the stream ends before the test does")
		p.collect.Incident(weir.Incident{Kind: weir.Truncated, Suite: k.name,
			Message: "the stream ends before the package does"})
	}
	for _, path := range slices.Sorted(maps.Keys(p.builds)) {
		b := p.builds[path]
		if b.failed && !b.blamed {
			name, _, _ := strings.Cut(path, " ")
			p.collect.Incident(weir.Incident{Kind: weir.DidNotBuild, Suite: name, Message: withoutHeader(b.text.String())})
		}
	}
}
