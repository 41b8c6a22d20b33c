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

const (
	// WishTime is how long a build waits for the worker that it prefers, or for
	// one that it does not avoid. After that it goes to any: an answer from the
	// wrong machine is better than none, and the machine may never come back.
	WishTime = 2 * time.Minute
	// headStart is how much longer than it has a build counts as waiting where it
	// is preferred. It goes before its equals there, but not for ever before the
	// same ones, however many such builds come.
	headStart = 10 * time.Minute
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
// it and do not wish for another one, by priority, then age; but among equals
// projects take turns, so that one with many builds does not keep the others
// waiting, and those of a project that prefer this worker come first.
func Pick(queue []Candidate, worker weir.Worker, free int, now time.Time) []weir.BuildID {
	fit := make([]Candidate, 0, len(queue))
	for _, c := range queue {
		if Fits(worker, c.Builder.Platform, c.Labels) && !c.Wishes(worker.Name, now) {
			if c.Prefer != "" && c.Prefer == worker.Name {
				c.Queued = c.Queued.Add(-headStart)
			}
			fit = append(fit, c)
		}
	}
	// turn numbers the builds of each project within their priority by age.
	slices.SortStableFunc(fit, byAge)
	type lane struct {
		priority int
		project  string
	}
	turns := map[lane]int{}
	turn := make(map[weir.BuildID]int, len(fit))
	for _, c := range fit {
		l := lane{c.Priority, c.Builder.Project}
		turn[c.Build] = turns[l]
		turns[l]++
	}
	slices.SortStableFunc(fit, func(a, b Candidate) int {
		if a.Priority != b.Priority {
			return b.Priority - a.Priority
		}
		return turn[a.Build] - turn[b.Build]
	})
	var out []weir.BuildID
	for _, c := range fit[:min(max(free, 0), len(fit))] {
		out = append(out, c.Build)
	}
	return out
}

func byAge(a, b Candidate) int {
	if c := a.Queued.Compare(b.Queued); c != 0 {
		return c
	}
	return int(a.Build - b.Build)
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
