// Package standing says how projects stand: what of them is bad and since when,
// what runs, how many of their tests ran, and how it was lately. All of that
// comes from the newest builds of every builder, which package recent has in
// memory, so that a list of a thousand projects costs no question to the database.
//
// How a builder stands is what its newest build says that speaks for the branch:
// one that was set off by a change, the clock or a person, has ended, and was
// neither cancelled nor skipped. Retries, probes and pull requests do not count.
package standing

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// Idle is how much older than the newest build of its project the newest build of a
// builder is if it is not built any more: a branch that is gone, a job that was
// taken out. It does not count then for how the project stands.
const Idle = 30 * 24 * time.Hour

// Build is as much of a build as a cell of a table shows.
type Build = store.BoardBuild

// History is how many runs of a project are kept, at most.
const History = 20

// Class is how something stands, worst first.
type Class string

// The closed set of classes.
const (
	Bad     Class = "bad"     // the newest build failed, was broken or ran out of time
	Infra   Class = "infra"   // the newest build ended in an infrastructure error: nothing is known
	Fine    Class = "fine"    // the newest build passed
	Unknown Class = "unknown" // there is no such build yet
)

// Classes lists every class, worst first.
func Classes() []Class { return []Class{Bad, Infra, Fine, Unknown} }

func classOf(o weir.Outcome) Class {
	switch o {
	case weir.Failed, weir.Broken, weir.TimedOut:
		return Bad
	case weir.Infra:
		return Infra
	case weir.Passed:
		return Fine
	}
	return Unknown
}

// severity orders outcomes, the worst highest. What has not ended is above what is
// fine, and below what is bad.
func severity(o weir.Outcome) int {
	switch o {
	case weir.Failed:
		return 6
	case weir.Broken:
		return 5
	case weir.TimedOut:
		return 4
	case weir.Infra:
		return 3
	case "":
		return 2
	case weir.Passed:
		return 1
	}
	return 0
}

// Builder is how a builder stands.
type Builder struct {
	Builder weir.Builder `json:"builder"`
	Class   Class        `json:"class"`
	// Newest is the build that says so; its id is 0 if there is none.
	Newest store.BoardBuild `json:"newest,omitzero"`
	// Since is the first of the builds in a row that were as bad as that; 0 unless
	// Class is Bad. It may have begun before what is kept of the builder.
	Since   weir.BuildID  `json:"since,omitempty"`
	Changed bool          `json:"changed,omitempty"` // it stands otherwise than in the build before, or a test does
	Running int           `json:"running,omitempty"` // builds that run
	Waiting int           `json:"waiting,omitempty"` // builds that wait
	Usual   time.Duration `json:"usual,omitempty"`   // how long its builds run
	Idle    bool          `json:"idle,omitempty"`    // it is not built any more
}

// Project is how a project stands.
type Project struct {
	Name      string          `json:"name"`
	Upstreams []string        `json:"upstreams,omitempty"` // what it is built against, by name
	Platforms []weir.Platform `json:"platforms"`           // by name
	Class     Class           `json:"class"`               // of the worst of its builders
	Outcome   weir.Outcome    `json:"outcome,omitempty"`   // of the worst of them
	// Builders is how many builders it has, Bad how many of them are bad.
	Builders int          `json:"builders"`
	Bad      int          `json:"bad,omitempty"`
	Since    weir.BuildID `json:"since,omitempty"` // the newest of those of its builders
	Changed  bool         `json:"changed,omitempty"`
	Running  int          `json:"running,omitempty"`
	Waiting  int          `json:"waiting,omitempty"`
	// Executed is how many tests ran in the newest builds, Due how many should have.
	Executed int `json:"executed"`
	Due      int `json:"due"`
	// News is what is not as it was in the newest builds of its builders.
	News weir.VerdictCounts `json:"news,omitzero"`
	// Newest is the newest of those builds, Revision the project's in it.
	Newest   weir.BuildID `json:"newest,omitempty"`
	Revision string       `json:"revision,omitempty"`
	Ended    time.Time    `json:"ended,omitzero"` // when that one did
	// History is how its newest runs ended, oldest first: the worst outcome of each;
	// empty for one that has not ended. HollowRuns are the places in it of those that
	// passed though none of their tests ran.
	History    []weir.Outcome `json:"history"`
	HollowRuns []int          `json:"hollow_runs,omitempty"`
}

// Hollow reports whether a project is green and none of its tests ran: that is not fine.
func (p Project) Hollow() bool { return p.Class == Fine && p.Executed == 0 && p.Due > 0 }

// Of says how a builder stands.
func Of(row recent.Row) Builder {
	b := Builder{Builder: row.Builder, Class: Unknown, Usual: row.Usual()}
	before, found := weir.Outcome(""), 0
	for i := range row.Builds {
		build := &row.Builds[i]
		switch build.State {
		case weir.Leased, weir.Running:
			b.Running++
		case weir.Queued, weir.Blocked:
			b.Waiting++
		}
		if !Speaks(build) {
			continue
		}
		if found++; found == 1 {
			b.Newest, b.Class = *build, classOf(build.Outcome)
		} else if found == 2 {
			before = build.Outcome
		}
	}
	b.Since = badSince(row, b.Class)
	c := b.Newest.Changes
	b.Changed = found > 1 && before != b.Newest.Outcome || c.Worse() > 0 || c.Fixed > 0
	return b
}

func badSince(row recent.Row, class Class) (since weir.BuildID) {
	if class != Bad {
		return 0
	}
	for i := range row.Builds {
		if b := &row.Builds[i]; Speaks(b) {
			switch classOf(b.Outcome) {
			case Bad:
				since = b.ID
			case Fine:
				return since
			}
		}
	}
	return since
}

// Speaks reports whether a build says how its builder stands.
func Speaks(b *store.BoardBuild) bool {
	return b.State.Final() && b.Cause.Advances() && b.Outcome != weir.OutcomeCancelled && b.Outcome != weir.Skipped
}

// List says how all projects stand, by name. If only is not nil, the builders count
// for which it is true.
func List(rows []recent.Row, only func(weir.Builder) bool) []Project {
	byName := map[string][]recent.Row{}
	var names []string
	for _, r := range rows {
		if only != nil && !only(r.Builder) {
			continue
		}
		if byName[r.Builder.Project] == nil {
			names = append(names, r.Builder.Project)
		}
		byName[r.Builder.Project] = append(byName[r.Builder.Project], r)
	}
	slices.Sort(names)
	list := make([]Project, len(names))
	for i, name := range names {
		list[i] = project(name, byName[name])
	}
	return list
}

// idle says which builders of a project are not built any more.
func idle(rows []recent.Row) func(recent.Row) bool {
	var newest time.Time
	for _, r := range rows {
		if len(r.Builds) > 0 && r.Builds[0].Created.After(newest) {
			newest = r.Builds[0].Created
		}
	}
	return func(r recent.Row) bool { return len(r.Builds) > 0 && newest.Sub(r.Builds[0].Created) > Idle }
}

func project(name string, rows []recent.Row) Project {
	rows = slices.DeleteFunc(slices.Clone(rows), idle(rows))
	p := Project{Name: name, Class: Unknown, Builders: len(rows)}
	p.History, p.HollowRuns = history(rows)
	worst := len(Classes()) - 1
	for _, r := range rows {
		b := Of(r)
		p.Platforms = appendNew(p.Platforms, r.Builder.Platform)
		if r.Builder.Upstreams != "" {
			for u := range strings.SplitSeq(r.Builder.Upstreams, ",") {
				p.Upstreams = appendNew(p.Upstreams, u)
			}
		}
		p.Running, p.Waiting, p.Changed = p.Running+b.Running, p.Waiting+b.Waiting, p.Changed || b.Changed
		worst = min(worst, slices.Index(Classes(), b.Class))
		if b.Class == Bad {
			p.Bad, p.Since = p.Bad+1, max(p.Since, b.Since)
		}
		if b.Newest.ID == 0 {
			continue
		}
		if p.Outcome == "" || severity(b.Newest.Outcome) > severity(p.Outcome) {
			p.Outcome = b.Newest.Outcome
		}
		executed, due := b.Newest.Ledger.Tests(b.Newest.Counts)
		p.Executed, p.Due, p.News = p.Executed+executed, p.Due+due, add(p.News, b.Newest.Changes)
		if b.Newest.ID > p.Newest {
			p.Newest, p.Revision, p.Ended = b.Newest.ID, b.Newest.Pins[name], b.Newest.Finished
		}
	}
	p.Class = Classes()[worst]
	slices.Sort(p.Platforms)
	slices.Sort(p.Upstreams)
	return p
}

func add(a, b weir.VerdictCounts) weir.VerdictCounts {
	a.New += b.New
	a.NewlyFailing += b.NewlyFailing
	a.FailingDifferently += b.FailingDifferently
	a.NewlySkipped += b.NewlySkipped
	a.Vanished += b.Vanished
	a.Masked += b.Masked
	a.Fixed += b.Fixed
	a.Flaky += b.Flaky
	return a
}

func appendNew[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// history is how the newest runs of builders ended, oldest first, and which of them
// passed though none of their tests ran.
func history(rows []recent.Row) (outcomes []weir.Outcome, hollow []int) {
	type ended struct {
		worst       weir.Outcome
		ran, hollow bool // a test ran; a build is hollow
	}
	known := map[weir.RunID]ended{}
	for _, r := range rows {
		for i := range r.Builds {
			b := &r.Builds[i]
			if !b.Cause.Advances() || b.Outcome == weir.OutcomeCancelled || b.Outcome == weir.Skipped {
				continue
			}
			run, ok := known[b.Run]
			if !ok || severity(b.Outcome) > severity(run.worst) {
				run.worst = b.Outcome
			}
			run.ran, run.hollow = run.ran || b.Counts.Executed() > 0, run.hollow || b.Hollow()
			known[b.Run] = run
		}
	}
	runs := slices.Sorted(maps.Keys(known))
	runs = runs[max(0, len(runs)-History):]
	outcomes = make([]weir.Outcome, len(runs))
	for i, id := range runs {
		run := known[id]
		if outcomes[i] = run.worst; run.worst == weir.Passed && run.hollow && !run.ran {
			hollow = append(hollow, i)
		}
	}
	return outcomes, hollow
}
