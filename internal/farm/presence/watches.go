package presence

import (
	"strconv"
	"sync"

	"github.com/weir-ci/weir"
)

// Watches wakes those who wait for attempts of theirs to be ended.
type Watches struct {
	mu      sync.Mutex
	byBuild map[weir.BuildID]map[chan struct{}]bool
}

// Add registers one who waits. The channel receives, without blocking anybody,
// when one of the builds may have changed. remove ends it.
func (w *Watches) Add(ids []weir.AttemptID) (woken chan struct{}, remove func()) {
	woken = make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byBuild == nil {
		w.byBuild = map[weir.BuildID]map[chan struct{}]bool{}
	}
	for _, id := range ids {
		if w.byBuild[id.Build] == nil {
			w.byBuild[id.Build] = map[chan struct{}]bool{}
		}
		w.byBuild[id.Build][woken] = true
	}
	return woken, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, id := range ids {
			delete(w.byBuild[id.Build], woken)
			if len(w.byBuild[id.Build]) == 0 {
				delete(w.byBuild, id.Build)
			}
		}
	}
}

// Wake wakes those who watch a build, which an event names.
func (w *Watches) Wake(subject string) {
	id, err := strconv.ParseInt(subject, 10, 64)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for woken := range w.byBuild[weir.BuildID(id)] {
		select {
		case woken <- struct{}{}:
		default: // it is awake already
		}
	}
}
