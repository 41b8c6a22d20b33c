package farm

import (
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

// TestAnotherServerKnows: a server whose farm file does not have a project yet leaves its
// searches to those that do, and gives one up if nobody takes a step for long.
func TestAnotherServerKnows(t *testing.T) {
	t.Parallel()
	s := broken(t)
	knows := s.farms[0]
	without := *s.world.farm
	without.Projects = without.Projects[:1]
	behind := s.newFarm()
	s.must(behind.Configure(s.ctx, &without))
	look := func(f *Farm) weir.RegressionState {
		_, err := f.search(s.ctx)
		s.must(err)
		return s.regressions()[0].State
	}
	for range 3 {
		s.now = s.now.Add(3 * time.Minute)
		if state := look(behind); state != weir.Searching {
			t.Fatalf("a server that does not know the project has made it %s", state)
		}
	}
	if state := look(knows); state != weir.Searching || len(s.held) > 0 {
		t.Fatalf("the other one has made it %s", state)
	}
	s.now = s.now.Add(time.Hour)
	if state := look(behind); state != weir.Searching {
		t.Fatalf("while probes are on their way it is %s", state)
	}
	s.until("located", true, func() bool { return s.regressions()[0].State == weir.Located })

	s = broken(t)
	s.must(s.farms[0].Configure(s.ctx, &without))
	if state := look(s.farms[0]); state != weir.Searching {
		t.Fatalf("at once it is %s", state)
	}
	s.now = s.now.Add(11 * time.Minute)
	if state := look(s.farms[0]); state != weir.Narrowed {
		t.Errorf("when nobody knows how to build it for long it is %s", state)
	}
}
