package results

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

// TestNormalIsWhatFoldMakes: the quick look and the long way never disagree,
// whatever the results are.
func TestNormalIsWhatFoldMakes(t *testing.T) {
	t.Parallel()
	names := rapid.SampledFrom([]string{"", "a", "b", "b#02", "x /tmp/abc/1", "\x1b[1m", "\xff", "é\u202e", strings.Repeat("n", 2*weir.MaxTestName)})
	texts := rapid.SampledFrom([]string{"", "m", " m ", "o\n", "a\r\nb", "\x1b[1mred", strings.Repeat("t", 2*weir.MaxResultOutput)})
	rapid.Check(t, func(t *rapid.T) {
		var set weir.ResultSet
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: names.Draw(t, "suite"), Name: names.Draw(t, "name")},
				Raw: names.Draw(t, "raw"), Status: rapid.SampledFrom(weir.Statuses()[:5]).Draw(t, "status"), Mixed: rapid.Bool().Draw(t, "mixed"),
				Duration: time.Duration(rapid.Int64().Draw(t, "duration")), Message: texts.Draw(t, "message"), Output: texts.Draw(t, "output")})
		}
		folded := fold(weir.ResultSet{Results: append([]weir.Result(nil), set.Results...)})
		if same := len(set.Results) == 0 || reflect.DeepEqual(folded.Results, set.Results); normal(set.Results) && !same {
			t.Fatalf("%+v is said to be normal, but becomes %+v", set.Results, folded.Results)
		}
		if !normal(folded.Results) {
			t.Fatalf("%+v was folded and is not normal", folded.Results)
		}
	})
}
