package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

const (
	linux  weir.Platform = "linux/amd64"
	darwin weir.Platform = "darwin/arm64"
)

// fixture is one store and short ways of filling it. Its methods end the test
// when the store reports an error.
type fixture struct {
	*testing.T
	store.Store
	ctx   context.Context
	ticks atomic.Int64
}

func newFixture(t *testing.T, s store.Store) *fixture {
	return &fixture{T: t, Store: s, ctx: t.Context()}
}

// epoch is when every fixture's clock starts. It has microseconds, which a
// store keeps.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

// now is a moment later than all moments given out before.
func (f *fixture) now() time.Time {
	return epoch.Add(time.Duration(f.ticks.Add(1)) * time.Millisecond)
}

// ok ends the test if err is not nil.
func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("unexpected error (%s): %v", weir.CodeOf(err), err)
	}
}

// code checks that err has the code; "" means no error.
func (f *fixture) code(err error, want weir.Code) {
	f.Helper()
	if got := weir.CodeOf(err); got != want {
		f.Errorf("error %v has code %q, want %q", err, got, want)
	}
}

// must returns v, or ends the test.
func must[T any](f *fixture) func(v T, err error) T {
	return func(v T, err error) T {
		f.Helper()
		f.ok(err)
		return v
	}
}

// equal checks got against want, compared as printed values.
func equal[T any](f *fixture, what string, got, want T) {
	f.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		f.Errorf("%s:\n got %.2000s\nwant %.2000s", what, g, w)
	}
}

// builder makes the builder of a project's job "test" on linux/amd64.
func (f *fixture) builder(project string) weir.Builder {
	f.Helper()
	return f.builderOn(project, linux)
}

func (f *fixture) builderOn(project string, p weir.Platform) weir.Builder {
	f.Helper()
	got, err := f.EnsureBuilders(f.ctx, []weir.BuilderKey{{Project: project, Job: "test", Platform: p}})
	f.ok(err)
	if len(got) != 1 {
		f.Fatalf("EnsureBuilders of one key gives %d builders", len(got))
	}
	return got[0]
}

// option changes a build to be made.
type option func(*store.NewBuild)

func needs(index ...int) option           { return func(b *store.NewBuild) { b.Needs = index } }
func priority(n int) option               { return func(b *store.NewBuild) { b.Priority = n } }
func share(s store.Share) option          { return func(b *store.NewBuild) { b.Share = s } }
func retryOf(id weir.BuildID) option      { return func(b *store.NewBuild) { b.RetryOf = id } }
func labels(labels ...string) option      { return func(b *store.NewBuild) { b.Spec.Job.Labels = labels } }
func superseding(b *store.NewBuild)       { b.Supersede = true }
func at(project, rev string) weir.Pins    { return weir.Pins{project: rev} }
func own(b weir.Builder, n int) weir.Pins { return at(b.Project, fmt.Sprintf("r%d", n)) }

// build describes a build of b at pins, not shared unless an option says so.
func build(b weir.Builder, pins weir.Pins, options ...option) store.NewBuild {
	n := store.NewBuild{Builder: b.ID, Pins: pins, Share: store.ShareNone, Spec: weir.Spec{
		Project: b.Project, Platform: b.Platform, Revision: pins[b.Project], ProductKey: pins.Key(),
		Job:    weir.Job{Name: b.Job, Steps: []weir.Step{{Name: "test", Run: "make test"}}},
		Source: weir.Source{Kind: weir.Git, Location: "https://example.org/" + b.Project},
	}}
	for _, p := range slices.Sorted(maps.Keys(pins)) {
		if p != b.Project {
			n.Spec.Inputs = append(n.Spec.Inputs, weir.UpstreamSpec{Project: p, Revision: pins[p]})
		}
	}
	for _, o := range options {
		o(&n)
	}
	return n
}

// run describes a run of the builds.
func (f *fixture) run(cause weir.Cause, builds ...store.NewBuild) store.NewRun {
	return store.NewRun{Cause: cause, Project: "p", Reason: "because", Now: f.now(), Builds: builds}
}

// create makes a run of the builds and returns their ids.
func (f *fixture) create(cause weir.Cause, builds ...store.NewBuild) []weir.BuildID {
	f.Helper()
	_, ids, err := f.CreateRun(f.ctx, f.run(cause, builds...))
	f.ok(err)
	if len(ids) != len(builds) {
		f.Fatalf("CreateRun of %d builds gives %d ids", len(builds), len(ids))
	}
	return ids
}

// change makes one build of b, at its own revision n, for a change.
func (f *fixture) change(b weir.Builder, n int, options ...option) weir.BuildID {
	f.Helper()
	return f.create(weir.CauseChange, build(b, own(b, n), options...))[0]
}

// get reads a build.
func (f *fixture) get(id weir.BuildID) weir.Build {
	f.Helper()
	return must[weir.Build](f)(f.Build(f.ctx, id))
}

// state checks a build's state and outcome.
func (f *fixture) state(id weir.BuildID, state weir.State, reason ...weir.ReasonCode) weir.Build {
	f.Helper()
	b := f.get(id)
	if b.State != state {
		f.Errorf("build %d is %s, want %s", id, b.State, state)
	}
	if len(reason) > 0 && (b.Reason.Code != reason[0] || b.Outcome != reason[0].Outcome()) {
		f.Errorf("build %d: outcome %q, reason %q; want %q, %q", id, b.Outcome, b.Reason.Code, reason[0].Outcome(), reason[0])
	}
	return b
}

// worker introduces a worker of linux/amd64.
func (f *fixture) worker(name string) weir.Worker {
	f.Helper()
	w := weir.Worker{Name: name, Platform: linux, Labels: []string{"gpu"}, Slots: 4, Version: "1.0", Host: "host-" + name, Seen: f.now()}
	_, _, err := f.Hello(f.ctx, w, nil)
	f.ok(err)
	return w
}

// hello introduces a worker again, and returns which attempts it may keep.
func (f *fixture) hello(w weir.Worker, holds []weir.AttemptID) []weir.AttemptID {
	f.Helper()
	_, keep, err := f.Hello(f.ctx, w, holds)
	f.ok(err)
	return keep
}

// ask is worker w1's wish for up to n builds.
func (f *fixture) ask(n int) store.LeaseAsk {
	now := f.now()
	a := store.LeaseAsk{Worker: "w1", Platform: linux, Now: now, Deadline: now.Add(weir.LeaseTime)}
	for i := range n {
		a.Tokens = append(a.Tokens, fmt.Sprintf("token-%d-%d", now.UnixNano(), i))
	}
	return a
}

// lease gives w1 up to n builds of linux/amd64, the first ones offered.
func (f *fixture) lease(n int) []store.Leased {
	f.Helper()
	return must[[]store.Leased](f)(f.Lease(f.ctx, f.ask(n), firstOffered(n)))
}

// firstOffered picks the first n candidates.
func firstOffered(n int) func(store.Queue) []weir.BuildID {
	return func(q store.Queue) (picked []weir.BuildID) {
		for _, c := range q.Candidates[:min(n, len(q.Candidates))] {
			picked = append(picked, c.Build)
		}
		return picked
	}
}

// leaseBuild gives w1 this build.
func (f *fixture) leaseBuild(id weir.BuildID) store.Leased {
	f.Helper()
	ask := f.ask(1)
	ask.Platform = f.get(id).Builder.Platform
	got, err := f.Lease(f.ctx, ask, func(store.Queue) []weir.BuildID { return []weir.BuildID{id} })
	f.ok(err)
	if len(got) != 1 || got[0].Build.ID != id || got[0].Attempt.Build != id {
		f.Fatalf("lease of build %d gives %+v", id, got)
	}
	return got[0]
}

// sync reports a step and frames of an attempt.
func (f *fixture) sync(l store.Leased, seq int64, frames ...weir.LogFrame) store.Sync {
	now := f.now()
	return store.Sync{Attempt: l.Attempt, Token: l.Token, Seq: seq, Now: now, Deadline: now.Add(weir.LeaseTime),
		Steps: []weir.StepRecord{{Name: "test", State: weir.StepRunning, Started: now}}, Frames: frames}
}

// ending describes how an attempt ended.
func (f *fixture) ending(l store.Leased, reason weir.ReasonCode) store.Finish {
	return store.Finish{Attempt: l.Attempt, Token: l.Token, Now: f.now(), Outcome: reason.Outcome(), Reason: weir.Reason{Code: reason}}
}

// finish ends an attempt.
func (f *fixture) finish(l store.Leased, reason weir.ReasonCode) weir.Build {
	f.Helper()
	return must[weir.Build](f)(f.Finish(f.ctx, f.ending(l, reason)))
}

// finishProduct ends an attempt well, with a product.
func (f *fixture) finishProduct(l store.Leased) weir.Product {
	f.Helper()
	e := f.ending(l, weir.ReasonNone)
	e.Product = weir.Product{Digest: weir.DigestOf([]byte(l.Token)), Prefix: "/weir/p", Size: 42}
	_, err := f.Finish(f.ctx, e)
	f.ok(err)
	return e.Product
}

// done makes a build at b's revision n and finishes it.
func (f *fixture) done(cause weir.Cause, b weir.Builder, n int, reason weir.ReasonCode, options ...option) weir.Build {
	f.Helper()
	id := f.create(cause, build(b, own(b, n), options...))[0]
	return f.finish(f.leaseBuild(id), reason)
}

// exhaust ends attempts of a build with an infrastructure error until the
// build is final.
func (f *fixture) exhaust(id weir.BuildID, reason weir.ReasonCode) {
	f.Helper()
	for range weir.MaxAttempts {
		f.finish(f.leaseBuild(id), reason)
	}
	f.state(id, weir.Finished, reason)
}

// ids lists the ids of builds.
func ids(builds []weir.Build) []weir.BuildID {
	out := []weir.BuildID{}
	for _, b := range builds {
		out = append(out, b.ID)
	}
	return out
}
