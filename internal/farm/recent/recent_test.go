package recent

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// fake is a store with what is read, and what was made but is not committed yet.
type fake struct {
	mu       sync.Mutex
	builders []weir.Builder
	builds   map[weir.BuildID]store.BoardBuild
	pending  []store.BoardBuild
	last     weir.BuildID
	events   []weir.Event
	seq      int64
	loads    int
	fail     error
	during   func() // while Lately is read
}

func newFake() *fake { return &fake{builds: map[weir.BuildID]store.BoardBuild{}} }

func (f *fake) tell(kind weir.EventKind, subject string) {
	f.seq++
	f.events = append(f.events, weir.Event{Seq: f.seq, Kind: kind, Subject: subject})
}

func (f *fake) put(b store.BoardBuild) {
	f.builds[b.ID] = b
	f.tell(weir.EventBuild, strconv.FormatInt(int64(b.ID), 10))
}

func (f *fake) make(builder weir.BuilderID) store.BoardBuild {
	f.last++
	return store.BoardBuild{ID: f.last, Builder: builder, State: weir.Queued}
}

func (f *fake) Builders(_ context.Context, after weir.BuilderID, limit int) ([]weir.Builder, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var page []weir.Builder
	for _, b := range f.builders {
		if b.ID > after && len(page) < limit {
			page = append(page, b)
		}
	}
	return page, f.fail
}

func (f *fake) Lately(_ context.Context, of []weir.BuilderID, per int) ([]store.BoardBuild, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if of == nil {
		f.loads++
	}
	if f.during != nil {
		f.during()
	}
	var list []store.BoardBuild
	for _, builder := range f.builders {
		var row []store.BoardBuild
		for _, b := range f.builds {
			if b.Builder == builder.ID && (of == nil || slices.Contains(of, b.Builder)) {
				row = append(row, b)
			}
		}
		slices.SortFunc(row, newestFirst)
		list = append(list, row[:min(len(row), per)]...)
	}
	return list, f.fail
}

func (f *fake) BoardBuilds(_ context.Context, ids []weir.BuildID) ([]store.BoardBuild, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(ids) > 1000 {
		return nil, weir.Errorf(weir.Invalid, "too many")
	}
	var list []store.BoardBuild
	for _, id := range ids {
		if b, ok := f.builds[id]; ok {
			list = append(list, b)
		}
	}
	return list, f.fail
}

func (f *fake) EventsAfter(_ context.Context, seq int64, limit int) ([]weir.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := min(int(seq), len(f.events))
	return slices.Clone(f.events[i:min(i+limit, len(f.events))]), f.fail
}

func (f *fake) LastEvent(context.Context) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq, f.fail
}

func (f *fake) addBuilder(project string) weir.BuilderID {
	id := weir.BuilderID(len(f.builders) + 1)
	f.builders = append(f.builders, weir.Builder{ID: id, BuilderKey: weir.BuilderKey{Project: project, Job: "test"}})
	return id
}

func state(t rapid.TB, w *Window) *State {
	t.Helper()
	s, err := w.State(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// text is what a state holds, builders without builds apart: nobody is told of those.
func text(s *State) string {
	out := ""
	for _, r := range s.Rows {
		if len(r.Builds) > 0 {
			out += r.Builder.Name()
			for _, b := range r.Builds {
				out += " " + strconv.Itoa(int(b.ID)) + string(b.State) + b.Worker + b.Pins.Key() + strconv.Itoa(b.Ledger.Executed)
			}
			out += "\n"
		}
	}
	return out
}

// TestAsFresh holds a window that follows events against one that reads everything.
func TestAsFresh(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newFake()
		w := New(f)
		var seen []*State
		var texts []string
		pick := func() store.BoardBuild {
			ids := make([]weir.BuildID, 0, len(f.builds))
			for id := range f.builds {
				ids = append(ids, id)
			}
			slices.Sort(ids)
			return f.builds[rapid.SampledFrom(ids).Draw(t, "build")]
		}
		builder := func() weir.BuilderID {
			return weir.BuilderID(rapid.IntRange(1, len(f.builders)).Draw(t, "builder"))
		}
		t.Repeat(map[string]func(*rapid.T){
			"builder": func(t *rapid.T) { f.addBuilder(fmt.Sprint("p", len(f.builders))) },
			"rename": func(t *rapid.T) {
				if len(f.builders) > 0 {
					f.builders[builder()-1].Project += "x"
					f.tell(weir.EventConfig, "v")
				}
			},
			"builds": func(t *rapid.T) {
				if len(f.builders) > 0 {
					id := builder()
					for range rapid.SampledFrom([]int{1, 3, Per + 5}).Draw(t, "n") {
						f.put(f.make(id))
					}
				}
			},
			"slow": func(t *rapid.T) {
				if len(f.builders) > 0 {
					f.pending = append(f.pending, f.make(builder()))
				}
			},
			"commit": func(t *rapid.T) {
				if n := len(f.pending); n > 0 {
					i := rapid.IntRange(0, n-1).Draw(t, "which")
					f.put(f.pending[i])
					f.pending = slices.Delete(f.pending, i, i+1)
				}
			},
			"change": func(t *rapid.T) {
				if len(f.builds) > 0 {
					b := pick()
					b.State, b.Outcome, b.Worker = weir.Finished, weir.Failed, "w"+b.Worker
					f.put(b)
				}
			},
			"remove": func(t *rapid.T) {
				if len(f.builds) > 0 {
					b := pick()
					delete(f.builds, b.ID)
					f.tell(weir.EventBuild, strconv.FormatInt(int64(b.ID), 10))
				}
			},
			"noise": func(t *rapid.T) {
				f.tell(weir.EventLog, "1")
				f.tell(weir.EventBuild, rapid.SampledFrom([]string{"", "x", "-1", "99999"}).Draw(t, "subject"))
			},
			"": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "look") {
					s := state(t, w)
					if got, want := text(s), text(state(t, New(f))); got != want {
						t.Fatalf("follows:\n%s\nfresh:\n%s", got, want)
					}
					seen, texts = append(seen, s), append(texts, text(s))
				}
			},
		})
		for i, s := range seen {
			if text(s) != texts[i] {
				t.Fatalf("state %d was changed after it was given out", i)
			}
		}
	})
}

func TestLoads(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := New(f)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.now = func() time.Time { return now }
	id := f.addBuilder("p")
	if w.Last() != nil {
		t.Error("it knows something already")
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { state(t, w) })
	}
	group.Wait()
	want := 1
	check := func(what string, loads int) {
		t.Helper()
		if want += loads; f.loads != want {
			t.Errorf("%s: %d loads, want %d", what, f.loads, want)
		}
	}
	check("20 readers at once", 0)
	f.put(f.make(id))
	if row, ok := state(t, w).Row(id); !ok || len(row.Builds) != 1 || w.Last().Seq != 1 {
		t.Errorf("row %+v", row)
	}
	check("a build", 0)
	for range maxNamed {
		f.put(f.make(id))
	}
	state(t, w)
	check("as many builds as are followed", 0)
	for range maxNamed + 1 {
		f.put(f.make(id))
	}
	state(t, w)
	check("more builds", 1)
	for range maxEvents + 1 {
		f.tell(weir.EventLog, "1")
	}
	state(t, w)
	check("more events", 1)
	now = now.Add(stale + 1)
	state(t, w)
	check("half a day later", 1)
	now = now.Add(-time.Hour)
	state(t, w)
	check("a clock that was set back", 1)
	if _, ok := state(t, w).Row(99); ok {
		t.Error("there is a builder 99")
	}
}

func TestUsual(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	build := func(minutes int, o weir.Outcome) store.BoardBuild {
		return store.BoardBuild{State: weir.Finished, Outcome: o, Started: now, Finished: now.Add(time.Duration(minutes) * time.Minute)}
	}
	var r Row
	if r.Usual() != 0 {
		t.Error("a builder without builds has a usual time")
	}
	r.Builds = []store.BoardBuild{{State: weir.Running, Started: now}, build(90, weir.Failed), build(9, weir.Passed), build(3, weir.Passed), build(4, weir.Passed),
		{State: weir.Finished, Outcome: weir.Passed, Finished: now}}
	if got := r.Usual(); got != 4*time.Minute {
		t.Errorf("usual %v", got)
	}
	for range 20 { // what was long ago does not count
		r.Builds = append(r.Builds, build(100, weir.Passed))
	}
	if got := r.Usual(); got != 100*time.Minute {
		t.Errorf("of many: %v", got)
	}
	for range 20 {
		r.Builds = append([]store.BoardBuild{build(1, weir.Passed)}, r.Builds...)
	}
	if got := r.Usual(); got != time.Minute {
		t.Errorf("of the newest: %v", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := New(f)
	f.addBuilder("p")
	f.fail = weir.Errorf(weir.Unavailable, "no database")
	if _, err := w.State(t.Context()); weir.CodeOf(err) != weir.Unavailable {
		t.Errorf("load: %v", err)
	}
	f.fail = nil
	before := state(t, w)
	f.put(f.make(1))
	f.fail = weir.Errorf(weir.Unavailable, "no database")
	if _, err := w.State(t.Context()); weir.CodeOf(err) != weir.Unavailable {
		t.Errorf("follow: %v", err)
	}
	f.fail = nil
	if s := state(t, w); len(s.Rows[0].Builds) != 1 || len(before.Rows[0].Builds) != 0 {
		t.Errorf("afterwards: %+v", s)
	}
	w.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.State(ctx); err == nil {
		t.Error("a reader who is gone waits")
	}
}

// TestWhileLoading makes a build while everything is read, behind what was read.
func TestWhileLoading(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := New(f)
	id := f.addBuilder("p")
	f.put(f.make(id))
	f.during = func() { f.during = nil; f.put(f.make(f.addBuilder("q"))) }
	state(t, w)
	if got, want := text(state(t, w)), text(state(t, New(f))); got != want || f.loads != 2 {
		t.Errorf("%d loads; follows:\n%s\nfresh:\n%s", f.loads, got, want)
	}
}

// TestSQLite follows a store through the life of builds.
func TestSQLite(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(err)
	t.Cleanup(func() { ok(db.Close()) })
	ok(db.Migrate(t.Context()))
	w, now := New(db), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	check := func(what string, state weir.State) {
		t.Helper()
		s, err := w.State(t.Context())
		ok(err)
		fresh, err := New(db).State(t.Context())
		ok(err)
		if text(s) != text(fresh) {
			t.Errorf("%s: follows:\n%s\nfresh:\n%s", what, text(s), text(fresh))
		}
		for _, r := range s.Rows {
			if slices.Contains([]string{"p", "brook"}, r.Builder.Project) && r.Builds[0].State != state {
				t.Errorf("%s: %s", what, text(s))
			}
		}
	}
	check("empty", "")
	builders, err := db.EnsureBuilders(t.Context(), []weir.BuilderKey{{Project: "p", Job: "test", Platform: "linux/amd64"}, {Project: "q", Job: "test", Platform: "linux/amd64"}})
	ok(err)
	run := store.NewRun{Cause: weir.CauseChange, Project: "p", Now: now}
	for _, b := range builders {
		run.Builds = append(run.Builds, store.NewBuild{Builder: b.ID, Pins: weir.Pins{b.Project: "r1"}, Share: store.ShareNone})
	}
	_, ids, err := db.CreateRun(t.Context(), run)
	ok(err)
	check("made", weir.Queued)
	_, _, err = db.Hello(t.Context(), weir.Worker{Name: "heron", Platform: "linux/amd64", Slots: 1, Seen: now}, nil)
	ok(err)
	leased, err := db.Lease(t.Context(), store.LeaseAsk{Worker: "heron", Platform: "linux/amd64", Now: now, Deadline: now.Add(time.Minute), Tokens: []string{"t"}},
		func(store.Queue) []weir.BuildID { return ids[:1] })
	ok(err)
	check("leased", weir.Leased)
	_, err = db.Finish(t.Context(), store.Finish{Attempt: leased[0].Attempt, Token: leased[0].Token, Now: now.Add(time.Second), Outcome: weir.Passed})
	ok(err)
	ok(db.Cancel(t.Context(), ids[1], weir.Reason{}, now))
	check("finished", weir.Finished)
	ok(db.Settle(t.Context(), store.Settlement{Build: ids[0], Become: weir.Settled, Now: now, Ledger: weir.Ledger{Executed: 7}}))
	check("settled", weir.Finished)
	ok(db.Rename(t.Context(), []store.Renaming{{Project: "p", NewProject: "brook"}}, now))
	check("renamed", weir.Finished)
	if row, _ := state(t, w).Row(builders[0].ID); row.Builder.Project != "brook" || row.Builds[0].Pins["brook"] != "r1" {
		t.Errorf("renamed: %+v", row)
	}
}
