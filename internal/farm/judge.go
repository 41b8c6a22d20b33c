package farm

import (
	"context"
	"fmt"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// judgeBatch is how many finished builds one pass looks at.
const judgeBatch = 50

// maxRetries is how many retries of a doubted build may come to nothing
// (lost workers, full disks) before it is settled without one.
const maxRetries = 3

// judge holds finished builds against their builders' baselines. It returns
// whether there may be more to do at once.
func (f *Farm) judge(ctx context.Context) (bool, error) {
	builds, err := f.store.NextToJudge(ctx, judgeBatch)
	if err != nil {
		return false, err
	}
	for _, b := range builds {
		if err := f.judgeBuild(ctx, b); err != nil && weir.CodeOf(err) != weir.Conflict {
			return false, fmt.Errorf("judging build %d: %w", b.ID, err)
		}
	}
	doubts, err := f.store.Doubted(ctx)
	if err != nil {
		return false, err
	}
	settled := false
	for _, d := range doubts {
		done, err := f.resolveDoubt(ctx, d)
		if err != nil && weir.CodeOf(err) != weir.Conflict {
			return false, fmt.Errorf("settling build %d: %w", d.Build.ID, err)
		}
		settled = settled || done
	}
	if len(builds) > 0 || settled {
		f.stir()
	}
	return len(builds) > 0 || settled, nil
}

// judgeBuild takes the first look at a finished build.
func (f *Farm) judgeBuild(ctx context.Context, b weir.Build) error {
	s := store.Settlement{Build: b.ID, Expect: weir.Unjudged, Now: f.now()}
	switch {
	case !b.Outcome.SaysSomething(), b.Reason.Code == weir.ReasonUpstreamBuild:
		s.Become = weir.Unusable
	case !b.Cause.Advances():
		s.Become = weir.Answering
	default:
		j, err := f.compare(ctx, b)
		if err != nil {
			return err
		}
		if weir.CountVerdicts(j.comparison.Changes).Worse() == 0 {
			return f.store.Settle(ctx, j.settle(s, j.comparison.Changes))
		}
		retry, err := f.retryRun(b, j.comparison.Changes)
		if err != nil { // the builder left the configuration: nothing can be run again
			return f.store.Settle(ctx, j.settle(s, j.comparison.Changes))
		}
		s.Become, s.Retry = weir.Doubted, &retry
	}
	return f.store.Settle(ctx, s)
}

// judged is a build with everything that its judgement rests on.
type judged struct {
	build      weir.Build
	base       verdict.Baseline
	set        weir.ResultSet
	comparison verdict.Comparison
}

func (f *Farm) compare(ctx context.Context, b weir.Build) (judged, error) {
	j := judged{build: b}
	states, last, err := f.store.Baseline(ctx, b.Builder.ID)
	if err != nil {
		return j, err
	}
	j.base = verdict.Baseline{States: states, Empty: last == nil}
	if b.Results != "" {
		if j.set, err = f.resultSet(ctx, b.Results); err != nil {
			return j, err
		}
	}
	j.comparison = verdict.Compare(j.base, b, j.set)
	if last != nil && onlyOwn(b, *last) {
		j.comparison.Changes = verdict.Excuse(j.comparison.Changes, len(states))
	}
	return j, nil
}

// onlyOwn reports whether nothing but the build's own project has moved since
// an earlier build.
func onlyOwn(b, earlier weir.Build) bool {
	for name, rev := range b.Pins {
		if name != b.Builder.Project && earlier.Pins[name] != rev {
			return false
		}
	}
	return true
}

// settle completes a settlement with these changes.
func (j judged) settle(s store.Settlement, changes []weir.TestChange) store.Settlement {
	s.Become, s.Changes = weir.Settled, changes
	s.States = verdict.Apply(j.base, changes, j.comparison.Quiet, j.build.ID)
	s.Forget = verdict.Forget(changes)
	return s
}

// retryRun repeats a build at the same revisions.
func (f *Farm) retryRun(b weir.Build, changes []weir.TestChange) (store.NewRun, error) {
	worse := slices.DeleteFunc(slices.Clone(changes), func(c weir.TestChange) bool { return !c.Verdict.Worse() })
	reason := fmt.Sprintf("build %d again: %s is %s", b.ID, worse[0].Test, spoken(worse[0].Verdict))
	if len(worse) > 1 {
		reason += fmt.Sprintf(", and %d more", len(worse)-1)
	}
	a := assembly{config: f.config.Load(), run: store.NewRun{Cause: weir.CauseRetry,
		Project: b.Builder.Project, Reason: reason, Now: f.now()}}
	_, err := a.add(b.Builder.ID, b.Pins, schedule.PriorityRetry, func(n *store.NewBuild) {
		n.Share, n.RetryOf = store.ShareNone, b.ID
	})
	return a.run, err
}

// spoken is a verdict in a sentence.
func spoken(v weir.Verdict) string {
	switch v {
	case weir.NewlyFailing:
		return "newly failing"
	case weir.NewlySkipped:
		return "newly skipped"
	}
	return string(v)
}

// resolveDoubt settles a doubted build once its retry has spoken.
func (f *Farm) resolveDoubt(ctx context.Context, d store.Doubt) (done bool, err error) {
	var again *weir.Build
	for i, r := range d.Retries {
		if !r.State.Final() {
			return false, nil
		}
		if r.Outcome.SaysSomething() {
			again = &d.Retries[i]
		}
	}
	j, err := f.compare(ctx, d.Build)
	if err != nil {
		return false, err
	}
	changes := j.comparison.Changes
	if again == nil && len(d.Retries) < maxRetries {
		retry, err := f.retryRun(d.Build, changes)
		if err == nil {
			_, _, err = f.store.CreateRun(ctx, retry)
		}
		return false, err
	}
	if again != nil {
		var second weir.ResultSet
		if again.Results != "" {
			if second, err = f.resultSet(ctx, again.Results); err != nil {
				return false, err
			}
		}
		changes = verdict.Confirm(changes, j.set, second, *again)
	}
	s := j.settle(store.Settlement{Build: d.Build.ID, Expect: weir.Doubted, Now: f.now()}, changes)
	// Without a retry that says something the search has to tell a flake from
	// a break; it begins by asking the bad end again.
	if s.Open, err = f.accuse(ctx, d.Build, changes); err != nil {
		return false, err
	}
	return true, f.store.Settle(ctx, s)
}

// accuse makes the regressions of a build whose accusations are confirmed:
// one for the tests, and one for the steps if those were last good elsewhere.
func (f *Farm) accuse(ctx context.Context, b weir.Build, changes []weir.TestChange) ([]weir.Regression, error) {
	byGood := map[weir.BuildID]*weir.Regression{}
	var order []weir.BuildID
	history, err := f.store.ListBuilds(ctx, store.BuildFilter{Builder: b.Builder.ID, Before: b.ID, Limit: 1000})
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if !c.Verdict.Worse() {
			continue
		}
		good, ok := lastGood(history, c.Test.Suite == weir.StepSuite)
		if !ok {
			continue
		}
		r := byGood[good.ID]
		if r == nil {
			path, err := f.path(ctx, b, good)
			if err != nil {
				return nil, err
			}
			if len(path) == 0 {
				continue // nothing moved: nobody to ask
			}
			r = &weir.Regression{State: weir.Searching, Builder: b.Builder, Path: path,
				Good: weir.Evidence{Build: good.ID, Pins: good.Pins}, Bad: weir.Evidence{Build: b.ID, Pins: b.Pins},
				Opened: f.now(), Updated: f.now(), Suspects: weir.Span{First: 1, Last: steps(path)},
				Note: "looking for the revision"}
			byGood[good.ID], order = r, append(order, good.ID)
		}
		r.Victims = append(r.Victims, weir.Victim{Builder: b.Builder, Test: c.Test, Verdict: c.Verdict,
			Cause: c.Cause, Message: c.Message, Build: b.ID})
	}
	var out []weir.Regression
	for _, id := range order {
		out = append(out, *byGood[id])
	}
	return out, nil
}

// lastGood finds the newest settled build that reached the tests, or, for
// steps, any settled one.
func lastGood(newestFirst []weir.Build, step bool) (weir.Build, bool) {
	for _, b := range newestFirst {
		if b.Judgement == weir.Settled && b.Cause.Advances() && (step || verdict.Reached(b)) {
			return b, true
		}
	}
	return weir.Build{}, false
}
