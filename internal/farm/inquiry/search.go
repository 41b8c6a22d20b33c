package inquiry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/farm/past"
	"github.com/weir-ci/weir/internal/farm/route"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

const (
	// maxTrials ends a search that does not come to a result.
	maxTrials = 300
	// maxSilent is how many probes of one position may come to nothing (lost
	// workers, full disks, people who cancel them) before the position counts as one that cannot be tested.
	maxSilent = 3
	// mostOpen bounds how many regressions one look takes in.
	mostOpen = 1000
	// buildCost is what a position costs that needs new products of upstreams,
	// in builds of the downstream. Compilers build longer than most tests run,
	// but a search that never leaves what is built takes longest.
	buildCost = 0.5
	// maxWidth bounds how many probes of one search run at once.
	maxWidth = 8
)

// Search moves every open search one step on and merges regressions with the
// same culprit. It returns whether anything changed.
func (q *Inquiry) Search(ctx context.Context) (bool, error) {
	pending, err := q.store.Pending(ctx)
	if err != nil {
		return false, err
	}
	changed, err := q.reconsider(ctx)
	if err != nil {
		return changed, err
	}
	if err := q.hearLate(ctx); err != nil {
		return changed, err
	}
	// One alone cannot be merged, and what was looked at need not be looked at again.
	if pending.Located && (pending.LocatedCount != q.located || !pending.LocatedAt.Equal(q.locatedAt)) {
		located, err := q.store.Regressions(ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Located}, Limit: mostOpen})
		if err != nil {
			return false, err
		}
		merged, err := q.merge(ctx, located)
		changed = changed || merged
		if err != nil {
			return changed, err
		}
		if q.located, q.locatedAt = pending.LocatedCount, pending.LocatedAt; merged {
			q.located = 0 // others may have changed by that
		}
	}
	if !pending.Searching {
		return changed, nil
	}
	searching, err := q.store.Regressions(ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Searching}, Aims: weir.Aims(), Limit: mostOpen})
	if err != nil || len(searching) == 0 || q.config().Empty() {
		return changed, err
	}
	q.forget(searching)
	searching, moved, err := q.cluster(ctx, searching)
	changed = changed || moved
	if err != nil || len(searching) == 0 {
		return changed, err
	}
	if q.workers, err = q.store.Workers(ctx); err != nil {
		return changed, err
	}
	width := q.width(len(searching))
	builders := make([]weir.BuilderID, len(searching))
	for i, r := range searching {
		builders[i] = r.Builder.ID
	}
	marks, err := q.store.Marks(ctx, builders)
	if err != nil {
		return changed, err
	}
	for _, r := range searching {
		seen := look{r.Updated.UnixMicro(), marks[r.Builder.ID], width}
		if q.searched[r.ID] == seen {
			continue // nothing new since
		}
		builds, err := q.evidence(ctx, r)
		if err != nil {
			return changed, err
		}
		moved, err := q.searchOne(ctx, r, builds, width)
		if err == nil && !moved {
			q.searched[r.ID] = seen
		} else {
			delete(q.searched, r.ID)
		}
		if err != nil && weir.CodeOf(err) != weir.Conflict {
			q.log.Error("search is stuck", "regression", r.ID, "err", err)
		}
		changed = changed || moved
	}
	return changed, nil
}

// look is all that a step of a search depends on.
type look struct {
	updated int64
	mark    store.Mark // of its builder
	width   int
}

// forget drops what is remembered of searches that have ended.
func (q *Inquiry) forget(searching []weir.Regression) {
	open := make(map[weir.RegressionID]bool, len(searching))
	for _, r := range searching {
		open[r.ID] = true
	}
	maps.DeleteFunc(q.searched, func(id weir.RegressionID, _ look) bool { return !open[id] })
	maps.DeleteFunc(q.stranded, func(id weir.RegressionID, _ time.Time) bool { return !open[id] })
	maps.DeleteFunc(q.reached, func(id weir.RegressionID, _ route.Reach) bool { return !open[id] })
}

// width shares the workers that are there among the searches.
func (q *Inquiry) width(searches int) int {
	slots := 0
	for _, w := range q.workers {
		if !w.Away(q.now()) {
			slots += w.Slots
		}
	}
	return min(max(slots/searches, 1), maxWidth)
}

// evidence is what is known about a regression.
type evidence struct {
	route   route.Route
	trials  []bisect.Trial        // per build
	said    [][]weir.Observed     // per build, per victim
	pending []int                 // positions of probes that still run
	waiting []weir.Build          // parallel to pending
	own     map[weir.BuildID]bool // those of the search's own runs
	silent  []int                 // positions whose probes came to nothing too often
	lost    map[int]int           // per position, how many of its own came to nothing
	fresh   map[weir.BuildID]int  // builds that are not recorded as probes yet -> index of trials
	builds  []weir.Build          // parallel to trials
	rates   []float64             // per victim, how often it fails for no reason
	known   int                   // tests of the builder
	flakes  map[weir.TestID]weir.TestState
	sides   sides
	checks  []check
	ran     []weir.Attempt // where builds ran
	// overruled is what is left out of it, per victim.
	overruled map[int][]overruled
	other     [][]string      // per build, per victim, see verdict.Otherwise
	strange   map[[2]int]bool // of a build and a victim: it says what no other machine says
	past      []pastRun       // builds from before the accusation, if they were read
	recipe    string          // what changed in it since they were good; empty: nothing
	joint     joint
	beliefs   [][]float64   // per victim; see bisect.Answer
	all       []weir.Victim // with those of other builders, of whom the rest does not know
	builder   weir.BuilderID
	// handsDown says that the builds have products that others may use.
	handsDown bool
}

// gather reads what every build on the regression's path says.
func (q *Inquiry) gather(ctx context.Context, r weir.Regression, builds []weir.Build) (*evidence, error) {
	e := &evidence{fresh: map[weir.BuildID]int{}, lost: map[int]int{}, own: map[weir.BuildID]bool{}, flakes: map[weir.TestID]weir.TestState{}}
	var err error
	if e.route, err = route.Of(ctx, q.store, r); err != nil {
		return e, err
	}
	e.checks = newChecks(r, e)
	recorded := map[weir.BuildID]bool{}
	probes, err := q.store.Probes(ctx, r.ID)
	if err != nil {
		return e, err
	}
	for _, p := range probes {
		recorded[p.Build] = len(p.Victims) > 0
		e.own[p.Build] = !recorded[p.Build]
		if p.State.Final() && !p.Outcome.SaysSomething() { // a person may have cancelled it
			if e.lost[p.Position]++; e.lost[p.Position] == maxSilent {
				e.silent = append(e.silent, p.Position)
			}
		}
	}
	asked := trail.OnThePath(r.Victims)
	for _, b := range builds {
		position, ok := e.route.Position(b.Pins)
		var beside check
		if !ok {
			if beside = e.beside(b); beside == nil {
				continue
			}
		}
		if !b.State.Final() {
			if beside != nil {
				beside.awaits(b)
			} else {
				e.pending, e.waiting = append(e.pending, position), append(e.waiting, b)
			}
			continue
		}
		set, err := q.trail.ResultsOf(ctx, b)
		said := verdict.ObserveAll(asked, b, set)
		if trail.Unreadable(err) {
			q.log.Error("the results of a build are lost", "build", b.ID, "err", err)
			said = slices.Repeat([]weir.Observed{weir.ObservedNone}, len(r.Victims))
		} else if err != nil {
			return e, err
		}
		if beside != nil {
			beside.hear(asked, b, said, set)
			continue
		}
		if !recorded[b.ID] {
			e.fresh[b.ID] = len(e.trials)
		}
		e.trials = append(e.trials, bisect.Trial{Position: position, Alarm: b.ID == r.Bad.Build && r.Aim == weir.AimBreak})
		e.said = append(e.said, said)
		e.other = append(e.other, verdict.Otherwise(asked, set))
		e.builds = append(e.builds, b)
	}
	if err := q.gatherFlakes(ctx, r, e); err != nil {
		return e, err
	}
	if err := q.gatherSurroundings(ctx, r, e); err != nil {
		return e, err
	}
	e.disbelieve(r.Victims, q.readyOn(r.Builder.Platform))
	return e, nil
}

// tries is how many builds have ended at a position, whatever they said.
func (e *evidence) tries(position int) int {
	n := e.lost[position]
	for _, t := range e.trials {
		if t.Position == position {
			n++
		}
	}
	return n
}

// lostAmong is among how many of a builder's newest builds those are looked for
// that were to run beside the path, and came to nothing.
const lostAmong = 200

// gatherFlakes reads how often the victims were flaky before.
func (q *Inquiry) gatherFlakes(ctx context.Context, r weir.Regression, e *evidence) error {
	states, _, err := q.store.Baseline(ctx, r.Builder.ID)
	if err != nil {
		return err
	}
	e.known = len(states)
	victim := make(map[weir.TestID]bool, len(r.Victims))
	for _, v := range r.Victims {
		victim[v.Test] = true
	}
	for _, s := range states {
		if victim[s.Test] {
			e.flakes[s.Test] = s
		}
	}
	if e.rates, err = past.Rates(ctx, q.store, r, e.flakes); err != nil || len(e.checks) == 0 {
		return err
	}
	newest, err := q.store.ListBuilds(ctx, store.BuildFilter{Builder: r.Builder.ID, Limit: lostAmong})
	for _, b := range newest {
		if b.State.Final() && !b.Outcome.SaysSomething() {
			if c := e.beside(b); c != nil {
				c.misses(b)
			}
		}
	}
	return err
}

// question puts the evidence to the search.
func (e *evidence) question(r weir.Regression, width int) bisect.Question {
	q := bisect.Question{Steps: e.route.Len(), Pending: e.pending, Width: width,
		Built: slices.Concat(e.route.Built(r.Builder.Project), e.joint.built), BuildCost: buildCost, Same: e.joint.same, Weights: e.joint.weights}
	for i := range r.Victims {
		s := bisect.Subject{FlakeRate: e.rates[i]}
		strange := map[int]int{} // per position
		for b, t := range e.trials {
			switch t.Outcome = e.said[b][i]; {
			case e.isStrange(b, i):
				if strange[t.Position]++; strange[t.Position] < mostStrange {
					continue
				}
				t.Outcome = weir.ObservedNone
			case !e.counts(b, i):
				continue
			}
			s.Trials = append(s.Trials, t)
		}
		for _, p := range e.silent {
			s.Trials = append(s.Trials, bisect.Trial{Position: p, Outcome: weir.ObservedNone})
		}
		q.Subjects = append(q.Subjects, s)
	}
	return q
}

// searchOne weighs the evidence of one regression and takes the next step.
func (q *Inquiry) searchOne(ctx context.Context, r weir.Regression, builds []weir.Build, width int) (bool, error) {
	all := r
	if r.Victims = ownOf(r); len(r.Victims) == 0 {
		return q.giveUp(ctx, all, weir.Errorf(weir.NotFound, "%s has none of the tests", r.Builder.Name()))
	}
	e, err := q.gather(ctx, r, builds)
	if weir.CodeOf(err) == weir.NotFound { // the way is not known any more
		return q.giveUp(ctx, all, err)
	}
	if err != nil {
		return false, err
	}
	e.all, e.builder = all.Victims, r.Builder.ID
	for id, i := range e.fresh {
		if err := q.store.Observe(ctx, r.ID, e.probe(id, i)); err != nil {
			return false, err
		}
	}
	r.Confirmed = e.confirmed(r)
	if e.route.Len() == 0 {
		return true, q.unmoved(ctx, r, e)
	}
	if err := q.join(ctx, r, e); err != nil {
		return false, err
	}
	answer := e.weigh(r, e.breadth(width))
	e.beliefs = answer.Beliefs
	if !answer.Done() && len(e.trials) >= maxTrials {
		for i, finding := range answer.Findings {
			if finding.Kind == bisect.Open {
				answer.Findings[i].Kind = bisect.Range
			}
		}
	}
	var beside []ask
	if answer.Done() {
		e.outside(answer.Findings)
		if err := q.spare(ctx, r, e, answer.Findings, width); err != nil {
			return false, err
		}
		var settled bool
		if beside, settled = e.asks(answer.Findings, width); settled {
			if innocent(answer.Findings) {
				if err := q.gatherPast(ctx, r, e); err != nil {
					return false, err
				}
			}
			return true, q.conclude(ctx, r, e, answer.Findings)
		}
	}
	if len(answer.Probes)+len(beside)+len(e.fresh) == 0 {
		return false, nil
	}
	u := store.RegressionUpdate{Regression: r, Now: q.now()}
	u.Regression.Victims = all.Victims
	u.Regression.Suspects, u.Regression.Note = progress(e, answer.Findings)
	u.Regression.Belief = bisect.Believed(e.beliefs)
	if len(beside) > 0 {
		u.Regression.Note = asking(beside, len(e.trials))
	}
	if len(answer.Probes)+len(beside) > 0 {
		run, err := q.probeRun(r, e.route, e.stands(answer.Probes), beside, e.healthy(len(r.Victims)))
		if code := weir.CodeOf(err); code == weir.NotFound || code == weir.Invalid {
			if len(e.waiting) > 0 || !q.isForsaken(r) {
				return false, weir.Errorf(weir.Conflict, "another server may know how to build it: %v", err)
			}
			return q.giveUp(ctx, all, err)
		}
		if err != nil {
			return false, err
		}
		u.Probes = append(u.Probes, run)
	}
	return true, q.store.Advance(ctx, u)
}

// probe records what one build says.
func (e *evidence) probe(id weir.BuildID, i int) weir.Probe {
	b := e.builds[i]
	return weir.Probe{Build: id, Position: e.trials[i].Position, State: b.State, Outcome: b.Outcome, Pins: b.Pins}.Says(e.ofAll(e.said[i]))
}

// progress says how a search stands.
func progress(e *evidence, findings []bisect.Finding) (weir.Span, string) {
	span := weir.Span{First: e.route.Len(), Last: 1}
	for _, f := range findings {
		if f.Kind == bisect.Open || f.Kind == bisect.Found || f.Kind == bisect.Range {
			span.First, span.Last = min(span.First, f.First), max(span.Last, f.Last)
		}
	}
	if span.First > span.Last {
		span = weir.Span{First: 1, Last: e.route.Len()}
	}
	if span.First == span.Last {
		project, rev := e.route.Step(span.First)
		return span, fmt.Sprintf("making sure that it is %s %s, after %d builds", project, rev.Short(), len(e.trials))
	}
	return span, fmt.Sprintf("%d of %d revisions are left, after %d builds",
		span.Last-span.First+1, e.route.Len(), len(e.trials))
}

// probeRun builds the positions that a search asks about, and what its checks want.
func (q *Inquiry) probeRun(r weir.Regression, way route.Route, positions []int, beside []ask, worker string) (store.NewRun, error) {
	for _, p := range positions {
		a := ask{pins: way.Pins(p), worker: worker, what: "the last good revisions"}
		if p > 0 {
			project, rev := way.Step(p)
			a.what = project + " " + rev.Short()
			if way.Back {
				a.what = "what is in front of " + a.what
			}
		}
		beside = append(beside, a)
	}
	var names []string
	var at []weir.Pins
	for _, a := range beside {
		if !slices.Contains(names, a.what) {
			names = append(names, a.what)
		}
		at = append(at, a.pins)
	}
	run := store.NewRun{Cause: weir.CauseProbe, Project: r.Builder.Project, Regression: r.ID, Now: q.now(),
		Reason: fmt.Sprintf("regression %d: is %s bad?", r.ID, names[0])}
	for _, n := range names[1:] {
		run.Reason += " and " + n + "?"
	}
	next := 0
	return q.config().Add(run, r.Builder.ID, at, priority(r), func(n *store.NewBuild) {
		n.Share, n.Prefer = store.ShareNone, beside[next].worker
		next++
	})
}

// believed is what the search holds likely of some victims; zero if it weighed nothing.
func (e *evidence) believed(victims []int) weir.Belief {
	var of [][]float64
	for _, i := range victims {
		if i < len(e.beliefs) {
			of = append(of, e.beliefs[i])
		}
	}
	return bisect.Believed(of)
}

const (
	// forsaken is how long a search must have taken no step before it is given up because
	// its builder is not configured. Servers read their farm files one after the other, and
	// until then one does not know what another one has begun.
	forsaken = 10 * time.Minute
	// settling is how long a server must have known of it. The search may have
	// waited for another one before.
	settling = time.Minute
)

// isForsaken reports whether this server does not know how to go on with a
// search, and no other one has taken a step for long.
func (q *Inquiry) isForsaken(r weir.Regression) bool {
	since, ok := q.stranded[r.ID]
	if !ok || r.Updated.After(since) {
		since = q.now()
		q.stranded[r.ID] = since
	}
	return q.now().Sub(since) >= settling && q.now().Sub(r.Updated) >= forsaken
}

// giveUp ends a search whose builder the configuration does not have any more:
// there is nobody left to ask. That nobody looks mends nothing, so what is open
// stays open, with the range that is left.
func (q *Inquiry) giveUp(ctx context.Context, r weir.Regression, why error) (bool, error) {
	if q.config().Empty() {
		return false, nil // not configured yet
	}
	u := store.RegressionUpdate{Regression: r, Now: q.now()}
	u.Regression.State, u.Regression.Note = weir.Narrowed, fmt.Sprintf("one of %d revisions; nobody can be asked any more: %v", r.Suspects.Last-r.Suspects.First+1, why)
	if r.Aim != weir.AimBreak {
		u.Regression.State = weir.Dismissed
	}
	q.closeIfGood(&u.Regression)
	return true, q.store.Advance(ctx, u)
}

// conclude ends a search. Victims with different findings part ways: each
// group becomes a regression of its own.
func (q *Inquiry) conclude(ctx context.Context, r weir.Regression, e *evidence, findings []bisect.Finding) error {
	type group struct {
		finding bisect.Finding
		victims []weir.Victim
		indices []int // of victims
	}
	var groups []*group
	for i, v := range r.Victims {
		finding := findings[i]
		k := slices.IndexFunc(groups, func(g *group) bool {
			return g.finding.Kind == finding.Kind && (finding.Kind == bisect.Nobody || finding.Kind == bisect.Environment ||
				g.finding.First == finding.First && g.finding.Last == finding.Last)
		})
		if k < 0 {
			groups, k = append(groups, &group{finding: finding}), len(groups)
		}
		groups[k].victims = append(groups[k].victims, v)
		groups[k].indices = append(groups[k].indices, i)
		groups[k].finding.Confidence = min(groups[k].finding.Confidence, finding.Confidence)
	}
	// The group with a culprit and the most victims keeps the regression.
	slices.SortStableFunc(groups, func(a, b *group) int {
		if found := a.finding.Kind == bisect.Found; found != (b.finding.Kind == bisect.Found) {
			if found {
				return -1
			}
			return 1
		}
		return len(b.victims) - len(a.victims)
	})
	u := store.RegressionUpdate{Now: q.now()}
	for i, g := range groups {
		part, own := r, g.victims
		if i == 0 {
			e.host(r, &g.victims, g.finding, &u)
		}
		part.Victims, part.Belief = g.victims, e.believed(g.indices)
		for _, c := range slices.Backward(e.checks) { // what is known of the path comes last
			c.tell(e, &part, g.indices, g.finding)
		}
		q.describe(&part, e, g.finding)
		if i == 0 {
			u.Regression, u.Grounds = part, e.grounds(part, g.indices, g.finding)
		} else {
			part.ID = 0
			if !part.State.Open() {
				// Only what is open can be opened. It takes what was observed
				// with it, so the next look comes to the same end.
				part = r // without a blame, which is found again
				part.ID, part.Victims, part.Note = 0, g.victims, "parted from the other tests"
			}
			u.Split = append(u.Split, part)
			if part.State == weir.Searching {
				continue
			}
		}
		if g.finding.Kind == bisect.Nobody && r.Aim == weir.AimBreak {
			u.States = append(u.States, e.absolve(own, r.Bad.Build)...)
		}
	}
	var err error
	if u.Flakes, err = q.flaked(ctx, r, e, findings); err != nil {
		return err
	}
	q.unfollow(r.ID, &u)
	return q.store.Advance(ctx, u)
}

// absolve is the baseline of tests that turned out to be flaky: what was taken
// for bad was not. Tests that a later build has settled keep what it said.
func (e *evidence) absolve(victims []weir.Victim, flake weir.BuildID) []weir.TestState {
	var out []weir.TestState
	for _, v := range victims {
		s, ok := e.flakes[v.Test]
		if !ok {
			continue // taken out meanwhile
		}
		switch {
		case s.Since > flake: // it was good since, and is bad for another reason
		case v.Verdict == weir.FailingDifferently: // it fails, but what it says means nothing
			if s.Status.Bad() {
				s.Signature = weir.AnySignature
			}
		case !s.Status.Good():
			s.Status, s.Signature, s.Masked, s.Cause = weir.Pass, "", 0, ""
		}
		s.Flakes++
		s.LastFlake = flake
		out = append(out, s)
	}
	return out
}

// describe writes a finding into a regression.
func (q *Inquiry) describe(r *weir.Regression, e *evidence, finding bisect.Finding) {
	switch r.Aim {
	case weir.AimFix:
		describeFix(r, e, finding, q.now())
		return
	case weir.AimSide:
		describeSide(r, e, finding, q.now())
		return
	}
	r.Suspects = weir.Span{First: finding.First, Last: finding.Last}
	now := q.now()
	after := fmt.Sprintf("after %d builds", len(e.trials))
	switch finding.Kind {
	case bisect.Found:
		project, rev := e.route.Step(finding.First)
		if project == r.Builder.Project && removed(*r, e.known) {
			r.State, r.Closed, r.Suspects, r.Blame, r.Corners = weir.Dismissed, now, weir.Span{}, weir.BlameNone, nil
			r.Note = fmt.Sprintf("%s took the tests out itself with %s", project, rev.Short())
			return
		}
		r.State = weir.Located
		r.Culprit = weir.Culprit{Project: project, Revision: rev, Confidence: finding.Confidence}
		r.Note = fmt.Sprintf("bad at %s %s and good right before it%s, %s", project, rev.Short(), e.borrowed(finding), after) + e.sides.told(r.Blame) + together(*r)
	case bisect.Range:
		r.State = weir.Narrowed
		r.Note = fmt.Sprintf("one of %d revisions, which cannot be told apart, %s", finding.Last-finding.First+1, after)
		if finding.First == finding.Last {
			project, rev := e.route.Step(finding.First)
			r.Note = fmt.Sprintf("%s %s, or nobody: it cannot be tested often enough to tell, %s", project, rev.Short(), after)
		}
		r.Note += e.sides.told(r.Blame) + together(*r)
	case bisect.Environment:
		r.State, r.Closed = weir.Dismissed, now
		r.Suspects = weir.Span{}
		r.Note = "the revisions that were good are bad now too: something outside of them changed, " + after + clueText(*r)
		if lost := e.route.Beyond(*r); len(lost) > 0 {
			r.State, r.Closed, r.Blame, r.Corners = weir.Narrowed, time.Time{}, weir.BlameNone, nil
			r.Note = fmt.Sprintf("no revision of the path, %s; %s moved too, on a way that cannot be followed (another branch, or a history that was rewritten), and may have done it",
				after, strings.Join(lost, " and "))
		}
	case bisect.Nobody:
		r.State, r.Closed = weir.Dismissed, now
		r.Suspects = weir.Span{}
		r.Note = "flaky: the same revisions are good and bad, " + after
		if r.Blame == weir.BlameEnvironment {
			r.Note = "the same revisions are good on one worker and bad on another, " + after + clueText(*r)
		}
	}
	if text := e.refuted(*r, finding); text != "" {
		r.Note, r.Blame, r.Corners = text+", "+after, weir.BlameNone, nil
		if finding.Kind == bisect.Range {
			r.State, r.Closed, r.Suspects = weir.Dismissed, now, weir.Span{}
		}
	}
	q.closeIfGood(r)
}

// closeIfGood closes an episode that has come to its end, if its tests are good again.
func (q *Inquiry) closeIfGood(r *weir.Regression) {
	if r.Aim == weir.AimBreak && r.State.Open() && !slices.ContainsFunc(r.Victims, func(v weir.Victim) bool { return v.FixedIn == 0 }) {
		r.State, r.Closed = weir.Recovered, q.now()
		r.Note += "; good again meanwhile"
	}
}

// removed reports whether all victims are just gone, and few: what a project
// does that tidies up its own tests.
func removed(r weir.Regression, known int) bool {
	for _, v := range r.Victims {
		if v.Verdict != weir.Vanished || v.Cause != weir.Gone {
			return false
		}
	}
	return !verdict.Many(len(r.Victims), known)
}

// merge hands the victims of a regression to an older open one with the same culprit.
func (q *Inquiry) merge(ctx context.Context, located []weir.Regression) (changed bool, err error) {
	oldest := map[string]weir.Regression{}
	for _, r := range slices.Backward(located) { // oldest first
		if r.Asked.By != "" {
			continue // somebody has split it off, and knows why
		}
		key := r.Culprit.Project + "@" + r.Culprit.Revision.ID
		into, ok := oldest[key]
		if !ok {
			oldest[key] = r
			continue
		}
		u := store.RegressionUpdate{Regression: r, Now: q.now(), MergeInto: into.ID}
		u.Regression.State, u.Regression.Closed, u.Regression.MergedInto = weir.Merged, q.now(), into.ID
		u.Regression.Note = fmt.Sprintf("the same culprit as regression %d", into.ID)
		if u.Grounds, err = q.shows(ctx, r); err != nil {
			return changed, err
		}
		if err := q.store.Advance(ctx, u); err != nil && weir.CodeOf(err) != weir.Conflict {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}
