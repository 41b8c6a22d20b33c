package inquiry

import (
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
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
		all = e.seen(victims, 0, weir.ObservedBad)
	case bisect.Nobody:
		for p := range e.route.len() + 1 {
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

// seen lists the builds at a position in which one of the victims did what is asked.
func (e *evidence) seen(victims []int, position int, said weir.Observed) []weir.BuildID {
	var out []weir.BuildID
	for b, t := range e.trials {
		if t.Position == position && slices.ContainsFunc(victims, func(i int) bool { return e.said[b][i] == said }) {
			out = append(out, e.builds[b].ID)
		}
	}
	return out
}
