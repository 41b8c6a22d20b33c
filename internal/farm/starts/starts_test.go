package starts_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/farm/starts"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

const farmFile = `
platforms: [linux/amd64]
projects:
  lib:
    source: {git: https://example.org/lib.git, branch: main, pulls: {build: own, trusted: ["7"]}, tags: ["v*"]}
    jobs:
      lint: {steps: [make lint]}
      test:
        needs: [lint]
        platforms: [linux/amd64, linux/arm64]
        steps: [make check]
      nightly:
        cron: {at: "0 3 * * *", zone: Europe/Berlin}
        steps: [make slow]
      weekly:
        cron: {at: "0 4 * * 1", changed: true}
        steps: [make slower]
      release:
        on: [tag]
        if: tag startsWith "v"
        steps: [make release]
`

// world is a farm's store and what starts builds on it, at a time of the test's choosing.
type world struct {
	*starts.Starter
	t     *testing.T
	db    store.Store
	table *planner.Table
	mu    sync.Mutex
	now   time.Time
}

func newWorld(t *testing.T) *world {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	blobs, err := blob.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	farm, problems := recipe.Parse("weir.yaml", []byte(farmFile))
	if farm == nil {
		t.Fatal(problems.Format())
	}
	w := &world{t: t, db: db, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	w.must(db.Migrate(t.Context()))
	plans := recipe.Expand(farm, "linux/amd64")
	builders, err := db.EnsureBuilders(t.Context(), planner.Keys(plans))
	w.must(err)
	w.table = planner.NewTable(farm, plans, builders)
	w.Starter = w.starter(blobs)
	_, _, err = db.RecordRevisions(t.Context(), store.Poll{Project: "lib", Branch: "main", Now: w.now, Next: w.now,
		Revisions: []weir.Revision{{ID: strings.Repeat("a", 40), Message: "first"}}})
	w.must(err)
	return w
}

func (w *world) starter(blobs blob.Store) *starts.Starter {
	return starts.New(starts.Options{Store: w.db, Blobs: blobs, Stir: func() {}, Now: w.clock, Log: slog.New(slog.DiscardHandler),
		Table: func() *planner.Table { return w.table }})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// at sets the time, in UTC.
func (w *world) at(text string) {
	w.t.Helper()
	now, err := time.Parse("2006-01-02 15:04", text)
	w.must(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// looks lets the starter look, and lists the builds of the runs that it made.
func (w *world) looks() (made []string) {
	w.t.Helper()
	before := w.builds()
	_, err := w.Look(w.t.Context())
	w.must(err)
	for _, b := range w.builds()[len(before):] {
		made = append(made, string(b.Cause)+" "+b.Builder.Job+" "+string(b.Builder.Platform))
	}
	return made
}

// builds lists all, oldest first.
func (w *world) builds() []weir.Build {
	w.t.Helper()
	list, err := w.db.ListBuilds(w.t.Context(), store.BuildFilter{Limit: 1000})
	w.must(err)
	slices.Reverse(list)
	return list
}

func (w *world) expect(what string, got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestCron(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.expect("at noon", w.looks())
	w.at("2026-11-21 01:59")
	w.expect("before three in Berlin", w.looks())
	w.at("2026-11-21 02:00")
	w.expect("at three in Berlin", w.looks(), "cron nightly linux/amd64")
	w.expect("again", w.looks())
	list, err := w.Upcoming(t.Context())
	w.must(err)
	if len(list) != 2 || list[0].Job != "nightly" || !list[0].At.Equal(time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)) || list[0].Last.IsZero() || list[1].Job != "weekly" {
		t.Errorf("upcoming: %+v", list)
	}
	// Nobody runs the farm for a week: what was missed comes once.
	w.at("2026-11-28 13:00")
	w.expect("after a week", w.looks(), "cron nightly linux/amd64", "cron weekly linux/amd64")
	// Nothing has changed by the next Monday.
	w.at("2026-11-30 05:00")
	w.expect("on Monday", w.looks(), "cron nightly linux/amd64")
	_, _, err = w.db.RecordRevisions(t.Context(), store.Poll{Project: "lib", Branch: "main", Now: w.clock(), Next: w.clock(),
		Revisions: []weir.Revision{{ID: strings.Repeat("b", 40), Message: "second"}}})
	w.must(err)
	w.at("2026-12-07 05:00")
	w.expect("when something has changed", w.looks(), "cron nightly linux/amd64", "cron weekly linux/amd64")
}

// TestCronTwoServers: of several servers one starts a job.
func TestCronTwoServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.looks()
	w.at("2026-11-21 02:00")
	var wg sync.WaitGroup
	for range 4 {
		other := w.starter(nil)
		wg.Go(func() {
			if _, err := other.Look(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(w.builds()); got != 1 {
		t.Errorf("four servers made %d builds", got)
	}
}

func pull(number, head string) weir.Proposal {
	return weir.Proposal{Project: "lib", Forge: "gitea", Number: number, Title: "Add a thing", Author: "eve", AuthorID: "66", Head: strings.Repeat(head, 40),
		Ref: "refs/pull/" + number + "/head", Base: "main", Fork: true}
}

func TestPulls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p, ok, err := w.Propose(ctx, pull("1", "c"))
	w.must(err)
	if !ok || p.State != weir.ProposalHeld {
		t.Fatalf("a fork's: %+v", p)
	}
	w.expect("while it is held", w.looks())
	if err := w.Decide(ctx, p.ID, strings.Repeat("d", 40), true, "ann"); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("another head approved: %v", err)
	}
	w.must(w.Decide(ctx, p.ID, p.Head, true, "ann"))
	w.expect("approved", w.looks(), "pull lint linux/amd64", "pull test linux/amd64", "pull test linux/arm64")
	for _, b := range w.builds() {
		spec, err := w.db.BuildSpec(ctx, b.ID)
		w.must(err)
		if !spec.Untrusted || spec.Ref != "refs/pull/1/head" || spec.Revision != p.Head || b.Pins["lib"] != p.Head {
			t.Errorf("build %d is told %+v", b.ID, spec)
		}
	}
	w.expect("again", w.looks())
	// A new head of the same author waits again.
	p, _, err = w.Propose(ctx, pull("1", "d"))
	w.must(err)
	if p.State != weir.ProposalHeld {
		t.Errorf("its new head: %+v", p)
	}
	w.expect("its new head", w.looks())
	w.must(w.Decide(ctx, p.ID, p.Head, false, "ann"))
	w.expect("refused", w.looks())
	// Who calls himself like somebody trusted is not trusted.
	liar := pull("2", "e")
	liar.Author, liar.AuthorID = "7", "66"
	if p, _, err = w.Propose(ctx, liar); err != nil || p.State != weir.ProposalHeld {
		t.Errorf("a name like a trusted id: %+v, %v", p, err)
	}
	trusted := pull("3", "f")
	trusted.AuthorID = "7"
	if p, _, err = w.Propose(ctx, trusted); err != nil || p.State != weir.ProposalApproved {
		t.Errorf("somebody trusted: %+v, %v", p, err)
	}
	// Somebody trusted brings a stranger's branch up to date, or a stranger pushes to
	// that of somebody trusted.
	for _, ids := range []string{"66+7", "7+66", "+7", "7+"} {
		mixed := pull("5", "9")
		mixed.AuthorID = ids
		if !starts.Held(weir.PullPolicy{Build: weir.PullsOwn, Trusted: []string{"7"}}, mixed) {
			t.Errorf("%s is trusted because 7 is", ids)
		}
	}
	own := pull("4", "0")
	own.Fork = false
	if p, _, err = w.Propose(ctx, own); err != nil || p.State != weir.ProposalApproved {
		t.Errorf("a branch of the project's own: %+v, %v", p, err)
	}
	if got := len(w.looks()); got != 6 {
		t.Errorf("two approved heads gave %d builds", got)
	}
	closed := pull("3", "f")
	closed.State = weir.ProposalClosed
	if p, _, err = w.Propose(ctx, closed); err != nil || p.State != weir.ProposalClosed || p.Run == 0 {
		t.Errorf("closed: %+v, %v", p, err)
	}
	if list, err := w.Pulls(ctx, "lib", weir.ProposalHeld); err != nil || len(list) != 1 || list[0].Number != "2" {
		t.Errorf("held: %+v, %v", list, err)
	}
	if _, err := w.Pulls(ctx, "", "open"); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("a state that there is not: %v", err)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := store.Tag{Project: "lib", Name: "v1", Revision: strings.Repeat("a", 40)}
	_, err := w.db.RecordTags(t.Context(), "lib", []store.Tag{old}, w.clock())
	w.must(err)
	w.expect("tags from before the farm", w.looks())
	fresh := store.Tag{Project: "lib", Name: "v2", Revision: strings.Repeat("b", 40)}
	_, err = w.db.RecordTags(t.Context(), "lib", []store.Tag{old, fresh}, w.clock())
	w.must(err)
	w.expect("a new tag", w.looks(), "tag lint linux/amd64", "tag release linux/amd64", "tag test linux/amd64", "tag test linux/arm64")
	w.expect("again", w.looks())
}

func TestTry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base, patch := strings.Repeat("a", 40), []byte("diff --git a/a b/a\n")
	ctx := t.Context()
	for _, c := range []struct {
		name string
		ask  starts.Try
		code weir.Code
	}{
		{"no such project", starts.Try{Project: "bil", Base: base, Patch: patch}, weir.NotFound},
		{"no patch", starts.Try{Project: "lib", Base: base}, weir.Invalid},
		{"no hash", starts.Try{Project: "lib", Base: "--upload-pack=x", Patch: patch}, weir.Invalid},
		{"no such job", starts.Try{Project: "lib", Base: base, Patch: patch, Jobs: []string{"tset"}}, weir.NotFound},
		{"no such platform", starts.Try{Project: "lib", Base: base, Patch: patch, Platforms: []weir.Platform{"plan9/amd64"}}, weir.NotFound},
		{"too large", starts.Try{Project: "lib", Base: base, Patch: make([]byte, starts.MaxPatch+1)}, weir.TooLarge},
	} {
		if _, err := w.Try(ctx, c.ask); weir.CodeOf(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	out, err := w.Try(ctx, starts.Try{Project: "lib", Base: base, Patch: patch, Platforms: []weir.Platform{"linux/arm64"}, By: "ann"})
	w.must(err)
	builds := w.builds()
	if len(out.Builds) != 1 || len(builds) != 2 { // lint stands before test, on its own platform
		t.Fatalf("asked for %v, there are %+v", out, builds)
	}
	for _, b := range builds {
		spec, err := w.db.BuildSpec(ctx, b.ID)
		w.must(err)
		if at, digest, ok := weir.CutPatched(spec.Revision); !ok || at != base || digest != weir.DigestOf(patch) || spec.Untrusted {
			t.Errorf("build %d is told %+v", b.ID, spec)
		}
	}
}

func TestRerun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	patch := []byte("diff --git a/a b/a\n")
	out, err := w.Try(ctx, starts.Try{Project: "lib", Base: strings.Repeat("a", 40), Patch: patch, By: "ann"})
	w.must(err)
	if _, err := w.Rerun(ctx, starts.Rerun{Run: out.Run, Failed: true}); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("nothing has failed yet: %v", err)
	}
	bad := w.builds()[1]
	w.must(w.db.Cancel(ctx, bad.ID, weir.Reason{Code: weir.ReasonRequested}, w.clock()))
	again, err := w.Rerun(ctx, starts.Rerun{Run: out.Run, Failed: true, By: "bob"})
	w.must(err)
	if len(again.Builds) == 0 {
		t.Fatal("nothing is repeated")
	}
	repeated, err := w.db.Build(ctx, again.Builds[0])
	w.must(err)
	before, err := w.db.BuildSpec(ctx, bad.ID)
	w.must(err)
	after, err := w.db.BuildSpec(ctx, repeated.ID)
	w.must(err)
	if repeated.Pins.Key() != bad.Pins.Key() || after.Revision != before.Revision || repeated.Cause != weir.CauseRerun {
		t.Errorf("%+v repeats %+v", repeated, bad)
	}
	run, err := w.db.Run(ctx, again.Run)
	w.must(err)
	if run.Of != out.Run || run.By != "bob" {
		t.Errorf("the run is %+v", run)
	}
	if _, err := w.Rerun(ctx, starts.Rerun{Run: out.Run, Builds: []weir.BuildID{999}}); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("a build of another run: %v", err)
	}
	if _, err := w.Rerun(ctx, starts.Rerun{Run: 999}); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("no such run: %v", err)
	}
}

// TestRerunUntrusted repeats one job of a stranger's pull request whose other job,
// which comes first, has to be built for it as well: that is the stranger's too.
func TestRerunUntrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p, _, err := w.Propose(ctx, pull("1", "c"))
	w.must(err)
	w.must(w.Decide(ctx, p.ID, p.Head, true, "ann"))
	w.looks()
	all := w.builds() // lint, and test behind it
	w.must(w.db.Cancel(ctx, all[0].ID, weir.Reason{Code: weir.ReasonRequested}, w.clock()))
	_, err = w.Rerun(ctx, starts.Rerun{Run: all[1].Run, Builds: []weir.BuildID{all[1].ID}, By: "bob"})
	w.must(err)
	again := w.builds()[len(all):]
	if len(again) != 2 || again[0].Builder.Job != "lint" {
		t.Fatalf("repeated: %+v", again)
	}
	for _, b := range again {
		spec, err := w.db.BuildSpec(ctx, b.ID)
		w.must(err)
		if !spec.Untrusted || spec.Ref != p.Ref {
			t.Errorf("%s of a stranger's head %s is trusted: ref %q", b.Builder.Job, weir.ShortRevision(spec.Revision), spec.Ref)
		}
		if spec.Cause != weir.CausePull { // conditions like !pull must say what they said
			t.Errorf("%s is told of a %s", b.Builder.Job, spec.Cause)
		}
	}
}

// TestMergedAsItIs lets the head of a pull request become the branch's tip: what was
// built for strangers, off the line, does not stand in for what is on it.
func TestMergedAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p, _, err := w.Propose(ctx, pull("1", "c"))
	w.must(err)
	w.must(w.Decide(ctx, p.ID, p.Head, true, "ann"))
	w.looks()
	before := len(w.builds())
	_, _, err = w.db.RecordRevisions(ctx, store.Poll{Project: "lib", Branch: "main", Now: w.now, Next: w.now,
		Revisions: []weir.Revision{{ID: p.Head, Message: "merged"}}})
	w.must(err)
	plan := planner.New(planner.Options{Store: w.db, Table: func() *planner.Table { return w.table }, Now: w.clock,
		Log: slog.New(slog.DiscardHandler), Moved: func() {}})
	for range 3 {
		_, err = plan.Plan(ctx)
		w.must(err)
	}
	found := false
	for _, b := range w.builds()[before:] {
		spec, err := w.db.BuildSpec(ctx, b.ID)
		w.must(err)
		found = found || b.Pins["lib"] == p.Head && b.Cause == weir.CauseChange && !spec.Untrusted
	}
	if !found {
		t.Error("nobody builds the branch at what was merged")
	}
}

// TestTagsOfNobody has more tags that no job wants than are looked at in one go, and
// behind them one that is to be released.
func TestTagsOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.db.RecordTags(ctx, "lib", nil, w.clock())
	w.must(err)
	var tags []store.Tag
	for i := range 60 {
		tags = append(tags, store.Tag{Project: "lib", Name: fmt.Sprintf("nightly-%02d", i), Revision: strings.Repeat("b", 40)})
	}
	tags = append(tags, store.Tag{Project: "lib", Name: "v2", Revision: strings.Repeat("b", 40)})
	for i := range w.table.Plans { // all but the release is for changes alone
		if w.table.Plans[i].Job.Name != "release" {
			w.table.Plans[i].Job.Start.On = []weir.Cause{weir.CauseChange}
		}
	}
	_, err = w.db.RecordTags(ctx, "lib", tags, w.clock())
	w.must(err)
	made := append(w.looks(), w.looks()...)
	w.expect("behind what nobody wants", made, "tag release linux/amd64")
	if due, err := w.db.DueTags(ctx, 100); err != nil || len(due) > 0 {
		t.Errorf("%d tags are still to be built: %v", len(due), err)
	}
}
