// Package resultstest holds what the tests of the readers of results share:
// a text form of a result set, golden files, and the properties that every
// set must have.
package resultstest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
)

// UpdateFlag defines -update, which rewrites golden files instead of
// comparing with them. Each test package that has golden files calls it once.
func UpdateFlag() *bool { return flag.Bool("update", false, "rewrite the golden files") }

// Text renders a set for people: a line for each result and incident, texts
// indented below it.
func Text(set weir.ResultSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v\n", set.Count())
	for _, r := range set.Results {
		fmt.Fprintf(&b, "%s %q %q %v", r.Status, r.Test.Suite, r.Test.Name, r.Duration)
		if r.Raw != "" {
			fmt.Fprintf(&b, " raw %q", r.Raw)
		}
		if r.Mixed {
			b.WriteString(" mixed")
		}
		b.WriteByte('\n')
		block(&b, "message", r.Message)
		block(&b, "output", r.Output)
	}
	for _, i := range set.Incidents {
		fmt.Fprintf(&b, "incident %s %q %q\n", i.Kind, i.Suite, i.Test)
		block(&b, "message", i.Message)
	}
	return b.String()
}

func block(b *strings.Builder, title, text string) {
	if text == "" {
		return
	}
	fmt.Fprintf(b, "\t%s:\n", title)
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(strings.TrimRight("\t| "+line, " "))
		b.WriteByte('\n')
	}
}

// Golden reads every file of testdata that matches pattern and compares the
// set with the file of the same name and extension .golden. An error is part
// of what is compared.
func Golden(t *testing.T, pattern string, read results.Reader, update bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			set, err := read(bytes.NewReader(in))
			got := Text(set)
			if err != nil {
				got = fmt.Sprintf("error %s: %v\n", weir.CodeOf(err), err)
			}
			Check(t, set)
			golden := strings.TrimSuffix(file, filepath.Ext(file)) + ".golden"
			if update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if w := strings.ReplaceAll(string(want), "\r\n", "\n"); got != w {
				t.Errorf("%s differs from %s:\n%s", file, golden, firstDifference(got, w))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d:\n got: %s\nwant: %s", i+1, a, b)
		}
	}
	return "no difference"
}

// Check checks what holds for every set that a reader returns: names and
// texts within limits and valid UTF-8, names unique and in order, the set
// normal, and equal to what comes out of its canonical form.
func Check(t testing.TB, set weir.ResultSet) {
	t.Helper()
	for i, r := range set.Results {
		if r.Test.Name == "" || len(r.Test.Suite) > weir.MaxTestName || len(r.Test.Name) > weir.MaxTestName ||
			len(r.Raw) > weir.MaxTestName || len(r.Message) > weir.MaxResultMessage || len(r.Output) > weir.MaxResultOutput {
			t.Fatalf("result %d is over a limit: %.200q", i, r.Test)
		}
		for _, s := range []string{r.Test.Suite, r.Test.Name, r.Raw, r.Message, r.Output} {
			if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\x1b\u202e\u2066") {
				t.Fatalf("result %d is not clean: %.200q", i, s)
			}
		}
		if strings.ContainsAny(r.Test.Suite+r.Test.Name, "\n\t") {
			t.Fatalf("result %d has white space in its name: %.200q", i, r.Test)
		}
		if r.Test.Suite == weir.StepSuite {
			t.Fatalf("result %d speaks for a step", i)
		}
		if i > 0 && set.Results[i-1].Test.Compare(r.Test) >= 0 {
			t.Fatalf("results %d and %d are out of order or equal: %.200q, %.200q", i-1, i, set.Results[i-1].Test, r.Test)
		}
	}
	var blob bytes.Buffer
	if err := results.Encode(&blob, clone(set)); err != nil {
		t.Fatalf("encode: %v", err)
	}
	back, err := results.Decode(&blob)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	set = clone(set)
	for i := range set.Results {
		set.Results[i].Duration = results.Coarse(set.Results[i].Duration)
	}
	if Text(back) != Text(set) || !same(back, set) {
		t.Fatalf("the set changed on its way:\n%s", firstDifference(Text(back), Text(set)))
	}
}

func same(a, b weir.ResultSet) bool {
	return (len(a.Results) == 0 && len(b.Results) == 0 || reflect.DeepEqual(a.Results, b.Results)) &&
		(len(a.Incidents) == 0 && len(b.Incidents) == 0 || reflect.DeepEqual(a.Incidents, b.Incidents))
}

func clone(set weir.ResultSet) weir.ResultSet {
	return weir.ResultSet{
		Results:   append([]weir.Result(nil), set.Results...),
		Incidents: append([]weir.Incident(nil), set.Incidents...),
	}
}
