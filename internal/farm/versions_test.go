package farm

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// TestOldWorkers: what a worker does not know it is not asked to do.
func TestOldWorkers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version int
		change  func(*weir.Job)
		given   bool
	}{
		"an old worker, an old job": {2, func(*weir.Job) {}, true},
		"an old worker, a new job":  {2, func(j *weir.Job) { j.Steps[0].AllowFailure = true }, false},
		"a new worker, an old job":  {3, func(*weir.Job) {}, true},
		"a new worker, a new job":   {3, func(j *weir.Job) { j.Steps[0].AllowFailure = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSim(t, smallWorld("up"))
			farm := s.world.farm
			farm.Projects = slices.Clone(farm.Projects)
			for i := range farm.Projects {
				jobs := slices.Clone(farm.Projects[i].Jobs)
				for k := range jobs {
					jobs[k].Steps = append(slices.Clone(jobs[k].Steps), weir.Step{Name: "x", Run: "true"})
					c.change(&jobs[k])
				}
				farm.Projects[i].Jobs = jobs
			}
			f := s.farms[0]
			s.must(f.Configure(s.ctx, farm))
			s.poll()
			_, err := f.plan(s.ctx)
			s.must(err)
			_, err = f.Hello(s.ctx, s.workers[0].Name, protocol.Hello{Version: c.version, Platform: simPlatform, Slots: 1})
			s.must(err)
			w, err := f.Worker(s.ctx, s.workers[0].Name)
			s.must(err)
			answer, _, err := f.tryLease(s.ctx, w, protocol.Lease{Free: 1})
			s.must(err)
			if got := len(answer.Attempts) > 0; got != c.given {
				t.Errorf("it is given: %v", got)
			}
		})
	}
}
