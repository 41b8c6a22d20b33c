package repro

import (
	"fmt"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/signature"
	"github.com/weir-ci/weir/internal/verdict"
	"github.com/weir-ci/weir/internal/worker/execute"
)

// Finding is what came of a trial.
type Finding struct {
	Trial Trial
	// Tried is false if the build did not get far enough to say anything.
	Tried bool
	Same  bool
	// Headline says it in one line: "3 of 3 tests fail as on the farm".
	Headline string
	// Differences are what makes it different, at most MaxListed of them; Notes
	// differ too, without being counted.
	Differences []string
	Notes       []string
	// Here says how this machine's build differs from the farm's.
	Here     []string
	Checkout string // where the project was checked out
	Report   execute.Report
}

// MaxListed is how many differences are listed.
const MaxListed = 50

// class is what is compared of a status.
type class int

const (
	absent class = iota
	good
	skipped
	bad
)

func classOf(s weir.Status) class {
	switch {
	case s.Bad():
		return bad
	case s.Good():
		return good
	case s == weir.Skip:
		return skipped
	}
	return absent
}

func (c class) String() string {
	return [...]string{"does not report", "passes", "is skipped", "fails"}[c]
}

// compare holds a build against what the farm saw.
func compare(t Trial, r execute.Report) Finding {
	f := Finding{Trial: t, Report: r, Tried: r.Outcome.SaysSomething()}
	if r.Reason.Code == weir.ReasonCheckout && t.Expect.Reason.Code != weir.ReasonCheckout {
		f.Tried = false // a revision that was there cannot be had any more
	}
	if !f.Tried {
		return f
	}
	if t.Expect.Victims != nil {
		f.victims()
	} else {
		f.results()
	}
	f.Same = len(f.Differences) == 0
	for _, list := range []*[]string{&f.Differences, &f.Notes} {
		if n := len(*list) - MaxListed; n > 0 {
			*list = append((*list)[:MaxListed:MaxListed], fmt.Sprintf("and %d more", n))
		}
	}
	return f
}

// ending says how a build ended, for people.
func ending(o weir.Outcome, r weir.Reason) string {
	if r.Code == weir.ReasonNone {
		return string(o)
	}
	return fmt.Sprintf("%s (%s)", o, r.Code)
}

// victims compares the tests that a regression accuses.
func (f *Finding) victims() {
	e := f.Trial.Expect
	here := verdict.ObserveAll(e.Victims, weir.Build{State: weir.Finished, Outcome: f.Report.Outcome, Reason: f.Report.Reason,
		Counts: f.Report.Set.Count()}, f.Report.Set)
	words := map[weir.Observed]string{weir.ObservedGood: "passes", weir.ObservedBad: "fails", weir.ObservedNone: "says nothing"}
	badly := verbs{"fails as", "fail as"}
	for _, v := range e.Victims {
		if v.Verdict != weir.NewlyFailing && v.Verdict != weir.FailingDifferently { // skipped, say, or gone
			words[weir.ObservedBad], badly = "is bad", verbs{"is bad as", "are bad as"}
		}
	}
	compared, as, failing := 0, 0, 0
	for i, v := range e.Victims {
		if e.Observed[i] == weir.ObservedNone {
			continue
		}
		compared++
		if e.Observed[i] == weir.ObservedBad {
			failing++
		}
		if here[i] == e.Observed[i] {
			as++
			continue
		}
		f.Differences = append(f.Differences, fmt.Sprintf("%s %s here, and %s on the farm", testName(v.Test), words[here[i]], words[e.Observed[i]]))
	}
	verb := verbs{"does as", "do as"}
	switch failing {
	case compared:
		verb = badly
	case 0:
		verb = verbs{"passes as", "pass as"}
	}
	f.Headline = fmt.Sprintf("%d of %s %s on the farm", as, tests(compared), verb.of(compared))
	if f.Report.Outcome != e.Outcome || f.Report.Reason.Code != e.Reason.Code {
		f.Notes = append(f.Notes, fmt.Sprintf("the build ended as %s, and on the farm as %s", ending(f.Report.Outcome, f.Report.Reason), ending(e.Outcome, e.Reason)))
	}
}

// results compares all tests and steps, and how the build ended.
func (f *Finding) results() {
	e := f.Trial.Expect
	if f.Report.Outcome != e.Outcome || f.Report.Reason.Code != e.Reason.Code {
		f.Differences = append(f.Differences, fmt.Sprintf("the build ended as %s, and on the farm as %s",
			ending(f.Report.Outcome, f.Report.Reason), ending(e.Outcome, e.Reason)))
	}
	here := make(map[weir.TestID]weir.Result, len(f.Report.Set.Results))
	for _, r := range f.Report.Set.Results {
		here[r.Test] = r
	}
	there := make(map[weir.TestID]bool, len(e.Results))
	badThere, badBoth, onlySteps := 0, 0, true
	for _, r := range e.Results {
		there[r.Test] = true
		own, reported := here[r.Test]
		was, is := classOf(r.Status), absent
		if reported {
			is = classOf(own.Status)
		}
		if was == bad {
			badThere++
			onlySteps = onlySteps && r.Test.Suite == weir.StepSuite
			if is == bad {
				badBoth++
				f.message(r, own)
			}
		}
		if was != is {
			f.Differences = append(f.Differences, fmt.Sprintf("%s %s here, and %s on the farm", testName(r.Test), is, was))
		}
	}
	f.onlyHere(there)
	if e.Omitted > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%d results of the farm that were not bad are too many to be compared", e.Omitted))
	}
	switch n := e.count(); {
	case badThere > 0 && onlySteps:
		f.Headline = fmt.Sprintf("%d of %s %s on the farm", badBoth, verbs{"1 step", fmt.Sprint(badThere, " steps")}.of(badThere), verbs{"fails as", "fail as"}.of(badThere))
	case badThere > 0:
		f.Headline = fmt.Sprintf("%d of %s %s on the farm", badBoth, tests(badThere), verbs{"fails as", "fail as"}.of(badThere))
	case len(f.Differences) == 0:
		f.Headline = fmt.Sprintf("it ended as %s, as on the farm; %s", ending(e.Outcome, e.Reason), tests(n))
	default:
		f.Headline = fmt.Sprintf("on the farm it ended as %s, with %s", ending(e.Outcome, e.Reason), tests(n))
	}
}

// onlyHere looks at results that the farm did not have. Those that are bad count,
// unless the farm had more than it told.
func (f *Finding) onlyHere(there map[weir.TestID]bool) {
	fresh := 0
	for _, r := range f.Report.Set.Results {
		switch {
		case there[r.Test]:
		case r.Status.Bad():
			f.Differences = append(f.Differences, fmt.Sprintf("%s fails here, and did not on the farm", testName(r.Test)))
		default:
			fresh++
		}
	}
	if fresh > 0 && f.Trial.Expect.Omitted == 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%s reported only here, and not as bad", tests(fresh)))
	}
}

// message notes that a test fails here for another reason than on the farm.
func (f *Finding) message(there, here weir.Result) {
	a, b := signature.Of(there.Message, ""), signature.Of(here.Message, "")
	if a.Line == b.Line || there.Message == "" {
		return
	}
	f.Notes = append(f.Notes, fmt.Sprintf("%s fails with %q here, and with %q on the farm", testName(there.Test), firstLine(b.Line), firstLine(a.Line)))
}

// count is how many tests reported, without steps.
func (e Expectation) count() int {
	return e.Omitted + weir.ResultSet{Results: e.Results}.Count().Total()
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	if r := []rune(line); len(r) > 100 {
		return string(r[:99]) + "…"
	}
	return line
}

func testName(id weir.TestID) string {
	if id.Suite == weir.StepSuite {
		return fmt.Sprintf("the step %q", id.Name)
	}
	return id.String()
}

// verbs are the forms of a word for one and for several.
type verbs struct{ one, many string }

func (v verbs) of(n int) string {
	if n == 1 {
		return v.one
	}
	return v.many
}

func tests(n int) string { return fmt.Sprint(n, verbs{" test", " tests"}.of(n)) }
