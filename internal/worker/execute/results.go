package execute

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/glob"
)

// Limits on result files.
const (
	MaxResultFiles = 10_000  // that are read
	MaxResultBytes = 1 << 30 // of all of them together
	maxVisited     = 2_000_000
)

// Reading large result files takes memory for a while. A process that is told to
// make do with less would do little else than look for garbage.
const (
	largeResults = 4 << 20 // bytes of a file
	largeGarbage = 50      // percent of what is in use that may be garbage
	usualGarbage = 100
)

// stretch lets the process take the memory that it needs, until shrink.
func (a *attempt) stretch() {
	if a.r.Alone && a.memory == 0 {
		a.memory = debug.SetMemoryLimit(math.MaxInt64)
		debug.SetGCPercent(largeGarbage)
	}
}

// shrink lets go what stretch took. The results are in their file by now.
func (a *attempt) shrink() {
	if a.memory == 0 {
		return
	}
	a.set = weir.ResultSet{}
	debug.SetGCPercent(usualGarbage)
	debug.SetMemoryLimit(a.memory)
	a.memory = 0
	debug.FreeOSMemory()
}

// What is kept of a step's output for messages.
const (
	tailBytes = 16 << 10
	tailLines = 20
)

// snapshot notes which result files lie there before any step has run.
func (a *attempt) snapshot() {
	a.old = map[string]os.FileInfo{}
	a.eachResult(context.Background(), func(name string, info os.FileInfo, _ weir.ResultFile) {
		a.old[name] = info
	}, func(string, error) {}) // told after the steps
}

// isOld reports whether a file is as it was before the steps. The times of the
// file system are compared with each other and never with the clock's, which
// may be finer, or wrong.
func (a *attempt) isOld(name string, info os.FileInfo) bool {
	old, ok := a.old[name]
	return ok && os.SameFile(old, info) && old.ModTime().Equal(info.ModTime()) && old.Size() == info.Size()
}

// eachResult calls file for every file that matches a pattern of the job. A
// file that several patterns match belongs to the first. It calls problem for
// every pattern that nothing matches, with an error of code NotFound, and for
// what cannot be looked at.
func (a *attempt) eachResult(ctx context.Context, file func(string, os.FileInfo, weir.ResultFile), problem func(name string, err error)) {
	if len(a.facts.wanted) == 0 {
		return
	}
	root, err := os.OpenRoot(a.checkout)
	if err != nil {
		problem("the checkout", err)
		return
	}
	defer root.Close()
	seen := map[string]bool{}
	for _, f := range a.facts.wanted {
		names, err := glob.Find(ctx, root, f.Path, maxVisited)
		if err == nil && len(names) == 0 {
			err = weir.Errorf(weir.NotFound, "no file matches %s", f.Path)
		}
		if err != nil {
			problem(f.Path, err)
		}
		for _, name := range names {
			info, err := root.Stat(name)
			switch {
			case seen[name]:
			case err != nil:
				problem(name, err)
			case info.Mode().IsRegular():
				file(name, info, f)
			}
			seen[name] = true
		}
	}
}

// collect reads the result files.
func (a *attempt) collect(ctx context.Context) {
	if a.results < 0 || a.facts.fault.Code != weir.ReasonNone {
		return
	}
	log := a.begin(a.results)
	c := collector{a: a, ctx: ctx, log: log, left: MaxResultBytes}
	a.eachResult(ctx, c.file, c.problem)
	a.maskSet(&c.set)
	a.set = a.r.Formats.Normalise(c.set)
	if ctx.Err() != nil {
		a.facts.damaged = append(a.facts.damaged, "reading the results took longer than "+afterTime.String())
		a.end(a.results, weir.StepKilled, "took too long")
		return
	}
	a.facts.counts = a.set.Count()
	counts := a.facts.counts
	fmt.Fprintf(log, "%s: %d passed, %d failed, %d errors, %d skipped, %d expected failures\n", plural(counts.Total(), "test"),
		counts.Pass, counts.Fail, counts.Fault, counts.Skip, counts.ExpectedFailure)
	switch {
	case counts.Total() == 0:
		a.end(a.results, weir.StepFailed, "no test results")
	case len(a.facts.damaged) > 0:
		a.end(a.results, weir.StepFailed, a.facts.damaged[0])
	default:
		a.end(a.results, weir.StepPassed, "")
	}
}

type collector struct {
	a     *attempt
	ctx   context.Context
	log   io.Writer
	set   weir.ResultSet
	files int
	left  int64
}

func (c *collector) problem(name string, err error) {
	if weir.CodeOf(err) == weir.NotFound {
		fmt.Fprintf(c.log, "%v\n", err)
		c.a.facts.missing = append(c.a.facts.missing, name)
		return
	}
	c.damaged(name, err)
}

func (c *collector) file(name string, info os.FileInfo, f weir.ResultFile) {
	if c.a.isOld(name, info) {
		fmt.Fprintf(c.log, "%s: passed over, it lay there before the first step and was not written since\n", name)
		c.a.facts.stale = append(c.a.facts.stale, name)
		return
	}
	if c.files++; c.files > MaxResultFiles || c.left < info.Size() {
		c.damaged(name, weir.Errorf(weir.TooLarge, "more than %d files or %d MiB of results", MaxResultFiles, MaxResultBytes>>20))
		return
	}
	c.left -= info.Size()
	if info.Size() > largeResults {
		c.a.stretch()
	}
	set, err := c.read(name, f.Format, info.Size())
	n := set.Count()
	fmt.Fprintf(c.log, "%s: %s, %s, %s, %d bad\n", name, f.Format, bytesText(info.Size()), plural(n.Total(), "test"), n.Bad())
	if err != nil {
		c.damaged(name, err)
	}
	for _, i := range set.Incidents {
		fmt.Fprintf(c.log, "%s: %s %s %s\n", name, i.Kind, i.Suite, i.Message)
		if i.Kind == weir.Truncated {
			c.a.facts.damaged = append(c.a.facts.damaged, name+" ends in the middle")
		}
	}
	for i := range set.Results {
		if r := &set.Results[i]; r.Test.Suite == weir.StepSuite { // only the worker speaks for steps
			r.Test.Suite = "step"
		}
	}
	if len(c.set.Results) == 0 {
		c.set.Results = set.Results // nearly always the only file, and there may be millions
	} else {
		c.set.Results = append(c.set.Results, set.Results...)
	}
	c.set.Incidents = append(c.set.Incidents, set.Incidents...)
}

func (c *collector) read(name string, format weir.ResultFormat, size int64) (weir.ResultSet, error) {
	root, err := os.OpenRoot(c.a.checkout)
	if err != nil {
		return weir.ResultSet{}, err
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		return weir.ResultSet{}, err
	}
	defer f.Close()
	// Whatever still grows the file does not get it past the limit.
	return c.a.r.Formats.Read(format, io.LimitReader(ctxReader{c.ctx, f}, size))
}

func (c *collector) damaged(name string, err error) {
	fmt.Fprintf(c.log, "%s: %v\n", name, err)
	c.a.facts.damaged = append(c.a.facts.damaged, fmt.Sprintf("%s cannot be read: %v", name, err))
	if c.a.facts.failed == nil && c.a.facts.limit.Code == weir.ReasonNone {
		c.set.Incidents = append(c.set.Incidents, weir.Incident{Kind: weir.Truncated,
			Message: clip(fmt.Sprintf("%s cannot be read: %v", name, err), weir.MaxResultMessage)})
	}
}

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// saveResults adds what stands for the steps to the results and encodes all
// of it, if the build says anything about its project.
func (a *attempt) saveResults(why weir.Reason) weir.Reason {
	if !why.Code.Outcome().SaysSomething() {
		a.set = weir.ResultSet{}
		return why
	}
	// In this order: what the worker adds to the incidents explains no step.
	for _, r := range a.stepResults() {
		at, _ := slices.BinarySearchFunc(a.set.Results, r.Test, func(r weir.Result, id weir.TestID) int { return r.Test.Compare(id) })
		a.set.Results = slices.Insert(a.set.Results, at, r) // in order, so that all of it need not be sorted again
	}
	a.set.Incidents = append(a.set.Incidents, incidents(a.facts)...)
	f, err := a.create("results")
	if err != nil {
		return a.machine(err, "the results cannot be kept")
	}
	sum := sha256.New()
	w := &boundedWriter{ctx: context.Background(), w: io.MultiWriter(f, sum), left: protocol.MaxResults, what: "the set of results"}
	err = a.r.Formats.Encode(w, a.set)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err == nil:
		a.saved = weir.DigestOfSum(sum.Sum(nil))
	case disk.IsFull(err):
		return a.machine(err, "")
	case weir.CodeOf(err) != weir.Internal:
		return reason(weir.ReasonNoResults, "the results cannot be kept: %v", err)
	default:
		return a.machine(err, "the results cannot be kept")
	}
	return why
}

// incidents says why tests may be missing from the results.
func incidents(f facts) []weir.Incident {
	var kind weir.IncidentKind
	var text string
	silent := f.counts.Total() == 0
	switch {
	case len(f.wanted) == 0:
		return nil
	case f.limit.Code != weir.ReasonNone:
		kind, text = weir.TimedOutTest, f.limit.Text
	case f.failed != nil && silent:
		kind, text = weir.DidNotBuild, fmt.Sprintf("step %q: %s", f.failed.Name, f.failed.Note)
	case f.failed != nil && f.counts.Bad() == 0:
		kind, text = weir.Exited, fmt.Sprintf("step %q: %s", f.failed.Name, f.failed.Note)
	case len(f.missing) > 0:
		kind, text = weir.Exited, "no file matches "+strings.Join(f.missing, ", ")
	case len(f.stale) > 0 && silent:
		kind, text = weir.Exited, "not written by any step: "+strings.Join(f.stale, ", ")
	default:
		return nil
	}
	return []weir.Incident{{Kind: kind, Message: clip(text, weir.MaxResultMessage)}}
}

// stepResults makes the results that stand for the steps that ran, without
// their durations: those are in the steps, and would make the results of every
// build differ from the last one's. A failed
// step passes if its tests explain it, by a failure or by an incident that
// they report, such as a crash that took tests with it, so that one break is
// told once.
func (a *attempt) stepResults() []weir.Result {
	explained := a.facts.counts.Bad() > 0 || a.facts.counts.Total() > 0 && len(a.set.Incidents) > 0
	used := map[string]int{}
	var out []weir.Result
	for i, s := range a.steps {
		if s.Started.IsZero() || (i < a.first || i >= a.first+len(a.job.Spec.Job.Steps)) && i != a.product {
			continue
		}
		name := clip(s.Name, weir.MaxTestName-8)
		if used[name]++; used[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, used[name])
		}
		r := weir.Result{Test: weir.TestID{Suite: weir.StepSuite, Name: name}, Status: weir.Pass}
		switch {
		case a.allowed[i]:
		case s.State == weir.StepKilled:
			r.Status = weir.Fault
		case s.State == weir.StepFailed && !explained:
			r.Status = weir.Fail
		}
		if r.Status.Bad() {
			note := clip(s.Note, weir.MaxResultMessage/4)
			r.Message = strings.TrimSpace(note + "\n" + clipFront(a.tails[i], weir.MaxResultMessage-len(note)-1))
		}
		out = append(out, r)
	}
	return out
}

// escapes are sequences that colour terminals and the like.
var escapes = regexp.MustCompile(`\x1b(\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])`)

// lines returns the last lines of the output, without terminal sequences.
func (t *tail) lines() string {
	text := escapes.ReplaceAllString(string(t.buf[max(0, len(t.buf)-tailBytes):]), "")
	text = strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), "\x00", "")
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
