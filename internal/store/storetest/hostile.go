package storetest

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func hostileTests() []subtest {
	return []subtest{
		{"text of revisions and polls", testHostileRevisions},
		{"text of runs and workers", testHostileRuns},
		{"text of attempts", testHostileAttempts},
		{"names of tests", testHostileTests},
		{"text of regressions", testHostileRegressions},
		{"names are quoted, not trusted", testHostileNames},
		{"very long text", testLongText},
		{"frames over the limits", testHostileFrames},
		{"an ended context", testEndedContext},
	}
}

// Free text may hold anything. A database of text cannot keep NUL and invalid
// UTF-8: each such byte reads back as U+FFFD, on every database alike.
const (
	dirty = "a\x00b\xffc'\"\\;--%_\u2028\U0001F4A9\n"
	clean = "a\uFFFDb\uFFFDc'\"\\;--%_\u2028\U0001F4A9\n"
)

func testHostileRevisions(f *fixture) {
	now := f.now()
	_, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Now: now, Next: now, Revisions: []weir.Revision{{ID: "r", Author: dirty, Message: dirty}}})
	f.ok(err)
	got := must[weir.Revision](f)(f.Revision(f.ctx, "p", "", "r"))
	equal(f, "author and message", got.Author+got.Message, clean+clean)
	f.ok(f.RecordPollError(f.ctx, "p", "", dirty, now, now))
	equal(f, "poll error", must[[]store.Source](f)(f.Sources(f.ctx))[0].Error, clean)
}

func testHostileRuns(f *fixture) {
	a := f.builder("a")
	run := f.run(weir.CauseChange, build(a, own(a, 1)))
	run.Reason = dirty
	made, builds, err := f.CreateRun(f.ctx, run)
	f.ok(err)
	equal(f, "returned reason", made.Reason, clean)
	equal(f, "reason", must[weir.Run](f)(f.Store.Run(f.ctx, made.ID)).Reason, clean)
	f.ok(f.Cancel(f.ctx, builds[0], requested(dirty), f.now()))
	equal(f, "reason of a cancellation", f.get(builds[0]).Reason.Text, clean)

	w := weir.Worker{Name: "w1", Platform: linux, Labels: []string{dirty}, Version: dirty, Host: dirty, Seen: f.now()}
	_, _, err = f.Hello(f.ctx, w, nil)
	f.ok(err)
	got := must[[]weir.Worker](f)(f.Workers(f.ctx))[0]
	equal(f, "worker", got.Version+got.Host, clean+clean)
}

func testHostileAttempts(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	s := f.sync(l, 1)
	s.Steps[0].Name, s.Steps[0].Note, s.Steps[0].Signal = dirty, dirty, dirty
	f.send(s)
	got := must[[]weir.StepRecord](f)(f.Steps(f.ctx, l.Attempt))[0]
	equal(f, "step", got.Name+got.Note+got.Signal, clean+clean+clean)
	e := f.ending(l, weir.ReasonTests)
	e.Reason.Text, e.Product.Prefix = dirty, dirty
	e.Product.Digest = weir.DigestOf(nil)
	b := must[weir.Build](f)(f.Finish(f.ctx, e))
	equal(f, "returned reason and prefix", b.Reason.Text+b.Product.Prefix, clean+clean)
	equal(f, "build as read", f.get(b.ID), b)
	equal(f, "attempt's reason", must[[]weir.Attempt](f)(f.Attempts(f.ctx, b.ID))[0].Reason.Text, clean)
}

func testHostileTests(f *fixture) {
	a := f.builder("a")
	raw, read := weir.TestID{Suite: dirty, Name: dirty}, weir.TestID{Suite: clean, Name: clean}
	done := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.States = []weir.TestState{{Test: raw, Status: weir.Fail, Since: done.ID}}
	s.Changes = []weir.TestChange{{Test: raw, Verdict: weir.New, To: weir.Fail, Message: dirty}}
	f.ok(f.Settle(f.ctx, s))
	states, _, err := f.Baseline(f.ctx, a.ID)
	f.ok(err)
	s.States[0].Test = read
	equal(f, "baseline", states, s.States)
	want := weir.TestChange{Test: read, Verdict: weir.New, To: weir.Fail, Message: clean}
	equal(f, "changes", must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, done.ID, 0, 100)), []weir.TestChange{want})
	for _, id := range []weir.TestID{raw, read} {
		if history := f.events(a, id, 9); len(history) != 1 {
			f.Errorf("%d events of %q", len(history), id.Name)
		}
		equal(f, "builders that know it", must[[]weir.Builder](f)(f.KnownOn(f.ctx, "a", "", id)), []weir.Builder{a})
	}
	next := f.done(weir.CauseChange, a, 2, weir.ReasonTests)
	s = f.settlement(next.ID, weir.Unjudged, weir.Settled)
	s.Forget = []weir.TestID{raw}
	f.ok(f.Settle(f.ctx, s))
	states, _, err = f.Baseline(f.ctx, a.ID)
	f.ok(err)
	equal(f, "baseline after it was forgotten", len(states), 0)
}

func testHostileRegressions(f *fixture) {
	a := f.builder("a")
	r := f.open(a, 1, dirty)
	equal(f, "victim", r.Victims[0].Test.Name+r.Victims[0].Message, clean+clean+" is bad")
	r.Note, r.State = dirty, weir.Located
	r.Culprit = weir.Culprit{Project: "up", Confidence: 1, Revision: weir.Revision{ID: "x", Author: dirty, Message: dirty}}
	got := f.advance(store.RegressionUpdate{Regression: r})
	equal(f, "note and culprit", got.Note+got.Culprit.Revision.Author+got.Culprit.Revision.Message, clean+clean+clean)
	f.settled(a, 3, weir.ReasonNone, change(dirty, weir.Fixed, weir.Fail, weir.Pass))
	equal(f, "state", must[weir.Regression](f)(f.Regression(f.ctx, r.ID)).State, weir.Recovered)
}

func testHostileNames(f *fixture) {
	const odd = `'; DROP TABLE builds; --" \ % _ é`
	key := weir.BuilderKey{Project: odd, Job: odd, Cell: odd, Platform: linux, Branch: odd, Upstreams: odd}
	b := must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, []weir.BuilderKey{key}))[0]
	equal(f, "key", b.BuilderKey, key)
	other := key
	other.Job, other.Cell = odd+" ", "x"
	equal(f, "another key", must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, []weir.BuilderKey{other}))[0].ID == b.ID, false)
	pins := weir.Pins{odd: odd, "a@b c": "d e@f"}
	id := f.create(weir.CauseChange, build(b, pins))[0]
	equal(f, "pins", f.get(id).Pins, pins)
	equal(f, "shared", f.create(weir.CauseChange, build(b, pins, share(store.ShareAny)))[0], id)
	equal(f, "listed", ids(must[[]weir.Build](f)(f.ListBuilds(f.ctx, store.BuildFilter{Project: odd}))), []weir.BuildID{id})
	f.poll(odd, "r")
	f.ok(f.AddToken(f.ctx, store.Token{Name: odd, Hash: odd, Created: f.now()}))
	equal(f, "token", must[store.Token](f)(f.FindToken(f.ctx, odd)).Name, odd)

	// Keys are not repaired: a key that cannot be kept is refused, or reads
	// back in one repaired form, and never ends as an unknown error.
	for _, key := range []string{"a\x00b", "a\xffb"} {
		_, err := f.EnsureBuilders(f.ctx, []weir.BuilderKey{{Project: key, Job: "test", Platform: linux}})
		f.known("EnsureBuilders", err)
		_, err = f.Revision(f.ctx, key, "", key)
		f.known("Revision", err)
		_, err = f.FindToken(f.ctx, key)
		f.known("FindToken", err)
		_, err = f.ListBuilds(f.ctx, store.BuildFilter{Project: key})
		f.known("ListBuilds", err)
		_, _, err = f.RecordRevisions(f.ctx, store.Poll{Project: "q", Now: f.now(), Next: f.now(), Revisions: []weir.Revision{{ID: key}}})
		f.known("RecordRevisions", err)
		odd := build(b, weir.Pins{key: key}, labels(key))
		odd.Spec.Job.Steps[0].Run = key
		_, made, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, odd))
		f.known("CreateRun", err)
		if err == nil {
			f.ok(f.Cancel(f.ctx, made[0], requested(""), f.now()))
		}
	}
}

// known checks that err, if any, is not Internal.
func (f *fixture) known(what string, err error) {
	f.Helper()
	if weir.CodeOf(err) == weir.Internal {
		f.Errorf("%s: internal error %v", what, err)
	}
}

// refused reports whether err refuses text that is too long. Nothing else
// may go wrong.
func (f *fixture) refused(what string, err error) bool {
	f.Helper()
	c := weir.CodeOf(err)
	if c != "" && c != weir.Invalid && c != weir.TooLarge {
		f.Errorf("%s: code %q, %v", what, c, err)
	}
	return err != nil
}

// cut checks that a text was cut to at most limit bytes, between characters.
func (f *fixture) cut(what, text string, limit int) {
	f.Helper()
	if len(text) > limit || text == "" || !utf8.ValidString(text) {
		f.Errorf("%s: %d bytes, limit %d, valid %t", what, len(text), limit, utf8.ValidString(text))
	}
}

func testLongText(f *fixture) {
	long := strings.Repeat("\u20ac", 1<<20/3)
	now := f.now()
	_, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Now: now, Next: now, Revisions: []weir.Revision{{ID: "r", Message: long}}})
	if !f.refused("a commit message", err) {
		f.cut("a commit message", must[weir.Revision](f)(f.Revision(f.ctx, "p", "", "r")).Message, weir.MaxMessage)
	}
	a := f.builder("a")
	l := f.leaseBuild(f.change(a, 1))
	e := f.ending(l, weir.ReasonTests)
	e.Reason.Text = long
	if _, err := f.Finish(f.ctx, e); f.refused("a reason", err) {
		f.finish(l, weir.ReasonTests)
	} else {
		f.cut("a reason", f.get(l.Build.ID).Reason.Text, weir.MaxReason)
	}
	s := f.settlement(l.Build.ID, weir.Unjudged, weir.Settled)
	s.Changes = []weir.TestChange{{Test: testName("t"), Verdict: weir.New, To: weir.Fail, Message: long}}
	if !f.refused("a result's message", f.Settle(f.ctx, s)) {
		f.cut("a result's message", must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, l.Build.ID, 0, 100))[0].Message, weir.MaxResultMessage)
	}
	gone := f.change(a, 2)
	if !f.refused("a reason to cancel", f.Cancel(f.ctx, gone, requested(long), f.now())) {
		f.cut("a reason to cancel", f.get(gone).Reason.Text, weir.MaxReason)
	}
}

func testHostileFrames(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	f.send(f.sync(l, 1, frame(0, 0, 0, "good\n")))
	negative, big, lines, empty := frame(0, -3, 0, "bad\n"), frame(0, 5, 1, "bad\n"), frame(0, 5, 1, "bad\n"), frame(0, 5, 1, "")
	big.Size = weir.MaxFrame + 1
	lines.Lines = -1
	step := frame(-1, 0, 0, "bad\n")
	for i, fr := range []weir.LogFrame{negative, big, lines, empty, step} {
		answer, err := f.Sync(f.ctx, f.sync(l, int64(i+2), fr))
		if f.refused("a bad frame", err) {
			continue
		}
		if answer.Offsets[0] != 5 {
			f.Errorf("frame %+v moved the end of the log to %d", fr, answer.Offsets[0])
		}
	}
	equal(f, "log", f.log(l.Attempt, 0), "good\n")
	equal(f, "where it goes on", f.send(f.sync(l, 9, frame(0, 5, 1, "again\n")))[0], 11)
}

func testEndedContext(f *fixture) {
	a := f.builder("a")
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	if _, _, err := f.CreateRun(ctx, f.run(weir.CauseChange, build(a, own(a, 1)))); err == nil {
		f.Errorf("a run was made with an ended context")
	}
	equal(f, "builds", len(f.allBuilds()), 0)
	f.change(a, 1) // the store still works
}
