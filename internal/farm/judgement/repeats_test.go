package judgement

import (
	"context"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// listed is a store that has nothing but a list of builds.
type listed struct {
	Store
	builds []weir.Build
}

func (l listed) ListBuilds(context.Context, store.BuildFilter) ([]weir.Build, error) {
	return l.builds, nil
}

// TestRepeats: results need not be read again if the build before reported the
// same, and nothing about it was in doubt.
func TestRepeats(t *testing.T) {
	t.Parallel()
	of := func(id weir.BuildID, change func(*weir.Build)) weir.Build {
		b := weir.Build{ID: id, Cause: weir.CauseChange, State: weir.Finished, Outcome: weir.Passed,
			Results: "same", Judgement: weir.Settled}
		if change != nil {
			change(&b)
		}
		return b
	}
	retry := func(id, doubted weir.BuildID) weir.Build {
		return of(id, func(b *weir.Build) { b.Cause, b.RetryOf, b.Judgement = weir.CauseRetry, doubted, weir.Answering })
	}
	now := of(10, func(b *weir.Build) { b.Judgement = weir.Unjudged })
	for name, c := range map[string]struct {
		builds []weir.Build
		want   bool
	}{
		"the same":                  {[]weir.Build{now, of(9, nil)}, true},
		"the first one":             {[]weir.Build{now}, false},
		"other results":             {[]weir.Build{now, of(9, func(b *weir.Build) { b.Results = "other" }), of(8, nil)}, false},
		"not judged yet":            {[]weir.Build{now, of(9, func(b *weir.Build) { b.Judgement = weir.Unjudged })}, false},
		"behind an unusable one":    {[]weir.Build{now, of(9, func(b *weir.Build) { b.Judgement = weir.Unusable }), of(8, nil)}, true},
		"did not reach its tests":   {[]weir.Build{now, of(9, func(b *weir.Build) { b.Outcome = weir.Broken })}, false},
		"flaky there":               {[]weir.Build{now, of(9, func(b *weir.Build) { b.Changes.Flaky = 1 })}, false},
		"doubted, and run later":    {[]weir.Build{retry(11, 9), now, of(9, nil)}, false},
		"another one was doubted":   {[]weir.Build{retry(11, 8), now, of(9, nil), of(8, nil)}, true},
		"behind a newer one":        {[]weir.Build{of(12, func(b *weir.Build) { b.Results = "other" }), now, of(9, nil)}, true},
		"somebody asked in between": {[]weir.Build{now, retry(9, 5), of(8, nil)}, true},
	} {
		q := New(Options{Store: listed{builds: c.builds}})
		if got, err := q.repeats(t.Context(), now); (got != nil) != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
