package front

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// buildOf is as much of a build as page.NewBuildLine needs.
func buildOf(b standing.Build, builder weir.Builder) weir.Build {
	return weir.Build{ID: b.ID, Run: b.Run, Cause: b.Cause, Builder: builder, Pins: b.Pins, State: b.State, Outcome: b.Outcome, Created: b.Created,
		Started: b.Started, Finished: b.Finished, Worker: b.Worker, Counts: b.Counts, Changes: b.Changes, Ledger: b.Ledger}
}

func pinnedLine(b standing.Build, builder weir.Builder, before weir.Pins, now time.Time) PinnedLine {
	l := page.NewBuildLine(buildOf(b, builder), now)
	line := PinnedLine{URL: l.URL, ID: fmt.Sprint(b.ID), Mark: l.Mark, Cause: l.Cause, At: l.At, Took: l.Took, News: l.News, Worker: l.Worker, Revision: l.Revision}
	if b.State.Final() {
		line.Tests, line.Short = testsText(b.Ledger.Tests(b.Counts))
	}
	var moved, all []string
	for _, p := range page.PinLines(b.Pins, builder.Project) {
		all = append(all, p.Project+" "+p.Short)
		if before != nil && !p.Own && len(before) > 0 && page.OneLine(before[p.Project], page.MaxName) != p.Revision {
			moved = append(moved, p.Project+" "+p.Short)
		}
	}
	line.Pins, line.All = page.List(moved, 3), strings.Join(all, "\n")
	return line
}

// TimesView is how long builds took, oldest first, as bars in one drawing.
type TimesView struct {
	Label         string // for screen readers; empty: there is nothing to draw
	Width         string
	Passed, Other string // paths of the bars
	Line          string // where the usual time is
	Most          string // what the full height stands for
}

// The drawing of durations, in pixels.
const (
	timesHeight = 56.0
	timesBar    = 14
	timesGap    = 4
)

func timesView(builds []standing.Build) TimesView {
	var took []standing.Build
	for _, b := range builds {
		if b.State.Final() && b.Outcome.SaysSomething() && !b.Started.IsZero() && b.Finished.After(b.Started) {
			took = append(took, b)
		}
	}
	if len(took) < 2 {
		return TimesView{}
	}
	slices.Reverse(took)
	most, passed := time.Duration(0), []time.Duration{}
	for _, b := range took {
		d := b.Finished.Sub(b.Started)
		if most = max(most, d); b.Outcome == weir.Passed {
			passed = append(passed, d)
		}
	}
	v := TimesView{Width: fmt.Sprint(len(took) * (timesBar + timesGap)), Most: page.Duration(most)}
	var good, other strings.Builder
	for i, b := range took {
		d := b.Finished.Sub(b.Started)
		h := max(2, timesHeight*d.Seconds()/most.Seconds())
		x, y := i*(timesBar+timesGap), timesHeight-h
		if b.Outcome == weir.Passed {
			fmt.Fprintf(&good, "M%d %.1fh%dv%.1fh-%dz", x, y, timesBar, h, timesBar)
		} else { // hollow
			fmt.Fprintf(&other, "M%d.75 %.1fv%.1fh%.1fv-%.1fz", x, y+.75, h-.75, timesBar-1.5, h-.75)
		}
	}
	v.Passed, v.Other = good.String(), other.String()
	v.Label = fmt.Sprintf("How long the newest %d builds took, oldest first: at most %s", len(took), v.Most)
	if len(passed) > 0 {
		slices.Sort(passed)
		usual := passed[len(passed)/2]
		v.Line = fmt.Sprintf("%.1f", timesHeight-timesHeight*usual.Seconds()/most.Seconds())
		v.Label += ", usually " + page.Duration(usual)
	}
	return v
}
