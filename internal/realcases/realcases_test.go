//go:build weir_real

package realcases_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/recipe"
)

// They take turns: two that compile at once take longer than one after the other.

// quiet closes the clients' connections at the end: idle ones are no leak.
type quiet struct{ *testing.M }

func (q quiet) Run() int {
	defer http.DefaultClient.CloseIdleConnections()
	return q.M.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(quiet{m}) }

// place is where a farm lives through several starts: its data and its
// worker's caches.
type place struct {
	dir    string
	config *recipe.Farm
}

func settle(t *testing.T, file string) place {
	t.Helper()
	config, problems, err := recipe.Load(filepath.Join("..", "..", "examples", "real-cases", file))
	if err != nil {
		t.Fatalf("%v\n%s", err, problems.Format())
	}
	p := place{t.TempDir(), config}
	config.Data = filepath.Join(p.dir, "state")
	t.Cleanup(func() { // the go command makes directories read-only, which are to be removed
		err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(path, 0o700)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	return p
}

// project is one of the farm's, to be changed before the next start.
func (p place) project(t *testing.T, name string) *weir.Project {
	t.Helper()
	project, ok := p.config.Project(name)
	if !ok {
		t.Fatalf("there is no project %s", name)
	}
	return project
}

// up starts the farm with one worker, as weir up does, until stop.
func (p place) up(t *testing.T) (f *farmtest.Farm, stop func()) {
	t.Helper()
	f = farmtest.StartConfig(t, p.config, farmtest.Options{Slots: -1})
	w := farmtest.NewWorker(t, f.Server, "local", max(p.config.Worker.Slots, 1), p.dir, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // which ends before its cleanup
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		farmtest.AwaitEnd(t, "the worker", done)
		f.Stop()
	}
	t.Cleanup(stop)
	return f, stop
}

// patience ends a wait. A registry may be slow, and a machine busy.
const patience = 20 * time.Minute

// until waits for the farm to be as wanted.
func until(t *testing.T, f *farmtest.Farm, what string, wanted func(client.Overview) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		o, err := f.Overview(ctx)
		if err != nil {
			t.Fatalf("waiting until %s: %v", what, err)
		}
		if wanted(o) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s; the farm is at: %+v", what, o)
		}
	}
}

// only waits until there is one regression and it is as wanted; never may there be two.
func only(t *testing.T, f *farmtest.Farm, what string, wanted func(weir.Regression) bool) weir.Regression {
	t.Helper()
	var r weir.Regression
	until(t, f, what, func(client.Overview) bool {
		all, err := f.Regressions(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 1 {
			t.Fatalf("there are %d regressions: %+v", len(all), all)
		}
		if len(all) == 1 {
			r = all[0]
		}
		return len(all) == 1 && wanted(r)
	})
	return r
}

func none(t *testing.T, f *farmtest.Farm) {
	t.Helper()
	if all, err := f.Regressions(t.Context(), true); err != nil || len(all) > 0 {
		t.Errorf("%d regressions: %+v, %v", len(all), all, err)
	}
}

// expectBuilt waits for that many builds of a project's line and checks how
// many tests of the newest are bad.
func expectBuilt(t *testing.T, f *farmtest.Farm, project string, builds, bad int) {
	t.Helper()
	var last weir.Build
	until(t, f, fmt.Sprintf("%s has %d builds", project, builds), func(o client.Overview) bool {
		i := slices.IndexFunc(o.Builders, func(b client.BuilderRow) bool { return b.Builder.Project == project })
		if i < 0 || len(o.Builders[i].Recent) < builds || !farmtest.Quiet(o, 1) {
			return false
		}
		last = o.Builders[i].Recent[0]
		return true
	})
	if last.Counts.Bad() != bad || last.Counts.Total() == 0 {
		t.Errorf("build %d of %s %s with %+v, want %d bad", last.ID, project, last.Outcome, last.Counts, bad)
	}
}

// TestDirectory is case 4.
func TestDirectory(t *testing.T) {
	p := settle(t, "case4.yaml")
	f, stop := p.up(t)
	expectBuilt(t, f, "go-hclog", 2, 0)
	none(t, f)
	stop()

	hclog := p.project(t, "go-hclog")
	hclog.Source.To = "v1.6.3"
	hclog.Jobs[0].Dir = "hclog"
	f, stop = p.up(t)
	r := only(t, f, "it is known that no revision did it", func(r weir.Regression) bool { return !r.State.Open() })
	if r.State != weir.Dismissed || r.Blame != weir.BlameEnvironment || r.Culprit.Project != "" || len(r.Victims) != 8 {
		t.Errorf("the regression is %s, %q did it, %+v, %d tests: %s", r.State, r.Blame, r.Culprit, len(r.Victims), r.Note)
	}
	stop()

	p.config.Data = filepath.Join(p.dir, "another") // where it was never right
	f, stop = p.up(t)
	expectBuilt(t, f, "go-hclog", 2, 8)
	none(t, f)
	stop()
}

// TestLockStep is case 5: go-cty first, and then hcl.
func TestLockStep(t *testing.T) {
	p := settle(t, "case5.yaml")
	f, stop := p.up(t)
	r := only(t, f, "it is known who broke hcl", func(r weir.Regression) bool { return r.State == weir.Located })
	if r.Blame != weir.BlameUpstream || r.Culprit.Project != "go-cty" || r.Culprit.Revision.ID != "v1.13.0" || len(r.Victims) != 8 {
		t.Errorf("%q did it, %+v, %d tests: %s", r.Blame, r.Culprit, len(r.Victims), r.Note)
	}
	stop()

	p.project(t, "hcl").Source.To = "v2.18.1"
	f, stop = p.up(t)
	r = only(t, f, "hcl has mended it", func(r weir.Regression) bool { return r.State == weir.Recovered })
	r = only(t, f, "it is known that both have to move", func(r weir.Regression) bool { return r.Blame == weir.BlameLockStep })
	apart := slices.IndexFunc(r.Corners, func(c weir.Corner) bool { return c.NewDownstream && !c.NewUpstream })
	if len(r.Corners) != 4 || apart < 0 || !r.Corners[apart].Unbuilt {
		t.Errorf("corners: %+v", r.Corners)
	}
	d, err := f.Regression(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, probe := range d.Probes {
		if probe.Pins["hcl"] != "v2.16.2" {
			t.Errorf("build %d of %s counts as step %d of the path", probe.Build, probe.Pins, probe.Position)
		}
	}
	stop()
}

// TestBothMove is case 5 with nothing between the two ends.
func TestBothMove(t *testing.T) {
	p := settle(t, "case5.yaml")
	p.project(t, "hcl").Source.To = "v2.18.1"
	f, stop := p.up(t)
	expectBuilt(t, f, "hcl", 2, 0)
	none(t, f)
	stop()
}

// TestBothMoveAndBreak is case 1 with a move of hcl in the same step, which is
// not to blame.
func TestBothMoveAndBreak(t *testing.T) {
	p := settle(t, "case5.yaml")
	hcl := p.project(t, "hcl")
	hcl.Source.Versions, hcl.Source.From, hcl.Source.To = []string{"v2.16.1", "v2.16.2"}, "v2.16.1", "v2.16.2"
	f, stop := p.up(t)
	r := only(t, f, "it is known who broke hcl", func(r weir.Regression) bool { return r.State == weir.Located })
	if r.Blame != weir.BlameUpstream || r.Culprit.Revision.ID != "v1.13.0" || len(r.Victims) != 8 || len(r.Corners) != 4 {
		t.Errorf("%q did it, %+v, %d tests: %s; corners %+v", r.Blame, r.Culprit, len(r.Victims), r.Note, r.Corners)
	}
	stop()
}

// TestFlaky is case 6, in short.
func TestFlaky(t *testing.T) {
	const beats = 20
	p := settle(t, "case6.yaml")
	pulse := filepath.Join(p.dir, "pulse")
	p.project(t, "pulse").Source.Location = pulse
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=Pulse", "-c", "user.email=pulse@pulse.example"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git: %v\n%s", err, out)
		}
	}
	git("init", "-q", "-b", "main", pulse)
	git("-C", pulse, "commit", "-q", "--allow-empty", "-m", "the first beat")
	f, stop := p.up(t)
	for beat := range beats {
		until(t, f, fmt.Sprintf("beat %d is built", beat), func(o client.Overview) bool {
			return farmtest.Quiet(o, 1) && !slices.ContainsFunc(o.Builders, func(b client.BuilderRow) bool {
				builds, err := f.Builds(t.Context(), client.BuildQuery{Project: b.Builder.Project})
				if err != nil {
					t.Fatal(err)
				}
				builds = slices.DeleteFunc(builds, func(b weir.Build) bool { return !b.Cause.Advances() })
				return len(builds) <= beat
			})
		})
		git("-C", pulse, "commit", "-q", "--allow-empty", "-m", fmt.Sprint("beat ", beat))
	}
	all, err := f.Regressions(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.State.Open() || r.Culprit.Project != "" {
			t.Errorf("regression %d is %s, %+v did it: %s", r.ID, r.State, r.Culprit, r.Note)
		}
	}
	stop()
}
