package presence

import "sync"

// Leases knows the newest lease that each worker waits for here, so that an
// older one, to which nobody listens any more, ends and takes nothing.
type Leases struct {
	mu      sync.Mutex
	waiting map[string]*waitingLease
}

type waitingLease struct {
	epoch, seq int64
	end        func()
}

// Begin registers a lease and ends the one before it. The caller must call
// what it returns at the lease's end. Epoch 0 is that of workers that know none.
func (l *Leases) Begin(worker string, epoch, seq int64, end func()) (done func()) {
	if epoch == 0 {
		return func() {}
	}
	mine := &waitingLease{epoch, seq, end}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = map[string]*waitingLease{}
	}
	old := l.waiting[worker]
	if old != nil && (old.epoch > mine.epoch || old.epoch == mine.epoch && old.seq >= mine.seq) {
		return func() {} // this one is late; the store will say so
	}
	if old != nil {
		old.end()
	}
	l.waiting[worker] = mine
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.waiting[worker] == mine {
			delete(l.waiting, worker)
		}
	}
}
