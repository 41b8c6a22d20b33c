package flaky

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/store"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func day(d float64) time.Time { return epoch.Add(time.Duration(d * 24 * float64(time.Hour))) }

// run is a run of a test on a day, at revisions of that day, with ten builds a day.
func run(d float64, bad bool, worker string) store.SeenRun {
	r := store.SeenRun{Build: weir.BuildID(1000 * d), Bad: bad, Inputs: fmt.Sprint(int(d)), Number: int(10*d) + 1, At: day(d), Place: store.Place{Worker: worker, Leased: day(d)}}
	if !bad {
		r.Build++
	}
	return r
}

// both is a flake on each of some days.
func both(days ...float64) (runs []store.SeenRun) {
	for _, d := range days {
		runs = append(runs, run(d, true, "w1"), run(d, false, "w2"))
	}
	return runs
}

func kept(name string, now float64, state weir.TestState, runs ...store.SeenRun) store.FlakyTest {
	state.Test = weir.TestID{Suite: "s", Name: name}
	if state.Status == "" {
		state.Status = weir.Pass
	}
	number := int(10*now) + 1
	return store.FlakyTest{Builder: weir.Builder{ID: 1, BuilderKey: weir.BuilderKey{Project: "p", Job: "test", Platform: "linux/amd64"}}, State: state,
		Newest: store.SettledBuild{Number: number, At: day(now)}, Ran: number, Runs: runs}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	long := func(s string) store.FlakyTest {
		k := kept("t", 300, weir.TestState{Flakes: 2, LastFlake: 5})
		if s != "" {
			k.LastFlake = store.SettledBuild{Number: 2990, Build: 5, At: day(299)}
		}
		return k
	}
	masked := kept("t", 40, weir.TestState{Masked: 7}, both(0, 10, 20)...)
	masked.Ran = 205
	differs := kept("t", 5, weir.TestState{Status: weir.Fail, Signature: weir.AnySignature, Flakes: 1, LastFlake: 9})
	differs.LastFlake = store.SettledBuild{Number: 9, Build: 9, At: day(4)}
	late := kept("t", 30, weir.TestState{Flakes: 3, LastFlake: 29_000}, both(1)...)
	late.LastFlake = store.SettledBuild{Number: 291, Build: 29_000, At: day(29)}
	for _, tt := range []struct {
		name   string
		k      store.FlakyTest
		now    float64
		ok     bool
		want   flake.State
		flakes int
		seen   int
		reason string
	}{
		{"one", kept("t", 3, weir.TestState{Flakes: 1, LastFlake: 1000}, both(1)...), 3, true, flake.Flaky, 1, 1, "1 revision, last seen 2 days and 20 builds ago"},
		{"silent", kept("t", 200, weir.TestState{Flakes: 1}, both(1)...), 200, true, flake.Quiet, 1, 1, "silent for 199 days"},
		{"bad only", kept("t", 3, weir.TestState{}, run(1, true, "w")), 3, false, flake.Steady, 0, 0, ""},
		{"from before runs were recorded", long("x"), 300, true, flake.Flaky, 1, 0, "last seen 1 day"},
		{"whose builds are gone", long(""), 300, true, flake.Quiet, 2, 0, "not kept any more"},
		{"recorded, and later not", late, 30, true, flake.Flaky, 2, 1, "last seen 1 day"},
		{"that does not run", masked, 40, true, flake.Flaky, 3, 3, "20 days and 4 builds ago"},
		{"that says something else each time", differs, 5, false, flake.Steady, 0, 0, ""},
	} {
		got, ok := judge(tt.k, day(tt.now))
		if ok != tt.ok || ok && (got.Mark.State != tt.want || got.Mark.Flakes != tt.flakes || len(got.Seen) != tt.seen || !strings.Contains(got.Mark.Reason, tt.reason)) {
			t.Errorf("%s: %t %+v", tt.name, ok, got)
		}
	}
}

func TestSightings(t *testing.T) {
	t.Parallel()
	var runs []store.SeenRun
	for i := range 30 { // all at one set of revisions; the last but one is bad
		runs = append(runs, store.SeenRun{Build: weir.BuildID(i + 1), Bad: i == 28, Inputs: "x", Number: 7, At: day(float64(i))})
	}
	runs = append(runs, store.SeenRun{Build: 40, Bad: true, Inputs: "y", Number: 9, At: day(40)})
	evidence, seen := sightings(append(runs, both(60)...))
	if len(evidence) != 33 || len(seen) != 2 {
		t.Fatalf("%d pieces of evidence, %+v", len(evidence), seen)
	}
	first := seen[0]
	if len(first.Runs) != mostRuns || first.Runs[0].Build != 1 || first.Runs[1].Build != 29 || !first.Runs[1].Bad || first.Runs[mostRuns-1].Build != 30 || first.At != day(29) {
		t.Errorf("seen are %+v", first)
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	root := true
	k := kept("t", 50, weir.TestState{Since: 3}, both(1, 2, 3, 4, 5)...)
	var settled []store.SettledRun
	for i := range 40 {
		r := store.SettledRun{SettledBuild: store.SettledBuild{Build: weir.BuildID(i + 1), Number: i + 1}, Place: store.Place{Worker: "w2", Leased: day(float64(i) / 7)}}
		if i < 2 {
			r.Place.Worker = "w1" // before the test was as it is
		}
		settled = append(settled, r)
	}
	settled = append(settled, store.SettledRun{SettledBuild: store.SettledBuild{Build: 1000}, Place: store.Place{Worker: "w1"}}) // known to be bad
	got := hints(k, settled)
	if len(got) != 1 || got[0].Value != "worker w1" || got[0].In != (flake.Share{Bad: 5, Runs: 5}) || got[0].Out != (flake.Share{Runs: 43}) || !strings.HasPrefix(got[0].Says, "worker w1: 5 of 5") {
		t.Errorf("hints are %+v", got)
	}
	for i := range k.Runs {
		if k.Runs[i].Place.Worker = "w3"; k.Runs[i].Bad {
			k.Runs[i].Place.Root = &root
		}
	}
	k.State.Masked = 9
	if got := hints(k, settled); len(got) != 0 {
		t.Errorf("with few runs hints are %+v", got)
	}
}

// kind of a store that is told what it keeps.
type memory struct {
	store.Flakes
	tests   []store.FlakyTest
	claimed bool
	told    []store.ToldFlake
}

func (m *memory) FlakyTests(context.Context, store.FlakyFilter) ([]store.FlakyTest, int, error) {
	return m.tests, len(m.tests) + 3, nil
}

func (m *memory) SettledRuns(context.Context, []weir.BuilderID, int) ([]store.SettledRun, error) {
	return nil, nil
}

func (m *memory) ClaimDigest(context.Context, string, time.Duration, time.Time) (bool, error) {
	return m.claimed, nil
}

func (m *memory) DigestTold(_ context.Context, _ string, told []store.ToldFlake, _ time.Time) error {
	m.told = told
	return nil
}

func names(tests []Test) string {
	var out []string
	for _, t := range tests {
		out = append(out, t.Test.Name)
	}
	return strings.Join(out, " ")
}

func TestList(t *testing.T) {
	t.Parallel()
	const now = 100.0
	again := kept("again", now, weir.TestState{}, both(1, 99)...)
	again.Told = string(flake.Quiet)
	closed := kept("closed", now, weir.TestState{}, both(2)...)
	closed.Told = string(flake.Flaky)
	known := kept("known", now, weir.TestState{}, both(50, 98)...)
	known.Told = string(flake.Flaky)
	m := &memory{claimed: true, tests: []store.FlakyTest{
		kept("new", now, weir.TestState{}, both(97)...), again, kept("worse", now, weir.TestState{}, both(96, 97, 98, 99)...), known,
		kept("mild", now, weir.TestState{}, both(60)...), closed, kept("never", now, weir.TestState{}, run(99, true, "w"))}}
	l := New(Options{Store: m, Now: func() time.Time { return day(now) }, Past: func(_ context.Context, _ weir.BuilderID, test weir.TestID) (history.History, error) {
		counts := history.Counts{Builds: 1000, Runs: 1000, Failures: 2, Flakes: 2}
		if test.Name == "worse" {
			counts.Failures, counts.Flakes = 90, 90
		}
		return history.History{Segments: []history.Segment{{Counts: counts}}}, nil
	}})
	got, err := l.List(t.Context(), Query{Project: "p"})
	if err != nil || names(got.New) != "worse again new" || names(got.Open) != "known mild" || names(got.Quiet) != "closed" || got.Omitted != 3 {
		t.Errorf("listed are %q, %q, %q, %v", names(got.New), names(got.Open), names(got.Quiet), err)
	}
	if r := got.New[0].Rate; r.Flakes != 90 || r.Builds != 1000 || r.Mean < 0.07 || r.Mean > 0.12 || r.Says == "" {
		t.Errorf("the rate is %+v", r)
	}
	if got.New[1].Mark.Rearmed != 1 {
		t.Errorf("the mark is %+v", got.New[1].Mark)
	}
	var d flake.Digest
	if err := l.Tell(t.Context(), "p", time.Hour, func(n flake.Digest) error { d = n; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(d.New) != 3 || len(d.Again) != 1 || len(d.Closed) != 1 || len(d.Open) != 1 || len(m.told) != 6 || m.told[5].State != "quiet" {
		t.Errorf("the digest is %+v; told are %+v", d, m.told)
	}
	m.claimed = false
	if err := l.Tell(t.Context(), "p", time.Hour, func(flake.Digest) error { t.Error("told twice"); return nil }); err != nil {
		t.Fatal(err)
	}
}
