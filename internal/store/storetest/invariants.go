package storetest

import (
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// checkedBuilds is how many builds, at each end of the list, are looked at one
// by one.
const checkedBuilds = 60

// invariants holds the builds of the store against what must be true between
// any two verbs.
func (f *fixture) invariants() {
	f.Helper()
	counted := map[weir.State]int{}
	all := f.allBuilds()
	for i, b := range all {
		counted[b.State]++
		if i < checkedBuilds || i >= len(all)-checkedBuilds {
			f.checkBuild(b)
			f.checkAttempts(b)
		}
	}
	depth := must[map[weir.State]int](f)(f.QueueDepth(f.ctx))
	for _, s := range weir.States() {
		if want := counted[s]; !s.Final() && depth[s] != want {
			f.Errorf("QueueDepth says %d builds are %s, there are %d", depth[s], s, want)
		}
		if s.Final() && depth[s] != 0 {
			f.Errorf("QueueDepth counts %d builds that are %s", depth[s], s)
		}
	}
}

// allBuilds reads every build, newest first.
func (f *fixture) allBuilds() []weir.Build {
	f.Helper()
	const page = 1000
	var all []weir.Build
	filter := store.BuildFilter{Limit: page}
	for {
		builds := must[[]weir.Build](f)(f.ListBuilds(f.ctx, filter))
		all = append(all, builds...)
		if len(builds) < page {
			return all
		}
		filter.Before = builds[len(builds)-1].ID
	}
}

func (f *fixture) checkBuild(b weir.Build) {
	f.Helper()
	final := b.State.Final()
	if final != (b.Outcome != "") || final == b.Finished.IsZero() {
		f.Errorf("build %d is %s with outcome %q, finished %v", b.ID, b.State, b.Outcome, b.Finished)
	}
	if final && b.Reason.Code.Outcome() != b.Outcome {
		f.Errorf("build %d: reason %q does not lead to outcome %q", b.ID, b.Reason.Code, b.Outcome)
	}
	if (b.State == weir.Cancelled) != (b.Outcome == weir.OutcomeCancelled) {
		f.Errorf("build %d is %s with outcome %q", b.ID, b.State, b.Outcome)
	}
	if b.State != weir.Blocked && b.State != weir.Queued {
		return
	}
	waits := false
	for _, id := range slices.Concat(must[[]weir.BuildID](f)(f.Needs(f.ctx, b.ID)), must[[]weir.BuildID](f)(f.After(f.ctx, b.ID))) {
		waits = waits || !f.get(id).State.Final()
	}
	if waits != (b.State == weir.Blocked) {
		f.Errorf("build %d is %s; needs an unfinished build: %t", b.ID, b.State, waits)
	}
}

func (f *fixture) checkAttempts(b weir.Build) {
	f.Helper()
	attempts := must[[]weir.Attempt](f)(f.Attempts(f.ctx, b.ID))
	live := 0
	for i, a := range attempts {
		if a.ID != (weir.AttemptID{Build: b.ID, Number: i + 1}) {
			f.Errorf("attempt %d of build %d has id %v", i+1, b.ID, a.ID)
		}
		if a.Live() {
			live++
		}
		if a.Live() != (a.Outcome == "") {
			f.Errorf("attempt %v: ended %v, outcome %q", a.ID, a.Ended, a.Outcome)
		}
		if a.Live() && i != len(attempts)-1 {
			f.Errorf("attempt %v is live and not the newest", a.ID)
		}
	}
	if len(attempts) != b.Attempts {
		f.Errorf("build %d counts %d attempts and has %d", b.ID, b.Attempts, len(attempts))
	}
	held := b.State == weir.Leased || b.State == weir.Running
	if live > 1 || held != (live == 1) {
		f.Errorf("build %d is %s with %d live attempts", b.ID, b.State, live)
	}
}
