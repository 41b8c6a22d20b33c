package web

import (
	"fmt"
	"slices"

	"github.com/weir-ci/weir"
)

// TestsView is what the tests of a build reported.
type TestsView struct {
	Any       bool
	Summary   string // "1,204 passed, 5 failed, 12 skipped"
	All       bool   // all are listed, not only the bad ones
	Rows      []TestRow
	Omitted   int
	Incidents []IncidentLine
	BadURL    string
	AllURL    string
	Bad       int
	Total     int
}

// TestRow is one result.
type TestRow struct {
	Mark            Mark
	Name, Raw, Took string
	Message, Output string
	Mixed           bool
}

// IncidentLine is something that kept tests from reporting.
type IncidentLine struct{ What, Suite, Message string }

// Limits on one page.
const (
	maxRows      = 500
	maxIncidents = 50
	maxOutput    = 8000 // characters of one test's output
)

func testsView(id weir.BuildID, set weir.ResultSet, all bool) TestsView {
	counts := set.Count()
	v := TestsView{Any: true, All: all, Summary: countsText(counts), Bad: counts.Bad(), Total: counts.Total(),
		BadURL: buildURL(id) + "?tests=bad#tests", AllURL: buildURL(id) + "?tests=all#tests"}
	rows := make([]weir.Result, 0, len(set.Results))
	for _, r := range set.Results {
		if all || badness(r) < 2 {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b weir.Result) int {
		if d := badness(a) - badness(b); d != 0 {
			return d
		}
		return a.Test.Compare(b.Test)
	})
	v.Omitted = max(0, len(rows)-maxRows)
	for _, r := range rows[:len(rows)-v.Omitted] {
		row := TestRow{Mark: statusMark(r.Status), Name: testName(r.Test), Raw: oneLine(r.Raw, maxName),
			Message: block(r.Message, maxMessage), Mixed: r.Mixed}
		if r.Duration > 0 {
			row.Took = duration(r.Duration)
		}
		if badness(r) < 2 {
			row.Output = block(r.Output, maxOutput)
		}
		v.Rows = append(v.Rows, row)
	}
	for _, i := range set.Incidents[:min(len(set.Incidents), maxIncidents)] {
		what := incidentWords[i.Kind]
		if i.Test != "" {
			what += " (" + oneLine(i.Test, maxName) + ")"
		}
		v.Incidents = append(v.Incidents, IncidentLine{What: what, Suite: oneLine(i.Suite, maxName), Message: block(i.Message, maxMessage)})
	}
	return v
}

// badness orders results: bad ones, mixed ones, skipped ones, good ones.
func badness(r weir.Result) int {
	switch {
	case r.Status.Bad():
		return 0
	case r.Mixed:
		return 1
	case r.Status == weir.Skip || r.Status == weir.Absent:
		return 2
	}
	return 3
}

func countsText(c weir.Counts) string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.Fail, "failed"}, {c.Fault, "with an error"}, {c.Pass, "passed"}, {c.ExpectedFailure, "failed as expected"}, {c.Skip, "skipped"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", thousands(int64(p.n)), p.word))
		}
	}
	if len(parts) == 0 {
		return "no test reported"
	}
	return list(parts, len(parts))
}
