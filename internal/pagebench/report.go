package pagebench

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Report is everything that was measured.
type Report struct {
	Database string // its name and version
	Size     Size
	Figures  []Figure
	Paint    time.Duration   // until the browser painted the overview first; 0: not measured
	Changes  []time.Duration // from events until the browser showed them
}

// Markdown renders the report.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- date: %s\n- %d cores, load average %s\n- database: %s\n", time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), load(), r.Database)
	fmt.Fprintf(&b, "- %d projects, %d builds of each builder, %d tests of each builder, %d open regressions, %d workers\n\n", r.Size.Projects, r.Size.Builds, r.Size.Tests, r.Size.Regressions, r.Size.Workers)
	b.WriteString("| page | size | compressed | processor | median | 95th percentile | goal |\n|---|---:|---:|---:|---:|---:|---|\n")
	for _, f := range r.Figures {
		goal := "met"
		switch {
		case f.Status != http.StatusOK:
			goal = fmt.Sprintf("**status %d**", f.Status)
		case !f.Met():
			goal = "**missed**"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", strings.ReplaceAll(f.Path, "|", "%7C"), kilobytes(f.Bytes), kilobytes(f.Compressed), millis(f.CPU), millis(f.P50), millis(f.P95), goal)
	}
	if r.Paint > 0 {
		fmt.Fprintf(&b, "\nFirst paint of the overview in Chromium: %s (goal: 1 s).\n", millis(r.Paint))
	}
	if len(r.Changes) > 0 {
		fmt.Fprintf(&b, "From an event until the overview shows it: %s in the median, %s at most (goal: 1 s).\n",
			millis(slices.Sorted(slices.Values(r.Changes))[len(r.Changes)/2]), millis(slices.MaxFunc(r.Changes, cmp.Compare)))
	}
	return b.String()
}

func kilobytes(n int) string { return fmt.Sprintf("%.1f KB", float64(n)/1024) }

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// load is how many processes wanted a processor in the last minute.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown" // not Linux
	}
	first, _, _ := strings.Cut(string(data), " ")
	return first
}

// Write puts the report between its markers in a file: those of its kind of database,
// the first word of Database in small letters.
func (r *Report) Write(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := r.markers()
	head, rest, ok1 := strings.Cut(string(data), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no place for the report: it lies between %q and %q", path, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(path, []byte(head+begin+"\n"+r.Markdown()+"\n"+end+tail), 0o644)
}

// markers are between which the report stands in a document.
func (r *Report) markers() (begin, end string) {
	kind, _, _ := strings.Cut(strings.ToLower(r.Database), " ")
	return "<!-- bench-pages " + kind + ": begin -->\n", "<!-- bench-pages " + kind + ": end -->"
}
