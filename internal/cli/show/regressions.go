package show

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/blame"
)

// Regression prints the whole story of one: who is to blame, what each side
// can do about it, the tests, every build that this rests on, and what became of it.
func Regression(w io.Writer, d client.RegressionDetail, now time.Time) {
	r := d.Regression
	Regressions(w, []weir.Regression{r}, now)
	writeStanding(w, r, now)
	fmt.Fprintf(w, "\n%s\n", Safe(blame.Sentence(r)))
	fmt.Fprintf(w, "\n%s; %s\n", ends(r), Safe(r.Note))
	if r.Culprit.Project != "" {
		rev := r.Culprit.Revision
		fmt.Fprintf(w, "\nculprit   %s %s\n", Safe(r.Culprit.Project), Safe(rev.ID))
		if rev.Author != "" {
			fmt.Fprintf(w, "author    %s\n", Safe(rev.Author))
		}
		fmt.Fprintf(w, "change    %s\nsure      %.2f %%\n", Safe(changeOf(rev)), min(100*r.Culprit.Confidence, 99.99))
	}
	writeCorners(w, blame.GridOf(r))
	writeChecks(w, r)
	writeAdvice(w, r, d.Advice)
	writeVictims(w, r.Victims)
	writePath(w, d)
	writeGrounds(w, r, d)
	writeLife(w, d.Life, d.Searches)
}

// standingMarks are the corners as one letter each, like the builds of a status.
var standingMarks = map[blame.Standing]string{
	blame.StandsGood: "✓", blame.StandsBad: "✗", blame.StandsUnbuilt: "!", blame.StandsUntold: "-", blame.StandsUnasked: "·",
}

// writeCorners prints the old and the new of both sides as a table.
func writeCorners(w io.Writer, g blame.Grid) {
	if len(g.Cells) == 0 {
		return
	}
	fmt.Fprintln(w, "\ncorners:")
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	for _, name := range g.Projects {
		fmt.Fprintf(t, "\t%s", Clip(Safe(name), maxCorner))
	}
	fmt.Fprintln(t)
	for i, name := range g.Upstreams {
		fmt.Fprintf(t, "  %s", Clip(Safe(name), maxCorner))
		for _, c := range g.Cells[i] {
			stands := blame.StandingOf(c)
			fmt.Fprintf(t, "\t%s %s", standingMarks[stands], stands)
			if c.Build != 0 {
				fmt.Fprintf(t, ", build %d", c.Build)
			} else if c.Said != "" && c.Said != weir.ObservedNone {
				fmt.Fprint(t, ", by the search")
			}
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}

// maxCorner is how many letters of a corner's name are printed.
const maxCorner = 60

// writeChecks prints what else was looked at before somebody was named.
func writeChecks(w io.Writer, r weir.Regression) {
	for i, line := range blame.Checked(r) {
		if i == 0 {
			fmt.Fprintln(w, "\nchecked:")
		}
		fmt.Fprintf(w, "  %s", Safe(line.Text))
		if line.Build != 0 {
			fmt.Fprintf(w, " (build %d)", line.Build)
		}
		fmt.Fprintln(w)
	}
}

// writeAdvice prints what each side can do.
func writeAdvice(w io.Writer, r weir.Regression, a client.Advice) {
	for _, side := range []struct {
		name  string
		lines []string
	}{{"the upstream", a.Upstream}, {r.Builder.Project, a.Downstream}} {
		if len(side.lines) > 0 {
			fmt.Fprintf(w, "\nfor %s:\n", Safe(side.name))
		}
		for _, line := range side.lines {
			fmt.Fprintln(w, "  "+Safe(line))
		}
	}
}

func writeVictims(w io.Writer, victims []weir.Victim) {
	fmt.Fprintln(w, "\ntests:")
	for _, v := range victims {
		line := fmt.Sprintf("  %s  %s  %s", Safe(v.Builder.Name()), Safe(v.Test.String()), strings.ReplaceAll(string(v.Verdict), "_", " "))
		if v.Cause != "" {
			line += ": " + strings.ReplaceAll(string(v.Cause), "_", " ")
		}
		fmt.Fprintln(w, line)
	}
}

// writeGrounds prints the builds that it all rests on, by their place, and
// what speaks against it.
func writeGrounds(w io.Writer, r weir.Regression, d client.RegressionDetail) {
	grounds := blame.Grounds(r, d.Probes, d.Beside)
	if len(grounds) > 0 {
		fmt.Fprintln(w, "\nbuilds:")
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, g := range grounds {
		where, against := fmt.Sprintf("step %d", g.Position), ""
		if g.Where != "" {
			where = Clip(Safe(g.Where), maxCorner)
		}
		if g.Against {
			against = "against it"
		}
		fmt.Fprintf(t, "  %s\tbuild %d\t%s\t%s\n", where, g.Build, groundText(g), against)
	}
	t.Flush()
	against := blame.Against(r, grounds)
	if len(against) > 0 {
		fmt.Fprintln(w, "\nagainst it:")
	}
	for _, line := range against {
		fmt.Fprintln(w, "  "+Safe(line))
	}
}

// groundText says what a build said of the tests.
func groundText(g blame.Ground) string {
	switch {
	case !g.State.Final():
		return "· not finished"
	case g.State == weir.Cancelled:
		return "- cancelled"
	case g.Unheard():
		return "- ended after the search"
	case g.Unbuilt:
		return "! does not build"
	case g.Where != "" && g.Good > 0:
		return "✓ good"
	case g.Where != "" && g.Bad > 0:
		return "✗ bad"
	case g.Bad > 0 && g.Good > 0:
		return fmt.Sprintf("✗ %d bad, %d good", g.Bad, g.Good)
	case g.Bad > 0:
		return fmt.Sprintf("✗ %d bad", g.Bad)
	case g.Good > 0:
		return fmt.Sprintf("✓ %d good", g.Good)
	}
	return "- says nothing"
}

// writePath prints the way from good to bad, with the builds at each place.
func writePath(w io.Writer, d client.RegressionDetail) {
	if len(d.Points) == 0 {
		fmt.Fprintln(w, "\nthe revisions are the same: nothing moved between them")
		return
	}
	fmt.Fprintln(w, "\npath:")
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, p := range d.Points {
		said := ""
		for _, probe := range d.Probes {
			if probe.Position != p.Position {
				continue
			}
			switch {
			case !probe.State.Final():
				said += " ·"
			case probe.Bad > 0:
				said += " ✗"
			case probe.Good > 0:
				said += " ✓"
			default:
				said += " -"
			}
			said += fmt.Sprint(probe.Build)
		}
		sign := " "
		if p.Suspect && d.Regression.State != weir.Dismissed {
			sign = ">"
		}
		fmt.Fprintf(t, "%s %d\t%s\t%s\t%s\t%s\n", sign, p.Position, Safe(p.Project), Safe(p.Revision.Short()), said, Safe(changeOf(p.Revision)))
	}
	t.Flush()
}

// Regressions prints a table of regressions, one line each; last come those that
// somebody has in hand.
func Regressions(w io.Writer, list []weir.Regression, now time.Time) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	anyInHand := slices.ContainsFunc(list, func(r weir.Regression) bool { return inHand(r, now) != "" })
	head := "REGRESSION\tSTATE\tBLAME\tCULPRIT\tCHANGE\tBROKE"
	if anyInHand {
		head += "\tIN HAND"
	}
	fmt.Fprintln(t, head)
	for _, r := range handsLast(list, now) {
		who, what := "?", Safe(r.Note)
		if r.Culprit.Project != "" {
			who = Safe(r.Culprit.Project + " " + r.Culprit.Revision.Short())
			what = Clip(Safe(changeOf(r.Culprit.Revision)), 44)
		}
		hand := ""
		if anyInHand {
			hand = "\t" + inHand(r, now)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s%s\n", r.ID, r.State, blameOf(r), who, Clip(what, 60), victims(r.Victims), hand)
	}
	t.Flush()
}

// blameOf says in a word which side did it.
func blameOf(r weir.Regression) string {
	if word := blame.Word(r.Blame); word != "" {
		return Safe(word)
	}
	return "-"
}

// changeOf says what a revision is about: what its author wrote, or, for a
// release without a message, when it came out.
func changeOf(rev weir.Revision) string {
	switch {
	case rev.Message != "":
		return rev.Subject()
	case !rev.Time.IsZero():
		return "released " + rev.Time.Format("2006-01-02")
	}
	return "-"
}

// victims sums up who suffers: tests per project.
func victims(list []weir.Victim) string {
	var parts []string
	for _, p := range weir.VictimsByProject(list) {
		parts = append(parts, fmt.Sprintf("%s of %s", Plural(p.Tests, "test", "tests"), Safe(p.Project)))
	}
	return strings.Join(parts, ", ")
}
