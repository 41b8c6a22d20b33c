package farm

import (
	"container/list"
	"slices"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// turnsAtOnce is how many of those who wait for work on a platform look into
// the queue at the same time.
const turnsAtOnce = 4

// turns lets those who wait for work look into the queue one after the other.
//
// A farm may have thousands of idle workers, and each of them waits in a
// request. If all of them looked whenever something is queued, one build would
// cost thousands of transactions. So news calls one waiter. It looks, takes what
// it may, and says what it saw and left; the next to be called is the first one
// that could do something with that. The queue itself stays in the database:
// a call is a hint, and whoever is not called looks some seconds later.
type turns struct {
	mu    sync.Mutex
	lanes map[weir.Platform]*lane
	names map[string]map[*turn]bool // all who wait, by worker
}

// lane is the queue of those who wait for work on one platform.
type lane struct {
	waiting list.List // of *turn, in the order in which they came
	out     int       // called, and not back yet
	news    bool      // something was queued that nobody was called for
}

// turn is one who waits.
type turn struct {
	worker  weir.Worker
	called  chan struct{} // receives the call to look
	changed chan struct{} // receives when the worker itself may have changed
	lane    *lane         // nil if it is out of line
	place   *list.Element // nil if it is not in the queue, because it was called
	taken   bool          // the call was received: the next look answers it
}

// join lets a worker wait. In line it is put at the end of its platform's
// queue, and must look after that, so that it misses nothing. Out of line, for
// a worker that gets nothing for now, it is never called. It leaves in the end.
func (t *turns) join(w weir.Worker, inLine bool) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := &turn{worker: w, called: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
	if t.names == nil {
		t.names = map[string]map[*turn]bool{}
	}
	if t.names[w.Name] == nil {
		t.names[w.Name] = map[*turn]bool{}
	}
	t.names[w.Name][one] = true
	if inLine {
		one.lane = t.lane(w.Platform)
		one.place = one.lane.waiting.PushBack(one)
	}
	return one
}

func (t *turns) lane(p weir.Platform) *lane {
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

// take notes that a call was received; the look that follows answers it.
func (t *turns) take(one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one.taken = true
}

// looked says what a worker saw in the queue and did not take.
func (t *turns) looked(one *turn, left []store.Candidate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := one.lane
	if l == nil {
		return
	}
	if one.taken {
		one.taken = false
		l.out--
		one.place = l.waiting.PushBack(one)
	}
	l.offer(one, left)
	l.dispatch()
}

// leave ends a worker's waiting. If it was called and has not looked, somebody
// else is, unless the store has just failed: then it would fail for all of them.
func (t *turns) leave(one *turn, passOn bool) {
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
	if one.place != nil {
		l.waiting.Remove(one.place)
		one.place = nil
	} else {
		l.out--
		l.news = l.news || passOn
	}
	l.dispatch()
	if l.out == 0 && l.waiting.Len() == 0 {
		delete(t.lanes, one.worker.Platform)
	}
}

// queued says that something was queued for a platform.
func (t *turns) queued(p weir.Platform) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lanes[p]; l != nil {
		l.news = true
		l.dispatch()
	}
}

// again lets one worker of each platform look although nothing was heard:
// a call may have been missed, and a pause may be over.
func (t *turns) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lanes {
		l.news = true
		l.dispatch()
	}
}

// offer calls those who can do something with what was left.
func (l *lane) offer(by *turn, left []store.Candidate) {
	queue := make([]schedule.Candidate, len(left))
	for i, c := range left {
		queue[i] = schedule.Candidate(c)
	}
	for e := l.waiting.Front(); e != nil && len(queue) > 0; {
		one := e.Value.(*turn)
		e = e.Next()
		if one == by {
			continue // it has seen them and did not want them
		}
		picked := schedule.Pick(queue, one.worker, 1)
		if len(picked) == 0 {
			continue
		}
		if l.out >= turnsAtOnce {
			l.news = true
			return
		}
		l.call(one)
		queue = slices.DeleteFunc(queue, func(c schedule.Candidate) bool { return c.Build == picked[0] })
	}
}

// dispatch calls the first in the queue if there is news.
func (l *lane) dispatch() {
	if first := l.waiting.Front(); l.news && first != nil && l.out < turnsAtOnce {
		l.news = false
		l.call(first.Value.(*turn))
	}
	if l.waiting.Len() == 0 && l.out == 0 {
		l.news = false // whoever comes looks first
	}
}

func (l *lane) call(one *turn) {
	l.waiting.Remove(one.place)
	one.place = nil
	l.out++
	one.called <- struct{}{}
}

// changed says that something about a worker has changed.
func (t *turns) changed(worker string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for one := range t.names[worker] {
		select {
		case one.changed <- struct{}{}:
		default:
		}
	}
}
