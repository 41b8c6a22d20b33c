package schedule_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

// TestWhy shows each reason at least once, and which of several counts.
func TestWhy(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	const platform = weir.Platform("linux/amd64")
	key := weir.BuilderKey{Project: "mill", Job: "test", Platform: platform}
	worker := func(name string, change func(*weir.Worker)) weir.Worker {
		w := weir.Worker{Name: name, Platform: platform, Slots: 1, Seen: now}
		if change != nil {
			change(&w)
		}
		return w
	}
	ready := worker("ready", nil)
	busy := worker("busy", func(w *weir.Worker) { w.Running = 1 })
	away := worker("away", func(w *weir.Worker) { w.Seen = now.Add(-time.Hour) })
	paused := worker("paused", func(w *weir.Worker) { w.Paused = "for a while" })
	draining := worker("draining", func(w *weir.Worker) { w.Draining = true })
	barred := worker("barred", func(w *weir.Worker) { w.Barred = now.Add(time.Minute) })
	build := func(change func(*schedule.Waiting)) schedule.Waiting {
		b := schedule.Waiting{Candidate: schedule.Candidate{Build: 7, Builder: weir.Builder{BuilderKey: key}, Queued: now.Add(-time.Hour)}}
		if change != nil {
			change(&b)
		}
		return b
	}
	need := func(id weir.BuildID, product bool, s weir.State) schedule.Behind {
		return schedule.Behind{Product: product, Build: weir.Build{ID: id, State: s, Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "brook", Job: "build", Platform: platform}}}}
	}
	lock := []weir.LockUse{{Name: "db"}}
	tests := []struct {
		name    string
		build   schedule.Waiting
		workers []weir.Worker
		held    []schedule.Held
		reason  schedule.WaitReason
		text    string
		until   time.Time
		of      weir.BuildID
	}{
		{"held, and everything else too", build(func(b *schedule.Waiting) { b.Held, b.Quiet = true, now.Add(time.Hour) }), nil, nil,
			schedule.WaitApproval, "waits until somebody approves it", time.Time{}, 0},
		{"the branch moves", build(func(b *schedule.Waiting) { b.Quiet = now.Add(time.Hour) }), nil, nil,
			schedule.WaitQuiet, "waits until nothing has changed for a while, at 2030-01-02 04:04:05 UTC", now.Add(time.Hour), 0},
		{"a product", build(func(b *schedule.Waiting) {
			b.Behind = []schedule.Behind{need(3, true, weir.Finished), need(4, true, weir.Running), need(5, false, weir.Queued)}
		}), nil, nil, schedule.WaitProduct, "waits for the product of build 4 of brook/build linux/amd64, which is running, and for 1 more", time.Time{}, 4},
		{"a job", build(func(b *schedule.Waiting) { b.Behind = []schedule.Behind{need(5, false, weir.Queued)} }), nil, nil,
			schedule.WaitJob, "waits for build 5 of brook/build linux/amd64 to end, which is queued", time.Time{}, 5},
		{"a pause", build(func(b *schedule.Waiting) {
			b.Retry, b.Reason = now.Add(time.Minute), weir.Reason{Code: weir.ReasonSourceDown}
		}), nil, nil, schedule.WaitRetry, "pauses after trouble of the farm's own (source_down) until 2030-01-02 03:05:05 UTC", now.Add(time.Minute), 0},
		{"nobody", build(nil), nil, nil, schedule.WaitPlatform, "waits for a worker on linux/amd64: there is none", time.Time{}, 0},
		{"nobody fits", build(func(b *schedule.Waiting) { b.Labels = []string{"gpu", "big"} }), []weir.Worker{ready, busy}, nil,
			schedule.WaitLabels, "waits for a worker on linux/amd64 with labels gpu, big: none of 2 has that", time.Time{}, 0},
		{"the only one is paused", build(nil), []weir.Worker{paused}, nil, schedule.WaitWorkers, "waits for worker paused, which is paused", time.Time{}, 0},
		{"all are away", build(nil), []weir.Worker{away, away}, nil, schedule.WaitWorkers, "waits for one of 2 workers, which are away", time.Time{}, 0},
		{"none takes work", build(nil), []weir.Worker{away, paused, draining, barred}, nil, schedule.WaitWorkers,
			"waits for one of 4 workers, which are 1 away, 1 paused, 1 draining, 1 quarantined until 2030-01-02 03:05:05 UTC", now.Add(time.Minute), 0},
		{"it wants another", build(func(b *schedule.Waiting) { b.Queued, b.Prefer = now, "away" }), []weir.Worker{ready, away}, nil,
			schedule.WaitWish, "would rather run on away, and waits for that until 2030-01-02 03:06:05 UTC", now.Add(schedule.WishTime), 0},
		{"it wants any other", build(func(b *schedule.Waiting) { b.Queued, b.Avoid = now, "ready" }), []weir.Worker{ready}, nil,
			schedule.WaitWish, "would rather not run on ready, and waits for that until 2030-01-02 03:06:05 UTC", now.Add(schedule.WishTime), 0},
		{"a lock", build(func(b *schedule.Waiting) { b.Locks = lock }), []weir.Worker{ready, busy}, []schedule.Held{{Build: 2, Worker: "else", Locks: lock}},
			schedule.WaitLock, "waits for lock db, which build 2 holds", time.Time{}, 2},
		{"a lock of the worker's", build(func(b *schedule.Waiting) { b.Locks = []weir.LockUse{{Name: "port"}} }), []weir.Worker{busy},
			[]schedule.Held{{Build: 1, Worker: "else", Locks: []weir.LockUse{{Name: "port"}}}, {Build: 2, Worker: "busy", Locks: []weir.LockUse{{Name: "port"}}}},
			schedule.WaitLock, "waits for lock port, which build 2 holds", time.Time{}, 2},
		{"one is busy", build(nil), []weir.Worker{busy}, nil, schedule.WaitBusy, "waits because worker busy is busy", time.Time{}, 0},
		{"all are busy", build(func(b *schedule.Waiting) { b.Older = 1 }), []weir.Worker{busy, busy}, nil, schedule.WaitBusy,
			"waits because all 2 workers that fit are busy; 1 build has waited longer", time.Time{}, 0},
		{"others come first", build(func(b *schedule.Waiting) { b.Older = 5 }), []weir.Worker{ready}, nil, schedule.WaitBusy,
			"waits for its turn; 5 builds have waited longer", time.Time{}, 0},
		{"nothing", build(nil), []weir.Worker{ready, busy, away}, nil, schedule.WaitMoment, "waits for nothing: a worker takes it when it asks next", time.Time{}, 0},
	}
	shown := map[schedule.WaitReason]bool{}
	for _, tt := range tests {
		f := schedule.Fleet{Workers: tt.workers, Held: tt.held, Locks: map[string]weir.Lock{"port": {Name: "port", Scope: weir.LockWorker}}}
		got := schedule.Why(tt.build, f, now)
		if want := (schedule.Wait{Reason: tt.reason, Text: tt.text, Until: tt.until, Build: tt.of}); got != want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, want)
		}
		shown[got.Reason] = true
		if strings.ContainsAny(got.Text, "\n") || strings.HasSuffix(got.Text, ".") || !slices.Contains(schedule.WaitReasons(), got.Reason) {
			t.Errorf("%s: %+v is no sentence of the set", tt.name, got)
		}
	}
	for _, r := range schedule.WaitReasons() {
		if !shown[r] && r != schedule.WaitRefused { // see TestWhyOwners
			t.Errorf("nothing shows reason %q", r)
		}
	}
}
