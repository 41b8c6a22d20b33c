package inquiry

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/schedule"
)

// What became of a regression is written down with the builds that show it, so
// that nobody has to take the farm's word.

// confirmed finds the first build but the accused one in which a victim was bad; 0 if there is none.
func (e *evidence) confirmed(r weir.Regression) weir.BuildID {
	if r.Confirmed != 0 || r.Aim != weir.AimBreak {
		return r.Confirmed
	}
	for i, b := range e.builds {
		if b.ID != r.Bad.Build && slices.Contains(e.said[i], weir.ObservedBad) {
			return b.ID
		}
	}
	return 0
}

// grounds lists the builds that show a finding for some victims of a regression:
// where they turn bad, or are good and bad at once, and then the corners.
func (e *evidence) grounds(r weir.Regression, victims []int, f bisect.Finding) []weir.BuildID {
	var all, out []weir.BuildID
	switch f.Kind {
	case bisect.Found, bisect.Range:
		all = slices.Concat(e.seen(victims, f.Last, weir.ObservedBad), e.seen(victims, f.First-1, weir.ObservedGood))
	case bisect.Environment:
		at := max(f.First-1, 0) // what was good once
		all = slices.Concat(e.seen(victims, at, weir.ObservedBad), e.seen(victims, at, weir.ObservedGood))
	case bisect.Nobody:
		for p := range e.route.Len() + 1 {
			good, bad := e.seen(victims, p, weir.ObservedGood), e.seen(victims, p, weir.ObservedBad)
			if len(good) > 0 && len(bad) > 0 {
				all = slices.Concat(all, bad, good)
			}
		}
	}
	for _, id := range slices.Concat(all, groundsOf(r.Corners)) {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// seen lists the builds at a position, or with its products, in which one of the
// victims did what is asked.
func (e *evidence) seen(victims []int, position int, said weir.Observed) []weir.BuildID {
	var out []weir.BuildID
	for b, t := range e.trials {
		if e.alike(t.Position, position) && slices.ContainsFunc(victims, func(i int) bool { return e.said[b][i] == said }) {
			out = append(out, e.builds[b].ID)
		}
	}
	return out
}

// describeFix writes what a search for a fix has found into it.
func describeFix(r *weir.Regression, e *evidence, f bisect.Finding, now time.Time) {
	r.Suspects = weir.Span{First: f.First, Last: f.Last}
	after := fmt.Sprintf("after %d builds", len(e.trials))
	switch f.Kind {
	case bisect.Found:
		project, rev := e.route.Step(f.First)
		r.State, r.Culprit = weir.Located, weir.Culprit{Project: project, Revision: rev, Confidence: f.Confidence}
		r.Note = fmt.Sprintf("good with %s %s and bad right before it, %s", project, rev.Short(), after)
	case bisect.Range:
		r.State = weir.Narrowed
		r.Note = fmt.Sprintf("one of %d revisions made it good, which cannot be told apart, %s", f.Last-f.First+1, after)
	case bisect.Environment:
		r.State, r.Closed, r.Suspects = weir.Dismissed, now, weir.Span{}
		r.Note = "the revisions that were good are bad now, " + after
	case bisect.Nobody:
		r.State, r.Closed, r.Suspects = weir.Dismissed, now, weir.Span{}
		r.Note = "no revision made it good: the same revisions are good and bad, " + after
	}
}

// describeSide writes what the search of a merged line has found into it.
func describeSide(r *weir.Regression, e *evidence, f bisect.Finding, now time.Time) {
	r.Suspects = weir.Span{First: f.First, Last: f.Last}
	after := fmt.Sprintf("after %d builds", len(e.trials))
	everBad := slices.ContainsFunc(e.said, func(said []weir.Observed) bool { return slices.Contains(said, weir.ObservedBad) })
	switch {
	case f.Kind == bisect.Found:
		project, rev := e.route.Step(f.First)
		r.State, r.Culprit = weir.Located, weir.Culprit{Project: project, Revision: rev, Confidence: f.Confidence}
		r.Note = fmt.Sprintf("bad at %s %s and good right before it, on the merged line, %s", project, rev.Short(), after)
		return
	case f.Kind == bisect.Range:
		r.State = weir.Narrowed
		r.Note = fmt.Sprintf("one of %d commits that it merged, which cannot be told apart, %s", f.Last-f.First+1, after)
		return
	case f.Kind == bisect.Environment:
		r.Note = "the line that it merged was bad already where it forked off, " + after
	case everBad:
		r.Note = "the line that it merged is good and bad at the same commits, " + after
	default:
		r.Note = "the line that it merged is good by itself: only the merge brings together what is bad, " + after
	}
	r.State, r.Closed, r.Suspects = weir.Dismissed, now, weir.Span{}
}

// priority is that of a search's builds. For what mended the tests nobody waits.
func priority(r weir.Regression) int {
	if r.Aim == weir.AimFix {
		return schedule.PriorityChange
	}
	return schedule.PriorityProbe
}
