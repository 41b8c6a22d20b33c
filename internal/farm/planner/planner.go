// Package planner makes runs: of what has moved, of what a person asks for, and of
// what a search wants to know. It knows from the configuration how a build is made
// (Table), puts together the builds of a run with the products and the other jobs that
// they need (Assembly), and carries out what schedule.Plan decides (Planner).
//
// It is level-triggered: each pass looks at where the lines are and where they should
// be, and makes what is missing. Of several servers that plan the same, the store lets
// the first one do it.
package planner

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/condition"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what the planner needs of the store.
type Store interface {
	Tips(ctx context.Context) ([]weir.Tip, error)
	LineHeads(ctx context.Context, builders []weir.BuilderID) (map[weir.BuilderID]weir.Build, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
	CreateRun(ctx context.Context, run store.NewRun) (weir.Run, []weir.BuildID, error)
}

// Options is what a planner is made of.
type Options struct {
	Store Store
	Table func() *Table // what is configured now
	// Current makes sure that Table knows what was decided before the tips that are
	// known; nil: it always does.
	Current func(ctx context.Context) error
	Now     func() time.Time
	Log     *slog.Logger
	// Moved is called when another server has planned meanwhile, perhaps with newer
	// tips: there is reason to look again.
	Moved func()
}

// Planner makes runs for lines that are not at their tips.
type Planner struct {
	Options
	mu     sync.Mutex
	delays map[weir.BuilderID]schedule.Delay
	pasts  map[weir.BuilderID]past
}

// past is what was found out about a builder's past, so that it is not read again
// at each pass.
type past struct {
	head       weir.BuildID // the newest build then
	waiting    bool         // which waited
	dead       schedule.Dead
	since      time.Time
	startWaits bool
}

// New makes a planner.
func New(o Options) *Planner {
	return &Planner{Options: o, pasts: map[weir.BuilderID]past{}}
}

// ReadTips reads the newest revisions.
func ReadTips(ctx context.Context, s interface {
	Tips(ctx context.Context) ([]weir.Tip, error)
}) (Tips, error) {
	list, err := s.Tips(ctx)
	if err != nil {
		return nil, err
	}
	tips := make(Tips, len(list))
	for _, t := range list {
		tips[trail.Branch{Project: t.Project, Branch: t.Branch}] = t
	}
	return tips, nil
}

// Plan makes runs for the builders whose line is not at the tips. It returns
// whether it made any.
func (p *Planner) Plan(ctx context.Context) (made bool, err error) {
	tips, err := ReadTips(ctx, p.Store)
	if err == nil && p.Current != nil {
		err = p.Current(ctx)
	}
	if err != nil {
		return false, err
	}
	t := p.Table()
	heads, err := p.Store.LineHeads(ctx, t.IDs())
	if err != nil {
		return false, err
	}
	var trouble []error // with single lines or runs, which do not hold up the others
	lines, err := p.lines(ctx, t, tips, heads)
	if err != nil {
		trouble = append(trouble, err)
	}
	at := make(map[weir.BuilderID]weir.BuildID, len(heads)) // where the lines are
	for id, head := range heads {
		at[id] = head.ID
	}
	now := p.Now()
	decisions, delays := schedule.Plan(lines, now)
	p.note(delays)
	planned := make(map[string]bool, len(decisions))
	for _, d := range decisions {
		planned[buildKey(d.Builder.ID, d.Pins)] = true
	}
	for _, g := range group(t, lines, decisions) {
		run, err := g.run(t, store.NewRun{Now: now}, planned)
		if err != nil {
			trouble = append(trouble, err)
		}
		if len(run.Builds) == 0 {
			continue
		}
		run.Heads = expectHeads(run, at)
		created, ids, err := p.Store.CreateRun(ctx, run)
		if weir.CodeOf(err) == weir.Conflict {
			p.Moved()
			break
		}
		if err != nil {
			trouble = append(trouble, err)
			break
		}
		for i, b := range run.Builds {
			at[b.Builder] = max(at[b.Builder], ids[i])
		}
		made = made || created.ID != 0
	}
	return made, errors.Join(trouble...)
}

// expectHeads says where the lines were on which a run puts builds. A server
// whose tips are older than another one's must not put an old build behind a
// newer one.
func expectHeads(run store.NewRun, at map[weir.BuilderID]weir.BuildID) map[weir.BuilderID]weir.BuildID {
	heads := map[weir.BuilderID]weir.BuildID{}
	for _, b := range run.Builds {
		if cmp.Or(b.Cause, run.Cause).Advances() {
			heads[b.Builder] = at[b.Builder]
		}
	}
	return heads
}

// lines is the situation of all builders whose jobs a change sets off.
func (p *Planner) lines(ctx context.Context, t *Table, tips Tips, heads map[weir.BuilderID]weir.Build) ([]schedule.Line, error) {
	var trouble []error
	conditions := conditions{}
	lines := make([]schedule.Line, 0, len(t.Plans))
	for i, plan := range t.Plans {
		l := schedule.Line{Builder: t.Builders[i], Superseded: plan.Job.Superseded}
		if head, ok := heads[l.Builder.ID]; ok {
			l.Head = &head
		}
		l.Start, l.Tips = t.Ends(plan, tips)
		if l.Tips == nil || l.Head != nil && l.Head.Pins.Key() == l.Tips.Key() && l.Head.Outcome != weir.Infra || !plan.Job.Start.Begins(weir.CauseChange) {
			continue
		}
		if ok, err := conditions.hold(t, i, tips); err != nil || !ok {
			trouble = append(trouble, err)
			continue
		}
		if l.Head != nil {
			l.Unready = t.unready(plan, l.Tips, heads)
			if err := p.past(ctx, &l); err != nil {
				return lines, errors.Join(append(trouble, err)...)
			}
		}
		lines = append(lines, l)
	}
	return lines, errors.Join(trouble...)
}

// conditions are those of one pass. Many builders have the same, and to compile one
// costs a hundred times as much as to evaluate it.
type conditions map[string]condition.Compiled

// hold evaluates the condition of a plan's job for what is due.
func (all conditions) hold(t *Table, i int, tips Tips) (bool, error) {
	plan := t.Plans[i]
	if plan.Job.If == "" {
		return true, nil
	}
	facts := t.Facts(plan, weir.CauseChange, nil)
	facts.Author = Due(tips[trail.Branch{Project: plan.Key.Project, Branch: plan.Key.Branch}]).Author
	c, ok := all[plan.Job.If]
	if !ok {
		var err error
		if c, err = condition.CompileJob(plan.Job.If); err != nil {
			return false, err
		}
		all[plan.Job.If] = c
	}
	return c.Holds(facts)
}

// unready reports whether a product that a plan's builds need at pins is not there: its
// line has got to them, or will, and has not made it.
func (t *Table) unready(p recipe.Plan, pins weir.Pins, heads map[weir.BuilderID]weir.Build) bool {
	for _, name := range p.Upstreams {
		job := p.ProductJob(t.Farm, name)
		if job == "" {
			continue
		}
		k, ok := t.product(p, name, job)
		if !ok {
			continue
		}
		up := t.Plans[k]
		if !up.Job.Start.Begins(weir.CauseChange) || up.Job.If != "" {
			continue // perhaps nobody will make it by himself
		}
		head, ok := heads[t.Builders[k].ID]
		if !ok || head.Product.Digest == "" || head.Pins.Key() != pins.Only(Names(up)).Key() {
			return true
		}
	}
	return false
}

// chainLook is how many of a builder's builds are read to find since when its line waits.
const chainLook = 50

// past finds out what there is to know of the builds of a line before its head.
func (p *Planner) past(ctx context.Context, l *schedule.Line) error {
	own := l.Builder.Project
	waiting := l.Head.State == weir.Blocked || l.Head.State == weir.Queued
	if waiting && l.Unready || !waiting && (l.Head.Pins[own] != l.Tips[own] || !schedule.Nowhere(*l.Head)) {
		return nil // it is not needed
	}
	p.mu.Lock()
	known, ok := p.pasts[l.Builder.ID]
	p.mu.Unlock()
	if !ok || known.head != l.Head.ID || known.waiting != waiting || known.startWaits {
		builds, err := p.Store.ListBuilds(ctx, store.BuildFilter{Builder: l.Builder.ID, Limit: chainLook})
		if err != nil {
			return err
		}
		known = past{head: l.Head.ID, waiting: waiting}
		if waiting {
			known.since, known.startWaits = chain(builds, l.Start.Key())
		} else {
			known.dead = schedule.DeadOf(builds)
		}
		p.mu.Lock()
		p.pasts[l.Builder.ID] = known
		p.mu.Unlock()
	}
	l.Waits, l.StartWaits, l.Dead = known.since, known.startWaits, known.dead
	return nil
}

// chain finds in the newest builds of a builder, newest first, since when its line
// waits, and whether the line's first build is among those that do.
func chain(builds []weir.Build, start string) (since time.Time, startWaits bool) {
	over := false // further back, something was built
	for _, b := range builds {
		if !b.Cause.Advances() {
			continue
		}
		waiting := b.State == weir.Blocked || b.State == weir.Queued
		startWaits = startWaits || waiting && b.Pins.Key() == start
		over = over || !waiting && b.Reason.Code != weir.ReasonSuperseded
		if !over {
			since = b.Created
		}
	}
	return since, startWaits
}

// note keeps why lines are not at their tips.
func (p *Planner) note(delays []schedule.Delay) {
	known := make(map[weir.BuilderID]schedule.Delay, len(delays))
	for _, d := range delays {
		known[d.Builder] = d
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delays = known
}

// Delay tells why a builder is not built at the tips of its projects, as of the last
// pass; ok is false if it is, or is about to be.
func (p *Planner) Delay(id weir.BuilderID) (d schedule.Delay, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, ok = p.delays[id]
	return d, ok
}
