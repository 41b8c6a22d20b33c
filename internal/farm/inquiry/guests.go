package inquiry

import (
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/store"
)

// A regression may have tests of other builders: those of regressions that were
// merged into it. If it is searched again, or still, the builds of its own builder
// say nothing about them, even if they have a test of the same name. They go where
// most of its own tests go, as long as somebody is named; if nobody is, they stay
// open by themselves, because nothing speaks for their innocence.

// ownOf lists the victims of a regression that its builds can speak of.
func ownOf(r weir.Regression) []weir.Victim {
	return slices.DeleteFunc(slices.Clone(r.Victims), isGuest(r))
}

func isGuest(r weir.Regression) func(v weir.Victim) bool {
	return func(v weir.Victim) bool { return v.Builder.ID != r.Builder.ID }
}

// ofAll is what was said of a regression's own victims, put in the order of all.
func (e *evidence) ofAll(said []weir.Observed) []weir.Observed {
	if len(e.all) <= len(said) {
		return said
	}
	out := make([]weir.Observed, 0, len(e.all))
	for _, v := range e.all {
		if v.Builder.ID != e.builder {
			out = append(out, weir.ObservedNone)
			continue
		}
		out, said = append(out, said[0]), said[1:]
	}
	return out
}

// host finds a place for the guests of a regression that has come to an end: with
// the group that keeps it if f names somebody, or else in one of their own.
func (e *evidence) host(r weir.Regression, kept *[]weir.Victim, f bisect.Finding, u *store.RegressionUpdate) {
	guests := slices.Clone(e.all)
	guests = slices.DeleteFunc(guests, func(v weir.Victim) bool { return v.Builder.ID == r.Builder.ID })
	bad := slices.ContainsFunc(guests, func(v weir.Victim) bool { return v.FixedIn == 0 })
	if !bad || f.Kind == bisect.Found || f.Kind == bisect.Range {
		*kept = slices.Concat(*kept, guests)
		return
	}
	part := r
	part.ID, part.Victims, part.State, part.Follows = 0, guests, weir.Narrowed, 0
	part.Suspects = weir.Span{First: 1, Last: e.route.Len()}
	part.Note = "were merged from other builders, where nobody has looked since the culprit was dropped"
	u.Split = append(u.Split, part)
}
