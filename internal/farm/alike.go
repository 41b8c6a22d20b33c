package farm

import (
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// alikeTime is for how long a queue of one project is taken to be one:
	// so much later may another project get its turn.
	alikeTime = 250 * time.Millisecond
	// glances is how many candidates a glance takes in for each free slot.
	glances = 4
)

// alike remembers on which platforms everything that waits, as far as a lease
// can see, belongs to one project and goes to any worker. There is nobody to take
// turns with, so the next leases read the first few builds and not the whole
// queue. The zero value knows of none.
type alike struct {
	mu    sync.Mutex
	since map[weir.Platform]time.Time
}

// glance is how many candidates to read for so many free slots; 0 means all.
func (a *alike) glance(p weir.Platform, free int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if since, ok := a.since[p]; !ok || time.Since(since) > alikeTime {
		return 0
	}
	return glances * free
}

// saw notes what a lease has seen of a queue.
func (a *alike) saw(p weir.Platform, queue []schedule.Candidate) {
	same := true
	for _, c := range queue {
		same = same && c.Builder.Project == queue[0].Builder.Project && c.Lane == queue[0].Lane &&
			c.Priority == queue[0].Priority && c.Prefer == "" && c.Avoid == "" && len(c.Locks) == 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !same:
		delete(a.since, p)
	case len(queue) == store.CandidateLimit: // a glance says nothing about the rest
		if a.since == nil {
			a.since = map[weir.Platform]time.Time{}
		}
		a.since[p] = time.Now()
	}
}
