package planner

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// decisionGroup is what goes into one run: the builds that the same projects'
// moves set off.
type decisionGroup struct {
	moved     []string // upstreams first
	project   string   // whose change it is
	from, to  weir.Pins
	why       string // said of the one project if none has moved
	decisions []schedule.Decision
}

// group puts builds that are due to the same change into one group. The order of
// the decisions is that of the groups' builds, and that of the first ones is that
// of the groups.
func group(t *Table, lines []schedule.Line, decisions []schedule.Decision) []*decisionGroup {
	byBuilder := make(map[weir.BuilderID]*schedule.Line, len(lines))
	for i, l := range lines {
		byBuilder[l.Builder.ID] = &lines[i]
	}
	var groups []*decisionGroup
	index := map[string]*decisionGroup{}
	for _, d := range decisions {
		line := byBuilder[d.Builder.ID]
		from := weir.Pins{}
		if line.Head != nil {
			from = line.Head.Pins
		} else if d.Priority != schedule.PriorityBaseline {
			from = line.Start
		}
		var moved []string
		key := fmt.Sprint(d.Priority)
		plan, _ := t.Plan(d.Builder.ID)
		for _, name := range Names(plan) {
			if d.Pins[name] != from[name] {
				moved = append(moved, name)
				key += " " + name + "@" + from[name] + ".." + d.Pins[name]
			}
		}
		why := ""
		if len(moved) == 0 { // every project stands where it stood
			moved = []string{d.Builder.Project}
			why = "has other upstreams now" // the head has pins of projects that are not upstream of it any more
			if from.Key() == d.Pins.Key() {
				why = "could not be built by the farm and is tried again"
			}
			key += " " + moved[0] + " " + why
		}
		if line.Head == nil && d.Priority == schedule.PriorityBaseline {
			// First builds of everything under one upstream belong together.
			moved = moved[:1]
			key = fmt.Sprint(d.Priority, moved[0], d.Pins[moved[0]])
		}
		g := index[key]
		if g == nil {
			g = &decisionGroup{moved: moved, project: moved[0], from: from, to: d.Pins, why: why}
			if line.Head != nil && slices.Contains(moved, d.Builder.Project) {
				g.project = d.Builder.Project // who changes something does not wait among all that are behind an upstream
			}
			index[key], groups = g, append(groups, g)
		}
		g.decisions = append(g.decisions, d)
	}
	// A line's start must be older than what follows it, whichever group it is in.
	slices.SortStableFunc(groups, func(a, b *decisionGroup) int {
		return b.decisions[0].Priority - a.decisions[0].Priority
	})
	return groups
}

// run makes the run of a group of decisions. Builds that the configuration has
// no way to make are left out and told of in the error; the run holds the others.
func (g *decisionGroup) run(t *Table, run store.NewRun, planned map[string]bool) (store.NewRun, error) {
	var trouble []error
	run.Cause, run.Project, run.Reason = weir.CauseChange, g.project, g.reason()
	for decisions := slices.Clone(g.decisions); len(decisions) > 0; {
		a := NewAssembly(t, run)
		a.planned = planned
		bad := slices.IndexFunc(decisions, func(d schedule.Decision) bool {
			_, err := a.Add(d.Builder.ID, d.Pins, d.Priority, func(b *store.NewBuild) {
				b.Share, b.Supersede = store.ShareAny, d.Supersede
			})
			if err != nil {
				trouble = append(trouble, err)
			}
			return err != nil
		})
		if bad < 0 {
			return a.Run, errors.Join(trouble...)
		}
		decisions = slices.Delete(decisions, bad, bad+1)
	}
	run.Builds = nil
	return run, errors.Join(trouble...)
}

func (g *decisionGroup) reason() string {
	if g.why != "" {
		return g.moved[0] + " " + g.why
	}
	var parts []string
	for _, name := range g.moved {
		to := weir.ShortRevision(g.to[name])
		if from := g.from[name]; from != "" {
			parts = append(parts, fmt.Sprintf("%s moved from %s to %s", name, weir.ShortRevision(from), to))
		} else {
			parts = append(parts, fmt.Sprintf("first build of %s at %s", name, to))
		}
	}
	return strings.Join(parts, ", ")
}
