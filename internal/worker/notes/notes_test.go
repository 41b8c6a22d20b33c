package notes

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// write makes the notes of a step that wrote these files.
func write(t *testing.T, files map[string]string) Notes {
	t.Helper()
	f, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Vars() {
		if content, ok := files[v.Name]; ok {
			if err := os.WriteFile(v.Value, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f.Read()
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text       string
		want       []weir.EnvVar
		complaints int
	}{
		{"", nil, 0},
		{"A=1\nB=x=y <<z\n\nA=2", []weir.EnvVar{{Name: "A", Value: "2"}, {Name: "B", Value: "x=y <<z"}}, 0},
		{"A=\r\n_b9=ü\r\n", []weir.EnvVar{{Name: "A"}, {Name: "_b9", Value: "ü"}}, 0},
		{"\uFEFFA=1\n", []weir.EnvVar{{Name: "A", Value: "1"}}, 0},
		{"A<<END\none\n\ntwo=2\nEND\nB=1\n", []weir.EnvVar{{Name: "A", Value: "one\n\ntwo=2"}, {Name: "B", Value: "1"}}, 0},
		{"A<<END\nEND\n", []weir.EnvVar{{Name: "A"}}, 0},
		{"A<<END\none\nB=2\n", []weir.EnvVar{{Name: "B", Value: "2"}}, 2},
		{"A<<\n\n", nil, 1},
		{"9=1\na-b=1\n=1\nx y=2\njust text\nA<1\nB=ok", []weir.EnvVar{{Name: "B", Value: "ok"}}, 6},
		{"A=\xff\nB=\x00\n", nil, 2},
		{strings.Repeat("!\n", 50), nil, maxComplaint},
		{"A=1\nB=" + strings.Repeat("x", MaxOutput), []weir.EnvVar{{Name: "A", Value: "1"}}, 1},
	} {
		n := write(t, map[string]string{OutputVar: c.text})
		if !reflect.DeepEqual(n.Outputs, c.want) || len(n.Complaints) != c.complaints {
			t.Errorf("%.40q: %+v, %q", c.text, n.Outputs, n.Complaints)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	n := write(t, map[string]string{MetricsVar: "build.time 12.5 s\nsize 1e6\n" +
		`{"name": "p 99", "value": -3, "unit": "ms", "more": true}` + "\nsize 7 B\n" +
		"x\nx y\nx NaN\nx 1 2 3\n{\"name\":\"x\"}\n{bad\nx Inf\n" + strings.Repeat("n", weir.MaxMetricName+1) + " 1\n"})
	want := []weir.Metric{{Name: "build.time", Value: 12.5, Unit: "s"}, {Name: "size", Value: 7, Unit: "B"}, {Name: "p 99", Value: -3, Unit: "ms"}}
	if !reflect.DeepEqual(n.Metrics, want) || len(n.Complaints) != 8 {
		t.Errorf("got %+v, %q", n.Metrics, n.Complaints)
	}
	var many strings.Builder
	for i := range 2 * weir.MaxMetrics {
		fmt.Fprintf(&many, "m%d 1\n", i)
	}
	if n := write(t, map[string]string{MetricsVar: many.String()}); len(n.Metrics) != weir.MaxMetrics || len(n.Complaints) != 1 {
		t.Errorf("got %d metrics, %q", len(n.Metrics), n.Complaints)
	}
	all, left := Merge(make([]weir.Metric, weir.MaxMetrics), []weir.Metric{{Name: "", Value: 1}, {Name: "x"}})
	if len(all) != weir.MaxMetrics || left != 1 || all[0].Value != 1 {
		t.Errorf("merged: %d, left out %d", len(all), left)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	n := write(t, map[string]string{SummaryVar: "# Good\n\n\xff\x00\n\n"})
	if n.Summary != "# Good\n\n\uFFFD\uFFFD" || len(n.Complaints) != 0 {
		t.Errorf("got %q, %q", n.Summary, n.Complaints)
	}
	n = write(t, map[string]string{SummaryVar: strings.Repeat("0123456789\n", weir.MaxSummary/10)})
	if len(n.Summary) > weir.MaxSummary || len(n.Summary) < weir.MaxSummary-20 || len(n.Complaints) != 1 {
		t.Errorf("got %d bytes, %q", len(n.Summary), n.Complaints)
	}
	if s, cut := Append("a", "b"); s != "a\n\nb" || cut {
		t.Errorf("got %q", s)
	}
	if s, cut := Append(strings.Repeat("ü", weir.MaxSummary/2), "b"); len(s) != weir.MaxSummary || !cut {
		t.Errorf("got %d bytes", len(s))
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("A=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	job := filepath.Join(dir, "job")
	if err := os.Mkdir(job, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := New(job)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Vars() {
		if err := os.Symlink(secret, v.Value); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.Read(); n.Outputs != nil || n.Summary != "" || len(n.Complaints) != 3 {
		t.Errorf("through links: %+v", n)
	}
	// The whole directory in another place.
	own := filepath.Dir(f.Vars()[0].Value)
	elsewhere := filepath.Join(dir, "elsewhere")
	if err := os.Rename(own, elsewhere); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(elsewhere, "output"))
	if err := os.WriteFile(filepath.Join(elsewhere, "output"), []byte("A=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, own); err != nil {
		t.Fatal(err)
	}
	if n := f.Read(); n.Outputs != nil || len(n.Complaints) != 3 {
		t.Errorf("through a link of the directory: %+v", n)
	}
	if err := os.RemoveAll(job); err != nil {
		t.Fatal(err)
	}
	if n := f.Read(); n.Outputs != nil {
		t.Errorf("of nothing: %+v", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("A=1\nB<<E\nx\nE\nm 1 s\n{\"name\":\"x\",\"value\":1}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		silent := func(string, ...any) {}
		for _, v := range parseOutputs(data, silent) {
			if !ValidName(v.Name) || strings.Contains(v.Value, "\x00") {
				t.Errorf("%q", v)
			}
		}
		for _, m := range parseMetrics(data, silent) {
			if m.Name == "" || len(m.Name) > weir.MaxMetricName || m.Value != m.Value {
				t.Errorf("%+v", m)
			}
		}
	})
}
