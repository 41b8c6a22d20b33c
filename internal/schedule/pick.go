package schedule

import (
	"slices"
	"time"

	"github.com/weir-ci/weir"
)

// Candidate is a queued build that a worker might get.
type Candidate struct {
	Build    weir.BuildID
	Builder  weir.Builder
	Cause    weir.Cause
	Priority int
	Queued   time.Time
	Attempts int
	Labels   []string // that its job asks for
	// Prefer and Avoid name the worker that should run it and one that should
	// not; empty if it is all the same. They are wishes; see WishTime.
	Prefer, Avoid string
	Locks         []weir.LockUse
	Lane          string        // whose change it serves
	Products      []weir.Digest // what it will unpack
}

// Queue is what a worker may choose from, and what there is to know for that.
type Queue struct {
	Candidates []Candidate
	Held       []Held               // locks of builds that are leased or running
	Locks      map[string]weir.Lock // those that the farm knows; any other has one share, for the whole farm
	// Warm holds what lies ready on the worker: digests of products, and names of
	// projects of which it has a mirror or a cache.
	Warm map[string]bool
	// Shares knows what everybody has had; nil: nobody has had anything.
	Shares *Shares
}

const (
	// WishTime is how long a build waits for the worker that it prefers, or for
	// one that it does not avoid. After that it goes to any: an answer from the
	// wrong machine is better than none, and the machine may never come back.
	WishTime = 2 * time.Minute
	// headStart is how much longer than it has a build counts as waiting where it
	// is preferred. It goes before its equals there, but not for ever before the
	// same ones, however many such builds come. warmProduct and warmProject are the
	// same for one whose products, or whose project's mirror or cache, lie there.
	headStart   = 10 * time.Minute
	warmProduct = 10 * time.Minute
	warmProject = 5 * time.Minute
	// AgeTurn says that every so many builds a worker gets, of the lane whose turn it
	// is, the one that has waited longest, whatever its priority; and OldestTurn that
	// every so many it gets the one of all.
	AgeTurn    = 10
	OldestTurn = 100
)

// Wishes reports whether a build still wants to go to another worker than this
// one. A build that was queued further in the future than WishTime has the time
// of a wrong clock, and does not wait for it.
func (c Candidate) Wishes(worker string, now time.Time) bool {
	if (c.Prefer == "" || c.Prefer == worker) && (c.Avoid == "" || c.Avoid != worker) {
		return false
	}
	waited := now.Sub(c.Queued)
	return waited < WishTime && waited > -WishTime
}

// Fits reports whether a worker can run builds of a platform whose job asks
// for these labels.
func Fits(w weir.Worker, p weir.Platform, labels []string) bool {
	return w.Platform == p && offers(w.Labels, labels)
}

// Pick chooses at most free builds for a worker out of the queue: those that fit
// it, do not wish for another one, and whose locks are free. Of these goes first
//
//  1. what is urgent, then what is ordinary, then what may wait (see Rank);
//  2. the lane that has had least (see Shares);
//  3. within a lane, what has the higher priority;
//  4. among equals, the project that has had least of the lane;
//  5. what has waited longest, where a head start counts for a build that prefers
//     this worker, or finds its products or its project's mirror here.
//
// But every AgeTurn-th build that a worker gets is the one that has waited longest of
// the lane whose turn it is, and every OldestTurn-th the one that has of all that fit it.
// So nothing starves, whatever the priorities are and whatever else comes: a build
// that n others have waited longer than, that fit the worker too, is picked before the
// worker has got AgeTurn*(n+1) more of its lane, and OldestTurn*(n+1) in all; if it wants locks that others have, these
// are kept for it from then on, and it is picked when they are free.
//
// Pick notes in Shares whose turn it is, but not what it chose: whoever gives the
// builds to the worker says so with Shares.Began.
func (q Queue) Pick(worker weir.Worker, free int, now time.Time) []weir.BuildID {
	shares := q.Shares
	if shares == nil {
		shares = &Shares{}
	}
	shares.mu.Lock()
	defer shares.mu.Unlock()
	locks := newLocks(q.Locks, q.Held, worker.Name)
	fit := q.fitting(worker, now)
	shares.refresh(locks, fit, now)
	clock := shares.tag(worker, locks, fit)
	var out []weir.BuildID
	for n := shares.given[worker.Name]; len(out) < free; n++ {
		how := orderOf(n)
		// first is whose turn it is, and best whose turn it is of those that can have
		// their locks.
		var first, best *row
		for i := range fit {
			r := &fit[i]
			if r.taken {
				continue
			}
			if first == nil || r.goes(first, clock, how) {
				first = r
			}
			if r.free(locks, now, shares) && (best == nil || r.goes(best, clock, how)) {
				best = r
			}
		}
		if first != best {
			shares.reserve(locks, first.Candidate, now, how == byOldest)
		}
		if best == nil {
			break
		}
		best.taken = true
		spend(fit, best)
		locks.take(best.Candidate)
		out = append(out, best.Build)
	}
	return out
}

// fitting lists the candidates that the worker might get, if it were for their
// locks.
func (q Queue) fitting(worker weir.Worker, now time.Time) []row {
	fit := make([]row, 0, len(q.Candidates))
	for i := range q.Candidates {
		c := &q.Candidates[i]
		if !Fits(worker, c.Builder.Platform, c.Labels) || c.Wishes(worker.Name, now) {
			continue
		}
		r := row{Candidate: c, class: class(c.Priority), since: c.Queued}
		if c.Prefer != "" && c.Prefer == worker.Name {
			r.since = r.since.Add(-headStart)
		}
		if q.Warm[c.Builder.Project] {
			r.since = r.since.Add(-warmProject)
		}
		if len(c.Products) > 0 && !slices.ContainsFunc(c.Products, func(d weir.Digest) bool { return !q.Warm[string(d)] }) {
			r.since = r.since.Add(-warmProduct)
		}
		fit = append(fit, r)
	}
	return fit
}

// row is a candidate that fits, with what decides about it.
type row struct {
	*Candidate
	class int
	since time.Time // since when it counts as waiting here
	group *group
	start float64 // of its project's next build
	cost  float64 // expected, in seconds
	taken bool
	kept  bool // locks that it wants are kept for it, and free
}

// free reports whether the row's locks can be had.
func (r *row) free(l locks, now time.Time, s *Shares) bool {
	if len(r.Locks) == 0 {
		return true
	}
	free, kept := s.may(l, r.Candidate, now)
	r.kept = free && kept
	return free
}

// order is in which order builds go.
type order int

const (
	byTurn   order = iota
	byAge          // by turn of the lanes, and by age in each
	byOldest       // by age alone
)

// orderOf is the order for a worker that has had so many builds.
func orderOf(given int) order {
	switch {
	case given%OldestTurn == OldestTurn-1:
		return byOldest
	case given%AgeTurn == AgeTurn-1:
		return byAge
	}
	return byTurn
}

// goes reports whether a row goes before another.
func (r *row) goes(o *row, clock float64, how order) bool {
	if how == byOldest {
		return older(r.Candidate, o.Candidate)
	}
	if r.kept != o.kept {
		return r.kept
	}
	if how == byTurn && r.class != o.class {
		return r.class > o.class
	}
	if a, b := r.group.lane.turn(clock), o.group.lane.turn(clock); a != b {
		return a < b
	}
	if how == byAge {
		return older(r.Candidate, o.Candidate)
	}
	if r.Priority != o.Priority {
		return r.Priority > o.Priority
	}
	if a, b := r.start-r.group.clock, o.start-o.group.clock; a != b {
		return a < b
	}
	if c := r.since.Compare(o.since); c != 0 {
		return c < 0
	}
	return r.Build < o.Build
}

// older reports whether a has waited longer than b.
func older(a, b *Candidate) bool {
	if c := a.Queued.Compare(b.Queued); c != 0 {
		return c < 0
	}
	return a.Build < b.Build
}

// offers reports whether all wanted labels are among those offered.
func offers(offered, wanted []string) bool {
	for _, w := range wanted {
		if !slices.Contains(offered, w) {
			return false
		}
	}
	return true
}
