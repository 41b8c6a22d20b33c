package builds

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/farm/testlist"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// TestsView is what the tests of a build reported: what changed first, then
// everything by suite; or what a filter leaves of it.
type TestsView struct {
	Any       bool
	Summary   string // "1,204 passed, 5 failed, 12 skipped"
	Filtered  bool
	Filter    page.FilterView
	Changed   []TestRow
	MoreURL   string // of the other changed tests; empty if there are none
	Suites    []SuiteRow
	More      int       // suites that are not listed
	Rows      []TestRow // of a filtered list
	Pager     page.PagerView
	Incidents []IncidentLine
	Empty     page.EmptyView
}

// SuiteRow is one suite.
type SuiteRow struct {
	Name, URL string
	Mark      page.Mark
	Counts    string
	Took      string
	Open      bool
	Rows      []TestRow
	Left      int // tests that are not among Rows
}

// TestRow is one result.
type TestRow struct {
	ID              weir.TestID
	Mark            page.Mark
	Name, Raw, Took string
	URL             string // of the test's history
	News            string // "newly failing: passed → failed"; may be empty
	Message, Output string
	Mixed           bool
	Past            []page.Mark
}

// IncidentLine is something that kept tests from reporting.
type IncidentLine struct{ What, Suite, Message string }

// Limits on one page.
const (
	maxRows      = 200 // results
	maxIncidents = 50
	maxOutput    = 8000   // characters of one test's output
	maxTestsText = 50_000 // characters of all messages and outputs
	maxSuites    = 150    // that are listed
	maxFilter    = 200    // characters of what is looked for
)

// testsQuery reads what is wanted of the tests from an address.
func testsQuery(in url.Values) testlist.Query {
	q := testlist.Query{Text: page.Clean(in.Get("q"), maxFilter), Suite: in.Get("suite"), Limit: maxRows}
	for _, s := range testlist.Statuses() {
		if string(s) == in.Get("status") {
			q.Status = s
		}
	}
	if n, ok := page.Number(in.Get("offset")); ok {
		q.Offset = int(min(n, testlist.MaxLimit))
	}
	return q
}

// filtered reports whether anything but everything is wanted.
func filtered(q testlist.Query) bool {
	return q.Text != "" || q.Suite != "" || q.Status != "" && q.Status != testlist.Any || q.Offset > 0
}

// testsURL is the address of a list of tests.
func testsURL(id weir.BuildID, q testlist.Query, offset int) string {
	v := url.Values{"tab": {tabTests}}
	for key, value := range map[string]string{"q": q.Text, "suite": q.Suite, "status": string(q.Status)} {
		if value != "" {
			v.Set(key, value)
		}
	}
	if offset > 0 {
		v.Set("offset", strconv.Itoa(offset))
	}
	return page.BuildURL(id) + "?" + v.Encode()
}

var statusWords = map[testlist.Status]string{testlist.Any: "all", testlist.Bad: "bad", testlist.Skipped: "skipped", testlist.Good: "good", testlist.Changed: "changed"}

// testsView makes the list. Changes are the build's, as the page has them.
func testsView(d farm.BuildDetail, set weir.ResultSet, q testlist.Query) TestsView {
	b := d.Build
	verdicts := map[weir.TestID]weir.TestChange{}
	q.Changed = map[weir.TestID]bool{}
	if !filtered(q) { // what changed is on the page, too
		q.Limit = max(maxRows-len(d.Changes), maxRows/4)
	}
	for _, c := range d.Changes {
		verdicts[c.Test], q.Changed[c.Test] = c, true
	}
	list := testlist.Pick(set, q)
	v := TestsView{Any: true, Summary: countsText(b.Counts), Filtered: filtered(q), Incidents: incidents(set.Incidents)}
	v.filter(b, q, list)
	rows := newRows(b, verdicts, timed(set, d.Spec.Job.Results))
	if v.Filtered {
		for _, r := range list.Results {
			v.Rows = append(v.Rows, rows.row(r, ""))
		}
		v.page(b.ID, q, list)
		return v
	}
	results := map[weir.TestID]*weir.Result{}
	for i := range set.Results {
		if r := &set.Results[i]; q.Changed[r.Test] {
			results[r.Test] = r
		}
	}
	for _, c := range d.Changes {
		if r := results[c.Test]; r != nil {
			v.Changed = append(v.Changed, rows.row(*r, ""))
		} else {
			v.Changed = append(v.Changed, rows.row(weir.Result{Test: c.Test, Status: weir.Absent, Message: c.Message}, ""))
		}
	}
	if d.More {
		v.MoreURL = fmt.Sprintf("%s?changes=%d#h-changes", page.BuildURL(b.ID), len(d.Changes))
	}
	v.suites(b.ID, list, rows)
	return v
}

// suites lists all suites, folded, each with those of its tests that are among the
// worst of the build.
func (v *TestsView) suites(id weir.BuildID, list testlist.List, rows *rows) {
	bySuite := map[string][]weir.Result{}
	for _, r := range list.Results {
		bySuite[r.Test.Suite] = append(bySuite[r.Test.Suite], r)
	}
	v.More = list.MoreSuites + max(0, len(list.Suites)-maxSuites)
	for _, s := range list.Suites[:min(len(list.Suites), maxSuites)] {
		name := s.Name
		shown := name
		switch name {
		case "":
			name, shown = testlist.NoSuite, "without a suite"
		case weir.StepSuite:
			shown = "steps"
		}
		row := SuiteRow{Name: page.OneLine(shown, page.MaxName), URL: testsURL(id, testlist.Query{Suite: name}, 0), Counts: countsText(s.Counts),
			Mark: page.StatusMark(weir.Pass), Open: s.Counts.Bad() > 0, Left: s.Counts.Total() - len(bySuite[s.Name])}
		switch {
		case s.Counts.Bad() > 0:
			row.Mark = page.StatusMark(weir.Fail)
		case s.Counts.Total() == s.Counts.Skip:
			row.Mark = page.StatusMark(weir.Skip)
		}
		if s.Time > 0 {
			row.Took = page.Duration(s.Time)
		}
		for _, r := range bySuite[s.Name] {
			line := rows.row(r, s.Name)
			if line.News != "" { // what it says stands above
				line.Message, line.Output = "", ""
			}
			row.Rows = append(row.Rows, line)
		}
		v.Suites = append(v.Suites, row)
	}
}

// filter makes the form.
func (v *TestsView) filter(b weir.Build, q testlist.Query, list testlist.List) {
	v.Filter = page.FilterView{Action: page.BuildURL(b.ID), Value: q.Text, Label: "Part of a test's name or message", Placeholder: "test or message",
		Keep: []page.Option{{Value: "tab", Text: tabTests}}}
	var options []page.Option
	for _, s := range testlist.Statuses() {
		o := page.Option{Value: string(s), Text: statusWords[s], On: s == q.Status}
		if s == testlist.Any {
			o.Value, o.On = "", q.Status == "" || q.Status == testlist.Any
		}
		options = append(options, o)
	}
	v.Filter.Choices = []page.Choice{{Name: "status", Label: "Status", Options: options}}
	if q.Suite != "" {
		v.Filter.Choices = append(v.Filter.Choices, page.Choice{Name: "suite", Label: "Suite",
			Options: []page.Option{{Value: q.Suite, Text: page.OneLine(q.Suite, 60), On: true}, {Text: "all suites"}}})
	}
	if v.Filtered {
		v.Filter.Clear = testsURL(b.ID, testlist.Query{}, 0)
		v.Filter.Found = page.Count(list.Matched, "test", "tests")
	}
}

// page leads to the other pages of a filtered list.
func (v *TestsView) page(id weir.BuildID, q testlist.Query, list testlist.List) {
	if len(v.Rows) == 0 {
		v.Empty = page.EmptyView{Text: "No test matches.", Next: "Look for something else, or", URL: v.Filter.Clear, Link: "see all of them."}
	}
	if q.Offset > 0 {
		v.Pager.Newer = testsURL(id, q, max(0, q.Offset-maxRows))
	}
	if end := q.Offset + len(list.Results); end < list.Matched && len(list.Results) > 0 {
		v.Pager.Older = testsURL(id, q, end)
	}
	if v.Pager != (page.PagerView{}) {
		v.Pager.Text = fmt.Sprintf("tests %s to %s of %s", page.Thousands(int64(q.Offset+1)), page.Thousands(int64(q.Offset+len(list.Results))), page.Thousands(int64(list.Matched)))
	}
}

// rows makes rows, with so much text in all of them together.
type rows struct {
	build    weir.Build
	verdicts map[weir.TestID]weir.TestChange
	room     *room
	timed    func(weir.Result) bool
}

func newRows(b weir.Build, verdicts map[weir.TestID]weir.TestChange, timed func(weir.Result) bool) *rows {
	return &rows{b, verdicts, newRoom(maxTestsText), timed}
}

// timed finds out which tests took some time, even if it was too short to be kept: those
// that ran, and stand in results that name times. A suite's do if they name one; those of
// files in the given formats do if go test wrote all of them.
func timed(set weir.ResultSet, files []weir.ResultFile) func(weir.Result) bool {
	always := len(files) > 0 && !slices.ContainsFunc(files, func(f weir.ResultFile) bool { return f.Format != weir.GoTest })
	suites := map[string]bool{}
	for i := range set.Results {
		if r := &set.Results[i]; r.Duration > 0 && !suites[r.Test.Suite] {
			suites[r.Test.Suite] = true
		}
	}
	return func(r weir.Result) bool {
		if r.Test.Suite == weir.StepSuite || strings.HasPrefix(r.Test.Name, "Benchmark") { // which has no time in any case
			return false
		}
		return (r.Status.Good() || r.Status == weir.Fail) && (always || suites[r.Test.Suite])
	}
}

// row makes one; suite is left out of its name if the list is about it.
func (w *rows) row(r weir.Result, suite string) TestRow {
	row := TestRow{ID: r.Test, Mark: page.StatusMark(r.Status), Name: page.TestName(r.Test), URL: page.TestURL(w.build.Builder, r.Test),
		Raw: page.OneLine(r.Raw, page.MaxName), Mixed: r.Mixed, Message: w.room.block(r.Message, page.MaxMessage)}
	if suite != "" && suite != weir.StepSuite {
		row.Name = page.OneLine(r.Test.Name, page.MaxName)
	}
	if r.Duration > 0 || w.timed(r) {
		row.Took = page.TestTime(r.Duration)
	}
	if r.Status.Bad() || r.Mixed {
		row.Output = w.room.block(r.Output, maxOutput)
	}
	if c, ok := w.verdicts[r.Test]; ok {
		row.Mark = page.VerdictMark(c.Verdict)
		row.News = row.Mark.Word + ": " + page.StatusWord(c.From) + " → " + page.StatusMark(c.To).Word
		if cause := page.IncidentWord(c.Cause); cause != "" {
			row.News += " (" + cause + ")"
		}
	}
	return row
}

func incidents(list []weir.Incident) (lines []IncidentLine) {
	for _, i := range list[:min(len(list), maxIncidents)] {
		what := page.IncidentWord(i.Kind)
		if i.Test != "" {
			what += " (" + page.OneLine(i.Test, page.MaxName) + ")"
		}
		lines = append(lines, IncidentLine{What: what, Suite: page.OneLine(i.Suite, page.MaxName), Message: page.Block(i.Message, page.MaxSubject*4)})
	}
	return lines
}

func countsText(c weir.Counts) string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.Fail, "failed"}, {c.Fault, "with an error"}, {c.Pass, "passed"}, {c.ExpectedFailure, "failed as expected"}, {c.Skip, "skipped"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", page.Thousands(int64(p.n)), p.word))
		}
	}
	if len(parts) == 0 {
		return "no test reported"
	}
	return page.List(parts, len(parts))
}

// pastMarks draws what a test did lately.
func pastMarks(s beside.Strip) []page.Mark {
	marks := make([]page.Mark, len(s.Did))
	for i, did := range s.Did {
		marks[i] = page.StatusMark(did)
		if did == "" || did == weir.Absent {
			marks[i] = page.Mark{Kind: page.KindNone, Word: "did not run"}
		}
	}
	for _, i := range s.Flaky {
		if i >= 0 && i < len(marks) {
			marks[i] = page.Mark{Kind: page.KindFlaky, Word: "flaky"}
		}
	}
	return marks
}

// pasts lists the tests whose pasts the page draws: those that changed, then the bad ones.
func (v *BuildView) pasts() (tests []weir.TestID) {
	if v.Tab == tabBuild {
		for _, c := range v.Changes {
			tests = append(tests, c.ID)
		}
		return tests
	}
	for _, list := range v.Tests.lists() {
		for _, r := range list {
			if r.News != "" || r.Mark.Kind == page.KindFail || r.Mark.Kind == page.KindBroken {
				tests = append(tests, r.ID)
			}
		}
	}
	return tests
}

func (v *TestsView) lists() [][]TestRow {
	lists := [][]TestRow{v.Changed, v.Rows}
	for _, s := range v.Suites {
		lists = append(lists, s.Rows)
	}
	return lists
}

// draw puts the pasts of tests behind them.
func (v *BuildView) draw(pasts map[weir.TestID]beside.Strip) {
	for i := range v.Changes {
		v.Changes[i].Past = pastMarks(pasts[v.Changes[i].ID])
	}
	for _, list := range v.Tests.lists() {
		for i := range list {
			list[i].Past = pastMarks(pasts[list[i].ID])
		}
	}
}
