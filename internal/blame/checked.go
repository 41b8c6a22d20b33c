package blame

import (
	"fmt"

	"github.com/weir-ci/weir"
)

// Line is one thing that was looked at, and the build that shows it; 0: no single one.
type Line struct {
	Text  string
	Build weir.BuildID
}

// Checked lists what was looked at before somebody was named, beside the path and
// the corners: the machines, the surroundings, each of several upstreams by
// itself, and the culprit taken out.
func Checked(r weir.Regression) []Line {
	var out []Line
	say := func(build weir.BuildID, format string, args ...any) {
		out = append(out, Line{fmt.Sprintf(format, args...), build})
	}
	if w := r.Checks.Workers; len(w) == 1 {
		say(0, "worker %s saw the tests good in front of it and bad with it", w[0])
	} else if len(w) > 1 {
		say(0, "%d workers saw the tests good in front of it and bad with it: %s", len(w), enumerate(w))
	}
	for _, c := range r.Checks.Screen {
		if c.Runs == 0 {
			say(0, "%s", c.Value)
			continue
		}
		say(0, "%s: %d of %d runs are bad, and %d of %d others (by chance: %.2g %%)", c.Value, c.Bad, c.Runs, c.OtherBad, c.OtherRuns, 100*c.Chance)
	}
	for _, t := range r.Checks.Tried {
		say(t.Build, "with the new %s, and everything else old, %s", enumerate(t.Moved), spokenOf(t.Said))
	}
	if len(r.Checks.Moved) > 1 {
		say(0, "it takes the new %s together", enumerate(r.Checks.Moved))
	}
	if v := r.Checks.Reverted; v.Said != "" {
		text := fmt.Sprintf("with %s %s reverted at the bad end, %s", r.Culprit.Project, r.Culprit.Revision.Short(), spokenOf(v.Said))
		if v.Note != "" {
			text += ": " + v.Note
		}
		say(v.Build, "%s", text)
	}
	return out
}

func spokenOf(o weir.Observed) string {
	switch o {
	case weir.ObservedGood:
		return "the tests are good"
	case weir.ObservedBad:
		return "the tests are bad"
	}
	return "nothing can be told of the tests"
}
