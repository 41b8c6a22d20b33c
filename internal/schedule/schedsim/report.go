package schedsim

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

// Report prints what a farm's life was like, in Markdown.
func Report(w io.Writer, t *Tally) error {
	var b strings.Builder
	big := t.Upstreams[0]
	fmt.Fprintf(&b, "%d days of a farm with %d workers (%d slots) of %d platforms; %s changes %g times a day, and %d projects are tested against each change of it on each platform; ",
		t.Days, t.Workers, t.Slots, t.Platforms, big.Name, big.Changes, big.Downstreams)
	for _, u := range t.Upstreams[1:] {
		fmt.Fprintf(&b, "%s changes %g times a day, with %d projects behind it; ", u.Name, u.Changes, u.Downstreams)
	}
	fmt.Fprintf(&b, "%d ordinary projects change %g times a day each.\n\n", t.Projects, t.Changes)

	b.WriteString("From a change to its first verdict on a line:\n\n")
	table(&b, []string{"change of", "verdicts", "half of them within", "90 %", "99 %", "all"})
	for _, k := range []struct {
		kind int
		name string
	}{{ofOrdinary, "an ordinary project"}, {ofProduct, "an upstream, on its own builds"}, {ofSmall, "the small upstream, on those behind it"},
		{ofOwn, "a project behind an upstream, on its own"}, {ofBig, "the big upstream, on those behind it"}} {
		percentiles(&b, k.name, t.Verdicts[k.kind])
	}
	b.WriteString("\nIn the queue, from when a build could run to when it did:\n\n")
	table(&b, []string{"build of a change of", "builds", "half of them within", "90 %", "99 %", "all"})
	for _, k := range []struct {
		kind int
		name string
	}{{ofOrdinary, "an ordinary project"}, {ofProduct, "an upstream: its product"}, {ofSmall, "the small upstream"},
		{ofOwn, "a project behind an upstream"}, {ofBig, "the big upstream"}} {
		percentiles(&b, k.name, t.Waits[k.kind])
	}
	b.WriteString("\n")
	table(&b, []string{"", ""})
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, fmt.Sprintf(format, args...))
	}
	row("slots busy", "%.1f %%", 100*t.Utilisation())
	row("lines that were never built", "%d of %d", t.Never, t.Lines)
	row("longest that a line waited for a build to begin", "%s", hours(max(t.LongestWait, t.LongestUnbuilt)))
	row("times that more of a lock was held than there is", "%d", t.Violations)
	row("builds, had each line been built at each revision", "%d", t.Wanted)
	row("builds that ran", "%d, of them %d for changes, %d again because something was newly bad, %d in %d searches for culprits",
		t.Builds[weir.CauseChange]+t.Builds[weir.CauseRetry]+t.Builds[weir.CauseProbe]+t.Builds[weir.CauseProduct],
		t.Builds[weir.CauseChange], t.Builds[weir.CauseRetry], t.Builds[weir.CauseProbe]+t.Builds[weir.CauseProduct], t.Searches)
	row("builds saved by batching", "%d (%.1f %%): one build answered for %.1f revisions on average", t.Wanted-t.Builds[weir.CauseChange],
		100*(1-float64(t.Builds[weir.CauseChange])/float64(t.Wanted)), float64(t.Wanted)/float64(max(t.Builds[weir.CauseChange], 1)))
	row("of them, replaced by a newer one while they waited", "%d", t.Superseded)
	row("of them, never made because others had to come first", "%d", t.Wanted-t.Builds[weir.CauseChange]-t.Superseded-t.Stuck)
	row("of them, without a product to run against", "%d", t.Stuck)
	row("decisions put off until a newer product is there", "%d", t.Delays[schedule.DelayProduct])
	row("decisions put off because the line waits for more than a day", "%d", t.Delays[schedule.DelayPatient])
	row("decisions put off because a project has been dead for long", "%d", t.Delays[schedule.DelayDead])
	row("builds on a worker that had the product", "%.1f %%", 100*t.Products.Rate())
	row("builds on a worker that had the project's mirror", "%.1f %%; by chance it would be %.1f %%", 100*t.Mirrors.Rate(), 100*t.MirrorChance)
	_, err := io.WriteString(w, b.String())
	return err
}

func table(b *strings.Builder, head []string) {
	fmt.Fprintf(b, "| %s |\n%s|\n", strings.Join(head, " | "), strings.Repeat("|---", len(head)))
}

func percentiles(b *strings.Builder, name string, sorted []float32) {
	fmt.Fprintf(b, "| %s | %d |", name, len(sorted))
	for _, part := range []float64{0.5, 0.9, 0.99, 1} {
		fmt.Fprintf(b, " %s |", hours(Quantile(sorted, part)))
	}
	b.WriteString("\n")
}

// hours prints a time as people would say it.
func hours(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
