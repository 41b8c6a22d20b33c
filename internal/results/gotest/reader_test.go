package gotest_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/results/gotest"
	"github.com/weir-ci/weir/internal/results/resultstest"
)

var update = resultstest.UpdateFlag()

func TestGolden(t *testing.T) {
	t.Parallel()
	resultstest.Golden(t, "*.json", gotest.Read, *update)
}

func TestStreams(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"a result without a start is forged": {
			in:   "fail TestForged|run TestA|pass TestA|fail TestA|pass",
			want: "pass TestA",
		},
		"a test without result in a package that passed is forged": {
			in:   "run TestForged|run TestA|pass TestA|pass",
			want: "pass TestA",
		},
		"attempts": {
			in:   "run TestA|fail TestA|run TestA|pass TestA|fail",
			want: "pass TestA mixed",
		},
		"a paused test never ran": {
			in:   "run TestA|pause TestA|run TestB|fail",
			want: "error TestB, exit TestB",
		},
		"a package that fails without a test": {
			in:   "run TestA|pass TestA|output exit status 1|fail",
			want: "pass TestA, exit ",
		},
		"a printed panic that is none": {
			in:   "run TestA|out TestA panic: hello|out TestA goroutine 1 [running]:|pass TestA|run TestB|fail TestB|fail",
			want: "pass TestA, fail TestB",
		},
		"a fatal error of the runtime": {
			in:   "run TestA|out TestA fatal error: all goroutines are asleep - deadlock!|out TestA goroutine 1 [running]:|fail",
			want: "error TestA, panic TestA",
		},
		"a stream that ends early": {
			in:   "run TestA|pass TestA|run TestB",
			want: "pass TestA, error TestB, truncated ",
		},
		"a build that failed, as plain text": {
			in:   "text # p [p.test]|text p/a.go:1: nonsense|text FAIL\tp [build failed]",
			want: "did_not_build ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := gotest.Read(strings.NewReader(stream(c.in)))
			if err != nil {
				t.Fatal(err)
			}
			if got := short(set); got != c.want {
				t.Errorf("got %q, want %q\n%s", got, c.want, resultstest.Text(set))
			}
			resultstest.Check(t, set)
		})
	}
}

// stream writes events of package p: "action Test", "out Test text",
// "output text", "text line".
func stream(script string) string {
	var b strings.Builder
	for step := range strings.SplitSeq(script, "|") {
		action, rest, _ := strings.Cut(step, " ")
		switch action {
		case "text":
			fmt.Fprintln(&b, rest)
		case "output":
			fmt.Fprintf(&b, "{\"Action\":\"output\",\"Package\":\"p\",\"Output\":%q}\n", rest+"\n")
		case "out":
			test, text, _ := strings.Cut(rest, " ")
			fmt.Fprintf(&b, "{\"Action\":\"output\",\"Package\":\"p\",\"Test\":%q,\"Output\":%q}\n", test, text+"\n")
		default:
			fmt.Fprintf(&b, "{\"Action\":%q,\"Package\":\"p\",\"Test\":%q}\n", action, rest)
		}
	}
	return b.String()
}

func short(set weir.ResultSet) string {
	var parts []string
	for _, r := range set.Results {
		s := string(r.Status) + " " + r.Test.Name
		if r.Mixed {
			s += " mixed"
		}
		parts = append(parts, s)
	}
	for _, i := range set.Incidents {
		parts = append(parts, string(i.Kind)+" "+i.Test)
	}
	return strings.Join(parts, ", ")
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "\n", "{}", "ok  \tp\t0.1s\n", `{"Action":`, "[1]"} {
		if set, err := gotest.Read(strings.NewReader(in)); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%q: got %+v, %v", in, set, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	set, err := gotest.ReadLimited(many(100), results.Limits{Input: 3000})
	if err != nil || len(set.Results) == 0 || len(set.Results) > 40 || set.Incidents[0].Kind != weir.Truncated {
		t.Fatalf("got %d results, %v, %v", len(set.Results), set.Incidents, err)
	}
	set, err = gotest.ReadLimited(many(100), results.Limits{Results: 7})
	if err != nil || len(set.Results) != 7 || len(set.Incidents) != 1 {
		t.Fatalf("got %d results, %v, %v", len(set.Results), set.Incidents, err)
	}
}

func many(n int) *strings.Reader {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"Time":"2026-11-20T18:50:18.29Z","Action":"run","Package":"example.com/p","Test":"Test%d"}`+"\n", i)
		fmt.Fprintf(&b, `{"Time":"2026-11-20T18:50:18.29Z","Action":"output","Package":"example.com/p","Test":"Test%d","Output":"=== RUN   Test%d\n"}`+"\n", i, i)
		fmt.Fprintf(&b, `{"Time":"2026-11-20T18:50:18.29Z","Action":"output","Package":"example.com/p","Test":"Test%d","Output":"    a_test.go:1: hello\n"}`+"\n", i)
		fmt.Fprintf(&b, `{"Time":"2026-11-20T18:50:18.29Z","Action":"pass","Package":"example.com/p","Test":"Test%d","Elapsed":0.01}`+"\n", i)
	}
	b.WriteString(`{"Action":"pass","Package":"example.com/p","Elapsed":1}` + "\n")
	return strings.NewReader(b.String())
}

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in)
	}
	f.Add([]byte(stream("run TestA|out TestA panic: hello|out TestA goroutine 1 [running]:|fail")))
	f.Fuzz(func(t *testing.T, in []byte) {
		set, err := gotest.Read(bytes.NewReader(in))
		if err != nil && weir.CodeOf(err) != weir.Invalid {
			t.Fatalf("unexpected error: %v", err)
		}
		resultstest.Check(t, set)
	})
}

func BenchmarkRead10000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		set, err := gotest.Read(many(10_000))
		if err != nil || len(set.Results) != 10_000 {
			b.Fatal(len(set.Results), err)
		}
	}
}
