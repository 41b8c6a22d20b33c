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

const (
	// LockPatience is how long a build waits in turn for locks that others take.
	// After that those that it wants are kept for it: whoever came later does not
	// get them any more, and the build gets them when those end who have them.
	LockPatience = 15 * time.Minute
	// reserveTime is how long that lasts after a worker that fits has last looked.
	reserveTime = 10 * time.Minute
)

// locks is which locks are taken, as a worker sees it.
type locks struct {
	worker string
	known  map[string]weir.Lock
	used   map[string]int // shares
}

// lockKey names a lock that somebody waits for: one of a worker's if that is set.
type lockKey struct{ name, worker string }

// reservation keeps a lock for a build.
type reservation struct {
	build  weir.BuildID
	queued time.Time
	noted  time.Time // when a worker that fits the build last looked
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

// reserve keeps locks for those of the rows that have waited for them too long,
// each for the one that has waited longest.
func (s *Shares) reserve(l locks, rows []row, now time.Time) {
	for i := range rows {
		c := rows[i].Candidate
		if len(c.Locks) == 0 || now.Sub(c.Queued) < LockPatience {
			continue
		}
		for _, u := range c.Locks {
			key := l.key(u)
			if r, ok := s.reserves[key]; ok && now.Sub(r.noted) < reserveTime && r.build != c.Build && r.before(c) {
				continue
			}
			if s.reserves == nil {
				s.reserves = map[lockKey]reservation{}
			}
			s.reserves[key] = reservation{c.Build, c.Queued, now}
		}
	}
}

// before reports whether the lock is kept for a build that goes before c.
func (r reservation) before(c *Candidate) bool {
	if d := r.queued.Compare(c.Queued); d != 0 {
		return d < 0
	}
	return r.build < c.Build
}

// reserved reports whether one of a build's locks is kept for an older one.
func (s *Shares) reserved(l locks, c *Candidate, now time.Time) bool {
	for _, u := range c.Locks {
		if r, ok := s.reserves[l.key(u)]; ok && now.Sub(r.noted) < reserveTime && r.build != c.Build && r.before(c) {
			return true
		}
	}
	return false
}
