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
	limits := Limits{}.filled()
	if len(results) > limits.Results {
		return false
	}
	text := 0
	for i := range results {
		r := &results[i]
		if i > 0 && results[i-1].Test.Compare(r.Test) >= 0 || !normalNames(r) || r.Duration < 0 || r.Duration > MaxDuration {
			return false
		}
		most := weir.MaxResultOutput
		if r.Status == weir.Pass && !r.Mixed {
			most = MaxPassOutput
		}
		if r.Message != "" && cleanMessage(r.Message, weir.MaxResultMessage) != r.Message ||
			r.Output != "" && cleanOutput(r.Output, most) != r.Output {
			return false
		}
		if text += len(r.Message) + len(r.Output); text > limits.Text {
			return false
		}
	}
	return true
}

func normalNames(r *weir.Result) bool {
	return r.Test.Name != "" && normalName(r.Test.Suite) && normalName(r.Test.Name) &&
		(r.Raw == "" || len(r.Raw) <= weir.MaxTestName && cleanName(r.Raw) == r.Raw)
}

func normalName(s string) bool {
	return len(s) <= weir.MaxTestName && cleanName(s) == s && Mask(s) == s
}
