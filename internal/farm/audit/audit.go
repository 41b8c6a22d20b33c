// Package audit keeps a record of who changed what, and from where: on pages, by
// the REST API, on the server's command line and through webhooks. Acts that were
// refused are in it too.
//
// A record is there to be read when something has gone wrong, so it must never be
// what goes wrong: an act that cannot be recorded is written to the log instead, and
// happens all the same. What strangers are refused is recorded up to a limit, so
// that they cannot fill a database, and the rest is counted.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Act is something that a person or a program did to a farm; see store.Act.
type Act = store.Act

// Filter narrows a list of acts; see store.ActFilter.
type Filter = store.ActFilter

// The ways in which acts come.
const (
	ViaPage    = store.ViaPage
	ViaAPI     = store.ViaAPI
	ViaCommand = store.ViaCommand
	ViaHook    = store.ViaHook
)

// Age is how long acts are kept.
const Age = 400 * 24 * time.Hour

// Limits.
const (
	writeTime   = 5 * time.Second // for how long an act may wait for the store
	strangers   = 60              // refusals that are recorded in a minute, of those with a name and of others
	pruneStep   = 1000            // acts that are removed at once
	pruneEvery  = time.Hour
	prunePause  = 100 * time.Millisecond // between two steps, for those who wait for the store
	maxName     = 80                     // bytes of who
	maxVerb     = 40                     // bytes of what
	maxOn       = 200                    // bytes of whereupon
	maxNote     = 200                    // bytes of why
	strangeTime = time.Minute
)

// Options is what a Recorder is made of.
type Options struct {
	Store store.Audit
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: nothing is logged
}

// Recorder records acts. Make one with New. A nil one records nothing and has
// nothing to tell.
type Recorder struct {
	o  Options
	mu sync.Mutex
	// Strangers are nobody in particular; named are those whose token is for something
	// else, or has expired. Neither keeps the refusals of the other from the record.
	strangers, named refusals
	pruned           Pruned
}

// refusals counts, of the minute that began at since, how many were recorded;
// missed is how many were not, since one was.
type refusals struct {
	since    time.Time
	recorded int
	missed   int
}

// Pruned is how the last removal of old acts went.
type Pruned struct {
	At      time.Time // zero: there was none since this server started
	Removed int
	Failed  bool // the log says why
}

// New makes a recorder.
func New(o Options) *Recorder {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{o: o}
}

// Record notes an act that has happened, or was refused. It returns when the act is
// in the store, or in the log if it does not get there.
func (r *Recorder) Record(ctx context.Context, a Act) {
	if r == nil {
		return
	}
	a.At = r.o.Now()
	a.Who, a.Verb, a.On, a.Note = clean(a.Who, maxName), clean(a.Verb, maxVerb), clean(a.On, maxOn), clean(a.Note, maxNote)
	a.Code = clean(a.Code, maxVerb)
	if _, err := netip.ParseAddr(a.From); err != nil {
		a.From = ""
	}
	if !r.room(&a) {
		return
	}
	// Who asked may have gone; what was done is recorded all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	if err := r.o.Store.RecordAct(ctx, a); err != nil {
		r.o.Log.Error("an act is not recorded but here", "who", a.Who, "via", a.Via, "from", a.From, "verb", a.Verb, "on", a.On,
			"note", a.Note, "code", a.Code, "at", a.At, "err", err, "cause", errors.Unwrap(err))
	}
}

// room reports whether there is room for an act, and tells it of those for which
// there was none.
func (r *Recorder) room(a *Act) bool {
	refused := a.Code == string(weir.Unauthenticated) || a.Code == string(weir.Forbidden)
	if a.Code == "" || a.Who != "" && !refused {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := &r.strangers
	if a.Who != "" {
		n = &r.named
	}
	if passed := a.At.Sub(n.since); passed < 0 || passed >= strangeTime {
		n.since, n.recorded = a.At, 0
	}
	if n.recorded >= strangers {
		n.missed++
		return false
	}
	n.recorded++
	if n.missed > 0 {
		a.Note = clean(fmt.Sprintf("%d more were refused before this one. %s", n.missed, a.Note), maxNote)
		n.missed = 0
	}
	return true
}

// clean makes one line of at most limit bytes without characters that act.
func clean(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t' || c == '\r':
			return ' '
		case unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == 0x2028 || c == 0x2029:
			return unicode.ReplacementChar
		}
		return c
	}, strings.ToValidUTF8(s[:min(len(s), 4*limit)], "\ufffd"))
	s = strings.TrimSpace(s)
	if len(s) > limit {
		const more = "…"
		s = strings.ToValidUTF8(s[:limit-len(more)], "") + more
	}
	return s
}

// Acts lists acts, newest first.
func (r *Recorder) Acts(ctx context.Context, f Filter) ([]Act, error) {
	if r == nil {
		return nil, weir.Errorf(weir.Unsupported, "this server keeps no record of acts")
	}
	return r.o.Store.Acts(ctx, f)
}

// Run removes old acts now and then, until ctx ends.
func (r *Recorder) Run(ctx context.Context) error {
	for r != nil {
		removed, err := r.Prune(ctx)
		if err != nil && ctx.Err() == nil {
			r.o.Log.Error("old acts are not removed", "err", err, "cause", errors.Unwrap(err))
		}
		if removed > 0 {
			r.o.Log.Info("old acts are removed", "count", removed)
		}
		if !wait(ctx, pruneEvery) {
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

// Prune removes the acts that are older than Age, a few at a time, and says how many.
func (r *Recorder) Prune(ctx context.Context) (removed int, err error) {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pruned = Pruned{At: r.o.Now(), Removed: removed, Failed: err != nil}
	}()
	before := r.o.Now().Add(-Age)
	for {
		n, err := r.o.Store.PruneActs(ctx, before, pruneStep)
		removed += n
		if err != nil || n < pruneStep || !wait(ctx, prunePause) {
			return removed, err
		}
	}
}

// Pruned tells how the last removal went.
func (r *Recorder) Pruned() Pruned {
	if r == nil {
		return Pruned{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pruned
}

// wait reports whether a time passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
