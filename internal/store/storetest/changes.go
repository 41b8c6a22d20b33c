package storetest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func changesTests() []subtest {
	return []subtest{
		{"positions have no gaps and known revisions are passed over", testPositions},
		{"tips and first", testTips},
		{"ranges and single revisions", testRevisionReads},
		{"revisions by how their ids begin", testRevisionsLike},
		{"a source is polled once", testClaimPoll},
		{"two pollers claim once", testClaimRace},
		{"two pollers record once", testRecordRace},
		{"errors and recovery", testPollErrors},
		{"branches are apart", testBranches},
		{"merged lines are kept, and not polled", testSides},
		{"two record one merged line", testSideRace},
		{"what is passed over is not due", testSkippedRevisions},
		{"a branch is due when it is quiet", testSettle},
	}
}

// revisions makes revisions named by the words of names.
func (f *fixture) revisions(names string) (revs []weir.Revision) {
	for _, id := range strings.Fields(names) {
		revs = append(revs, weir.Revision{ID: id, Position: 99, Author: "A <a@example.org>", Time: f.now(), Message: "subject " + id + "\n\nbody"})
	}
	return revs
}

// poll records revisions of project.
func (f *fixture) poll(project, names string) (weir.Tip, int) {
	f.Helper()
	now := f.now()
	tip, added, err := f.RecordRevisions(f.ctx, store.Poll{Project: project, Revisions: f.revisions(names), Now: now, Next: now.Add(time.Minute)})
	f.ok(err)
	return tip, added
}

// line renders revisions with their positions.
func line(revs []weir.Revision) string {
	var b strings.Builder
	for _, r := range revs {
		fmt.Fprintf(&b, "%d%s ", r.Position, r.ID)
	}
	return strings.TrimSpace(b.String())
}

func testPositions(f *fixture) {
	for _, step := range []struct {
		found string
		added int
		tip   string
		all   string
	}{
		{"a", 1, "1a", "1a"},
		{"a b c", 2, "3c", "1a 2b 3c"},
		{"b c", 0, "3c", "1a 2b 3c"},
		{"", 0, "3c", "1a 2b 3c"},
		{"c d", 1, "4d", "1a 2b 3c 4d"},
		{"a e b f", 2, "6f", "1a 2b 3c 4d 5e 6f"},
		{"g g", 1, "7g", "1a 2b 3c 4d 5e 6f 7g"},
	} {
		tip, added := f.poll("p", step.found)
		equal(f, "new of "+step.found, added, step.added)
		equal(f, "tip after "+step.found, line([]weir.Revision{tip.Revision}), step.tip)
		equal(f, "first", line([]weir.Revision{tip.First}), "1a")
		all := must[[]weir.Revision](f)(f.RevisionRange(f.ctx, "p", "", 1, 100))
		equal(f, "revisions after "+step.found, line(all), step.all)
	}
}

func testSides(f *fixture) {
	f.poll("p", "a b m")
	side := store.Side{Project: "p", Branch: "^m", Revisions: f.revisions("a x y")}
	for range 2 {
		f.ok(f.RecordSide(f.ctx, side))
		equal(f, "the line", line(must[[]weir.Revision](f)(f.RevisionRange(f.ctx, "p", "^m", 1, 9))), "1a 2x 3y")
	}
	equal(f, "one of it", must[weir.Revision](f)(f.Revision(f.ctx, "p", "^m", "y")).Position, int64(3))
	equal(f, "the branch", line(must[[]weir.Revision](f)(f.RevisionRange(f.ctx, "p", "", 1, 9))), "1a 2b 3m")
	equal(f, "tips", len(must[[]weir.Tip](f)(f.Tips(f.ctx))), 1)
	equal(f, "sources", len(must[[]store.Source](f)(f.Sources(f.ctx))), 1)
	f.code(f.RecordSide(f.ctx, store.Side{Project: "p", Revisions: f.revisions("z")}), weir.Invalid)
	f.code(f.RecordSide(f.ctx, store.Side{Project: "p", Branch: "^n", Revisions: []weir.Revision{{}}}), weir.Invalid)
}

func testSideRace(f *fixture) {
	side := store.Side{Project: "p", Branch: "^m", Revisions: f.revisions("a x y")}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := f.RecordSide(f.ctx, side); err != nil {
				f.Error(err)
			}
		})
	}
	wg.Wait()
	equal(f, "the line", line(must[[]weir.Revision](f)(f.RevisionRange(f.ctx, "p", "^m", 1, 9))), "1a 2x 3y")
}

func testTips(f *fixture) {
	equal(f, "tips of an empty store", len(must[[]weir.Tip](f)(f.Tips(f.ctx))), 0)
	f.poll("q", "x y")
	f.poll("p", "a")
	f.poll("empty", "")
	f.poll("p", "b c")
	got := map[string]string{}
	for _, tip := range must[[]weir.Tip](f)(f.Tips(f.ctx)) {
		got[tip.Project] = line([]weir.Revision{tip.First, tip.Revision})
	}
	equal(f, "tips", got, map[string]string{"p": "1a 3c", "q": "1x 2y"})
}

func testRevisionReads(f *fixture) {
	now := f.now()
	revs := f.revisions("a b c d")
	_, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Revisions: revs, Now: now, Next: now})
	f.ok(err)
	got := must[weir.Revision](f)(f.Revision(f.ctx, "p", "", "b"))
	want := revs[1]
	want.Position = 2
	equal(f, "revision b", got, want)
	for _, missing := range [][3]string{{"p", "", "z"}, {"p", "main", "b"}, {"q", "", "b"}} {
		_, err := f.Revision(f.ctx, missing[0], missing[1], missing[2])
		f.code(err, weir.NotFound)
	}
	for _, c := range []struct {
		first, last int64
		want        string
	}{{2, 3, "2b 3c"}, {3, 3, "3c"}, {3, 2, ""}, {-5, 1, "1a"}, {4, 99, "4d"}, {5, 99, ""}} {
		got := must[[]weir.Revision](f)(f.RevisionRange(f.ctx, "p", "", c.first, c.last))
		equal(f, fmt.Sprintf("range %d to %d", c.first, c.last), line(got), c.want)
	}
}

func testRevisionsLike(f *fixture) {
	f.poll("p", "v1.2.0 v1.2 v1.3 V1.2 v1%2")
	f.poll("q", "v1.2")
	for _, c := range []struct {
		prefix string
		limit  int
		want   string
	}{
		{"v1.2", 0, "2v1.2 1v1.2.0"}, {"v1.2.0", 0, "1v1.2.0"}, {"v1.", 2, "3v1.3 2v1.2"}, {"v", 0, "5v1%2 3v1.3 2v1.2 1v1.2.0"},
		{"v1%", 0, "5v1%2"}, {"v1_", 0, ""}, {"v2", 0, ""}, {"v1.2.0.1", 0, ""},
	} {
		got := must[[]weir.Revision](f)(f.RevisionsLike(f.ctx, "p", "", c.prefix, c.limit))
		equal(f, fmt.Sprintf("revisions like %q", c.prefix), line(got), c.want)
	}
	equal(f, "on another branch", len(must[[]weir.Revision](f)(f.RevisionsLike(f.ctx, "p", "main", "v", 0))), 0)
}

func (f *fixture) claim(now time.Time) bool {
	f.Helper()
	return must[bool](f)(f.ClaimPoll(f.ctx, "p", "", now, now.Add(time.Minute)))
}

func testClaimPoll(f *fixture) {
	start := f.now()
	equal(f, "first claim", f.claim(start), true)
	equal(f, "claim of a claimed source", f.claim(start.Add(59*time.Second)), false)
	equal(f, "claim after the claim ran out", f.claim(start.Add(2*time.Minute)), true)

	now := start.Add(2*time.Minute + time.Second)
	_, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Revisions: f.revisions("a"), Now: now, Next: now.Add(5 * time.Minute)})
	f.ok(err)
	equal(f, "claim before it is due", f.claim(now.Add(5*time.Minute-time.Second)), false)
	equal(f, "claim when it is due: recording ended the claim", f.claim(now.Add(5*time.Minute)), true)

	f.ok(f.RecordPollError(f.ctx, "p", "", "no answer", now, now.Add(10*time.Minute)))
	equal(f, "claim before it is due after an error", f.claim(now.Add(9*time.Minute)), false)
	equal(f, "claim when it is due after an error", f.claim(now.Add(10*time.Minute)), true)
}

func testClaimRace(f *fixture) {
	now := f.now()
	var won atomic.Int32
	f.together(16, func(int) {
		got, err := f.ClaimPoll(f.ctx, "p", "", now, now.Add(time.Minute))
		if err != nil {
			f.Errorf("ClaimPoll: %v", err)
		}
		if got {
			won.Add(1)
		}
	})
	equal(f, "pollers that won", won.Load(), 1)
}

func testRecordRace(f *fixture) {
	var added atomic.Int64
	now := f.now()
	f.together(8, func(i int) {
		names := "a b c d e f g h"
		if i%2 == 1 {
			names = "a b c d"
		}
		_, n, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Revisions: f.revisions(names), Now: now, Next: now})
		if err != nil {
			f.Errorf("RecordRevisions: %v", err)
		}
		added.Add(int64(n))
	})
	all := must[[]weir.Revision](f)(f.RevisionRange(f.ctx, "p", "", 0, 100))
	equal(f, "revisions", line(all), "1a 2b 3c 4d 5e 6f 7g 8h")
	equal(f, "new ones, counted by all", added.Load(), 8)
}

func testPollErrors(f *fixture) {
	source := func() store.Source {
		f.Helper()
		got := must[[]store.Source](f)(f.Sources(f.ctx))
		if len(got) != 1 {
			f.Fatalf("sources: %+v", got)
		}
		return got[0]
	}
	first, second := f.now(), f.now()
	f.ok(f.RecordPollError(f.ctx, "p", "", "no route", first, first.Add(time.Minute)))
	equal(f, "after an error", source(), store.Source{Project: "p", Error: "no route", ErrSince: first})
	f.ok(f.RecordPollError(f.ctx, "p", "", "no name", second, second.Add(time.Minute)))
	equal(f, "after another error", source(), store.Source{Project: "p", Error: "no name", ErrSince: first})

	good := f.now()
	_, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Now: good, Next: good})
	f.ok(err)
	equal(f, "after an answer", source(), store.Source{Project: "p", Polled: good})

	third := f.now()
	f.ok(f.RecordPollError(f.ctx, "p", "", "gone", third, third.Add(time.Minute)))
	equal(f, "after a new error", source(), store.Source{Project: "p", Polled: good, Error: "gone", ErrSince: third})
}

func testBranches(f *fixture) {
	for _, branch := range []string{"main", "dev"} {
		now := f.now()
		tip, added, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Branch: branch, Revisions: f.revisions("a b"), Now: now, Next: now})
		f.ok(err)
		equal(f, "new", added, 2)
		equal(f, "tip", tip.Branch+line([]weir.Revision{tip.Revision}), branch+"2b")
	}
	f.poll("a", "x")
	got := []string{}
	for _, s := range must[[]store.Source](f)(f.Sources(f.ctx)) {
		got = append(got, s.Project+s.Branch)
	}
	if len(got) != 3 || got[0] != "a" {
		f.Errorf("sources by project: %v", got)
	}
}

// together runs n goroutines that start at once, and waits for them.
func (f *fixture) together(n int, do func(i int)) {
	f.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	wg.Wait()
}
