package farm

import (
	"context"
	"hash/fnv"
	"reflect"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// pollsAtOnce bounds how many sources are asked at the same time.
	pollsAtOnce = 8
	// pollTimeout ends one look at a source. A first clone may take long.
	pollTimeout = 30 * time.Minute
	// pollClaim is how long other servers leave a source alone that is being
	// looked at for news. A server that dies meanwhile leaves the claim behind,
	// so it is short; that two look at once does no harm.
	pollClaim = 5 * time.Minute
	// maxPollDelay bounds how rarely a source that does not answer is asked.
	maxPollDelay = time.Hour
)

// poll looks at every source when it is due, until ctx ends. A new
// configuration begins and ends the polling of what differs.
func (f *Farm) poll(ctx context.Context) error {
	places := make(chan struct{}, pollsAtOnce)
	var pollers sync.WaitGroup
	defer pollers.Wait()
	type poller struct {
		source weir.Source
		stop   context.CancelFunc
	}
	running := map[string]poller{}
	for {
		changed := f.configured.wait()
		wanted := map[string]weir.Project{}
		for _, p := range f.config.Load().Projects {
			wanted[p.Name] = p
		}
		for name, p := range running {
			if w, ok := wanted[name]; !ok || !reflect.DeepEqual(w.Source, p.source) {
				p.stop()
				delete(running, name)
			}
		}
		for name, p := range wanted {
			if _, ok := running[name]; ok {
				continue
			}
			own, stop := context.WithCancel(ctx)
			running[name] = poller{p.Source, stop}
			pollers.Go(func() { f.pollSource(own, p, places) })
		}
		select {
		case <-changed:
		case <-ctx.Done():
			for _, p := range running {
				p.stop()
			}
			return nil
		}
	}
}

// pollSource looks at one source again and again. Failures make it look less
// often, and a spread that depends on the name keeps sources apart.
func (f *Farm) pollSource(ctx context.Context, p weir.Project, places chan struct{}) {
	interval := p.Source.Poll
	if interval <= 0 {
		interval = weir.DefaultPoll
	}
	if p.Source.Kind == weir.None { // nothing new can come
		interval = maxPollDelay
	}
	failures := 0
	var seen weir.Tip
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		delay := min(interval<<min(failures, 10), max(maxPollDelay, interval))
		more, err := f.pollOnce(ctx, p, &seen, delay)
		<-places
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			f.log.Warn("source does not answer", "project", p.Name, "err", err)
		default:
			failures = 0
		}
		if more {
			continue
		}
		h := fnv.New32a()
		h.Write([]byte(p.Name))
		spread := time.Duration(h.Sum32()%100) * delay / 1000
		select {
		case <-time.After(delay + spread):
		case <-ctx.Done():
			return
		}
	}
}

// pollOnce looks at a source if it is due and nobody else does. more says that
// there are further revisions to fetch at once. seen is the tip that the last
// look found; it is kept up to date.
func (f *Farm) pollOnce(ctx context.Context, p weir.Project, seen *weir.Tip, delay time.Duration) (more bool, err error) {
	now := f.now()
	known, claim := "", pollTimeout
	tips, err := f.polled.get(ctx, f) // read once for all sources that are due together
	if err != nil {
		return false, err
	}
	if t, ok := tips[sourceKey{Project: p.Name, Branch: p.Source.Branch}]; ok && t.Revision.Position >= seen.Revision.Position {
		*seen = t
	}
	if seen.Revision.ID != "" {
		known, claim = seen.Revision.ID, pollClaim
	}
	mine, err := f.store.ClaimPoll(ctx, p.Name, p.Source.Branch, now, now.Add(claim))
	if err != nil || !mine {
		return false, err
	}
	asked, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	listing, err := f.source.Revisions(asked, p.Source, known)
	// What was learned is recorded even if the farm is being stopped.
	stopped := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx)
	now = f.now()
	if err != nil && stopped { // nothing was learned; others may look at once
		_, _, err := f.store.RecordRevisions(ctx, store.Poll{Project: p.Name, Branch: p.Source.Branch, Now: now, Next: now})
		return false, err
	}
	if err != nil {
		message := err.Error()
		if weir.CodeOf(err) == weir.Internal {
			message = "its tool failed in an unexpected way; the server's log says more"
		}
		if noteErr := f.store.RecordPollError(ctx, p.Name, p.Source.Branch, message, now, now.Add(delay/2)); noteErr != nil {
			return false, noteErr
		}
		return false, err
	}
	next := now.Add(delay / 2) // due again before this loop comes back, whoever asks
	if listing.More {
		next = now
	}
	tip, added, err := f.store.RecordRevisions(ctx, store.Poll{Project: p.Name, Branch: p.Source.Branch,
		Revisions: listing.Revisions, Now: now, Next: next})
	if err != nil {
		return false, err
	}
	*seen = tip
	if added > 0 {
		f.log.Info("new revisions", "project", p.Name, "count", added)
		f.known.forget()
		f.moved.ring()
		f.any.ring()
	}
	return listing.More, nil
}
