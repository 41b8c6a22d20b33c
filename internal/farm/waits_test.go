package farm

import (
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/schedule"
)

// offer lets the worker of a world ask for work once.
func (s *sim) offer(free int) []protocol.Assignment {
	s.t.Helper()
	w := s.workers[0]
	_, err := s.farms[0].Hello(s.ctx, w.Name, protocol.Hello{Version: protocol.Version, Platform: w.Platform, Slots: w.Slots})
	s.must(err)
	w, err = s.farms[0].Worker(s.ctx, w.Name)
	s.must(err)
	answer, _, err := s.farms[0].tryLease(s.ctx, w, protocol.Lease{Free: free})
	s.must(err)
	return answer.Attempts
}

// why says why the newest build of a project waits.
func (s *sim) why(project string) schedule.Wait {
	s.t.Helper()
	line := s.line(project)
	d, err := s.farms[0].Build(s.ctx, line[len(line)-1].ID)
	s.must(err)
	if d.Waits == nil {
		s.t.Fatalf("build %d of %s is %s", d.Build.ID, project, d.Build.State)
	}
	return *d.Waits
}

// TestWhyBuildsWait follows builds from when nobody is there to when they run.
func TestWhyBuildsWait(t *testing.T) {
	t.Parallel()
	w := smallWorld("up")
	w.farm.Locks = []weir.Lock{{Name: "db"}}
	for i := range w.farm.Projects {
		w.farm.Projects[i].Jobs[0].Locks = []weir.LockUse{{Name: "db"}}
	}
	s := startSim(t, w)
	s.poll()
	_, err := s.farms[0].plan(s.ctx)
	s.must(err)
	if got := s.why("up"); got.Reason != schedule.WaitPlatform {
		t.Errorf("without workers: %+v", got)
	}
	if got := s.why("d"); got.Reason != schedule.WaitProduct || got.Build != s.line("up")[0].ID {
		t.Errorf("behind a product: %+v", got)
	}
	first := s.offer(1)
	if len(first) != 1 {
		t.Fatalf("the worker got %+v", first)
	}
	if more := s.offer(1); len(more) != 0 { // a further build of up, so that somebody wants the lock
		t.Fatalf("the worker got %+v", more)
	}
	_, err = s.farms[0].Force(s.ctx, Force{Project: "up"})
	s.must(err)
	if more := s.offer(1); len(more) != 0 {
		t.Errorf("a lock is given twice: %+v", more)
	}
	if got := s.why("up"); got.Reason != schedule.WaitLock || got.Build != first[0].Attempt.Build {
		t.Errorf("for a lock: %+v", got)
	}
	o, err := s.farms[0].Overview(s.ctx)
	s.must(err)
	if len(o.Waiting) != 2 || o.Waiting[0].ID > o.Waiting[1].ID {
		t.Errorf("the overview lists %+v", o.Waiting)
	}
	line, err := s.farms[0].Queue(s.ctx, 1)
	s.must(err)
	if len(line.Builds) != 1 || line.More != 1 || line.Builds[0].ID != o.Waiting[0].ID || line.Builds[0].Waits != o.Waiting[0].Waits {
		t.Errorf("the queue lists %+v, %d more", line.Builds, line.More)
	}
	if len(line.Depths) != 1 || line.Depths[0].Queued+line.Depths[0].Blocked != 2 || line.Depths[0].Workers != 1 || line.Depths[0].Oldest.IsZero() {
		t.Errorf("its depth is %+v", line.Depths)
	}
	if l := line.Locks; len(l) != 1 || l[0].Wanted != 2 || len(l[0].Holders) != 1 || l[0].Holders[0].Build != first[0].Attempt.Build || l[0].Holders[0].Worker != s.workers[0].Name {
		t.Errorf("its locks are %+v", l)
	}
	s.must(s.farms[0].PauseWorker(s.ctx, s.workers[0].Name, "for a test", "me"))
	if got := s.why("up"); got.Reason != schedule.WaitWorkers {
		t.Errorf("of a paused worker: %+v", got)
	}
	s.must(s.farms[0].ResumeWorker(s.ctx, s.workers[0].Name))
	s.finish(first[0])
	if more := s.offer(1); len(more) != 1 {
		t.Errorf("when the lock is free: %+v", more)
	}
	d, err := s.farms[0].Build(s.ctx, first[0].Attempt.Build)
	s.must(err)
	if d.Waits != nil {
		t.Errorf("what has ended waits: %+v", d.Waits)
	}
}

// TestDiskOfAWorker: what a worker says of its room is known until it says something else.
func TestDiskOfAWorker(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	w := s.workers[0]
	if _, known := s.farms[0].WorkerDisk(w.Name); known {
		t.Error("it is known before it was said")
	}
	_, err := s.farms[0].Hello(s.ctx, w.Name, protocol.Hello{Version: protocol.Version, Platform: w.Platform, Slots: 1, Disk: 7 << 30})
	s.must(err)
	if free, known := s.farms[0].WorkerDisk(w.Name); !known || free != 7<<30 {
		t.Errorf("%d bytes are free, %v", free, known)
	}
	s.offer(1) // of an older program, which says nothing
	if free, _ := s.farms[0].WorkerDisk(w.Name); free != 7<<30 {
		t.Errorf("%d bytes are free", free)
	}
}

// TestSecrets: an attempt gets those that its job and steps name; one of somebody
// untrusted gets none, and without them a build is put off.
func TestSecrets(t *testing.T) {
	t.Parallel()
	w := smallWorld("up")
	w.farm.Projects[1].Jobs[0].Secrets = []string{"token"}
	w.farm.Projects[1].Jobs[0].Steps[0].Secrets = []string{"key", "token"}
	s := startSim(t, w)
	known := map[string]string{"token": "t", "key": "k"}
	s.farms[0].secret = func(name string) (string, error) {
		if v, ok := known[name]; ok {
			return v, nil
		}
		return "", weir.Errorf(weir.NotFound, "there is no secret %s", name)
	}
	spec := weir.Spec{Job: w.farm.Projects[1].Jobs[0]}
	got, err := s.farms[0].secretsOf(spec)
	if want := []weir.EnvVar{{Name: "key", Value: "k"}, {Name: "token", Value: "t"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("it gets %v, %v", got, err)
	}
	spec.Untrusted = true
	if got, err := s.farms[0].secretsOf(spec); err != nil || len(got) != 0 {
		t.Errorf("somebody untrusted gets %v, %v", got, err)
	}
	project := w.farm.Projects[1].Name
	delete(known, "key")
	s.poll()
	for range 20 {
		_, err := s.farms[0].plan(s.ctx)
		s.must(err)
		for _, a := range s.offer(4) {
			if a.Spec.Project == project {
				t.Fatal("a build begins without a secret that it asks for")
			}
			s.finish(a)
		}
	}
	if got := s.why(project); got.Reason != schedule.WaitRetry || !got.Until.After(s.now) {
		t.Errorf("it waits: %+v", got)
	}
	known["key"] = "k"
	s.now = s.now.Add(time.Hour)
	given := s.offer(4)
	if len(given) == 0 || len(given[0].Secrets) != 2 {
		t.Errorf("when the secret is there it gets %+v", given)
	}
}
