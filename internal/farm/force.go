package farm

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/recipe/condition"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// Limits on what a person may force at once.
const (
	MaxForceCount  = 1000   // builds of each builder
	maxForceBuilds = 10_000 // builds in all
	maxForceReason = 200    // bytes
)

// Force is a person's wish for builds of a project at its tips.
type Force struct {
	Project string
	Job     string // empty: all jobs
	Reason  string // one line for people; may be empty
	Count   int    // of each builder, 1 to MaxForceCount; 0 means 1
	By      string // who wants it
	// Params are values for parameters of the jobs, by their names.
	Params []weir.EnvVar
}

// Forced is what came of it.
type Forced struct {
	Run    weir.RunID     `json:"run"`
	Builds []weir.BuildID `json:"builds"` // those asked for; products that had to be built first are not among them
}

// Force builds the tips of a project now, whether or not they were built
// before. NotFound if there is no such project or job, Conflict if no revision
// of it, or of a project upstream of it, is known yet.
func (f *Farm) Force(ctx context.Context, ask Force) (Forced, error) {
	c := f.config.Load()
	if err := ask.check(c); err != nil {
		return Forced{}, err
	}
	var err error
	if ask.Params, err = schedule.Choose(ask.jobs(c), ask.Params); err != nil {
		return Forced{}, err
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	tips, err := f.known.get(ctx, f)
	if err != nil {
		return Forced{}, err
	}
	// Most builds are forced where the line is already, and nothing more has to
	// be read. Otherwise what is forced must not be older than what was planned.
	out, err := f.forceAt(ctx, c, ask, tips, nil)
	for range forceTries {
		if weir.CodeOf(err) != weir.Conflict {
			break
		}
		var heads map[weir.BuilderID]weir.Build
		if heads, tips, err = f.catchUp(ctx, c); err != nil {
			return Forced{}, err
		}
		out, err = f.forceAt(ctx, c, ask, tips, heads)
	}
	return out, err
}

// forceTries is how often it is tried to be faster than other servers.
const forceTries = 5

// catchUp plans what there is to plan, and reads where the lines are and then
// the tips, which are at least as new.
func (f *Farm) catchUp(ctx context.Context, c *config) (map[weir.BuilderID]weir.Build, planner.Tips, error) {
	if _, err := f.plan(ctx); err != nil {
		f.log.Warn("planning before a forced build", "err", err)
	}
	heads, err := f.store.LineHeads(ctx, c.IDs())
	if err != nil {
		return nil, nil, err
	}
	f.known.forget()
	tips, err := f.known.get(ctx, f)
	return heads, tips, err
}

// forceAt forces builds at tips. Conflict if a line is not where heads says,
// and not at the tips either.
func (f *Farm) forceAt(ctx context.Context, c *config, ask Force, tips planner.Tips, heads map[weir.BuilderID]weir.Build) (Forced, error) {
	a := planner.NewAssembly(c.Table, store.NewRun{Cause: weir.CauseForce, Project: ask.Project, Reason: ask.reason(), Now: f.now(), By: ask.By, Params: ask.Params,
		Heads: map[weir.BuilderID]weir.BuildID{}})
	var wanted []int
	for i, p := range c.Plans {
		if p.Key.Project != ask.Project || ask.Job != "" && p.Key.Job != ask.Job || ask.Job == "" && !p.Job.Start.Begins(weir.CauseForce) {
			continue
		}
		if wanted, err := condition.Job(p.Job.If, c.Facts(p, weir.CauseForce, ask.Params)); err != nil || !wanted {
			if err != nil {
				return Forced{}, err
			}
			continue
		}
		_, pins := c.Ends(p, tips)
		if pins == nil {
			return Forced{}, weir.Errorf(weir.Conflict, "no revision of %s, or of a project upstream of it, is known yet", ask.Project).
				WithHint("weir status says which sources do not answer")
		}
		a.Run.Heads[c.Builders[i].ID] = noHead
		if heads != nil { // a line that has no head yet is expected to have none still
			a.Run.Heads[c.Builders[i].ID] = heads[c.Builders[i].ID].ID
		}
		for range max(ask.Count, 1) {
			at, err := a.Add(c.Builders[i].ID, pins, schedule.PriorityForce, func(b *store.NewBuild) { b.Share = store.ShareNone })
			if err != nil {
				return Forced{}, err
			}
			wanted = append(wanted, at)
			if len(wanted) > maxForceBuilds {
				return Forced{}, weir.Errorf(weir.TooLarge, "that would be more than %d builds at once", maxForceBuilds).
					WithHint("name a job, or ask for fewer")
			}
		}
	}
	if len(wanted) == 0 {
		return Forced{}, weir.Errorf(weir.Conflict, "no job of %s is to be built now: what its key if says does not hold, or it is not for people to start", ask.Project).
			WithHint("name the job; see on and if in docs/recipe.md")
	}
	run, ids, err := f.store.CreateRun(ctx, a.Run)
	if err != nil {
		return Forced{}, err
	}
	out := Forced{Run: run.ID, Builds: make([]weir.BuildID, len(wanted))}
	for i, at := range wanted {
		out.Builds[i] = ids[at]
	}
	return out, nil
}

// jobs lists those that are wanted.
func (ask Force) jobs(c *config) (jobs []weir.Job) {
	for _, j := range c.project(ask.Project).Jobs {
		if j.Name == ask.Job || ask.Job == "" && j.Start.Begins(weir.CauseForce) {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// noHead is no build's id: a line whose head it should be is expected at the
// pins of the forced build, and nowhere else.
const noHead = weir.BuildID(-1)

func (ask Force) check(c *config) error {
	p := c.project(ask.Project)
	if p == nil {
		return weir.Errorf(weir.NotFound, "there is no project %.80q in this farm", ask.Project)
	}
	if _, ok := p.Job(ask.Job); ask.Job != "" && !ok {
		return weir.Errorf(weir.NotFound, "project %s has no job %.80q", ask.Project, ask.Job)
	}
	if len(p.Jobs) == 0 {
		return weir.Errorf(weir.Conflict, "project %s has no jobs, so there is nothing to build", ask.Project)
	}
	if ask.Count < 0 || ask.Count > MaxForceCount {
		return weir.Errorf(weir.Invalid, "count is %d, it must be 1 to %d", ask.Count, MaxForceCount)
	}
	return checkLine("the reason", ask.Reason)
}

// checkLine is Invalid unless a text of a person's is one short line.
func checkLine(what, text string) error {
	if len(text) > maxForceReason || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return weir.Errorf(weir.Invalid, "%s must be one line of at most %d bytes", what, maxForceReason)
	}
	return nil
}

func (ask Force) reason() string { return said(ask.Reason, "forced", ask.By) }

// said puts together why something was done and by whom.
func said(reason, done, by string) string {
	if reason = strings.TrimSpace(reason); reason == "" {
		reason = done
	}
	if by == "" {
		return reason
	}
	return reason + ", by " + by
}

// CancelBuild ends an unfinished build, and those that need it, for a person.
// Conflict if it is over.
func (f *Farm) CancelBuild(ctx context.Context, id weir.BuildID, reason, by string) error {
	if err := checkLine("the reason", reason); err != nil {
		return err
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	err := f.store.Cancel(ctx, id, weir.Reason{Code: weir.ReasonRequested, Text: said(reason, "cancelled", by)}, f.now())
	if err == nil {
		f.shares.Ended(id, f.now())
	}
	return err
}

// tipAge is how old the tips may be that a forced build is made of, if this
// server has not heard of newer ones.
const tipAge = time.Second

// tipCache keeps the tips for a moment, because people force builds by the thousand.
type tipCache struct {
	mu   sync.Mutex
	tips planner.Tips
	read time.Time
}

// get returns the tips. The map must not be changed.
func (t *tipCache) get(ctx context.Context, f *Farm) (planner.Tips, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if age := time.Since(t.read); t.tips != nil && age < tipAge {
		return t.tips, nil
	}
	tips, err := f.tips(ctx)
	if err != nil {
		return nil, err
	}
	t.tips, t.read = tips, time.Now()
	return tips, nil
}

// forget makes the next get read.
func (t *tipCache) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tips = nil
}
