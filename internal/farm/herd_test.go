package farm

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/presence"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/store"
)

// countedStore counts looks into the queue.
type countedStore struct {
	store.Store
	looks atomic.Int64
}

// Lease counts.
func (c *countedStore) Lease(ctx context.Context, ask store.LeaseAsk, choose func(store.Queue) []weir.BuildID) ([]store.Leased, error) {
	c.looks.Add(1)
	return c.Store.Lease(ctx, ask, choose)
}

// TestHerd lets many workers wait, and queues a few builds: each is looked for
// by few of them, and found.
func TestHerd(t *testing.T) {
	t.Parallel()
	const workers, builds = 300, 5
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	counted := &countedStore{Store: s.store}
	f := New(Options{Store: counted, Blobs: s.blobs, Sources: s.world, Host: simPlatform})
	s.must(f.Configure(s.ctx, s.world.farm))
	ctx, cancel := context.WithCancel(s.ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		if err := f.listen(ctx); err != nil {
			t.Error(err)
		}
	})
	got := make(chan int, workers)
	for i := range workers {
		w := weir.Worker{Name: fmt.Sprint("idle-", i), Platform: simPlatform, Slots: 1, Seen: time.Now()}
		running.Go(func() {
			// Without an end by time: on a slow machine those who have waited long would ask again.
			answer, _, err := f.leaseInTurn(ctx, w, protocol.Lease{Free: 1}, nil)
			if err != nil {
				t.Error(err)
			}
			got <- len(answer.Attempts)
		})
	}
	const patience = 5 * time.Minute // no test waits so long unless something is wrong
	over := time.After(patience)
	for f.turns.Waiting(simPlatform) < workers || counted.looks.Load() < workers {
		select {
		case <-time.After(time.Millisecond): // everybody is about to wait
		case <-over:
			t.Fatalf("%d of %d wait, after %d looks", f.turns.Waiting(simPlatform), workers, counted.looks.Load())
		}
	}
	before := counted.looks.Load()
	_, err := f.Force(ctx, Force{Project: "up", Count: builds})
	s.must(err)
	for range builds {
		select {
		case n := <-got:
			if n != 1 {
				t.Errorf("somebody got %d builds", n)
			}
		case <-over:
			t.Fatalf("nobody gets what was forced, after %d looks", counted.looks.Load()-before)
		}
	}
	if looks := counted.looks.Load() - before; looks > 3*builds+presence.TurnsAtOnce {
		t.Errorf("%d workers looked for %d builds", looks, builds)
	}
}
