package farm

import (
	"errors"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/notify"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/store"
)

// told keeps notices, or refuses them.
type told struct {
	notices []notify.Notice
	refuse  error
}

// Add keeps a notice.
func (n *told) Add(notice notify.Notice) error {
	if n.refuse == nil {
		n.notices = append(n.notices, notice)
	}
	return n.refuse
}

// TestOwnersAreTold: once that a worker is away, and once that it is back, also
// if the notice cannot be kept at first.
func TestOwnersAreTold(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	var n told
	f := New(Options{Store: s.store, Blobs: s.blobs, Sources: s.world, Now: func() time.Time { return s.now },
		Host: simPlatform, Notices: &n, Away: 15 * time.Minute})
	s.must(f.Configure(s.ctx, s.world.farm))
	for name, owner := range map[string]string{"lent": "ada@kern.example", "own": ""} {
		s.must(s.store.AddToken(s.ctx, store.Token{Name: name, Hash: HashToken(name), Created: s.now, Scope: store.ScopeWorker, Owner: owner}))
	}
	hello := func() {
		t.Helper()
		for _, name := range []string{"lent", "own"} {
			_, err := f.Hello(s.ctx, name, protocol.Hello{Version: protocol.Version, Platform: simPlatform, Slots: 1})
			s.must(err)
		}
	}
	expect := func(what string, after time.Duration, kinds ...notify.Kind) {
		t.Helper()
		s.now = s.now.Add(after)
		err := f.tellOwners(s.ctx)
		if !errors.Is(err, n.refuse) {
			t.Errorf("%s: %v", what, err)
		}
		ok := len(n.notices) == len(kinds)
		for i := range kinds {
			ok = ok && n.notices[i].Kind == kinds[i] && n.notices[i].Worker == "lent" && n.notices[i].To == "ada@kern.example"
		}
		if !ok {
			t.Errorf("%s: told is %+v", what, n.notices)
		}
		n.notices = nil
	}
	hello()
	expect("at first", time.Minute)
	expect("before it counts", 13*time.Minute)
	n.refuse = errors.New("the disk is full")
	expect("the notice cannot be kept", 2*time.Minute)
	n.refuse = nil
	expect("it can", time.Minute, notify.WorkerAway)
	expect("later", time.Hour)
	hello()
	expect("it is back", time.Minute, notify.WorkerBack)
	expect("then", time.Minute)
	if w, err := f.Worker(s.ctx, "lent"); err != nil || w.Owner != "ada@kern.example" {
		t.Errorf("the worker is %+v, %v", w, err)
	}
	if o, err := f.Overview(s.ctx); err != nil || o.Workers[0].Owner != "" {
		t.Errorf("the overview shows %+v, %v", o.Workers, err)
	}
}

// TestTroubleMakesPauses: a build that the worker could not run waits before it
// is tried again, and a worker that fails and fails gets nothing for a while.
func TestTroubleMakesPauses(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	_, err := s.farms[0].plan(s.ctx)
	s.must(err)
	f, w := s.farms[0], s.workers[0]
	_, err = f.Hello(s.ctx, w.Name, protocol.Hello{Version: protocol.Version, Platform: w.Platform, Slots: 1})
	s.must(err)
	fail := func(code weir.ReasonCode) bool {
		t.Helper()
		answer, _, err := f.tryLease(s.ctx, w, protocol.Lease{Free: 1})
		s.must(err)
		if len(answer.Attempts) == 0 {
			return false
		}
		s.must(f.Finish(s.ctx, answer.Attempts[0].Attempt, protocol.Finish{Token: answer.Attempts[0].Token,
			Outcome: weir.Infra, Reason: weir.Reason{Code: code}}))
		return true
	}
	if !fail(weir.ReasonWorker) || fail(weir.ReasonWorker) {
		t.Error("the build that failed does not wait")
	}
	s.now = s.now.Add(9 * time.Second)
	if fail(weir.ReasonWorker) {
		t.Error("it waits for less than 10 s")
	}
	s.now = s.now.Add(2 * time.Second)
	if !fail(weir.ReasonSourceDown) {
		t.Error("it waits for more than 10 s")
	}
	if got, err := f.Worker(s.ctx, w.Name); err != nil || got.Strikes != 1 || !got.Barred.IsZero() {
		t.Errorf("after one strike the worker is %+v, %v", got, err)
	}
	for range 2 {
		_, err = f.Force(s.ctx, Force{Project: "up"})
		s.must(err)
		if !fail(weir.ReasonDiskFull) {
			t.Error("a forced build was not leased")
		}
	}
	got, err := f.Worker(s.ctx, w.Name)
	if err != nil || got.Strikes != 3 || got.State(s.now) != weir.WorkerQuarantined || got.Barred.Sub(s.now) > time.Minute {
		t.Errorf("after three strikes the worker is %+v, %v", got, err)
	}
	_, err = f.Force(s.ctx, Force{Project: "up"})
	s.must(err)
	if fail(weir.ReasonWorker) {
		t.Error("a worker in quarantine gets work")
	}
	s.must(f.ResumeWorker(s.ctx, w.Name))
	if !fail(weir.ReasonDiskFull) {
		t.Error("a worker that was resumed gets nothing")
	}
	if got, err = f.Worker(s.ctx, w.Name); err != nil || got.State(s.now) != weir.WorkerQuarantined {
		t.Errorf("after the fourth strike the worker is %+v, %v", got, err)
	}
	s.now = s.now.Add(3 * time.Minute)
	if !fail(weir.ReasonWorker) {
		t.Error("a quarantine does not end")
	}
}
