package polling_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/polling"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/store"
)

// fake is a source and a store of one test.
type fake struct {
	mu       sync.Mutex
	lines    map[string][]weir.Revision // what there is, by branch
	touched  map[string][]string
	refs     source.Refs
	down     bool
	asked    map[string][]time.Time // by branch
	recorded map[string][]weir.Revision
	next     map[string]time.Time
	branches []string
	tags     []store.Tag
	failed   []string
	unsaid   int    // how often the store does not say which branches there are
	answer   func() // called with what is answered already known; may be nil
}

func newFake() *fake {
	return &fake{lines: map[string][]weir.Revision{}, touched: map[string][]string{}, asked: map[string][]time.Time{},
		recorded: map[string][]weir.Revision{}, next: map[string]time.Time{}}
}

func (f *fake) Revisions(_ context.Context, src weir.Source, known string) (source.Listing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[src.Branch] = append(f.asked[src.Branch], time.Now())
	if f.down {
		return source.Listing{}, weir.Errorf(weir.Unavailable, "nobody answers")
	}
	line := f.lines[src.Branch]
	if i := slices.IndexFunc(line, func(r weir.Revision) bool { return r.ID == known }); i >= 0 {
		line = line[i+1:]
	} else if len(line) > 0 {
		line = line[len(line)-1:]
	}
	l := source.Listing{Revisions: slices.Clone(line)}
	if f.answer != nil {
		f.mu.Unlock()
		f.answer()
		f.mu.Lock()
	}
	return l, nil
}

func (f *fake) Touched(_ context.Context, _ weir.Source, revision string) (source.Paths, error) {
	return source.Paths{Names: f.touched[revision]}, nil
}

func (f *fake) Refs(context.Context, weir.Source) (source.Refs, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refs, nil
}

func (f *fake) ClaimPoll(_ context.Context, _, branch string, now, _ time.Time) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !now.Before(f.next[branch]), nil
}

func (f *fake) RecordRevisions(_ context.Context, p store.Poll) (weir.Tip, int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next[p.Branch] = p.Next
	for _, r := range p.Revisions {
		r.Position = int64(len(f.recorded[p.Branch]) + 1)
		f.recorded[p.Branch] = append(f.recorded[p.Branch], r)
	}
	tip, _ := f.tip(p.Branch)
	return tip, len(p.Revisions), nil
}

func (f *fake) tip(branch string) (weir.Tip, bool) {
	line := f.recorded[branch]
	if len(line) == 0 {
		return weir.Tip{}, false
	}
	return weir.Tip{Project: "p", Branch: branch, First: line[0], Revision: line[len(line)-1]}, true
}

func (f *fake) RecordPollError(_ context.Context, _, branch, message string, _, next time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed, f.next[branch] = append(f.failed, message), next
	return nil
}

func (f *fake) RecordBranches(_ context.Context, _ string, branches []string, _ time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.branches = branches
	return nil
}

func (f *fake) RecordTags(_ context.Context, _ string, tags []store.Tag, _ time.Time) ([]store.Tag, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := tags[min(len(f.tags), len(tags)):]
	f.tags = tags
	return fresh, nil
}

func (f *fake) Branches(context.Context) (map[string][]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unsaid > 0 {
		f.unsaid--
		return nil, weir.Errorf(weir.Unavailable, "the store does not answer")
	}
	return map[string][]string{"p": f.branches}, nil
}

// run lets a poller of one project run for the length of a test, which happens in
// a bubble with a clock of its own.
func run(t *testing.T, f *fake, watch weir.Watch, poll time.Duration) *polling.Poller {
	changed := make(chan struct{}, 1)
	var mu sync.Mutex
	closed := make(chan struct{})
	p := polling.New(polling.Options{Store: f, Sources: f, Now: time.Now, Log: slog.New(slog.DiscardHandler), News: func() {},
		Projects: func() []weir.Project {
			return []weir.Project{{Name: "p", Source: weir.Source{Kind: weir.Git, Location: "l", Branch: "main", Poll: poll, Watch: watch}}}
		},
		Changed: func() <-chan struct{} {
			mu.Lock()
			defer mu.Unlock()
			return closed
		},
		Known: func(_ context.Context, _, branch string) (weir.Tip, bool, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			tip, ok := f.tip(branch)
			return tip, ok, nil
		},
		Refs: func() {
			mu.Lock()
			defer mu.Unlock()
			close(closed)
			closed = make(chan struct{})
		}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		close(changed)
	})
	return p
}

func revision(id, message string) weir.Revision { return weir.Revision{ID: id, Message: message} }

func TestSkipsWhatDoesNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.lines["main"] = []weir.Revision{revision("1", "[skip ci] the first one counts all the same")}
		run(t, f, weir.Watch{Ignore: []string{"docs/**"}}, time.Minute)
		synctest.Wait()
		f.mu.Lock()
		f.lines["main"] = append(f.lines["main"], revision("2", "Fix [skip ci]"), revision("3", "docs"), revision("4", "code"))
		f.touched = map[string][]string{"3": {"docs/a"}, "4": {"docs/a", "a.c"}}
		f.mu.Unlock()
		<-time.After(2 * time.Minute) // of the bubble
		synctest.Wait()
		var skipped []string
		for _, r := range f.recorded["main"] {
			if r.Skipped != "" {
				skipped = append(skipped, r.ID)
			}
		}
		if !slices.Equal(skipped, []string{"2", "3"}) || len(f.recorded["main"]) != 4 {
			t.Errorf("skipped are %q of %+v", skipped, f.recorded["main"])
		}
	})
}

// TestStoreDoesNotSayWhichBranches: further branches are followed once the store
// answers, although nothing changes any more, and those that are go on meanwhile.
func TestStoreDoesNotSayWhichBranches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.branches, f.unsaid = []string{"release/1"}, 1
		f.refs = source.Refs{Branches: []string{"main", "release/1"}}
		f.lines["main"], f.lines["release/1"] = []weir.Revision{revision("1", "")}, []weir.Revision{revision("r", "")}
		p := run(t, f, weir.Watch{Branches: []string{"release/*"}}, 30*24*time.Hour)
		<-time.After(time.Hour) // of the bubble
		synctest.Wait()
		f.mu.Lock()
		before := len(f.asked["release/1"])
		if len(f.recorded["release/1"]) != 1 {
			t.Errorf("recorded are %+v", f.recorded)
		}
		f.unsaid = 1
		f.mu.Unlock()
		p.Refs() // something else has changed
		synctest.Wait()
		if err := p.Nudge(t.Context(), "p", "release/1"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.unsaid != 0 || len(f.asked["release/1"]) == before {
			t.Error("a branch is not followed any more because the store does not answer")
		}
	})
}

func TestBacksOffAndComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.down = true
		run(t, f, weir.Watch{}, time.Minute)
		<-time.After(24 * time.Hour) // of the bubble
		synctest.Wait()
		f.mu.Lock()
		asked := f.asked["main"]
		f.down = false
		f.mu.Unlock()
		if n := len(asked); n > 35 || n < 20 || len(f.failed) != n || !strings.Contains(f.failed[0], "nobody answers") {
			t.Errorf("in a day without an answer it asked %d times", n)
		}
		if first, later := asked[1].Sub(asked[0]), asked[len(asked)-1].Sub(asked[len(asked)-2]); first > 3*time.Minute || later < time.Hour {
			t.Errorf("it waited %s at first and %s in the end", first, later)
		}
		before := len(asked)
		<-time.After(24 * time.Hour) // of the bubble
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if n := len(f.asked["main"]) - before; n < 1000 {
			t.Errorf("in a day of answers it asked %d times", n)
		}
	})
}

func TestNudge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := run(t, f, weir.Watch{}, 30*24*time.Hour)
		synctest.Wait()
		f.mu.Lock()
		f.lines["main"] = []weir.Revision{revision("1", "pushed")}
		f.mu.Unlock()
		for _, branch := range []string{"other", "main", ""} {
			if err := p.Nudge(t.Context(), "p", branch); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if n := len(f.asked["main"]); n != 3 || len(f.recorded["main"]) != 1 {
			t.Errorf("asked %d times, recorded %+v", n, f.recorded["main"])
		}
		if err := p.Nudge(t.Context(), "q", ""); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("no such project: %v", err)
		}
	})
}

// Somebody pushes and knocks while the source is being asked, after it has given
// its answer: it is asked again.
func TestNudgeDuringALook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.lines["main"] = []weir.Revision{revision("1", "old")}
		p := run(t, f, weir.Watch{}, 30*24*time.Hour)
		synctest.Wait()
		asked, pushed := make(chan struct{}), make(chan struct{})
		f.mu.Lock()
		f.answer = func() {
			asked <- struct{}{}
			<-pushed
		}
		f.mu.Unlock()
		if err := p.Nudge(t.Context(), "p", ""); err != nil {
			t.Fatal(err)
		}
		<-asked
		f.mu.Lock()
		f.answer = nil
		f.lines["main"] = append(f.lines["main"], revision("2", "new"))
		f.mu.Unlock()
		if err := p.Nudge(t.Context(), "p", ""); err != nil {
			t.Fatal(err)
		}
		close(pushed)
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.recorded["main"]) != 2 {
			t.Errorf("recorded %+v", f.recorded["main"])
		}
	})
}

// A forge knocks before what was pushed can be seen.
func TestNudgeThatComesTooEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.lines["main"] = []weir.Revision{revision("1", "old")}
		p := run(t, f, weir.Watch{}, 30*24*time.Hour)
		synctest.Wait()
		if err := p.Nudge(t.Context(), "p", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.mu.Lock()
		f.lines["main"] = append(f.lines["main"], revision("2", "new"))
		f.mu.Unlock()
		<-time.After(time.Hour) // of the bubble
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if n := len(f.asked["main"]); len(f.recorded["main"]) != 2 || n != 3 {
			t.Errorf("asked %d times, recorded %+v", n, f.recorded["main"])
		}
	})
}

// TestLooksAgainWhenQuiet: what is new is due when the branch has been quiet, and
// not only when it is polled the next time.
func TestLooksAgainWhenQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.lines["main"] = []weir.Revision{revision("1", "first")}
		p := run(t, f, weir.Watch{Settle: 5 * time.Minute}, 30*24*time.Hour)
		synctest.Wait()
		f.mu.Lock()
		f.lines["main"] = append(f.lines["main"], revision("2", "second"))
		f.mu.Unlock()
		if err := p.Nudge(t.Context(), "p", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.mu.Lock()
		pushed := f.asked["main"][len(f.asked["main"])-1]
		f.mu.Unlock()
		<-time.After(time.Hour) // of the bubble
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		last := f.asked["main"][len(f.asked["main"])-1]
		if len(f.asked["main"]) != 3 || last.Sub(pushed) < 5*time.Minute || last.Sub(pushed) > 6*time.Minute {
			t.Errorf("it is asked at %v", f.asked["main"])
		}
	})
}

func TestFollowsFurtherBranchesAndTags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.refs = source.Refs{Branches: []string{"main", "release/1", "wip"}, Tags: []source.Tag{{Name: "v1", Revision: "t1"}, {Name: "nightly", Revision: "n"}}}
		for _, branch := range []string{"main", "release/1", "release/2"} {
			f.lines[branch] = []weir.Revision{revision(branch+"-1", "")}
		}
		run(t, f, weir.Watch{Branches: []string{"release/*"}, Tags: []string{"v*"}}, time.Minute)
		<-time.After(3 * time.Minute) // of the bubble
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.recorded["release/1"]) != 1 || len(f.recorded["wip"]) != 0 || !slices.Equal(f.branches, []string{"release/1"}) ||
			len(f.tags) != 1 || f.tags[0].Name != "v1" {
			t.Errorf("recorded %+v, branches %q, tags %+v", f.recorded, f.branches, f.tags)
		}
		f.refs.Branches = []string{"main", "release/2"}
		f.mu.Unlock()
		<-time.After(3 * time.Minute) // of the bubble
		synctest.Wait()
		f.mu.Lock()
		before := len(f.asked["release/1"])
		f.mu.Unlock()
		<-time.After(10 * time.Minute) // of the bubble
		synctest.Wait()
		f.mu.Lock()
		if len(f.asked["release/1"]) != before || len(f.recorded["release/2"]) != 1 {
			t.Errorf("a branch that is gone is asked for, or a new one is not: %+v", f.asked)
		}
	})
}
