// Package polling asks sources what is new, and records it: revisions of the
// branches that are followed, which other branches and tags there are, and which
// revisions set nothing off.
//
// Each branch is looked at at its own interval, less often while its source does
// not answer, and at once when somebody says that there is something new (Nudge).
// Whoever says so is not believed: the source is asked. A claim in the store makes
// sure that of several servers one looks.
package polling

import (
	"cmp"
	"context"
	"hash/fnv"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule/relevance"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// atOnce bounds how many sources are asked at the same time.
	atOnce = 8
	// timeout ends one look at a source. A first clone may take long.
	timeout = 30 * time.Minute
	// claim is how long other servers leave a source alone that is being looked at
	// for news. A server that dies meanwhile leaves the claim behind, so it is
	// short; that two look at once does no harm.
	claim = 5 * time.Minute
	// maxDelay bounds how rarely a source that does not answer is asked.
	maxDelay = time.Hour
	// errorPause is when it is looked again which branches are followed, after the
	// store did not say.
	errorPause = 5 * time.Second
	// relook is how long after a knock that led to nothing it is looked once more: some
	// forges tell of a push before all their machines know of it.
	relook = 10 * time.Second
	// maxLooked is of how many new revisions the paths are looked at, the newest
	// ones: before them is what nobody waits for.
	maxLooked = 200
)

// Store is what polling needs of the store.
type Store interface {
	ClaimPoll(ctx context.Context, project, branch string, now, until time.Time) (bool, error)
	RecordRevisions(ctx context.Context, poll store.Poll) (weir.Tip, int, error)
	RecordPollError(ctx context.Context, project, branch, message string, now, next time.Time) error
	RecordBranches(ctx context.Context, project string, branches []string, now time.Time) error
	RecordTags(ctx context.Context, project string, tags []store.Tag, now time.Time) ([]store.Tag, error)
	Branches(ctx context.Context) (map[string][]string, error)
}

// Options is what a Poller is made of.
type Options struct {
	Store   Store
	Sources source.Lister // if it is a source.PathLister and a source.RefLister too, paths and refs count
	// Projects lists what is to be looked at. Changed returns a channel that is
	// closed when the list may have changed.
	Projects func() []weir.Project
	Changed  func() <-chan struct{}
	// Known finds the newest revision that is recorded of a branch.
	Known func(ctx context.Context, project, branch string) (weir.Tip, bool, error)
	// Secret finds a secret by its name; nil: there are none.
	Secret func(name string) (string, error)
	// Arrive is told the newest revision of a project's main branch before anybody
	// else hears of it, and whenever it is still the newest one. While it returns an
	// error the revision is not recorded. nil: nobody is told.
	Arrive func(ctx context.Context, project, revision string) error
	// News is called when a branch has new revisions, Refs when there are other
	// branches or new tags than before.
	News, Refs func()
	Now        func() time.Time
	Log        *slog.Logger
}

// Poller looks at sources.
type Poller struct {
	Options
	mu     sync.Mutex
	wakes  map[target]chan struct{}
	placed chan struct{}
}

// target is a branch that is followed.
type target struct{ project, branch string }

// New makes a poller.
func New(o Options) *Poller {
	return &Poller{Options: o, wakes: map[target]chan struct{}{}, placed: make(chan struct{}, atOnce)}
}

// Run looks at every source when it is due, until ctx ends. A new configuration
// begins and ends the polling of what differs.
func (p *Poller) Run(ctx context.Context) error {
	var pollers sync.WaitGroup
	defer pollers.Wait()
	type running struct {
		source weir.Source
		stop   context.CancelFunc
	}
	now := map[target]running{}
	for {
		changed := p.Changed()
		wanted, err := p.targets(ctx)
		var again <-chan time.Time
		if err != nil {
			p.Log.Warn("which branches are followed is not known", "err", err)
			again = time.After(errorPause)
		}
		for t, r := range now {
			w, ok := wanted[t]
			if !ok && err != nil {
				continue // it may be one of those that are not known
			}
			if !ok || !reflect.DeepEqual(w.Source, r.source) {
				r.stop()
				delete(now, t)
			}
		}
		for t, project := range wanted {
			if _, ok := now[t]; ok {
				continue
			}
			own, stop := context.WithCancel(ctx)
			now[t] = running{project.Source, stop}
			wake := p.waker(t)
			pollers.Go(func() { p.follow(own, project, t, wake) })
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			for _, r := range now {
				r.stop()
			}
			return nil
		}
	}
}

// targets lists the branches that are to be followed, each with its project as if
// that had no other.
func (p *Poller) targets(ctx context.Context) (map[target]weir.Project, error) {
	further, err := p.Store.Branches(ctx)
	all := map[target]weir.Project{}
	for _, project := range p.Projects() {
		all[target{project.Name, project.Source.Branch}] = project
		for _, branch := range relevance.Names(project.Source.Watch.Branches, further[project.Name], relevance.MaxBranches, project.Source.Branch) {
			own := project
			own.Source.Branch = branch
			own.Source.From, own.Source.To = "", "" // they are of the main branch
			own.Source.Watch.Branches, own.Source.Watch.Tags = nil, nil
			all[target{project.Name, branch}] = own
		}
	}
	return all, err
}

func (p *Poller) waker(t target) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wakes[t] == nil {
		p.wakes[t] = make(chan struct{}, 1)
	}
	return p.wakes[t]
}

// Nudge makes every followed branch of a project due at once, or only the one
// named. It returns when that is recorded; the look comes later. NotFound if there
// is no such project.
func (p *Poller) Nudge(ctx context.Context, project, branch string) error {
	if !slices.ContainsFunc(p.Projects(), func(q weir.Project) bool { return q.Name == project }) {
		return weir.Errorf(weir.NotFound, "there is no project %.80q in this farm", project)
	}
	targets, err := p.targets(ctx)
	if err != nil {
		return err
	}
	now := p.Now()
	for t, q := range targets {
		// A branch that nobody has seen yet is found by asking for the main one.
		known := branch == "" || t.branch == branch || q.Source.Branch == "" || len(q.Source.Watch.Branches)+len(q.Source.Watch.Tags) > 0
		if t.project != project || !known {
			continue
		}
		if _, _, err := p.Store.RecordRevisions(ctx, store.Poll{Project: t.project, Branch: t.branch, Now: now, Next: now}); err != nil {
			return err
		}
		select {
		case p.waker(t) <- struct{}{}:
		default: // it is awake already
		}
	}
	return nil
}

// follow looks at one branch again and again. Failures make it look less often,
// and a spread that depends on the name keeps sources apart.
func (p *Poller) follow(ctx context.Context, project weir.Project, t target, wake <-chan struct{}) {
	interval := cmp.Or(max(project.Source.Poll, 0), weir.DefaultPoll)
	if project.Source.Kind == weir.None { // nothing new can come
		interval = maxDelay
	}
	failures := 0
	var seen weir.Tip
	knocked := false // somebody says that there is something new
	for {
		select {
		case p.placed <- struct{}{}:
		case <-ctx.Done():
			return
		}
		delay := min(interval<<min(failures, 10), max(maxDelay, interval))
		before := seen.Revision.ID
		more, err := p.look(ctx, project, t, &seen, delay)
		<-p.placed
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			p.Log.Warn("source does not answer", "project", t.project, "branch", t.branch, "err", err)
		default:
			failures = 0
		}
		if more {
			continue
		}
		var again <-chan time.Time
		if knocked && err == nil && before == seen.Revision.ID {
			again = time.After(min(relook, delay))
		}
		if settle := project.Source.Watch.Settle; settle > 0 && before != "" && before != seen.Revision.ID {
			again = time.After(min(settle, delay)) // what is new is due once the branch has been quiet
		}
		knocked = false
		select {
		case <-time.After(delay + spread(t, delay)):
		case <-again:
			p.due(ctx, t)
		case <-wake:
			knocked = true
			// A look that was under way when somebody knocked may have begun before
			// there was anything to see, and has set when the next one is due.
			p.due(ctx, t)
		case <-ctx.Done():
			return
		}
	}
}

// due makes a branch due now.
func (p *Poller) due(ctx context.Context, t target) {
	now := p.Now()
	if _, _, err := p.Store.RecordRevisions(ctx, store.Poll{Project: t.project, Branch: t.branch, Now: now, Next: now}); err != nil && ctx.Err() == nil {
		p.Log.Warn("a source is not looked at again", "project", t.project, "branch", t.branch, "err", err)
	}
}

// spread is up to a tenth of a delay, always the same for one branch.
func spread(t target, delay time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(t.project + "\x00" + t.branch))
	return time.Duration(h.Sum32()%100) * delay / 1000
}

// Look asks the source of a project once, if it is due, and makes it due again
// about delay later. more says that there are further revisions to fetch at once.
func (p *Poller) Look(ctx context.Context, project weir.Project, delay time.Duration) (more bool, err error) {
	return p.look(ctx, project, target{project.Name, project.Source.Branch}, &weir.Tip{}, delay)
}

// look asks a source if it is due and nobody else does. more says that there are
// further revisions to fetch at once. seen is the tip that the last look found; it
// is kept up to date.
func (p *Poller) look(ctx context.Context, project weir.Project, t target, seen *weir.Tip, delay time.Duration) (more bool, err error) {
	now := p.Now()
	known, until := "", timeout
	if tip, ok, err := p.Known(ctx, t.project, t.branch); err != nil {
		return false, err
	} else if ok && tip.Revision.Position >= seen.Revision.Position {
		*seen = tip
	}
	if seen.Revision.ID != "" {
		known, until = seen.Revision.ID, claim
	}
	mine, err := p.Store.ClaimPoll(ctx, t.project, t.branch, now, now.Add(until))
	if err != nil || !mine {
		return false, err
	}
	asked, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if p.Secret != nil && project.Source.Credentials != "" {
		asked = source.WithSecrets(asked, p.Secret)
	}
	listing, err := p.Sources.Revisions(asked, project.Source, known)
	if err == nil && known != "" { // there is a beginning
		p.skip(asked, project.Source, listing.Revisions)
	}
	if err == nil {
		err = p.refs(asked, project)
	}
	if err == nil {
		err = p.arrive(asked, t, listing.Revisions, seen.Revision.ID)
	}
	// What was learned is recorded even if the farm is being stopped.
	stopped := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx)
	now = p.Now()
	if err != nil && stopped { // nothing was learned; others may look at once
		_, _, err := p.Store.RecordRevisions(ctx, store.Poll{Project: t.project, Branch: t.branch, Now: now, Next: now})
		return false, err
	}
	if err != nil {
		message := err.Error()
		if weir.CodeOf(err) == weir.Internal {
			message = "its tool failed in an unexpected way; the server's log says more"
		}
		if noteErr := p.Store.RecordPollError(ctx, t.project, t.branch, message, now, now.Add(delay/2)); noteErr != nil {
			return false, noteErr
		}
		return false, err
	}
	next := now.Add(delay / 2) // due again before this loop comes back, whoever asks
	if listing.More {
		next = now
	}
	tip, added, err := p.Store.RecordRevisions(ctx, store.Poll{Project: t.project, Branch: t.branch,
		Revisions: listing.Revisions, Now: now, Next: next, Settle: project.Source.Watch.Settle})
	if err != nil {
		return false, err
	}
	*seen = tip
	if added > 0 {
		p.Log.Info("new revisions", "project", t.project, "branch", t.branch, "count", added)
		p.News()
	}
	return listing.More, nil
}

// arrive tells of the newest revision of a main branch.
func (p *Poller) arrive(ctx context.Context, t target, fresh []weir.Revision, newest string) error {
	if len(fresh) > 0 {
		newest = fresh[len(fresh)-1].ID
	}
	main := func(q weir.Project) bool { return q.Name == t.project && q.Source.Branch == t.branch }
	if p.Arrive == nil || newest == "" || !slices.ContainsFunc(p.Projects(), main) {
		return nil
	}
	return p.Arrive(ctx, t.project, newest)
}

// skip marks the revisions that by themselves set nothing off.
func (p *Poller) skip(ctx context.Context, src weir.Source, revisions []weir.Revision) {
	paths, _ := p.Sources.(source.PathLister)
	for i := range revisions {
		r := &revisions[i]
		var touched source.Paths
		all := false
		if relevance.NeedsPaths(src.Watch) && paths != nil && len(revisions)-i <= maxLooked {
			var err error
			if touched, err = paths.Touched(ctx, src, r.ID); err != nil {
				p.Log.Warn("what a revision changed is not known, so it counts", "revision", r.ID, "err", err)
			}
			all = err == nil && !touched.More
		}
		r.Skipped = relevance.Skip(src.Watch, *r, touched.Names, all)
	}
}

// refs records which further branches and tags of a project there are.
func (p *Poller) refs(ctx context.Context, project weir.Project) error {
	watch := project.Source.Watch
	lister, ok := p.Sources.(source.RefLister)
	if !ok || len(watch.Branches)+len(watch.Tags) == 0 {
		return nil
	}
	refs, err := lister.Refs(ctx, project.Source)
	if err != nil {
		return err
	}
	changed := false
	if len(watch.Branches) > 0 {
		before, err := p.Store.Branches(ctx)
		if err != nil {
			return err
		}
		branches := relevance.Names(watch.Branches, refs.Branches, relevance.MaxBranches, project.Source.Branch)
		if changed = !slices.Equal(before[project.Name], branches); changed {
			if err := p.Store.RecordBranches(ctx, project.Name, branches, p.Now()); err != nil {
				return err
			}
		}
	}
	if len(watch.Tags) > 0 {
		var tags []store.Tag
		for _, tag := range refs.Tags {
			if slices.ContainsFunc(watch.Tags, func(pattern string) bool { return relevance.Match(pattern, tag.Name) }) {
				tags = append(tags, store.Tag{Project: project.Name, Name: tag.Name, Revision: tag.Revision})
			}
		}
		fresh, err := p.Store.RecordTags(ctx, project.Name, tags, p.Now())
		if err != nil {
			return err
		}
		changed = changed || len(fresh) > 0
	}
	if changed {
		p.Refs()
	}
	return nil
}
