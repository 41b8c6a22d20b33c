package tap_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/results/resultstest"
	"github.com/weir-ci/weir/internal/results/tap"
)

var update = resultstest.UpdateFlag()

func TestGolden(t *testing.T) {
	t.Parallel()
	resultstest.Golden(t, "*.tap", tap.Read, *update)
}

func TestLines(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]weir.Result{
		"ok":                         {Status: weir.Pass, Test: weir.TestID{Name: "test 1"}},
		"not ok":                     {Status: weir.Fail, Test: weir.TestID{Name: "test 1"}},
		"ok 1":                       {Status: weir.Pass, Test: weir.TestID{Name: "test 1"}},
		"ok 7 -":                     {Status: weir.Pass, Test: weir.TestID{Name: "test 7"}},
		"ok adds":                    {Status: weir.Pass, Test: weir.TestID{Name: "adds"}},
		"ok 1 adds":                  {Status: weir.Pass, Test: weir.TestID{Name: "adds"}},
		"ok - adds":                  {Status: weir.Pass, Test: weir.TestID{Name: "adds"}},
		"not ok 1 - x # TODO":        {Status: weir.ExpectedFailure, Test: weir.TestID{Name: "x"}},
		"not ok 1 - x # todo why":    {Status: weir.ExpectedFailure, Test: weir.TestID{Name: "x"}, Message: "why"},
		"ok 1 - x # SKIPPED why not": {Status: weir.Skip, Test: weir.TestID{Name: "x"}, Message: "why not"},
		"not ok 1 # skip":            {Status: weir.Skip, Test: weir.TestID{Name: "test 1"}},
		`ok 1 - x \# SKIP y`:         {Status: weir.Pass, Test: weir.TestID{Name: "x # SKIP y"}},
		`ok 1 - C# is fine`:          {Status: weir.Pass, Test: weir.TestID{Name: "C# is fine"}},
		`ok 1 - x # 2 # SKIP`:        {Status: weir.Skip, Test: weir.TestID{Name: "x # 2"}},
		`ok 2147483647 - far`:        {Status: weir.Pass, Test: weir.TestID{Name: "far"}},
	} {
		set, err := tap.Read(strings.NewReader(in + "\n1..1\n"))
		if err != nil || len(set.Results) != 1 || set.Results[0] != want || len(set.Incidents) != 0 {
			t.Errorf("%q: got %+v, %v, want %+v", in, set, err, want)
		}
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "okay", "1..", "1..99999999999", "        ", "nothing\nhere"} {
		if set, err := tap.Read(strings.NewReader(in)); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%q: got %+v, %v", in, set, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	set, err := tap.ReadLimited(stream(100), results.Limits{Input: 500})
	if err != nil || len(set.Results) == 0 || len(set.Results) > 30 || len(set.Incidents) != 1 || set.Incidents[0].Kind != weir.Truncated {
		t.Fatalf("got %d results, %v, %v", len(set.Results), set.Incidents, err)
	}
	set, err = tap.ReadLimited(stream(100), results.Limits{Results: 7})
	if err != nil || len(set.Results) != 7 || len(set.Incidents) != 1 {
		t.Fatalf("got %d results, %v, %v", len(set.Results), set.Incidents, err)
	}
	long := "ok 1 - " + strings.Repeat("x", 3<<20) + "\nok 2 - y\n1..2\n"
	set, err = tap.Read(strings.NewReader(long))
	if err != nil || len(set.Results) != 2 {
		t.Fatalf("got %d results, %v", len(set.Results), err)
	}
	resultstest.Check(t, set)
}

func stream(n int) *strings.Reader {
	var b strings.Builder
	fmt.Fprintf(&b, "TAP version 13\n1..%d\n", n)
	for i := range n {
		fmt.Fprintf(&b, "ok %d - test number %d\n", i+1, i)
	}
	return strings.NewReader(b.String())
}

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.tap")
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		set, err := tap.Read(bytes.NewReader(in))
		if err != nil && weir.CodeOf(err) != weir.Invalid {
			t.Fatalf("unexpected error: %v", err)
		}
		resultstest.Check(t, set)
	})
}

func BenchmarkRead10000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		set, err := tap.Read(stream(10_000))
		if err != nil || len(set.Results) != 10_000 {
			b.Fatal(len(set.Results), err)
		}
	}
}
