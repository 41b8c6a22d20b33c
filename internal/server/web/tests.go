package web

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
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
	URL             string // of the test's history
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

func testsView(b weir.Build, set farm.Tests, all bool) TestsView {
	counts := set.Counts
	v := TestsView{Any: true, All: all, Summary: countsText(counts), Bad: counts.Bad(), Total: counts.Total(),
		BadURL: buildURL(b.ID) + "?tests=bad#tests", AllURL: buildURL(b.ID) + "?tests=all#tests"}
	v.Omitted = set.Omitted
	for _, r := range set.Results {
		row := TestRow{Mark: statusMark(r.Status), Name: testName(r.Test), URL: testURL(b.Builder, r.Test), Raw: oneLine(r.Raw, maxName),
			Message: block(r.Message, maxMessage), Mixed: r.Mixed}
		if r.Duration > 0 {
			row.Took = duration(r.Duration)
		}
		if r.Status.Bad() || r.Mixed {
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
