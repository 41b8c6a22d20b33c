package farm

import (
	"context"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/store"
)

// TestUpstreamLeaves: the pins of the newest build name a project that is not
// upstream any more.
func TestUpstreamLeaves(t *testing.T) {
	t.Parallel()
	w := smallWorld("base", "mid")
	w.farm.Projects[1].Upstreams = []weir.Upstream{{Project: "base", Job: "build"}}
	w.farm.Projects[2].Upstreams = w.farm.Projects[2].Upstreams[1:] // mid alone
	s := startSim(t, w)
	s.poll()
	s.until("at rest", true, s.atRest)
	w.farm.Projects[1].Upstreams = nil
	s.must(s.farms[0].Configure(s.ctx, w.farm))
	s.until("at rest", true, s.atRest)
	line := s.line("d")
	if pins := line[len(line)-1].Pins; len(line) != 2 || pins["base"] != "" {
		t.Errorf("%d builds, the last of %v", len(line), pins)
	}
}

// TestStartsComeFirst: a line's first build is older than its second one, in
// whichever runs they are made.
func TestStartsComeFirst(t *testing.T) {
	t.Parallel()
	w := smallWorld("lib", "up")
	w.addProject("e", []weir.Upstream{{Project: "up", Job: "build"}}, "test")
	w.tests["e"] = []string{"t0"}
	w.breaks("up", 4, "t1")
	w.tips["up"] = 6
	s := startSim(t, w)
	s.poll()
	s.until("at rest", true, s.atRest)
	for _, name := range []string{"lib", "up", "d", "e"} {
		for i, b := range s.line(name) {
			if want := simRevision("up", 1+5*i); name != "lib" && b.Pins["up"] != want {
				t.Errorf("build %d of %s is of %v, not of %s", b.ID, name, b.Pins, want)
			}
		}
	}
	if all := s.regressions(); len(all) != 1 || all[0].Culprit.Revision.ID != "up-4" {
		t.Errorf("regressions are %+v", all)
	}
}

// TestFirstPlanIsMadeOnce: on a farm whose revisions were recorded before anything was
// built, each line gets its start and the newest, one build if they are the same, and
// no more from another look, from a server that looks at the same time, or when the
// configuration is read again.
func TestFirstPlanIsMadeOnce(t *testing.T) {
	t.Parallel()
	for _, tip := range []int{1, 100} {
		s := startSim(t, smallWorld("lib", "up"))
		s.world.tips["up"] = tip
		s.poll()
		c := s.farms[0].config.Load()
		old := &oldView{Store: s.store, heads: map[weir.BuilderID]weir.Build{}}
		var err error
		old.tips, err = s.store.Tips(s.ctx)
		s.must(err)
		late := planner.New(planner.Options{Store: old, Now: s.farms[0].now, Log: s.farms[0].log, Moved: func() {},
			Table: func() *planner.Table { return c.Table }})
		for _, plan := range []func(context.Context) (bool, error){s.farms[0].plan, s.farms[0].plan, late.Plan, s.newFarm().plan, func(ctx context.Context) (bool, error) {
			s.must(s.farms[0].Configure(ctx, s.world.farm))
			return s.farms[0].plan(ctx)
		}} {
			_, err = plan(s.ctx)
			s.must(err)
		}
		for _, name := range []string{"lib", "up", "d"} {
			want := 1
			if tip > 1 && name != "lib" {
				want = 2
			}
			if line := s.line(name); len(line) != want {
				t.Errorf("with %d revisions of up %s has %d builds", tip, name, len(line))
			}
		}
	}
}

// TestFirstBuildIsNotSuperseded: without it there is nothing to compare with.
func TestFirstBuildIsNotSuperseded(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.world.breaks("up", 4, "t1")
	for _, tip := range []int{3, 5, 7} { // no worker comes
		s.move("up", tip)
		_, err := s.farms[0].plan(s.ctx)
		s.must(err)
	}
	s.until("at rest", true, s.atRest)
	if b := s.line("d")[0]; b.State != weir.Finished || b.Pins["up"] != "up-1" {
		t.Errorf("the first build is %s, of %v", b.State, b.Pins)
	}
	if all := s.regressions(); len(all) != 1 || all[0].Culprit.Revision.ID != "up-4" {
		t.Errorf("regressions are %+v", all)
	}
}

// oldView is a store as it was some time ago, for those who only look.
type oldView struct {
	store.Store
	tips  []weir.Tip
	heads map[weir.BuilderID]weir.Build
}

// Tips lists the tips of then.
func (o *oldView) Tips(context.Context) ([]weir.Tip, error) { return o.tips, nil }

// LineHeads finds the heads of then.
func (o *oldView) LineHeads(context.Context, []weir.BuilderID) (map[weir.BuilderID]weir.Build, error) {
	return o.heads, nil
}

// TestSlowServer: a server that read the tips before a newer one came, and
// plans after another server did, puts nothing old behind what is new.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.move("up", 3)
	old := &oldView{Store: s.store}
	var err error
	old.tips, err = s.store.Tips(s.ctx)
	s.must(err)
	var ids []weir.BuilderID
	for _, b := range s.farms[0].config.Load().Builders {
		ids = append(ids, b.ID)
	}
	old.heads, err = s.store.LineHeads(s.ctx, ids)
	s.must(err)
	s.move("up", 5)
	_, err = s.farms[0].plan(s.ctx)
	s.must(err)
	slow := New(Options{Store: old, Blobs: s.blobs, Sources: s.world, Now: func() time.Time { return s.now }, Host: simPlatform})
	s.must(slow.Configure(s.ctx, s.world.farm))
	if made, err := slow.plan(s.ctx); made || err != nil {
		t.Errorf("the slow server has made something: %v, %v", made, err)
	}
	slow.known.tips, slow.known.read = planner.Tips{}, time.Now()
	for _, tip := range old.tips {
		slow.known.tips[sourceKey{Project: tip.Project, Branch: tip.Branch}] = tip
	}
	if out, err := slow.Force(s.ctx, Force{Project: "d"}); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("the slow server has forced %v, %v", out, err)
	}
	for _, project := range []string{"up", "d"} {
		if line := s.line(project); line[len(line)-1].Pins["up"] != "up-5" {
			t.Errorf("the newest build of %s is of %v", project, line[len(line)-1].Pins)
		}
	}
}
