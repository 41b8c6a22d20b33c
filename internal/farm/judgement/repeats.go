package judgement

import (
	"cmp"
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/store"
)

// A test that fails now and then must not accuse anybody by itself, so what is
// newly bad is run again in processes of its own until that it is a flake is
// unlikely: k times, with f^k at most doubtLeft, where f is what its rate stays
// below with 95 % (flake.Rate). A test that was good in 40 builds is run again
// once, one that nobody knows or that has flaked before up to mostRepeats times.
// What fails often enough to pass through that, a search tells from a break.

const (
	// doubtLeft is how likely a flake may look like a break to a search.
	doubtLeft = 0.05
	// mostRepeats is how often a build is run again because of its tests.
	mostRepeats = 4
	// mostAsked is how many tests have their pasts read.
	mostAsked = 5
)

// repeat is a build that ran a doubted one again, and what its tests reported.
type repeat struct {
	build weir.Build
	set   weir.ResultSet
}

// repeated lists the repeats of a build that say something, oldest first. It is
// waiting while one has not ended.
func (q *Bench) repeated(ctx context.Context, d store.Doubt) (all []repeat, waiting bool, err error) {
	for _, r := range d.Retries {
		if !r.State.Final() {
			return nil, true, nil
		}
	}
	for _, r := range d.Retries {
		if !r.Outcome.SaysSomething() || r.Reason.Code == weir.ReasonUpstreamBuild {
			continue
		}
		set, err := q.trail.ResultsOf(ctx, r)
		if trail.Unreadable(err) { // confirms nothing
			q.log.Error("the results of a build are lost", "build", r.ID, "err", err)
			continue
		}
		if err != nil {
			return nil, false, err
		}
		all = append(all, repeat{r, set})
	}
	return all, false, nil
}

// enough is how many repeats it takes to believe what is still newly bad.
func (q *Bench) enough(ctx context.Context, j judged) (int, error) {
	states := map[weir.TestID]weir.TestState{}
	for _, s := range j.base.States {
		states[s.Test] = s
	}
	var bad []weir.TestState
	for _, c := range j.comparison.Changes {
		if c.Verdict.Worse() {
			s := states[c.Test]
			s.Test = c.Test
			bad = append(bad, s)
		}
	}
	slices.SortStableFunc(bad, func(a, b weir.TestState) int { return cmp.Compare(b.Flakes, a.Flakes) })
	if len(bad) == 0 || len(bad) > mostAsked && bad[0].Flakes == 0 {
		return min(len(bad), 1), nil // many that never flaked do not fail together by chance of their own
	}
	need := 1
	for _, s := range bad[:min(len(bad), mostAsked)] {
		h, err := q.store.History(ctx, j.build.Builder.ID, s.Test, 1)
		if err != nil {
			return 0, err
		}
		need = max(need, repeatsFor(flake.Rate(s.Flakes, builds(h))))
	}
	return need, nil
}

// builds is how many settled builds of its builder ran a test, at most.
func builds(h store.TestHistory) int {
	from := h.First.Number
	if h.State == nil {
		return 0
	}
	if len(h.Events) > 0 && h.Events[len(h.Events)-1].Change.Verdict == weir.New {
		from = h.Events[len(h.Events)-1].Number
	}
	return max(h.Last.Number-from+1, 0)
}

// repeatsFor is how many repeats it takes for a test that fails for no reason at a
// rate, 0 to 1.
func repeatsFor(rate float64) int { return min(flake.Repeats(rate, doubtLeft), mostRepeats) }
