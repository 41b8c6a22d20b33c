package testlist

import (
	"fmt"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

func sample() weir.ResultSet {
	var set weir.ResultSet
	add := func(suite, name string, s weir.Status, message string) {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: suite, Name: name}, Status: s, Message: message, Duration: time.Second})
	}
	add("b", "z", weir.Pass, "")
	add("b", "a", weir.Pass, "")
	add("a", "skipped", weir.Skip, "needs a Sieve")
	add("a", "bad", weir.Fail, "boom")
	add("", "alone", weir.Fault, "")
	add("a", "xfail", weir.ExpectedFailure, "")
	set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: "b", Name: "mixed"}, Status: weir.Pass, Mixed: true})
	return set
}

func names(list []weir.Result) string {
	text := ""
	for _, r := range list {
		text += r.Test.Name + " "
	}
	return text
}

func TestPick(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		q       Query
		want    string
		matched int
	}{
		{Query{}, "alone bad mixed skipped xfail a z ", 7},
		{Query{Status: Bad}, "alone bad mixed ", 3},
		{Query{Status: Skipped}, "skipped ", 1},
		{Query{Status: Good}, "mixed xfail a z ", 4},
		{Query{Status: Changed, Changed: map[weir.TestID]bool{{Suite: "b", Name: "z"}: true}}, "z ", 1},
		{Query{Suite: "a"}, "bad skipped xfail ", 3},
		{Query{Suite: NoSuite}, "alone ", 1},
		{Query{Text: "SIEVE"}, "skipped ", 1},
		{Query{Text: "boom", Suite: "b"}, "", 0},
		{Query{Offset: 1, Limit: 3}, "bad mixed skipped ", 7},
		{Query{Offset: 5, Limit: 9}, "a z ", 7},
		{Query{Offset: 50}, "", 7},
	} {
		list := Pick(sample(), c.q)
		if got := names(list.Results); got != c.want || list.Matched != c.matched {
			t.Errorf("%+v: %q of %d, want %q of %d", c.q, got, list.Matched, c.want, c.matched)
		}
	}
	list := Pick(sample(), Query{Suite: "b"})
	if len(list.Suites) != 3 || list.Suites[0].Name != "" || list.Suites[1].Name != "a" || list.Suites[1].Counts.Fail != 1 || list.Suites[1].Time != 3*time.Second ||
		list.Suites[2].Counts.Pass != 3 || list.Suites[2].Counts.Mixed != 1 {
		t.Errorf("suites: %+v", list.Suites)
	}
}

func TestPickIsBounded(t *testing.T) {
	t.Parallel()
	var set weir.ResultSet
	for i := range 2 * MaxSuites {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: fmt.Sprintf("s%04d", i), Name: "t"}, Status: weir.Pass})
	}
	set.Results[2*MaxSuites-1].Status = weir.Fail
	list := Pick(set, Query{Limit: 200})
	if len(list.Results) != 200 || list.Matched != 2*MaxSuites || len(list.Suites) != MaxSuites || list.MoreSuites != MaxSuites || list.Suites[0].Counts.Fail != 1 {
		t.Errorf("%d results of %d, %d suites and %d more", len(list.Results), list.Matched, len(list.Suites), list.MoreSuites)
	}
}

// BenchmarkPick picks the first page out of 100,000 results.
func BenchmarkPick(b *testing.B) {
	var set weir.ResultSet
	for i := range 100_000 {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: fmt.Sprintf("suite%03d", i/1000), Name: fmt.Sprintf("Test%06d", i)}, Status: weir.Pass})
	}
	for b.Loop() {
		Pick(set, Query{Text: "test00099", Limit: 200})
	}
}
