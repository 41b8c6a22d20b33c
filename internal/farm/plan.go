package farm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// plan makes runs for the builders whose line is not at the tips. It returns
// whether it made any.
func (f *Farm) plan(ctx context.Context) (bool, error) {
	c := f.config.Load()
	tips, err := f.tips(ctx)
	if err != nil {
		return false, err
	}
	ids := make([]weir.BuilderID, len(c.builders))
	for i, b := range c.builders {
		ids[i] = b.ID
	}
	heads, err := f.store.LineHeads(ctx, ids)
	if err != nil {
		return false, err
	}
	lines := make([]schedule.Line, len(c.plans))
	at := make(map[weir.BuilderID]weir.BuildID, len(heads)) // where the lines are
	for i, p := range c.plans {
		lines[i].Builder = c.builders[i]
		if head, ok := heads[c.builders[i].ID]; ok {
			lines[i].Head = &head
			at[head.Builder.ID] = head.ID
		}
		lines[i].Start, lines[i].Tips = ends(involved(p), tips, c)
	}
	decisions := schedule.Plan(lines, f.now())
	if err := f.keepStarts(ctx, lines, decisions); err != nil {
		return false, err
	}
	planned := make(map[string]bool, len(decisions))
	for _, d := range decisions {
		planned[buildKey(d.Builder.ID, d.Pins)] = true
	}
	made := false
	var trouble []error // with single runs, which do not hold up the others
	for _, g := range groupDecisions(c, lines, decisions) {
		run, err := f.lineRun(c, g, planned)
		if err != nil {
			trouble = append(trouble, err)
		}
		if len(run.Builds) == 0 {
			continue
		}
		run.Heads = expectHeads(run, at)
		created, ids, err := f.store.CreateRun(ctx, run)
		if weir.CodeOf(err) == weir.Conflict {
			f.moved.ring() // another server has planned meanwhile, perhaps with newer tips: look again
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
	if made {
		f.stir()
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

// keepStarts takes back decisions to supersede that would cancel the first
// build of a line while it still waits: without it there is no baseline, and
// whatever broke in between would never be noticed.
func (f *Farm) keepStarts(ctx context.Context, lines []schedule.Line, decisions []schedule.Decision) error {
	starts := map[weir.BuilderID]string{}
	for _, l := range lines {
		starts[l.Builder.ID] = l.Start.Key()
	}
	for i, d := range decisions {
		if !d.Supersede {
			continue
		}
		waiting, err := f.store.ListBuilds(ctx, store.BuildFilter{Builder: d.Builder.ID,
			States: []weir.State{weir.Blocked, weir.Queued}})
		if err != nil {
			return err
		}
		decisions[i].Supersede = !slices.ContainsFunc(waiting, func(b weir.Build) bool {
			return b.Cause.Advances() && b.Pins.Key() == starts[d.Builder.ID]
		})
	}
	return nil
}

// sourceKey names a project's branch.
type sourceKey struct{ project, branch string }

func (f *Farm) tips(ctx context.Context) (map[sourceKey]weir.Tip, error) {
	list, err := f.store.Tips(ctx)
	if err != nil {
		return nil, err
	}
	tips := make(map[sourceKey]weir.Tip, len(list))
	for _, t := range list {
		tips[sourceKey{t.Project, t.Branch}] = t
	}
	return tips, nil
}

// ends finds where a line starts and where it should be; both nil while a
// project's tip is unknown.
func ends(projects []string, tips map[sourceKey]weir.Tip, c *config) (start, end weir.Pins) {
	start, end = weir.Pins{}, weir.Pins{}
	for _, name := range projects {
		p := c.project(name)
		t, ok := tips[sourceKey{name, p.Source.Branch}]
		if !ok {
			return nil, nil
		}
		start[name], end[name] = t.First.ID, t.Revision.ID
	}
	return start, end
}

// decisionGroup is what goes into one run: the builds that the same projects'
// moves set off.
type decisionGroup struct {
	moved     []string // upstreams first
	from, to  weir.Pins
	why       string // said of the one project if none has moved
	decisions []schedule.Decision
}

// groupDecisions puts builds that are due to the same change into one group.
func groupDecisions(c *config, lines []schedule.Line, decisions []schedule.Decision) []*decisionGroup {
	byBuilder := make(map[weir.BuilderID]int, len(lines))
	for i, l := range lines {
		byBuilder[l.Builder.ID] = i
	}
	var groups []*decisionGroup
	index := map[string]*decisionGroup{}
	for _, d := range decisions {
		i := byBuilder[d.Builder.ID]
		from := weir.Pins{}
		if lines[i].Head != nil {
			from = lines[i].Head.Pins
		} else if d.Priority != schedule.PriorityBaseline {
			from = lines[i].Start
		}
		var moved []string
		key := fmt.Sprint(d.Priority)
		for _, name := range involved(c.plans[i]) {
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
		if lines[i].Head == nil && d.Priority == schedule.PriorityBaseline {
			// First builds of everything under one upstream belong together.
			moved = moved[:1]
			key = fmt.Sprint(d.Priority, moved[0], d.Pins[moved[0]])
		}
		g := index[key]
		if g == nil {
			g = &decisionGroup{moved: moved, from: from, to: d.Pins, why: why}
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

// lineRun makes the run of a group of decisions. Builds that the configuration
// has no way to make are left out and told of in the error; the run holds the others.
func (f *Farm) lineRun(c *config, g *decisionGroup, planned map[string]bool) (run store.NewRun, err error) {
	var trouble []error
	for decisions := slices.Clone(g.decisions); len(decisions) > 0; {
		a := assembly{config: c, planned: planned, run: store.NewRun{Cause: weir.CauseChange, Project: g.moved[0], Now: f.now(), Reason: g.reason()}}
		bad := slices.IndexFunc(decisions, func(d schedule.Decision) bool {
			_, err := a.add(d.Builder.ID, d.Pins, d.Priority, func(b *store.NewBuild) {
				b.Share, b.Supersede = store.ShareAny, d.Supersede
			})
			if err != nil {
				trouble = append(trouble, err)
			}
			return err != nil
		})
		if bad < 0 {
			return a.run, errors.Join(trouble...)
		}
		decisions = slices.Delete(decisions, bad, bad+1)
	}
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

// assembly collects the builds of one run, with the products they need in
// front of them.
type assembly struct {
	config *config
	run    store.NewRun
	// planned holds the builds that stand on their builders' lines; others
	// are made for their product only.
	planned map[string]bool
	index   map[string]int // build key -> place in run.Builds
}

// buildKey identifies a build by builder and pins.
func buildKey(builder weir.BuilderID, pins weir.Pins) string {
	return fmt.Sprint(builder, " ", pins.Key())
}

// add puts a build of a builder at pins into the run, behind the builds of the
// products it needs, and returns its place.
func (a *assembly) add(builder weir.BuilderID, pins weir.Pins, priority int, adjust func(*store.NewBuild)) (int, error) {
	i, ok := a.config.byID[builder]
	if !ok {
		return 0, weir.Errorf(weir.NotFound, "builder %d is not in the configuration any more", builder)
	}
	p := a.config.plans[i]
	b := store.NewBuild{Builder: builder, Pins: pins, Spec: p.Spec(pins), Priority: priority}
	for _, name := range p.Upstreams {
		job := p.ProductJob(a.config.Farm, name)
		if job == "" {
			continue
		}
		k, ok := a.config.byKey[jobKey{name, job, p.Key.Platform}]
		if !ok {
			return 0, weir.Errorf(weir.Invalid, "%s needs the product of %s/%s, which is not built on %s",
				p.Key.Name(), name, job, p.Key.Platform).
				WithHint("add %s to the platforms of job %s of project %s", p.Key.Platform, job, name)
		}
		need, err := a.add(a.config.builders[k].ID, pins.Only(involved(a.config.plans[k])), priority+1,
			func(n *store.NewBuild) {
				n.Share = store.ShareAny
				if !a.planned[buildKey(n.Builder, n.Pins)] {
					n.Cause = weir.CauseProduct
				}
			})
		if err != nil {
			return 0, err
		}
		b.Needs = append(b.Needs, need)
	}
	adjust(&b)
	key := buildKey(builder, pins)
	if at, ok := a.index[key]; ok && b.Share != store.ShareNone {
		a.run.Builds[at].Priority = max(a.run.Builds[at].Priority, b.Priority)
		a.run.Builds[at].Supersede = a.run.Builds[at].Supersede || b.Supersede
		return at, nil
	}
	if a.index == nil {
		a.index = map[string]int{}
	}
	a.run.Builds = append(a.run.Builds, b)
	a.index[key] = len(a.run.Builds) - 1
	return len(a.run.Builds) - 1, nil
}
