package farm

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir/internal/notify"
)

// Notices takes what people are to be told. *notify.Outbox is one.
type Notices interface {
	// Add keeps a notice until it is sent.
	Add(n notify.Notice) error
}

// absenceLook is how often absences are looked for, at most.
const absenceLook = 30 * time.Second

// absences is what the loop that tells owners remembers.
type absences struct {
	next   time.Time
	unkept []notify.Notice // claimed from the store, and not yet taken by Notices
}

// tellOwners tells owners of workers that have been away for long, and those
// whose worker is back. The store says each once, to one of the servers; from
// then on it is this one's to tell. Only the expire loop calls it, when this
// server can hear workers: a farm that was switched off tells nobody that all
// workers are away.
func (f *Farm) tellOwners(ctx context.Context) error {
	if f.notices == nil || f.now().Before(f.absent.next) {
		return nil
	}
	f.absent.next = f.now().Add(min(absenceLook, f.away/4))
	ctx, cancel := whole(ctx)
	defer cancel()
	now, c := f.now(), f.config.Load()
	gone, err := f.store.ClaimAbsences(ctx, now, now.Add(-f.away))
	if err != nil {
		return err
	}
	for _, w := range gone {
		f.log.Warn("worker is away, its owner will be told", "worker", w.Name, "seen", w.Seen)
		f.absent.unkept = append(f.absent.unkept, notify.Away(w, c.Name, c.URL, now))
	}
	back, err := f.store.ClaimReturns(ctx, now)
	if err == nil {
		for _, w := range back {
			f.log.Info("worker is back, its owner will be told", "worker", w.Name)
			f.absent.unkept = append(f.absent.unkept, notify.Back(w, c.Name, c.URL, now))
		}
	}
	for i, n := range f.absent.unkept {
		if addErr := f.notices.Add(n); addErr != nil {
			f.absent.unkept = slices.Delete(f.absent.unkept, 0, i)
			return addErr
		}
	}
	f.absent.unkept = nil
	return err
}
