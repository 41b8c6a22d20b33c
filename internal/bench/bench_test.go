package bench

import (
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/cli"
)

// asWeir makes the test's program behave as weir, so that the tests measure
// the code that they were compiled with.
const asWeir = "WEIRBENCH_AS_WEIR"

func TestMain(m *testing.M) {
	if os.Getenv(asWeir) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestMeasure measures as little as possible of everything.
func TestMeasure(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Groups() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			report, err := Measure(ctx, Options{Program: self, Env: []string{asWeir + "=1"}, Dir: t.TempDir(), Only: []string{name},
				SQLite: true, Short: true, Progress: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range Rows() {
				if s := report.samples[row.ID][sqliteColumn]; row.group() == name && !absent(row.ID) && len(s) == 0 {
					t.Errorf("there is no sample of %s", row.ID)
				}
			}
			if text := report.Markdown(); !strings.Contains(text, "ONLY="+name) {
				t.Errorf("the report does not speak of %s:\n%s", name, text)
			}
		})
	}
}

// absent lists the rows that SQLite has no part in.
func absent(id string) bool { return id == "builds.cpudatabase" }

func TestReport(t *testing.T) {
	t.Parallel()
	r := &Report{peers: true, facts: []string{"machine: a sundial"}, loads: map[string]string{"latency": "0.10"}, samples: map[string]map[string]Samples{
		"latency.start": {sqliteColumn: {0.004, 0.006}, postgresColumn: {0.05}, buildbotColumn: {0.1}},
	}}
	text := r.Markdown()
	for _, want := range []string{
		"- machine: a sundial\n",
		"| request to running command, median | 5.00 ms (4.00 ms to 6.00 ms) | 50.0 ms | 100 ms | 1/20.0 | 1/2.00 | 1/15.0: met; 1/15.0: **missed** |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := r.Write(path); err == nil {
		t.Error("wrote into a file that is not there")
	}
	for range 2 { // the second time replaces the first
		old, err := os.ReadFile(path)
		if err != nil {
			old = []byte("before\n<!-- bench-peers: begin -->\nold\n<!-- bench-peers: end -->\nbehind\n")
		}
		if err := os.WriteFile(path, old, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.Write(path); err != nil {
			t.Fatal(err)
		}
		want := "before\n<!-- bench-peers: begin -->\n\n" + text + "\n<!-- bench-peers: end -->\nbehind\n"
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%v\n%s", err, data)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unit  Unit
		value float64
		want  string
	}{
		{Seconds, 0.0000042, "4.20 µs"}, {Seconds, 0.01234, "12.3 ms"}, {Seconds, 61.26, "61.3 s"}, {Seconds, 0, "0 µs"},
		{Bytes, 12, "12.0 B"}, {Bytes, 1234, "1.23 KB"}, {Bytes, 43.3e6, "43.3 MB"}, {Bytes, 2e9, "2.00 GB"},
		{PerSecond, 1234.5, "1235 /s"}, {Times, 8, "8.00×"}, {Count, 100_000, "100000"}, {Seconds, math.NaN(), "-"},
	} {
		if got := c.unit.Format(c.value); got != c.want {
			t.Errorf("%v in %s is %q, not %q", c.value, c.unit, got, c.want)
		}
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	s := Samples{5, 1, 4, 2, 3}
	if s.Median() != 3 || s.Quantile(0.99) != 5 || s.Quantile(0.2) != 1 || s[0] != 5 {
		t.Errorf("median %v, p99 %v, p20 %v of %v", s.Median(), s.Quantile(0.99), s.Quantile(0.2), s)
	}
	if got := (Samples{1, 2}).Median(); got != 1.5 {
		t.Errorf("the median of 1 and 2 is %v", got)
	}
	if got := (Samples{}).Median(); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
}
