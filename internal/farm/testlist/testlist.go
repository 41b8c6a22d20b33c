// Package testlist picks out of the results of a build what a page or an answer
// shows of them: those that match a text, are of a suite and have a status, worst
// first, a page at a time; and how many of each suite there are. It is pure.
package testlist

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// Status says which results are wanted.
type Status string

// The closed set of wishes.
const (
	Any     Status = "all"
	Bad     Status = "bad"     // failures, errors, and what ran with mixed outcomes
	Skipped Status = "skipped" //
	Good    Status = "good"    // passed, or failed as expected
	Changed Status = "changed" // not as it was: see Query.Changed
)

// Statuses lists all of them.
func Statuses() []Status { return []Status{Any, Bad, Changed, Skipped, Good} }

// NoSuite stands for the suite of tests that have none.
const NoSuite = "(none)"

// Query says what is wanted. The zero value wants everything.
type Query struct {
	Text   string // part of the suite, the name or the message, in any case; empty: any
	Suite  string // empty: any; NoSuite: those without one
	Status Status // empty: Any
	// Changed are the tests that are not as they were, for the status of that name.
	Changed map[weir.TestID]bool
	Offset  int // leave out so many
	Limit   int // at most so many; 0: MaxLimit
}

// Limits.
const (
	MaxLimit  = 100_000 // results
	MaxSuites = 300     // suites that are counted
)

// List is what was picked.
type List struct {
	Results []weir.Result // worst first, then by test
	Matched int           // results that match, whether listed or not
	// Suites counts all results that match but for the suite: those with bad ones first,
	// then by name; at most MaxSuites. MoreSuites is how many others there are.
	Suites     []Suite
	MoreSuites int
}

// Suite is what the tests of one suite did.
type Suite struct {
	Name   string // empty: of tests that have none
	Counts weir.Counts
	Time   time.Duration // of all of them, one after the other
}

// classes are the kinds of results in the order in which they are listed.
const classes = 4

func classOf(r *weir.Result) int {
	switch {
	case r.Status.Bad():
		return 0
	case r.Mixed:
		return 1
	case r.Status == weir.Skip:
		return 2
	}
	return 3
}

// Pick picks results out of a set, which it does not change.
func Pick(set weir.ResultSet, q Query) List {
	text := strings.ToLower(q.Text)
	suites := map[string]*Suite{}
	var found [classes][]*weir.Result
	for i := range set.Results {
		r := &set.Results[i]
		if !q.wants(r) || text != "" && !matches(r, text) {
			continue
		}
		count(suites, r)
		if q.Suite == "" || q.Suite == r.Test.Suite || q.Suite == NoSuite && r.Test.Suite == "" {
			c := classOf(r)
			found[c] = append(found[c], r)
		}
	}
	list := List{Results: []weir.Result{}}
	list.Suites, list.MoreSuites = ordered(suites)
	limit := cmp.Or(q.Limit, MaxLimit)
	at := 0
	for _, class := range found {
		list.Matched += len(class)
		if end := at + len(class); end > q.Offset && len(list.Results) < limit {
			byTest(class)
			from := max(q.Offset-at, 0)
			for _, r := range class[from:min(len(class), from+limit-len(list.Results))] {
				list.Results = append(list.Results, *r)
			}
		}
		at += len(class)
	}
	return list
}

func (q Query) wants(r *weir.Result) bool {
	switch q.Status {
	case Bad:
		return r.Status.Bad() || r.Mixed
	case Skipped:
		return r.Status == weir.Skip
	case Good:
		return r.Status.Good()
	case Changed:
		return q.Changed[r.Test]
	}
	return true
}

func matches(r *weir.Result, text string) bool {
	return strings.Contains(strings.ToLower(r.Test.Name), text) || strings.Contains(strings.ToLower(r.Test.Suite), text) ||
		r.Message != "" && strings.Contains(strings.ToLower(r.Message), text)
}

func count(suites map[string]*Suite, r *weir.Result) {
	s := suites[r.Test.Suite]
	if s == nil {
		s = &Suite{Name: r.Test.Suite}
		suites[r.Test.Suite] = s
	}
	s.Time += r.Duration
	switch r.Status {
	case weir.Pass:
		s.Counts.Pass++
	case weir.Fail:
		s.Counts.Fail++
	case weir.Fault:
		s.Counts.Fault++
	case weir.Skip:
		s.Counts.Skip++
	case weir.ExpectedFailure:
		s.Counts.ExpectedFailure++
	}
	if r.Mixed {
		s.Counts.Mixed++
	}
}

func ordered(suites map[string]*Suite) (list []Suite, more int) {
	for _, s := range suites {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Suite) int {
		return cmp.Or(cmp.Compare(b.Counts.Bad(), a.Counts.Bad()), strings.Compare(a.Name, b.Name))
	})
	if len(list) > MaxSuites {
		list, more = list[:MaxSuites], len(list)-MaxSuites
	}
	return list, more
}

// byTest sorts results, unless they are: kept sets are.
func byTest(list []*weir.Result) {
	compare := func(a, b *weir.Result) int { return a.Test.Compare(b.Test) }
	if !slices.IsSortedFunc(list, compare) {
		slices.SortStableFunc(list, compare)
	}
}
