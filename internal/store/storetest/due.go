package storetest

import (
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// skipping makes revisions; those whose names begin with a dash are passed over.
func (f *fixture) skipping(names string) []weir.Revision {
	revs := f.revisions(names)
	for i, r := range revs {
		if strings.HasPrefix(r.ID, "-") {
			revs[i].Skipped = "it touches nothing"
		}
	}
	return revs
}

func testSkippedRevisions(f *fixture) {
	for _, step := range []struct{ found, due, tip string }{
		{"-a", "1-a", "1-a"}, // a branch begins somewhere
		{"-b", "1-a", "2-b"},
		{"c -d", "3c", "4-d"},
		{"", "3c", "4-d"},
		{"-e -f", "3c", "6-f"},
		{"g", "7g", "7g"},
	} {
		now := f.now()
		before := f.lastEvent()
		tip, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Revisions: f.skipping(step.found), Now: now, Next: now})
		f.ok(err)
		equal(f, "due after "+step.found, line([]weir.Revision{tip.Due}), step.due)
		equal(f, "tip after "+step.found, line([]weir.Revision{tip.Revision}), step.tip)
		equal(f, "told", f.lastEvent() > before, step.found != "")
	}
	all := must[[]weir.Revision](f)(f.RevisionRange(f.ctx, "p", "", 1, 9))
	for _, r := range all {
		equal(f, r.ID+" is passed over", r.Skipped != "", r.ID[0] == '-')
	}
	equal(f, "one of them", must[weir.Revision](f)(f.Revision(f.ctx, "p", "", "-e")).Skipped, "it touches nothing")
	// One poll with a whole history.
	_, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "q", Revisions: f.skipping("a b -c"), Now: f.now(), Next: f.now()})
	f.ok(err)
	for _, tip := range must[[]weir.Tip](f)(f.Tips(f.ctx)) {
		equal(f, "due of "+tip.Project, tip.Due.ID, map[string]string{"p": "g", "q": "b"}[tip.Project])
	}
}

func testSettle(f *fixture) {
	const quiet = time.Minute
	start := f.now()
	poll := func(seconds int, found, due string) {
		f.Helper()
		now := start.Add(time.Duration(seconds) * time.Second)
		before := f.lastEvent()
		_, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Revisions: f.skipping(found), Now: now, Next: now, Settle: quiet})
		f.ok(err)
		tip := must[[]weir.Tip](f)(f.Tips(f.ctx))[0]
		equal(f, "due after "+now.Sub(start).String(), tip.Due.ID, due)
		if found == "" && due == tip.Revision.ID {
			equal(f, "told that it is due", f.lastEvent() > before, true)
		}
	}
	poll(0, "a b", "b") // the beginning is due at once
	poll(100, "c", "b")
	poll(130, "d", "b")
	poll(180, "", "b")
	poll(190, "", "d")
	poll(200, "e", "d")
	for i := 1; i < 2*store.MaxSettle; i++ { // it never is quiet
		poll(200+30*i, string(rune('e'+i)), "d")
	}
	poll(200+60*store.MaxSettle, "z", "z")
	poll(1000, "y", "z")
	poll(1061, "-x", "z")
	poll(1122, "", "y")
	// A clock that was ahead does not keep it from being due.
	poll(100_000, "ahead", "y")
	poll(2000, "", "y")
	poll(2060, "", "ahead")
}
