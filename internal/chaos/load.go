package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

// load keeps the farm busy, as a person with an admin's token would.
type load struct {
	servers []*client.Client
	only    []string      // jobs; empty: all, by their share
	ready   chan struct{} // closed when the first builds were promised
	mu      sync.Mutex
	known   []weir.BuildID
}

func newLoad(servers []*client.Client, token string, only []string) *load {
	l := &load{only: only, ready: make(chan struct{})}
	for _, c := range servers {
		l.servers = append(l.servers, c.WithToken(token))
	}
	return l
}

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
		return fmt.Errorf("the farm takes no orders")
	}
}

const (
	lowWater  = 12 // builds in the queue below which more are asked for
	orderTime = 3 * time.Second
)

// run asks for builds until ctx ends. An order that is not answered may have
// been taken or not: its builds are checked like all others, if they exist.
func (l *load) run(ctx context.Context) {
	for first := true; pause(ctx, 60*ms); {
		ctx, cancel := context.WithTimeout(ctx, orderTime)
		c := l.servers[rand.IntN(len(l.servers))] //nolint:gosec // nothing secret
		if o, err := c.Overview(ctx); err == nil && o.Queue[weir.Queued] < lowWater {
			forced, err := c.Force(ctx, client.Force{Project: "chaos", Job: l.choose(), Reason: "more", Count: 1 + rand.IntN(3)}) //nolint:gosec // see above
			if err == nil {
				l.mu.Lock()
				l.known = append(l.known, forced.Builds...)
				l.mu.Unlock()
				if first {
					first = false
					close(l.ready)
				}
			}
		}
		cancel()
	}
}

// choose draws a job by its share.
func (l *load) choose() string {
	if len(l.only) > 0 {
		return l.only[rand.IntN(len(l.only))] //nolint:gosec // nothing secret
	}
	n := rand.IntN(100) //nolint:gosec // nothing secret
	for _, j := range jobs() {
		if n -= j.share; n < 0 {
			return j.name
		}
	}
	return jobs()[0].name
}

// pause waits; it reports whether ctx lets it go on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
