package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/spool"
)

// adopt takes over what the last program on this directory left: attempts
// that still run, that have ended and were not reported, or whose supervisor
// is dead as well. They occupy their slots like any other, unless only their
// end has still to be told.
func (w *Worker) adopt(ctx context.Context, attempts *sync.WaitGroup) error {
	notes, err := w.recall()
	if err != nil {
		return err
	}
	used, known := map[string]bool{}, map[string]bool{}
	for n, h := range notes {
		a := w.newAttempt(ctx, h)
		a.adopted, a.noted = true, n
		var err error
		a.reader, err = spool.Open(a.spoolDir())
		if weir.CodeOf(err) == weir.NotFound { // it had not begun, or was reported
			if err := os.Remove(w.heldFile(n)); err != nil {
				return err
			}
			continue
		}
		known[h.Attempt.String()] = true
		broken := err
		if h.Left && broken == nil {
			a.log.Info("the end of an attempt is taken over")
			w.mu.Lock()
			w.startTelling(a, attempts)
			w.mu.Unlock()
			continue
		}
		used[filepath.Base(a.work)] = true
		w.mu.Lock()
		for len(w.slots) <= h.Slot { // it had more slots then
			w.slots = append(w.slots, slot{})
		}
		a.log.Info("an attempt is taken over")
		w.start(a, attempts, func() error {
			if broken != nil {
				return broken
			}
			return a.resume()
		})
		w.mu.Unlock()
	}
	return errors.Join(w.dropUnknown(known), w.clearSlots(used))
}

// clearSlots removes the workspaces that nobody uses.
func (w *Worker) clearSlots(used map[string]bool) error {
	entries, err := os.ReadDir(w.slotsDir())
	for _, e := range entries {
		if !used[e.Name()] {
			err = errors.Join(err, disk.RemoveAll(filepath.Join(w.slotsDir(), e.Name())))
		}
	}
	return err
}

// dropUnknown ends and removes spools about which there is no note: without
// its token nothing can be said about an attempt.
func (w *Worker) dropUnknown(known map[string]bool) error {
	names, err := spool.List(w.spoolDir())
	if err != nil {
		return err
	}
	for _, name := range names {
		if known[name] {
			continue
		}
		w.log.Warn("a spool without a note is dropped", "attempt", name)
		r, err := spool.Open(filepath.Join(w.spoolDir(), name))
		if err != nil {
			err = disk.RemoveAll(filepath.Join(w.spoolDir(), name))
		} else {
			err = dismantle(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dismantle ends what writes a spool, if anybody does, and removes it.
func dismantle(r *spool.Reader) error {
	if err := r.Bar(); err != nil && weir.CodeOf(err) != weir.Conflict {
		return err
	}
	if err := r.Cancel(); err != nil {
		return err
	}
	tick := time.NewTicker(adoptedPoll)
	defer tick.Stop()
	for deadline := time.Now().Add(3 * killTime); r.Alive() && time.Now().Before(deadline); {
		<-tick.C
	}
	return r.Remove()
}

// resume goes on with an attempt of an earlier program.
func (a *attempt) resume() error {
	var err error
	if a.spec, err = specOf(a.reader); err != nil {
		return err
	}
	a.log = a.log.With("project", a.spec.Project, "job", a.spec.Job.Name)
	if a.reader.Begun() || a.held.Supervisor.Alive() {
		return nil
	}
	// The last program died before anybody began it, so it begins now, if the owner
	// still allows it. Should the old supervisor be there after all, only one of both can.
	if err := a.w.stillAllowed(a.spec); err != nil {
		return err
	}
	if a.handle, err = a.w.supervisor(a.held.Slot); err != nil {
		return err
	}
	a.held.Supervisor = a.handle.Process()
	if err := a.w.note(a.noted, a.held); err != nil {
		return err
	}
	return a.submit()
}

// over reports whether a build of an earlier program has ended.
func (a *attempt) over() bool {
	if !a.reader.Begun() {
		if a.held.Supervisor.Alive() {
			return false // it is about to begin
		}
		// Nobody will; unless somebody just did.
		return a.reader.Bar() == nil
	}
	if !a.reader.Alive() {
		return true
	}
	_, ok, err := a.reader.Report()
	return ok || err != nil && weir.CodeOf(err) == weir.Internal && !a.reader.Alive()
}
