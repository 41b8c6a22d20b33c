package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// load keeps the farm busy.
type load struct {
	f     *farm
	ready chan struct{} // closed when the first builds are there
	mu    sync.Mutex
	known []weir.BuildID
}

func newLoad(f *farm) *load { return &load{f: f, ready: make(chan struct{})} }

// asked lists the builds that the farm has promised.
func (l *load) asked() []weir.BuildID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.known)
}

// begun waits until there is something to do.
func (l *load) begun(ctx context.Context) error {
	select {
	case <-l.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return fmt.Errorf("the farm has not planned its first builds")
	}
}

// Depths of the queue: below the one more builds are asked for, so many at once.
const (
	lowWater = 10
	atOnce   = 6
)

// run asks for builds until ctx ends.
func (l *load) run(ctx context.Context) {
	config, _, err := recipe.Load(filepath.Join(l.f.dir, "server1.yaml"))
	if err != nil {
		return
	}
	db, err := app.OpenStore(ctx, config)
	if err != nil {
		return
	}
	defer db.Close()
	first := map[string]store.NewBuild{}
	for len(first) < len(jobs()) && pause(ctx, 50*ms) {
		builds, err := l.f.clients[0].Builds(ctx, client.BuildQuery{})
		if err != nil {
			continue
		}
		for _, b := range builds {
			spec, err := db.BuildSpec(ctx, b.ID)
			if err != nil {
				continue
			}
			first[b.Builder.Job] = store.NewBuild{Builder: b.Builder.ID, Pins: b.Pins, Spec: spec, Share: store.ShareNone}
			l.promise(b.ID)
		}
	}
	close(l.ready)
	for pause(ctx, 100*ms) {
		depth, err := db.QueueDepth(ctx)
		if err != nil || depth[weir.Queued] >= lowWater {
			continue
		}
		run := store.NewRun{Cause: weir.CauseForce, Project: "chaos", Reason: "more", Now: time.Now()}
		for range atOnce {
			run.Builds = append(run.Builds, first[l.choose()])
		}
		if _, ids, err := db.CreateRun(ctx, run); err == nil {
			l.promise(ids...)
		}
	}
}

func (l *load) promise(ids ...weir.BuildID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if !slices.Contains(l.known, id) {
			l.known = append(l.known, id)
		}
	}
}

// choose draws a job by its share.
func (l *load) choose() string {
	if only := l.f.o.Profile.Jobs; len(only) > 0 {
		return only[rand.IntN(len(only))] //nolint:gosec // nothing secret
	}
	n := rand.IntN(100) //nolint:gosec // nothing secret
	for _, j := range jobs() {
		if n -= j.share; n < 0 {
			return j.name
		}
	}
	return jobs()[0].name
}
