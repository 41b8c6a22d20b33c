// Package presence knows who is there: which workers wait for work in a request
// of theirs (Turns), which wait for cancellations (Watches), which of a worker's
// requests is the newest (Leases), and since when this server could hear anybody
// at all (Hearing). It is memory of one process and decides nothing that the
// store does not decide again: whoever loses it loses some seconds.
package presence

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

// TurnsAtOnce is how many of those who wait for work on a platform look into
// the queue at the same time.
const TurnsAtOnce = 4

// Turns lets those who wait for work look into the queue one after the other.
//
// A farm may have thousands of idle workers, and each of them waits in a
// request. If all of them looked whenever something is queued, one build would
// cost thousands of transactions. So news calls one waiter. It looks, takes what
// it may, and says what it saw and left; the next to be called is the first one
// that could do something with that. The queue itself stays in the database:
// a call is a hint, and whoever is not called looks some seconds later.
type Turns struct {
	mu    sync.Mutex
	lanes map[weir.Platform]*lane
	names map[string]map[*Turn]bool // all who wait, by worker
}

// lane is the queue of those who wait for work on one platform.
type lane struct {
	waiting list.List            // of *Turn, in the order in which they came
	beside  map[*Turn]bool       // those who look for themselves
	out     int                  // called, and not back yet
	news    bool                 // something was queued that nobody was called for
	missed  []schedule.Candidate // left over while somebody was out, who may not have seen them
}

// Turn is one who waits.
type Turn struct {
	worker  weir.Worker
	Called  chan struct{} // receives the call to look
	Changed chan struct{} // receives when the worker itself may have changed
	lane    *lane         // nil if it is out of line
	beside  bool          // it looks for itself
	place   *list.Element // nil if it is not in the queue, because it was called
	taken   bool          // the call was received: the next look answers it
}

// Join lets a worker wait. In line it is put at the end of its platform's
// queue, and must look after that, so that it misses nothing. Out of line, for
// a worker that gets nothing for now, it is never called. It leaves in the end.
func (t *Turns) Join(w weir.Worker, inLine bool) *Turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := &Turn{worker: w, Called: make(chan struct{}, 1), Changed: make(chan struct{}, 1)}
	if t.names == nil {
		t.names = map[string]map[*Turn]bool{}
	}
	if t.names[w.Name] == nil {
		t.names[w.Name] = map[*Turn]bool{}
	}
	t.names[w.Name][one] = true
	if inLine {
		one.lane = t.lane(w.Platform)
		one.place = one.lane.waiting.PushBack(one)
	}
	return one
}

// Beside lets a worker wait that looks for itself, because it is not shown all that is
// queued: one that refuses some of it. It is called whenever something is queued, and so are
// those in line, as if it were not there; what it sees says nothing to them. It
// leaves in the end.
func (t *Turns) Beside(w weir.Worker) *Turn {
	one := t.Join(w, false)
	t.mu.Lock()
	defer t.mu.Unlock()
	one.lane, one.beside = t.lane(w.Platform), true
	if one.lane.beside == nil {
		one.lane.beside = map[*Turn]bool{}
	}
	one.lane.beside[one] = true
	return one
}

// BesideWaiting counts those who look for themselves for work on a platform.
func (t *Turns) BesideWaiting(p weir.Platform) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lanes[p]; l != nil {
		return len(l.beside)
	}
	return 0
}

func (t *Turns) lane(p weir.Platform) *lane {
	if t.lanes == nil {
		t.lanes = map[weir.Platform]*lane{}
	}
	l := t.lanes[p]
	if l == nil {
		l = &lane{}
		t.lanes[p] = l
	}
	return l
}

// Take notes that a call was received; the look that follows answers it.
func (t *Turns) Take(one *Turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one.taken = true
}

// Looked says what a worker saw in the queue now and did not take.
func (t *Turns) Looked(one *Turn, left schedule.Queue, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := one.lane
	if l == nil || one.beside {
		return
	}
	back := one.taken
	if back {
		one.taken = false
		l.out--
		one.place = l.waiting.PushBack(one)
	}
	l.offer(one, left, now)
	if back && one.place != nil {
		l.catchUp(one, left, now)
	}
	l.dispatch()
}

// Leave ends a worker's waiting. If it was called and has not looked, somebody
// else is, unless the store has just failed: then it would fail for all of them.
func (t *Turns) Leave(one *Turn, passOn bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.names[one.worker.Name], one)
	if len(t.names[one.worker.Name]) == 0 {
		delete(t.names, one.worker.Name)
	}
	l := one.lane
	if l == nil {
		return
	}
	switch {
	case one.beside:
		delete(l.beside, one)
	case one.place != nil:
		l.waiting.Remove(one.place)
		one.place = nil
	default:
		l.out--
		l.news = l.news || passOn
	}
	l.dispatch()
	if l.out == 0 && l.waiting.Len() == 0 && len(l.beside) == 0 {
		delete(t.lanes, one.worker.Platform)
	}
}

// Queued says that something was queued for a platform.
func (t *Turns) Queued(p weir.Platform) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lanes[p]; l != nil {
		for one := range l.beside {
			select {
			case one.Called <- struct{}{}:
			default: // it has a look to come
			}
		}
		l.news = true
		l.dispatch()
	}
}

// Again lets one worker of each platform look although nothing was heard:
// a call may have been missed, and a pause may be over.
func (t *Turns) Again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lanes {
		l.news = true
		l.dispatch()
	}
}

// offer calls those who can do something with what was left.
func (l *lane) offer(by *Turn, left schedule.Queue, now time.Time) {
	queue := left
	queue.Candidates = slices.Clone(left.Candidates)
	for e := l.waiting.Front(); e != nil && len(queue.Candidates) > 0; {
		one := e.Value.(*Turn)
		e = e.Next()
		if one == by {
			continue // it has seen them and did not want them
		}
		picked := queue.Pick(one.worker, 1, now)
		if len(picked) == 0 {
			continue
		}
		if l.out >= TurnsAtOnce {
			l.news = true
			return
		}
		l.call(one)
		queue.Candidates = slices.DeleteFunc(queue.Candidates, func(c schedule.Candidate) bool { return c.Build == picked[0] })
	}
	if l.out > 0 { // those who look just now may have begun before these were queued
		for _, c := range queue.Candidates {
			if len(l.missed) < missedMost && !contains(l.missed, c.Build) {
				l.missed = append(l.missed, c)
			}
		}
	}
}

// missedMost limits lane.missed. Whoever misses more than that looks some
// seconds later.
const missedMost = 1000

func contains(queue []schedule.Candidate, id weir.BuildID) bool {
	return slices.ContainsFunc(queue, func(c schedule.Candidate) bool { return c.Build == id })
}

// catchUp calls one who is back from a look once more, if it could do something
// with what was left over meanwhile and it has not seen.
func (l *lane) catchUp(one *Turn, saw schedule.Queue, now time.Time) {
	unseen := saw
	unseen.Candidates = nil
	for _, c := range l.missed {
		if !contains(saw.Candidates, c.Build) {
			unseen.Candidates = append(unseen.Candidates, c)
		}
	}
	picked := unseen.Pick(one.worker, 1, now)
	if len(picked) == 0 {
		return
	}
	l.missed = slices.DeleteFunc(l.missed, func(c schedule.Candidate) bool { return c.Build == picked[0] })
	if l.out >= TurnsAtOnce {
		l.news = true
		return
	}
	l.call(one)
}

// dispatch calls the first in the queue if there is news.
func (l *lane) dispatch() {
	if first := l.waiting.Front(); l.news && first != nil && l.out < TurnsAtOnce {
		l.news = false
		l.call(first.Value.(*Turn))
	}
	if l.out == 0 {
		l.missed = nil
		if l.waiting.Len() == 0 {
			l.news = false // whoever comes looks first
		}
	}
}

func (l *lane) call(one *Turn) {
	l.waiting.Remove(one.place)
	one.place = nil
	l.out++
	one.Called <- struct{}{}
}

// Change says that something about a worker has changed.
func (t *Turns) Change(worker string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for one := range t.names[worker] {
		select {
		case one.Changed <- struct{}{}:
		default:
		}
	}
}

// Waiting counts those who are in line for a platform and not called.
func (t *Turns) Waiting(p weir.Platform) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lanes[p]; l != nil {
		return l.waiting.Len()
	}
	return 0
}
