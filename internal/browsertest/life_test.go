package browsertest_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// pace is how many times faster the farm's clock goes than that of the bubble in
// which it lives, so that its background loops do not look about for nothing all
// night.
const pace = 240

// The farm lives from born to died, and what is looked at is how it stood then.
func born() time.Time { return time.Date(2026, 3, 7, 8, 0, 0, 0, time.UTC) }
func died() time.Time { return time.Date(2026, 3, 13, 16, 0, 0, 0, time.UTC) }

// life is a farm while it lives.
type life struct {
	world *world
	farm  *farm.Farm
	start time.Time // of the bubble
}

func (l *life) now() time.Time { return born().Add(pace * time.Since(l.start)) }

// until waits for a time of the farm's clock, or for the end.
func (l *life) until(ctx context.Context, t time.Time) bool {
	select {
	case <-time.After(t.Sub(l.now()) / pace):
		return true
	case <-ctx.Done():
		return false
	}
}

// raise lets a farm live in a directory: a week of changes, a machine that goes
// away. It is over in seconds, for time is not waited for.
func raise(t *testing.T, dir string, w *world) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		db, err := sqlite.Open(ctx, filepath.Join(dir, "weir.db"))
		must(t, err)
		must(t, db.Migrate(ctx))
		blobs, err := blob.NewDir(filepath.Join(dir, "blobs"))
		must(t, err)
		l := &life{world: w, start: time.Now()}
		l.farm = farm.New(farm.Options{Store: db, Blobs: blobs, Sources: l.world, Now: l.now, Host: "linux/amd64", Lease: time.Hour})
		must(t, l.farm.Configure(ctx, config()))
		must(t, db.AddToken(ctx, store.Token{Name: "garnet-on-the-third-floor", Hash: strings.Repeat("0", 64), Created: born(), Scope: store.ScopeWorker, Owner: "ada@example.org"}))
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return l.farm.Run(ctx) })
		for _, w := range []struct {
			name     string
			platform weir.Platform
			slots    int
			gone     time.Time
		}{{"garnet", "linux/amd64", 3, died()}, {"basalt", "linux/arm64", 3, died()}, {"opal", "darwin/arm64", 3, died()}, {"quartz", "linux/amd64", 2, died().Add(-50 * time.Hour)}} {
			g.Go(func() error { return l.work(ctx, w.name, w.platform, w.slots, w.gone) })
		}
		g.Go(func() error { return l.lend(ctx, "flint", "linux/amd64") })
		g.Go(func() error { return l.develop(ctx) })
		l.until(ctx, died())
		stop()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		must(t, db.Close())
	})
}

// develop pushes what people write: to brook twice a day, to the others now and
// then. The last pushes of brook bring what the farm shows in the end.
func (l *life) develop(ctx context.Context) error {
	others := []string{"ferry", "heron", "marsh", "mill", "otter", "reed"}
	first := 0
	if l.world.evil {
		first = 5 // a short life
	}
	for day := first; day < 7; day++ {
		for i, hour := range []int{1, 6} {
			n := 2
			if day == 6 {
				n = 4
			}
			if day == first && l.world.evil {
				n = 24
			}
			at := born().Add(time.Duration(24*day+hour)*time.Hour + time.Duration(17*i+5*day)*time.Minute)
			if !at.Before(died().Add(-3 * time.Hour)) {
				break
			}
			if !l.until(ctx, at) {
				return nil
			}
			if err := l.push(ctx, "brook", n); err != nil {
				return err
			}
			if i == 1 || day%3 == 0 {
				if err := l.push(ctx, others[(2*day+i)%len(others)], 1); err != nil {
					return err
				}
			}
		}
	}
	for _, last := range []struct {
		ago time.Duration
		n   int
	}{{24 * time.Minute, 6}, {9 * time.Minute, 1}} {
		if !l.until(ctx, died().Add(-last.ago)) {
			return nil
		}
		if err := errors.Join(l.push(ctx, "brook", last.n), l.push(ctx, "ferry", 1)); err != nil {
			return err
		}
	}
	return nil
}

// push appends revisions to a project, and tells the farm.
func (l *life) push(ctx context.Context, project string, n int) error {
	l.world.push(project, n, l.now())
	return l.lost(ctx, l.farm.Nudge(ctx, project, ""))
}

// work is a worker: it takes as many attempts as it has slots, and runs each for
// as long as its steps take.
func (l *life) work(ctx context.Context, name string, platform weir.Platform, slots int, gone time.Time) error {
	if _, err := l.farm.Hello(ctx, name, protocol.Hello{Version: protocol.Version, Platform: platform, Slots: slots, Program: "1.0.0", Host: name, Labels: []string{"docker"}}); err != nil {
		return err
	}
	w := weir.Worker{Name: name, Platform: platform, Slots: slots}
	done := make(chan error, slots)
	free := slots
	for l.now().Before(gone) && ctx.Err() == nil {
		for free == 0 {
			select {
			case err := <-done:
				if free++; err != nil {
					return err
				}
			case <-ctx.Done():
				return nil
			}
		}
		wait := 15 * time.Second
		if l.now().After(died().Add(-10 * time.Minute)) {
			wait = 50 * time.Millisecond
		}
		answer, err := l.farm.Lease(ctx, w, protocol.Lease{Free: free, Wait: wait})
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for _, a := range answer.Attempts {
			free--
			go func() { done <- l.attempt(ctx, a) }()
		}
		for range slots - free {
			select {
			case err := <-done:
				if free++; err != nil {
					return err
				}
			default:
			}
		}
	}
	for ; free < slots; free++ {
		if err := <-done; err != nil {
			return err
		}
	}
	return nil
}

// attempt runs an attempt to its end, unless the farm ends before.
func (l *life) attempt(ctx context.Context, a protocol.Assignment) error {
	end := l.world.run(a.Spec, a.Attempt)
	steps := []weir.StepRecord{{Name: "checkout", State: weir.StepPassed, Started: l.now(), Ended: l.now().Add(4 * time.Second)}}
	for i, s := range a.Spec.Job.Steps {
		steps = append(steps, weir.StepRecord{Index: i + 1, Name: s.Name, State: weir.StepWaiting})
	}
	for i := range a.Spec.Job.Steps {
		steps[i+1].State, steps[i+1].Started = weir.StepRunning, l.now()
		if _, err := l.farm.Sync(ctx, a.Attempt, protocol.Sync{Token: a.Token, Seq: l.now().Unix(), Steps: steps}); err != nil {
			return l.lost(ctx, err)
		}
		if on, err := l.step(ctx, a, steps, l.now().Add(end.took[i])); !on {
			return l.lost(ctx, err)
		}
		steps[i+1].State, steps[i+1].Ended = weir.StepPassed, l.now()
	}
	last := len(steps) - 1
	if end.outcome == weir.Failed {
		steps[last].State, steps[last].ExitCode = weir.StepFailed, 2
	}
	var set bytes.Buffer
	if err := results.Encode(&set, end.set); err != nil {
		return err
	}
	fin := protocol.Finish{Token: a.Token, Outcome: end.outcome, Reason: end.reason, Steps: steps, Metrics: end.metrics,
		Results: weir.DigestOf(set.Bytes()), Frames: frames(last, end.log, l.now())}
	if err := l.farm.PutBlob(ctx, fin.Results, &set); err != nil {
		return l.lost(ctx, err)
	}
	if a.Spec.Job.Product != "" {
		product := []byte(a.Spec.ProductKey)
		fin.Product = weir.Product{Digest: weir.DigestOf(product), Prefix: "/opt/weir/" + a.Spec.ProductKey}
		if err := l.farm.PutBlob(ctx, fin.Product.Digest, bytes.NewReader(product)); err != nil {
			return l.lost(ctx, err)
		}
	}
	return l.lost(ctx, l.farm.Finish(ctx, a.Attempt, fin))
}

// step lets a step run until its end, and says now and then that it still runs. It
// reports whether the attempt goes on.
func (l *life) step(ctx context.Context, a protocol.Assignment, steps []weir.StepRecord, end time.Time) (bool, error) {
	const beat = 20 * time.Second
	for l.now().Add(beat).Before(end) {
		if !l.until(ctx, l.now().Add(beat)) {
			return false, nil
		}
		if l.now().Before(died().Add(-5 * time.Minute)) {
			continue // nobody will see it
		}
		if _, err := l.farm.Sync(ctx, a.Attempt, protocol.Sync{Token: a.Token, Seq: l.now().Unix(), Steps: steps}); err != nil {
			return false, err
		}
	}
	return l.until(ctx, end), nil
}

// lost passes over what is no worker's fault: the farm has ended, or the attempt.
func (l *life) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil || weir.CodeOf(err) == weir.Fenced {
		return nil
	}
	return err
}

func frames(step int, log string, at time.Time) []weir.LogFrame {
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil || log == "" {
		return nil
	}
	defer zip.Close()
	return []weir.LogFrame{{Step: step, Size: len(log), Lines: strings.Count(log, "\n"), At: at, Data: zip.EncodeAll([]byte(log), nil)}}
}
