package judgement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// judgeBatch is how many finished builds one pass looks at.
const judgeBatch = 50

// maxRetries is how many retries of a doubted build may come to nothing
// (lost workers, full disks) before it is settled without another one.
const maxRetries = 3

const (
	// settleAtOnce is how many judgements are recorded at the same time, so
	// that the store may put them into one transaction.
	settleAtOnce = 8
	// lightTests is how many tests such a judgement may move: many take memory.
	lightTests = 1000
)

// Judge holds finished builds against their builders' baselines, and settles
// what has been run again. It returns whether there may be more to do at once.
func (q *Bench) Judge(ctx context.Context) (bool, error) {
	pending, err := q.store.Pending(ctx)
	if err != nil {
		return false, err
	}
	var p pass
	if pending.Unjudged {
		builds, err := q.store.NextToJudge(ctx, judgeBatch)
		if err != nil {
			return false, err
		}
		q.judgeAll(ctx, builds, &p)
	}
	// A build that was just doubted has its first retry still before it.
	if pending.Doubted {
		doubts, err := q.store.Doubted(ctx)
		if err != nil {
			return p.moved, errors.Join(append(p.trouble, err)...)
		}
		for _, d := range doubts {
			done, err := q.resolveDoubt(ctx, d)
			if err != nil && weir.CodeOf(err) != weir.Conflict {
				p.trouble = append(p.trouble, fmt.Errorf("settling build %d: %w", d.Build.ID, err))
			}
			p.moved = p.moved || done
		}
	}
	return p.moved, errors.Join(p.trouble...)
}

// pass is what came of looking at many builds.
type pass struct {
	mu      sync.Mutex
	moved   bool
	trouble []error // with single builds, which do not hold up the others
}

func (p *pass) note(b weir.Build, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || weir.CodeOf(err) == weir.Conflict { // another server was faster
		p.moved = true
	} else {
		p.trouble = append(p.trouble, fmt.Errorf("judging build %d: %w", b.ID, err))
	}
}

// judgeAll takes the first look at builds, those of a builder's line in order.
// Most builds move nothing. Their judgements are recorded together, and in any
// order: whoever dies in between leaves builds that will be judged as before.
func (q *Bench) judgeAll(ctx context.Context, builds []weir.Build, p *pass) {
	quiet := &errgroup.Group{}
	quiet.SetLimit(settleAtOnce)
	defer func() { _ = quiet.Wait() }() // each notes its own error
	lines := map[weir.BuilderID]*baseline{}
	held := map[weir.BuilderID]bool{} // lines whose next build has to wait
	for _, b := range builds {
		line := b.Builder.ID
		advances := b.Cause.Advances()
		if advances && held[line] {
			continue
		}
		s, base, err := q.judgement(ctx, b, lines[line])
		if err == nil && lines[line] != nil && advances && !isQuiet(s) {
			// What moves something is held against what is recorded.
			_ = quiet.Wait()
			s, base, err = q.judgement(ctx, b, nil)
		}
		if err == nil && (!advances || isQuiet(s)) && s.Retry == nil {
			if advances && base != nil && len(base.states) <= lightTests {
				lines[line] = base
			}
			quiet.Go(func() error {
				p.note(b, q.store.Settle(ctx, s))
				return nil
			})
			continue
		}
		delete(lines, line)
		if err == nil {
			err = q.store.Settle(ctx, s)
		}
		p.note(b, err)
		held[line] = held[line] || err != nil || s.Become == weir.Doubted
	}
}

// isQuiet reports whether a judgement settles a build and moves nothing.
func isQuiet(s store.Settlement) bool {
	return s.Become == weir.Settled && len(s.Changes)+len(s.States)+len(s.Forget) == 0
}

// judgement takes the first look at a finished build. It is held against the
// baseline given, or if that is nil the one that is recorded, and returns the
// one for the next build of the line if this one moves nothing.
func (q *Bench) judgement(ctx context.Context, b weir.Build, base *baseline) (store.Settlement, *baseline, error) {
	s := store.Settlement{Build: b.ID, Expect: weir.Unjudged, Now: q.now()}
	switch {
	case !b.Outcome.SaysSomething(), b.Reason.Code == weir.ReasonUpstreamBuild:
		s.Become = weir.Unusable
		return s, nil, nil
	case b.Cause.Guest():
		s, err := q.guest(ctx, b, s)
		return s, nil, err
	case !b.Cause.Advances():
		s.Become = weir.Answering
		return s, nil, nil
	}
	if base == nil && b.Counts.Total() > lightTests {
		same, err := q.repeats(ctx, b)
		if err != nil {
			return s, nil, err
		}
		if same != nil {
			s.Become, s.Ledger = weir.Settled, same.Ledger
			return s, nil, nil
		}
	}
	j, err := q.compare(ctx, b, base)
	if trail.Unreadable(err) {
		q.log.Error("the results of a build are lost", "build", b.ID, "err", err)
		s.Become = weir.Unusable
		return s, nil, nil
	}
	if err != nil {
		return s, nil, err
	}
	next := &baseline{j.base.States, &b}
	if weir.CountVerdicts(j.comparison.Changes).Worse() == 0 {
		j.set = weir.ResultSet{} // may be large, and is needed no more
		return j.settle(s), next, nil
	}
	retry, err := q.retryRun(b, j.comparison.Changes)
	if err != nil { // the builder left the configuration: nothing can be run again
		return j.settle(s), next, nil
	}
	q.elsewhere(ctx, b, retry.Builds)
	s.Become, s.Retry, s.Ledger = weir.Doubted, &retry, j.ledger
	return s, nil, nil
}

// guest holds a build of what is on no line against the line that its builder
// has: whoever tries or proposes a change wants to know what it would break.
// It moves nothing, accuses nobody and is not run again.
func (q *Bench) guest(ctx context.Context, b weir.Build, s store.Settlement) (store.Settlement, error) {
	s.Become = weir.Answering
	j, err := q.compare(ctx, b, nil)
	if trail.Unreadable(err) {
		q.log.Error("the results of a build are lost", "build", b.ID, "err", err)
		s.Become = weir.Unusable
		return s, nil
	}
	if err != nil || j.base.Empty { // without a line everything would be new
		return s, err
	}
	s.Changes, s.Ledger = j.comparison.Changes, j.ledger
	return s, nil
}

// repeats finds the build that the baseline was last moved by, if a build's
// results are, test by test, those of that one, which is what most builds of a
// large suite report. Then it moves nothing, neither has to be read, and as
// many tests did not run. What was doubted there and run again may have to be
// doubted again.
func (q *Bench) repeats(ctx context.Context, b weir.Build) (*weir.Build, error) {
	if b.Results == "" {
		return nil, nil
	}
	newest, err := q.store.ListBuilds(ctx, store.BuildFilter{Builder: b.Builder.ID, Limit: repeatsAmong})
	if err != nil {
		return nil, err
	}
	again := map[weir.BuildID]bool{}
	for _, e := range newest { // all that are newer than the one before are among them
		again[e.RetryOf] = true
		if e.ID < b.ID && e.Cause.Advances() && e.Judgement != weir.Unusable {
			if e.Judgement == weir.Settled && e.Results == b.Results && verdict.Reached(e) == verdict.Reached(b) &&
				e.Changes.Flaky == 0 && !again[e.ID] {
				return &e, nil
			}
			return nil, nil
		}
	}
	return nil, nil
}

// repeatsAmong is how many of a builder's newest builds are looked at to find
// the one before; with more than that waiting, all results are read.
const repeatsAmong = 50

// baseline is what is recorded of a builder.
type baseline struct {
	states []weir.TestState
	last   *weir.Build // the newest settled one; nil if there is none
}

// judged is a build with everything that its judgement rests on.
type judged struct {
	build      weir.Build
	base       verdict.Baseline
	set        weir.ResultSet
	comparison verdict.Comparison
	ledger     weir.Ledger
}

func (q *Bench) compare(ctx context.Context, b weir.Build, base *baseline) (j judged, err error) {
	j.build = b
	if base == nil {
		base = &baseline{}
		if base.states, base.last, err = q.store.Baseline(ctx, b.Builder.ID); err != nil {
			return j, err
		}
	}
	j.base = verdict.Baseline{States: base.states, Empty: base.last == nil}
	if j.set, err = q.trail.ResultsOf(ctx, b); err != nil {
		return j, err
	}
	j.comparison = verdict.Compare(j.base, b, j.set)
	if base.last != nil && onlyOwn(b, *base.last) {
		j.comparison.Changes = verdict.Excuse(j.comparison.Changes, len(base.states))
	}
	j.ledger = figures(verdict.NewLedger(j.base, b, j.set), j.comparison.Changes)
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

// settle completes a settlement with what changed.
func (j judged) settle(s store.Settlement) store.Settlement {
	s.Become, s.Changes = weir.Settled, j.comparison.Changes
	s.States = verdict.Apply(j.base, j.comparison, j.build.ID)
	s.Forget = verdict.Forget(j.comparison.Changes)
	for _, r := range j.comparison.Renames {
		s.Renames = append(s.Renames, store.Rename(r))
	}
	s.Failing, s.Ledger = failing(j.comparison), j.ledger
	return s
}

// retryRun repeats a build at the same revisions.
func (q *Bench) retryRun(b weir.Build, changes []weir.TestChange) (store.NewRun, error) {
	worse := slices.DeleteFunc(slices.Clone(changes), func(c weir.TestChange) bool { return !c.Verdict.Worse() })
	reason := fmt.Sprintf("build %d again", b.ID)
	if len(worse) > 0 {
		reason += fmt.Sprintf(": %s is %s", worse[0].Test, spoken(worse[0].Verdict))
	}
	if len(worse) > 1 {
		reason += fmt.Sprintf(", and %d more", len(worse)-1)
	}
	return q.config().Add(store.NewRun{Cause: weir.CauseRetry, Project: b.Builder.Project, Reason: reason, Now: q.now()},
		b.Builder.ID, []weir.Pins{b.Pins}, schedule.PriorityRetry, func(n *store.NewBuild) {
			n.Share, n.RetryOf = store.ShareNone, b.ID
		})
}

// spoken is a verdict in a sentence.
func spoken(v weir.Verdict) string {
	switch v {
	case weir.NewlyFailing:
		return "newly failing"
	case weir.FailingDifferently:
		return "failing differently"
	case weir.NewlySkipped:
		return "newly skipped"
	}
	return string(v)
}

// resolveDoubt settles a doubted build once its repeats have spoken, as many as
// it takes.
func (q *Bench) resolveDoubt(ctx context.Context, d store.Doubt) (done bool, err error) {
	s := store.Settlement{Build: d.Build.ID, Expect: weir.Doubted, Now: q.now()}
	repeats, waiting, err := q.repeated(ctx, d)
	if err != nil || waiting {
		return false, err
	}
	j, err := q.compare(ctx, d.Build, nil)
	if trail.Unreadable(err) {
		q.log.Error("the results of a build are lost", "build", d.Build.ID, "err", err)
		s.Become = weir.Unusable
		return true, q.store.Settle(ctx, s)
	}
	if err != nil {
		return false, err
	}
	first := j.comparison
	for _, r := range repeats {
		j.comparison = verdict.Confirm(j.comparison, j.set, r.set, r.build)
	}
	if len(repeats) == 0 {
		j.comparison = verdict.Confirm(j.comparison, j.set, weir.ResultSet{}, weir.Build{})
	}
	need, err := q.enough(ctx, j)
	if err != nil {
		return false, err
	}
	lost := len(d.Retries) - len(repeats)
	if len(repeats) < need && lost < maxRetries && q.retryAgain(ctx, d.Build, first.Changes) {
		return false, nil
	}
	s = j.settle(s)
	s.Flakes = j.flaked(first.Changes, repeats)
	// Without a retry that says something the search has to tell a flake from
	// a break; it begins by asking the bad end again.
	accused, err := q.accuse(ctx, d.Build, j.comparison.Changes)
	if err != nil {
		return false, err
	}
	for _, r := range repeats {
		confirm(accused, r.set, r.build)
	}
	if s.Open, s.Reopen, err = q.again(ctx, d.Build, accused); err != nil {
		return false, err
	}
	return true, q.store.Settle(ctx, s)
}

// retryAgain makes another retry of a build after one that came to nothing.
// It tells whether one is on its way.
func (q *Bench) retryAgain(ctx context.Context, b weir.Build, changes []weir.TestChange) bool {
	run, err := q.retryRun(b, changes)
	if err == nil {
		for i := range run.Builds {
			if run.Builds[i].RetryOf != 0 {
				run.Builds[i].Share = store.SharePending // another server may make it at this moment
			}
		}
		_, _, err = q.store.CreateRun(ctx, run)
	}
	if err != nil {
		q.log.Warn("a build cannot be run again", "build", b.ID, "err", err)
	}
	return err == nil
}
