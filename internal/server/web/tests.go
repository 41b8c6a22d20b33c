package web

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
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
	Mark            page.Mark
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
		BadURL: page.BuildURL(b.ID) + "?tests=bad#tests", AllURL: page.BuildURL(b.ID) + "?tests=all#tests"}
	v.Omitted = set.Omitted
	for _, r := range set.Results {
		row := TestRow{Mark: page.StatusMark(r.Status), Name: page.TestName(r.Test), URL: page.TestURL(b.Builder, r.Test), Raw: page.OneLine(r.Raw, page.MaxName),
			Message: page.Block(r.Message, page.MaxMessage), Mixed: r.Mixed}
		if r.Duration > 0 {
			row.Took = page.Duration(r.Duration)
		}
		if r.Status.Bad() || r.Mixed {
			row.Output = page.Block(r.Output, maxOutput)
		}
		v.Rows = append(v.Rows, row)
	}
	for _, i := range set.Incidents[:min(len(set.Incidents), maxIncidents)] {
		what := page.IncidentWord(i.Kind)
		if i.Test != "" {
			what += " (" + page.OneLine(i.Test, page.MaxName) + ")"
		}
		v.Incidents = append(v.Incidents, IncidentLine{What: what, Suite: page.OneLine(i.Suite, page.MaxName), Message: page.Block(i.Message, page.MaxMessage)})
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
			parts = append(parts, fmt.Sprintf("%s %s", page.Thousands(int64(p.n)), p.word))
		}
	}
	if len(parts) == 0 {
		return "no test reported"
	}
	return page.List(parts, len(parts))
}
