package verdict

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

const (
	// mostEdits is how many bytes of a name may differ when a test was renamed.
	mostEdits = 8
	// renameWork bounds the search for renames, in steps of a comparison: a
	// fraction of a second. What is not found then is gone and new, as without it.
	renameWork = 10_000_000
)

// findRenames finds tests that go on under another name: a known test is gone
// without a reason, and a new one in the same suite has nearly its name and
// does what it did. A test that changes its name and its outcome at once is
// taken for two tests, so that a new name never hides that a test broke, and
// never makes a failure good. Each test is used once; the names that are most
// alike find each other first.
func findRenames(lost []*weir.TestState, added []*weir.Result, why explanations) map[weir.TestID]*weir.Result {
	type match struct {
		edits int
		from  *weir.TestState
		to    *weir.Result
	}
	bySuite := map[string][]*weir.Result{}
	if len(lost) > 0 {
		for _, r := range added {
			bySuite[r.Test.Suite] = append(bySuite[r.Test.Suite], r)
		}
	}
	var matches []match
	work := renameWork
	for _, s := range lost {
		if len(bySuite[s.Test.Suite]) == 0 || !expected(*s) {
			continue
		}
		if cause, _ := why.of(s.Test); cause != weir.Gone {
			continue
		}
		for _, r := range bySuite[s.Test.Suite] {
			if work <= 0 {
				break
			}
			edits, ok := alike(s.Test.Name, r.Test.Name, &work)
			if ok && continues(*s, *r) {
				matches = append(matches, match{edits, s, r})
			}
		}
	}
	slices.SortFunc(matches, func(a, b match) int {
		return cmp.Or(a.edits-b.edits, a.from.Test.Compare(b.from.Test), a.to.Test.Compare(b.to.Test))
	})
	out := map[weir.TestID]*weir.Result{}
	taken := map[weir.TestID]bool{}
	for _, m := range matches {
		if out[m.from.Test] == nil && !taken[m.to.Test] {
			out[m.from.Test], taken[m.to.Test] = m.to, true
		}
	}
	return out
}

// continues reports whether a result is what the known test would have had.
func continues(s weir.TestState, r weir.Result) bool {
	switch {
	case s.Status.Good():
		return r.Status.Good()
	case s.Status.Bad():
		return r.Status.Bad() && !differs(s.Signature, signatureOf(r))
	}
	return s.Status == weir.Skip && r.Status == weir.Skip
}

// alike reports whether one name may be the other one, edited: a quarter of
// what differs of it at most, and more than its digits. Numbers tell tests
// apart, and so does what stands between brackets: those are parameters.
func alike(a, b string, work *int) (edits int, ok bool) {
	*work -= 8
	if d := len(a) - len(b); d > mostEdits || d < -mostEdits {
		return 0, false
	}
	same := 0 // up to here, and from an element of the name on
	prefix := 0
	for prefix < len(a) && prefix < len(b) && a[prefix] == b[prefix] {
		if prefix++; strings.IndexByte("/[(.:, >", a[prefix-1]) >= 0 {
			same = prefix
		}
	}
	*work -= prefix / 8
	allowed := min(mostEdits, (min(len(a), len(b))-same)/4)
	a, b = a[prefix:], b[prefix:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if allowed == 0 || strings.Trim(a, digits) == "" && strings.Trim(b, digits) == "" {
		return 0, false
	}
	*work -= min(len(a), len(b)) * (2*allowed + 1)
	edits = distance(a, b, allowed)
	return edits, edits <= allowed
}

const digits = "0123456789"

// distance is the number of bytes to insert, delete or replace that make a name
// of the other one, or more than limit if it is more than that.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || d < -limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		// Only a band around the diagonal can stay within the limit.
		low, high := max(1, i-limit), min(len(b), i+limit)
		diagonal := row[low-1]
		if row[low-1] = limit + 1; low == 1 {
			row[0] = i
		}
		least := row[low-1]
		for j := low; j <= high; j++ {
			above := limit + 1
			if j < i+limit {
				above = row[j] + 1
			}
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, above, row[j-1]+1)
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}
