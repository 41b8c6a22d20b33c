package judgement

import (
	"maps"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// figures sums a ledger up; zero if every test ran that should have. Tests that
// their own project took out are not missed.
func figures(l verdict.Ledger, changes []weir.TestChange) weir.Ledger {
	removed := map[weir.TestID]bool{}
	for _, c := range changes {
		if c.Verdict == weir.Removed {
			removed[c.Test] = true
		}
	}
	sum := weir.Ledger{Expected: l.Expected, Reported: l.Reported, Executed: l.Executed}
	causes := map[weir.IncidentKind]int{}
	said := map[weir.IncidentKind]string{}
	for _, a := range l.Absent {
		switch {
		case a.Cause == weir.RenamedTest:
			continue
		case removed[a.Test]:
			sum.Expected--
			continue
		case a.Since == 0 && !a.Was.Good() && !a.Was.Bad(): // it never ran
			continue
		}
		sum.Hidden++
		if a.Was.Bad() {
			sum.Masked++
		}
		if causes[a.Cause]++; said[a.Cause] == "" {
			said[a.Cause] = a.Message
		}
	}
	if sum.Hidden == 0 {
		return weir.Ledger{}
	}
	for _, c := range slices.Sorted(maps.Keys(causes)) {
		if causes[c] > causes[sum.Cause] {
			sum.Cause = c
		}
	}
	sum.ByCause, sum.Message = causes[sum.Cause], said[sum.Cause]
	return sum
}

// failing lists what tests say that fail still, if something about it moves.
// Nothing is known of one that says something else each time.
func failing(c verdict.Comparison) []store.Failure {
	var out []store.Failure
	for _, list := range [][]weir.TestChange{c.Changes, c.Quiet} {
		for _, ch := range list {
			if ch.From.Bad() && ch.To.Bad() && ch.Signature != "" && ch.Signature != weir.AnySignature {
				out = append(out, store.Failure{Test: ch.Test, Signature: ch.Signature})
			}
		}
	}
	return out
}
