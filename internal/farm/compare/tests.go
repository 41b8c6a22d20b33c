package compare

import (
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/verdict"
)

// Tests is how the tests of one build differ from those of another.
type Tests struct {
	A weir.Counts `json:"a"`
	B weir.Counts `json:"b"`
	// Known says that both have results, so that there is something to compare.
	Known bool `json:"known"`
	// Reached says that both got to their tests. If not, only their steps are compared.
	Reached bool `json:"reached"`
	// Changes are the tests that differ, worst first: verdicts are those of B, as if
	// A had been its baseline. At most MaxChanges; Counts counts all of them.
	Changes []weir.TestChange    `json:"changes"`
	Counts  weir.VerdictCounts   `json:"counts"`
	Removed int                  `json:"removed,omitempty"` // of them, those that B has under another name
	More    int                  `json:"more,omitempty"`    // that are not listed
	Took    []TestTime           `json:"took,omitempty"`    // those whose durations differ most, at most MaxTimes
	Same    int                  `json:"same"`              // tests that did the same
	ByTest  map[weir.TestID]bool `json:"-"`                 // those of Changes that are listed
}

// TestTime is how long a test took in both builds, in nanoseconds.
type TestTime struct {
	Test weir.TestID `json:"test"`
	A    int64       `json:"a"`
	B    int64       `json:"b"`
}

// Limits on one comparison.
const (
	MaxChanges = 500 // tests
	MaxTimes   = 10
)

// least is the difference between durations that is worth telling, in nanoseconds.
const least = int64(100e6)

// CompareTests holds the results of b against those of a. What a failure says
// counts, too: see package verdict.
func CompareTests(a, b weir.Build, as, bs weir.ResultSet) Tests {
	t := Tests{A: as.Count(), B: bs.Count(), Known: a.Results != "" && b.Results != "", Changes: []weir.TestChange{}, ByTest: map[weir.TestID]bool{}}
	t.Reached = verdict.Reached(a) && verdict.Reached(b)
	if !t.Known {
		return t
	}
	as, bs = sorted(as), sorted(bs)
	t.same(as, bs)
	fewer := differing(as, bs)
	base := verdict.Baseline{States: states(fewer[0])}
	c := verdict.Compare(base, b, fewer[1])
	changes := c.Changes
	for _, ch := range c.Quiet { // a baseline takes them as they come; of two builds one is worse
		if !ch.From.Bad() && ch.To.Bad() && ch.From != ch.To {
			ch.Verdict = weir.NewlyFailing
			changes = append(changes, ch)
		}
	}
	if !verdict.Reached(a) { // its tests are not gone, they were not reached
		changes = slices.DeleteFunc(slices.Clone(changes), func(ch weir.TestChange) bool { return ch.Test.Suite != weir.StepSuite })
	}
	slices.SortStableFunc(changes, func(x, y weir.TestChange) int { return rankOf(x.Verdict) - rankOf(y.Verdict) })
	t.Counts = weir.CountVerdicts(changes)
	for _, ch := range changes {
		if ch.Verdict == weir.Removed {
			t.Removed++
		}
	}
	t.More = max(0, len(changes)-MaxChanges)
	t.Changes = append(t.Changes, changes[:len(changes)-t.More]...)
	for i := range t.Changes {
		ch := &t.Changes[i]
		t.ByTest[ch.Test] = true
		if r := find(bs, ch.Test); r != nil {
			ch.Message = r.Message
		}
	}
	t.Same -= t.Counts.FailingDifferently
	return t
}

// maxWords limits how many failures of both builds are compared by what they say,
// which takes a while. Those behind count as the same.
const maxWords = 2000

// differing leaves out of two sorted sets what is the same in both, and the texts
// that do not matter: what a failure says does only if it was one before.
func differing(as, bs weir.ResultSet) [2]weir.ResultSet {
	out := [2]weir.ResultSet{{Incidents: as.Incidents}, {Incidents: bs.Incidents}}
	keep := func(side int, r *weir.Result, words bool) {
		kept := *r
		if !words {
			kept.Message, kept.Output = "", ""
		}
		out[side].Results = append(out[side].Results, kept)
	}
	compared, i := 0, 0
	for j := range bs.Results {
		b := &bs.Results[j]
		for i < len(as.Results) && as.Results[i].Test.Compare(b.Test) < 0 {
			keep(0, &as.Results[i], false)
			i++
		}
		if i == len(as.Results) || as.Results[i].Test != b.Test {
			keep(1, b, false)
			continue
		}
		a := &as.Results[i]
		i++
		words := a.Status.Bad() && b.Status.Bad() && (a.Message != b.Message || a.Output != b.Output) && compared < maxWords
		if words {
			compared++
		}
		if words || a.Status != b.Status {
			keep(0, a, words)
			keep(1, b, words)
		}
	}
	for ; i < len(as.Results); i++ {
		keep(0, &as.Results[i], false)
	}
	return out
}

// find finds a result in a sorted set; nil if it is not there.
func find(set weir.ResultSet, id weir.TestID) *weir.Result {
	i, ok := slices.BinarySearchFunc(set.Results, id, func(r weir.Result, id weir.TestID) int { return r.Test.Compare(id) })
	if !ok {
		return nil
	}
	return &set.Results[i]
}

// states makes a baseline of one build's results, as if it were the first build.
func states(set weir.ResultSet) []weir.TestState {
	first := verdict.Baseline{Empty: true}
	fresh := verdict.Compare(first, weir.Build{Outcome: weir.Passed}, set)
	states := verdict.Apply(first, fresh, 0)
	slices.SortFunc(states, func(a, b weir.TestState) int { return a.Test.Compare(b.Test) })
	return states
}

// same counts the tests that did the same in both, and finds those whose
// durations differ most. Both sets are sorted.
func (t *Tests) same(as, bs weir.ResultSet) {
	i := 0
	for j := range bs.Results {
		b := &bs.Results[j]
		for i < len(as.Results) && as.Results[i].Test.Compare(b.Test) < 0 {
			i++
		}
		if i == len(as.Results) || as.Results[i].Test != b.Test {
			continue
		}
		a := &as.Results[i]
		if a.Status == b.Status && b.Test.Suite != weir.StepSuite {
			t.Same++
		}
		if a.Status == b.Status && a.Duration > 0 && b.Duration > 0 && apart(int64(a.Duration), int64(b.Duration)) {
			t.Took = append(t.Took, TestTime{b.Test, int64(a.Duration), int64(b.Duration)})
		}
	}
	slices.SortStableFunc(t.Took, func(x, y TestTime) int {
		return int(min(max(distance(y)-distance(x), -1), 1))
	})
	t.Took = t.Took[:min(len(t.Took), MaxTimes)]
}

// apart reports whether two durations differ by so much that somebody wants to know.
func apart(a, b int64) bool { return max(a, b)-min(a, b) >= least && max(a, b)*2 >= min(a, b)*3 }

func distance(t TestTime) int64 { return max(t.A, t.B) - min(t.A, t.B) }

func sorted(set weir.ResultSet) weir.ResultSet {
	compare := func(a, b weir.Result) int { return a.Test.Compare(b.Test) }
	if !slices.IsSortedFunc(set.Results, compare) {
		set.Results = slices.Clone(set.Results)
		slices.SortStableFunc(set.Results, compare)
	}
	return set
}

// rankOf orders verdicts: what is worse in B, what is hidden, what is better, what
// only one of them has.
func rankOf(v weir.Verdict) int {
	order := []weir.Verdict{weir.NewlyFailing, weir.FailingDifferently, weir.NewlySkipped, weir.Masked, weir.Fixed, weir.Vanished, weir.Removed, weir.New}
	if i := slices.Index(order, v); i >= 0 {
		return i
	}
	return len(order)
}
