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

// moment is the form in which a time is printed.
const moment = "2006-01-02 15:04"

// inHand says who has an open regression in hand, and until when; empty if nobody has.
func inHand(r weir.Regression, now time.Time) string {
	if !r.State.Open() || !r.Acknowledged.In(now) {
		return ""
	}
	return Safe(r.Acknowledged.By) + " until " + r.Acknowledged.Until.UTC().Format(time.DateOnly)
}

// handsLast puts those behind that somebody has in hand; the others keep their order.
func handsLast(list []weir.Regression, now time.Time) []weir.Regression {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b weir.Regression) int {
		return strings.Compare(order(a, now), order(b, now))
	})
	return list
}

func order(r weir.Regression, now time.Time) string {
	if inHand(r, now) == "" {
		return "a"
	}
	return "b"
}

// writeStanding prints who has it in hand, and what a search is for.
func writeStanding(w io.Writer, r weir.Regression, now time.Time) {
	if r.Aim != weir.AimBreak {
		fmt.Fprintf(w, "\na search for %s", Safe(blame.LooksFor(r)))
		if r.Asked.By != "" {
			fmt.Fprintf(w, ", asked by %s%s", Safe(r.Asked.By), because(r.Asked.Why))
		}
		fmt.Fprintln(w)
	}
	if r.Assigned.To != "" {
		fmt.Fprintf(w, "\nassigned to %s by %s%s\n", Safe(r.Assigned.To), by(r.Assigned.By), because(r.Assigned.Why))
	}
	if hand := inHand(r, now); hand != "" {
		fmt.Fprintf(w, "\nin hand: %s%s\n", hand, because(r.Acknowledged.Why))
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + Safe(why)
}

// ends says between what a regression lies.
func ends(r weir.Regression) string {
	if r.Good.Build != 0 && r.Bad.Build != 0 {
		return fmt.Sprintf("good in build %d, bad in build %d", r.Good.Build, r.Bad.Build)
	}
	var parts []string
	for _, l := range r.Path {
		parts = append(parts, fmt.Sprintf("%s %s and %s", Safe(l.Project), Safe(weir.ShortRevision(r.Good.Pins[l.Project])), Safe(weir.ShortRevision(r.Bad.Pins[l.Project]))))
	}
	return "between " + strings.Join(parts, ", ")
}

// writeLife prints what became of a regression, and the searches made for it.
func writeLife(w io.Writer, life []weir.Transition, searches []weir.Regression) {
	if len(life) > 0 {
		fmt.Fprintln(w, "\nlife:")
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, s := range life {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", s.At.UTC().Format(moment), stepWord(s), by(s.By), stepText(s))
	}
	t.Flush()
	if len(searches) > 0 {
		fmt.Fprintln(w, "\nsearches:")
		Searches(w, searches)
	}
}

func by(who string) string {
	if who == "" {
		return "the farm"
	}
	return Safe(who)
}

func stepWord(s weir.Transition) string {
	switch {
	case s.Kind == weir.WasJudged:
		return "more is known"
	case s.Other == 0:
		return string(s.Kind)
	case s.Kind == weir.WasMerged:
		return fmt.Sprintf("merged into %d", s.Other)
	case s.Kind == weir.WasJoined:
		return fmt.Sprintf("took the tests of %d", s.Other)
	case s.Kind == weir.WasSplit:
		return fmt.Sprintf("split, into %d too", s.Other)
	case s.Kind == weir.WasOpened:
		return fmt.Sprintf("opened for %d", s.Other)
	}
	return fmt.Sprintf("%s, %d", s.Kind, s.Other)
}

// stepText says which builds show a step, and what was said.
func stepText(s weir.Transition) string {
	text := ""
	if len(s.Builds) > 0 {
		text = "build"
		if len(s.Builds) > 1 {
			text = "builds"
		}
		for _, b := range s.Builds {
			text += fmt.Sprintf(" %d", b)
		}
	}
	if s.Note != "" {
		if text != "" {
			text += "; "
		}
		text += Safe(s.Note)
	}
	return text
}

// Searches prints a table of searches, one line each.
func Searches(w io.Writer, list []weir.Regression) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "SEARCH\tSTATE\tFOR\tFOUND\tASKED BY")
	for _, r := range list {
		found := Clip(Safe(r.Note), 60)
		if r.Culprit.Project != "" {
			found = Safe(r.Culprit.Project+" "+r.Culprit.Revision.Short()) + "  " + Clip(Safe(changeOf(r.Culprit.Revision)), 44)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", r.ID, r.State, Safe(blame.LooksFor(r)), found, by(r.Asked.By)+Clip(because(r.Asked.Why), 60))
	}
	t.Flush()
}

// Found prints in short how a search has ended, or how it stands.
func Found(w io.Writer, r weir.Regression) {
	fmt.Fprintln(w, Safe(blame.Sentence(r)))
	if r.Culprit.Project != "" {
		rev := r.Culprit.Revision
		fmt.Fprintf(w, "  %s %s\n", Safe(r.Culprit.Project), Safe(rev.ID))
		if rev.Author != "" {
			fmt.Fprintf(w, "  by %s: %s\n", Safe(rev.Author), Safe(changeOf(rev)))
		}
		fmt.Fprintf(w, "  %.2f %% sure\n", min(100*r.Culprit.Confidence, 99.99))
	}
	fmt.Fprintf(w, "  %s\n", Safe(r.Note))
}

// Asked prints what a search is about to do.
func Asked(w io.Writer, a client.Asked) {
	r := a.Search
	verb := "search %d: %s\n"
	if !a.New {
		verb = "search %d does that already: %s\n"
	}
	fmt.Fprintf(w, verb, r.ID, Safe(blame.LooksFor(r)))
	for _, v := range r.Victims[:min(len(r.Victims), shownMoves)] {
		fmt.Fprintf(w, "  %s  %s\n", Safe(v.Builder.Name()), Safe(v.Test.String()))
	}
	fmt.Fprintf(w, "  %s, %s\n", ends(r), Plural(weir.Steps(r.Path), "revision", "revisions"))
}
