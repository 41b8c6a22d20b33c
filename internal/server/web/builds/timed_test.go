package builds

import (
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/testlist"
	"github.com/weir-ci/weir/internal/results"
)

// TestShortTests looks at tests that took 12 ms, of which no time is kept: that they took
// some is said where it is known.
func TestShortTests(t *testing.T) {
	t.Parallel()
	const brief = "under 0.1 s"
	result := func(suite, name string, s weir.Status, took time.Duration) weir.Result {
		return weir.Result{Test: weir.TestID{Suite: suite, Name: name}, Status: s, Duration: results.Coarse(took)}
	}
	set := weir.ResultSet{Results: []weir.Result{
		result("io", "TestRead", weir.Pass, 12*time.Millisecond), result("io", "TestSlow", weir.Pass, 3*time.Second),
		result("io", "TestBad", weir.Fail, 12*time.Millisecond), result("io", "TestSkipped", weir.Skip, 0), result("io", "TestHung", weir.Fault, 0),
		result("io", "BenchmarkRead", weir.Pass, 0), result("net", "TestDial", weir.Pass, 12*time.Millisecond), result(weir.StepSuite, "test", weir.Fail, 0)}}
	for what, c := range map[string]struct {
		files []weir.ResultFile
		dial  string // what is said of a suite without any time
	}{
		"nothing": {nil, ""},
		"tap":     {[]weir.ResultFile{{Format: weir.TAP}}, ""},
		"both":    {[]weir.ResultFile{{Format: weir.GoTest}, {Format: weir.TAP}}, ""},
		"gotest":  {[]weir.ResultFile{{Format: weir.GoTest}}, brief},
	} {
		want := map[string]string{"TestRead": brief, "TestSlow": "3.0 s", "TestBad": brief, "TestSkipped": "", "TestHung": "", "BenchmarkRead": "", "TestDial": c.dial, "test": ""}
		d := farm.BuildDetail{Spec: weir.Spec{Job: weir.Job{Results: c.files}}}
		for _, q := range []testlist.Query{{Text: "e"}, {Text: "e", Suite: "net"}, {Status: testlist.Bad}} { // a filter changes nothing of it
			for _, row := range testsView(d, set, q).Rows {
				if row.Took != want[row.ID.Name] {
					t.Errorf("%s, %+v: %s took %q, want %q", what, q, row.ID.Name, row.Took, want[row.ID.Name])
				}
			}
		}
		for _, s := range testsView(d, set, testlist.Query{}).Suites {
			for _, row := range s.Rows {
				if row.Took != want[row.ID.Name] {
					t.Errorf("%s: %s took %q, want %q", what, row.ID.Name, row.Took, want[row.ID.Name])
				}
			}
		}
	}
}
