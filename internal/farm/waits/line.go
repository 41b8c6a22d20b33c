package waits

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Limits of what a Line has.
const (
	MaxLine   = 200 // builds
	linePages = 3   // of queueLook builds each that are read, the newest: nobody reads on behind thousands
	maxLocks  = 100
	maxHolder = 20 // builds of one lock
)

// Line is the queue: what waits and why, how much of it, and for which locks. Of a
// queue of more than 3,000 builds it is the newest 3,000.
type Line struct {
	Builds []Build `json:"builds"` // that have waited longest, at most as many as were asked for
	More   int     `json:"more"`   // builds that wait besides
	Depths []Depth `json:"depths"` // by platform
	Locks  []Lock  `json:"locks"`  // that are held or wanted, by name
}

// Depth is how much waits for a platform.
type Depth struct {
	Platform weir.Platform `json:"platform"`
	Queued   int           `json:"queued"`
	Blocked  int           `json:"blocked"` // that wait for other builds
	Lanes    []Lane        `json:"lanes"`   // the same by cause, the fullest first
	Oldest   time.Time     `json:"oldest"`  // since when the oldest one waits
	// Workers of the platform get work now, with so many Slots, of which Free run nothing.
	Workers int `json:"workers"`
	Slots   int `json:"slots"`
	Free    int `json:"free"`
	Resting int `json:"resting,omitempty"` // workers that get none by a rule of their owners'
}

// Lane is how much waits for one cause.
type Lane struct {
	Cause weir.Cause `json:"cause"`
	Count int        `json:"count"`
}

// Lock is a lock, and who has it.
type Lock struct {
	Name    string         `json:"name"`
	Scope   weir.LockScope `json:"scope,omitempty"`
	Shares  int            `json:"shares"`  // it has
	Wanted  int            `json:"wanted"`  // builds that wait and want it
	Holders []Holder       `json:"holders"` // at most 20
	More    int            `json:"more,omitempty"`
}

// Holder is a build that has shares of a lock.
type Holder struct {
	Build   weir.BuildID `json:"build"`
	Builder weir.Builder `json:"builder"`
	Worker  string       `json:"worker"`
	Shares  int          `json:"shares"`
	Since   time.Time    `json:"since,omitzero"`
}

// Line reads the queue, at most limit builds of it (0: MaxLine).
func (w Waits) Line(ctx context.Context, limit int) (Line, error) {
	limit = min(cmp.Or(max(limit, 0), MaxLine), MaxLine)
	v, err := w.view(ctx)
	if err != nil {
		return Line{}, err
	}
	for page := 1; page < linePages && len(v.queue) == page*queueLook; page++ {
		more, err := w.Store.ListBuilds(ctx, store.BuildFilter{States: waiting, Before: v.queue[len(v.queue)-1].ID, Limit: queueLook})
		if err != nil {
			return Line{}, err
		}
		v.queue = append(v.queue, more...)
	}
	v.count()
	line := Line{Builds: []Build{}, More: max(0, len(v.queue)-limit), Depths: v.depths(), Locks: []Lock{}}
	for _, b := range slices.Backward(v.queue[len(v.queue)-min(len(v.queue), limit):]) {
		why, err := v.why(ctx, b)
		if err != nil {
			return line, err
		}
		line.Builds = append(line.Builds, Build{b, why})
	}
	if line.Locks, err = w.locks(ctx, v); err != nil {
		return line, err
	}
	return line, nil
}

// waiting are the states in which builds wait.
var waiting = []weir.State{weir.Blocked, weir.Queued}

// count notes how many builds have waited longer than each, and what they wait
// for as far as that waits too, so that saying why costs little for each.
func (v *view) count() {
	v.older, v.known = make(map[weir.BuildID]int, len(v.queue)), make(map[weir.BuildID]weir.Build, len(v.queue))
	queued := map[weir.Platform]int{}
	for _, b := range slices.Backward(v.queue) {
		v.older[b.ID], v.known[b.ID] = queued[b.Builder.Platform], b
		if b.State == weir.Queued {
			queued[b.Builder.Platform]++
		}
	}
}

// depths counts the queue by platform.
func (v view) depths() []Depth {
	byName := map[weir.Platform]*Depth{}
	of := func(p weir.Platform) *Depth {
		if byName[p] == nil {
			byName[p] = &Depth{Platform: p, Lanes: []Lane{}}
		}
		return byName[p]
	}
	for _, b := range v.queue {
		d := of(b.Builder.Platform)
		if b.State == weir.Queued {
			d.Queued++
		} else {
			d.Blocked++
		}
		if d.Oldest.IsZero() || b.Created.Before(d.Oldest) {
			d.Oldest = b.Created
		}
		i := slices.IndexFunc(d.Lanes, func(l Lane) bool { return l.Cause == b.Cause })
		if i < 0 {
			i = len(d.Lanes)
			d.Lanes = append(d.Lanes, Lane{Cause: b.Cause})
		}
		d.Lanes[i].Count++
	}
	for _, w := range v.fleet.Workers {
		d := byName[w.Platform]
		if d == nil {
			continue
		}
		switch w.State(v.now) {
		case weir.WorkerReady:
			d.Workers++
			d.Slots += w.Slots
			d.Free += max(0, w.Slots-w.Running)
		case weir.WorkerResting:
			d.Resting++
		}
	}
	out := []Depth{}
	for _, d := range byName {
		slices.SortFunc(d.Lanes, func(a, b Lane) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Cause, b.Cause)) })
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b Depth) int { return cmp.Compare(a.Platform, b.Platform) })
	return out
}

// locks lists the locks that are held or wanted.
func (w Waits) locks(ctx context.Context, v view) ([]Lock, error) {
	out := []Lock{}
	if len(v.fleet.Locks) == 0 {
		return out, nil
	}
	of := func(name string) *Lock {
		i := slices.IndexFunc(out, func(l Lock) bool { return l.Name == name })
		if i < 0 {
			if len(out) == maxLocks {
				return nil
			}
			i = len(out)
			known := v.fleet.Locks[name]
			out = append(out, Lock{Name: name, Scope: known.Scope, Shares: known.Shares(), Holders: []Holder{}})
		}
		return &out[i]
	}
	running, err := w.Store.ListBuilds(ctx, store.BuildFilter{States: []weir.State{weir.Leased, weir.Running}, Limit: queueLook})
	if err != nil {
		return out, err
	}
	for _, b := range running {
		for _, u := range v.uses(b) {
			switch l := of(u.Name); {
			case l == nil:
			case len(l.Holders) == maxHolder:
				l.More++
			default:
				l.Holders = append(l.Holders, Holder{b.ID, b.Builder, b.Worker, min(u.Shares(), l.Shares), b.Started})
			}
		}
	}
	for _, b := range v.queue {
		for _, u := range v.uses(b) {
			if l := of(u.Name); l != nil {
				l.Wanted++
			}
		}
	}
	slices.SortFunc(out, func(a, b Lock) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// uses lists the locks of a build's job.
func (v view) uses(b weir.Build) []weir.LockUse {
	plan, ok := v.table.Plan(b.Builder.ID)
	if !ok {
		return nil
	}
	return plan.Job.Locks
}
