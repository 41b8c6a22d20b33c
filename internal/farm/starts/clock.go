package starts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/recipe/condition"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/schedule/timetable"
	"github.com/weir-ci/weir/internal/store"
)

// errorList collects what goes wrong with single things, which does not hold up
// the others.
type errorList []error

func (l *errorList) add(err error) {
	if err != nil {
		*l = append(*l, err)
	}
}

func (l errorList) err() error { return errors.Join(l...) }

// cronText names a time within its job.
func cronText(c weir.Cron) string { return strings.TrimSpace(c.Spec + " " + c.Zone) }

// ticks lists when the jobs of a farm start by themselves next. A time that is
// no time is left out: the farm file was checked.
func ticks(t *planner.Table, now time.Time) (all []store.Tick) {
	for _, p := range t.Farm.Projects {
		for _, j := range p.Jobs {
			for _, c := range j.Start.Cron {
				s, err := timetable.Parse(c, p.Name+"/"+j.Name)
				if err != nil {
					continue
				}
				if next := s.Next(now); !next.IsZero() {
					all = append(all, store.Tick{Project: p.Name, Job: j.Name, Cron: cronText(c), At: next})
				}
			}
		}
	}
	return all
}

// tick starts the jobs whose time has come. What was missed while nobody ran the
// farm is made up for once, not once for each time.
func (s *Starter) tick(ctx context.Context, t *planner.Table) (made bool, err error) {
	now := s.Now()
	if s.ticking != t {
		if err := s.Store.SetTicks(ctx, ticks(t, now)); err != nil {
			return false, err
		}
		s.ticking = t
	}
	all, err := s.Store.Ticks(ctx)
	if err != nil {
		return false, err
	}
	var trouble errorList
	for _, tick := range all {
		if tick.At.After(now) {
			break // they are in the order of time
		}
		some, err := s.start(ctx, t, tick, now)
		if err != nil && weir.CodeOf(err) != weir.Conflict { // another server was faster, or the line moved: look again
			trouble.add(fmt.Errorf("starting %s/%s at %s: %w", tick.Project, tick.Job, tick.At.Format(time.RFC3339), err))
		}
		made = made || some
	}
	return made, trouble.err()
}

// start makes the run of one tick, if it is to have one.
func (s *Starter) start(ctx context.Context, t *planner.Table, tick store.Tick, now time.Time) (bool, error) {
	cron, next, ok := upcoming(t, tick, now)
	if !ok {
		return false, nil // the job has left the configuration, and the next SetTicks removes its times
	}
	tick.Next = next
	heads, err := s.Store.LineHeads(ctx, t.IDs())
	if err != nil {
		return false, err
	}
	tips, err := planner.ReadTips(ctx, s.Store)
	if err != nil {
		return false, err
	}
	a := planner.NewAssembly(t, store.NewRun{Cause: weir.CauseCron, Project: tick.Project, Now: now, Occasion: store.Occasion{Tick: &tick},
		Reason: fmt.Sprintf("it is time: %s of job %s", tick.Cron, tick.Job), Heads: map[weir.BuilderID]weir.BuildID{}})
	source := t.Project(tick.Project).Source
	for i, p := range t.Plans {
		if p.Key.Project != tick.Project || p.Key.Job != tick.Job || p.Key.Branch != source.Branch {
			continue
		}
		if wanted, err := condition.Job(p.Job.If, t.Facts(p, weir.CauseCron, nil)); err != nil || !wanted {
			if err != nil {
				return false, err
			}
			continue
		}
		_, pins := t.Ends(p, tips)
		if pins == nil {
			return false, nil // nothing to build is known yet: it stays due
		}
		head, known := heads[t.Builders[i].ID]
		if cron.Changed && known && head.Pins.Key() == pins.Key() && head.Outcome != weir.Infra {
			continue
		}
		a.Run.Heads[t.Builders[i].ID] = head.ID
		if _, err := a.Add(t.Builders[i].ID, pins, schedule.PriorityChange, func(b *store.NewBuild) { b.Share = store.ShareNone }); err != nil {
			return false, err
		}
	}
	if len(a.Run.Builds) == 0 {
		return false, s.Store.SkipTick(ctx, tick)
	}
	run, _, err := s.Store.CreateRun(ctx, a.Run)
	return run.ID != 0, err
}

// upcoming finds the time of a tick in the configuration, and when it comes next.
func upcoming(t *planner.Table, tick store.Tick, now time.Time) (cron weir.Cron, next time.Time, ok bool) {
	p := t.Project(tick.Project)
	if p == nil {
		return cron, next, false
	}
	j, ok := p.Job(tick.Job)
	if !ok {
		return cron, next, false
	}
	i := slices.IndexFunc(j.Start.Cron, func(c weir.Cron) bool { return cronText(c) == tick.Cron })
	if i < 0 {
		return cron, next, false
	}
	s, err := timetable.Parse(j.Start.Cron[i], tick.Project+"/"+tick.Job)
	if err != nil {
		return cron, next, false
	}
	return j.Start.Cron[i], s.Next(now), true
}

// Tick is a time at which a job starts by itself.
type Tick = store.Tick

// Upcoming lists when jobs start by themselves, by time.
func (s *Starter) Upcoming(ctx context.Context) ([]Tick, error) { return s.Store.Ticks(ctx) }
