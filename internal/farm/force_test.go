package farm

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

func TestForce(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	f := s.farms[0]
	if _, err := f.Force(s.ctx, Force{Project: "d"}); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("before the first look: %v", err)
	}
	s.poll()
	s.until("at rest", true, s.atRest)
	before := len(s.line("d"))
	out, err := f.Force(s.ctx, Force{Project: "d", Reason: "why not", Count: 3, By: "boss"})
	s.must(err)
	if len(out.Builds) != 3 {
		t.Fatalf("forced are %v", out)
	}
	run, err := s.store.Run(s.ctx, out.Run)
	if err != nil || run.Cause != weir.CauseForce || run.Reason != "why not, by boss" || run.Project != "d" {
		t.Errorf("the run is %+v, %v", run, err)
	}
	all, err := s.store.ListBuilds(s.ctx, store.BuildFilter{Run: out.Run})
	if err != nil || len(all) != 3 || all[0].Pins["up"] != "up-1" || all[0].State != weir.Queued {
		t.Errorf("the run has %+v, %v", all, err)
	}
	s.must(f.CancelBuild(s.ctx, out.Builds[1], "", "boss"))
	if b, err := s.store.Build(s.ctx, out.Builds[1]); err != nil || b.Reason.Text != "cancelled, by boss" {
		t.Errorf("cancelled with %+v, %v", b.Reason, err)
	}
	s.until("at rest", true, s.atRest)
	if after := len(s.line("d")); after != before+3 {
		t.Errorf("the line had %d builds, and then %d", before, after)
	}
	for name, ask := range map[string]struct {
		force Force
		code  weir.Code
	}{
		"no project":  {Force{Project: "x"}, weir.NotFound},
		"no job":      {Force{Project: "d", Job: "x"}, weir.NotFound},
		"too many":    {Force{Project: "d", Count: MaxForceCount + 1}, weir.Invalid},
		"less than 0": {Force{Project: "d", Count: -1}, weir.Invalid},
		"two lines":   {Force{Project: "d", Reason: "a\nb"}, weir.Invalid},
		"a long line": {Force{Project: "d", Reason: strings.Repeat("a", 201)}, weir.Invalid},
	} {
		if _, err := f.Force(s.ctx, ask.force); weir.CodeOf(err) != ask.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkForce measures how many builds a second a farm accepts, one a
// request, from eight clients.
func BenchmarkForce(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "weir.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	w := smallWorld("up")
	f := New(Options{Store: db, Sources: w, Host: simPlatform})
	if err := f.Configure(b.Context(), w.farm); err != nil {
		b.Fatal(err)
	}
	for _, p := range w.farm.Projects {
		if _, err := f.poller.Look(b.Context(), p, 0); err != nil {
			b.Fatal(err)
		}
	}
	var builds atomic.Int64
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			out, err := f.Force(b.Context(), Force{Project: "up"})
			if err != nil {
				b.Error(err)
				return
			}
			builds.Add(int64(len(out.Builds)))
		}
	})
	b.ReportMetric(float64(builds.Load())/b.Elapsed().Seconds(), "builds/s")
}
