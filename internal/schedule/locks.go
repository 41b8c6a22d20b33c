package schedule

import (
	"time"

	"github.com/weir-ci/weir"
)

// Held is a build's hold on locks.
type Held struct {
	Build  weir.BuildID
	Worker string
	Locks  []weir.LockUse
}

// reserveTime is how long a lock is kept for a build after a worker that fits the
// build has last looked: it may have been cancelled, and its workers may be gone.
const reserveTime = 10 * time.Minute

// locks is which locks are taken, as a worker sees it.
type locks struct {
	worker string
	known  map[string]weir.Lock
	used   map[string]int // shares
}

// lockKey names a lock that somebody waits for: one of a worker's if that is set.
type lockKey struct{ name, worker string }

// reservation keeps a lock for a build whose turn came while others had it. Whoever
// comes later does not get it any more, so that one that wants many shares gets them in
// the end, and one of a low priority gets any.
type reservation struct {
	build weir.BuildID
	noted time.Time // when a worker that fits the build last looked
}

func newLocks(known map[string]weir.Lock, held []Held, worker string) locks {
	l := locks{worker: worker, known: known, used: map[string]int{}}
	for _, h := range held {
		for _, u := range h.Locks {
			if l.known[u.Name].Scope != weir.LockWorker || h.Worker == worker {
				l.used[u.Name] += l.shares(u)
			}
		}
	}
	return l
}

// shares is how many shares a use takes: all if it asks for more.
func (l locks) shares(u weir.LockUse) int { return min(u.Shares(), l.known[u.Name].Shares()) }

// free reports whether a build's locks can be had. It names each lock once.
func (l locks) free(c *Candidate) bool {
	for _, u := range c.Locks {
		if l.used[u.Name]+l.shares(u) > l.known[u.Name].Shares() {
			return false
		}
	}
	return true
}

func (l locks) take(c *Candidate) {
	for _, u := range c.Locks {
		l.used[u.Name] += l.shares(u)
	}
}

func (l locks) key(u weir.LockUse) lockKey {
	if l.known[u.Name].Scope == weir.LockWorker {
		return lockKey{u.Name, l.worker}
	}
	return lockKey{name: u.Name}
}

// reserve keeps the locks of a build for it whose turn it is: all of them or none, so
// that no two wait for each other. What is kept for another one stays that one's,
// unless this is the one that has waited longest.
func (s *Shares) reserve(l locks, c *Candidate, now time.Time, oldest bool) {
	for _, u := range c.Locks {
		r, ok := s.reserves[l.key(u)]
		if !ok || r.build == c.Build || now.Sub(r.noted) >= reserveTime {
			continue
		}
		if !oldest {
			return
		}
		s.release(r.build)
	}
	if s.reserves == nil {
		s.reserves = map[lockKey]reservation{}
	}
	for _, u := range c.Locks {
		s.reserves[l.key(u)] = reservation{c.Build, now}
	}
}

// release lets go what is kept for a build.
func (s *Shares) release(id weir.BuildID) {
	for key, r := range s.reserves {
		if r.build == id {
			delete(s.reserves, key)
		}
	}
}

// refresh notes that a worker has looked that fits some builds.
func (s *Shares) refresh(l locks, rows []row, now time.Time) {
	for i := range rows {
		for _, u := range rows[i].Locks {
			if r, ok := s.reserves[l.key(u)]; ok && r.build == rows[i].Build {
				s.reserves[l.key(u)] = reservation{r.build, now}
			}
		}
	}
}

// may reports whether a build can have its locks now, and whether one is kept for it.
func (s *Shares) may(l locks, c *Candidate, now time.Time) (free, kept bool) {
	for _, u := range c.Locks {
		r, ok := s.reserves[l.key(u)]
		ok = ok && now.Sub(r.noted) < reserveTime
		if ok && r.build != c.Build {
			return false, false
		}
		kept = kept || ok
	}
	return l.free(c), kept
}
