package results

import (
	"time"

	"github.com/weir-ci/weir"
)

// shortest is the shortest duration that is kept. Most tests are far below it,
// and what they take differs each time without meaning anything.
const shortest = 100 * time.Millisecond

// Coarse is what the canonical form holds of a duration. It is rounded to one
// digit, and to nothing if it is short: it is
// kept to show which tests are slow. Results of which only durations differ are
// mostly equal that way, and what is equal is stored once.
func Coarse(d time.Duration) time.Duration {
	d = min(max(d, 0), MaxDuration)
	if d < shortest {
		return 0
	}
	unit := shortest
	for d >= 10*unit {
		unit *= 10
	}
	return min(d.Round(unit), MaxDuration)
}

// normal reports whether Normalise would leave results as they are. It needs
// no memory, unlike finding out what else they should be.
func normal(results []weir.Result) bool {
	o := newOrder()
	for i := range results {
		if !o.next(&results[i]) {
			return false
		}
	}
	return true
}

// order goes through results to see whether they are normal.
type order struct {
	limits Limits
	seen   int
	last   weir.TestID
	text   int // bytes of messages and outputs
}

func newOrder() order { return order{limits: Limits{}.filled()} }

// next reports whether a result may follow those seen before.
func (o *order) next(r *weir.Result) bool {
	suiteSeen := o.seen > 0 && o.last.Suite == r.Test.Suite
	if o.seen > 0 && o.last.Compare(r.Test) >= 0 || !normalNames(r, suiteSeen) || r.Duration < 0 || r.Duration > MaxDuration {
		return false
	}
	o.seen++
	o.last = r.Test
	most := weir.MaxResultOutput
	if r.Status == weir.Pass && !r.Mixed {
		most = MaxPassOutput
	}
	if r.Message != "" && cleanMessage(r.Message, weir.MaxResultMessage) != r.Message ||
		r.Output != "" && cleanOutput(r.Output, most) != r.Output {
		return false
	}
	o.text += len(r.Message) + len(r.Output)
	return o.seen <= o.limits.Results && o.text <= o.limits.Text
}

// normalNames reports whether the names are; the suite need not be looked at
// again if it was that of a test before.
func normalNames(r *weir.Result, suiteSeen bool) bool {
	return r.Test.Name != "" && (suiteSeen || normalName(r.Test.Suite)) && normalName(r.Test.Name) &&
		(r.Raw == "" || len(r.Raw) <= weir.MaxTestName && cleanName(r.Raw) == r.Raw)
}

func normalName(s string) bool {
	return len(s) <= weir.MaxTestName && cleanName(s) == s && Mask(s) == s
}
