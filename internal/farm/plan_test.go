package farm

import (
	"testing"

	"github.com/weir-ci/weir"
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
