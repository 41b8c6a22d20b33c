package views_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/compat"
	"github.com/weir-ci/weir/internal/farm/trends"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// rig is a database, a worker on it, and a clock.
type rig struct {
	t   *testing.T
	db  views.Store
	now time.Time
	seq int64
	at  int64 // epoch
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// build makes a build of a builder and lets the worker run it.
func (r *rig) build(b weir.Builder, pins weir.Pins, took time.Duration, end store.Finish) weir.BuildID {
	r.t.Helper()
	ctx := r.t.Context()
	r.now = r.now.Add(time.Minute)
	_, ids, err := r.db.CreateRun(ctx, store.NewRun{Cause: weir.CauseChange, Project: b.Project, Now: r.now, Builds: []store.NewBuild{{Builder: b.ID, Pins: pins, Share: store.ShareNone}}})
	r.must(err)
	r.now, r.seq = r.now.Add(30*time.Second), r.seq+1
	_, err = r.db.Lease(ctx, store.LeaseAsk{Worker: "heron", Platform: b.Platform, Now: r.now, Deadline: r.now.Add(24 * time.Hour), Epoch: r.at, Seq: r.seq, Tokens: []string{fmt.Sprint("t", r.seq)}},
		func(q store.Queue) []weir.BuildID { return ids })
	r.must(err)
	end.Attempt, end.Token = weir.AttemptID{Build: ids[0], Number: 1}, fmt.Sprint("t", r.seq)
	end.Steps = []weir.StepRecord{{Name: "test", State: weir.StepPassed, Started: r.now, Ended: r.now.Add(took)}}
	_, err = r.db.Sync(ctx, store.Sync{Attempt: end.Attempt, Token: end.Token, Seq: 1, Now: r.now, Deadline: r.now.Add(24 * time.Hour), Steps: end.Steps})
	r.must(err)
	r.now = r.now.Add(took)
	end.Now = r.now
	_, err = r.db.Finish(ctx, end)
	r.must(err)
	return ids[0]
}

// TestFleetOnADatabase: a worker runs builds of a project on two versions of its
// upstream, and from the thirtieth on they take longer.
func TestFleetOnADatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	opened, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	r := &rig{t: t, db: opened.(views.Store), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	r.must(r.db.Migrate(ctx))
	r.at, _, err = r.db.Hello(ctx, weir.Worker{Name: "heron", Platform: "linux/amd64", Slots: 1, Seen: r.now}, nil)
	r.must(err)
	made, err := r.db.EnsureBuilders(ctx, []weir.BuilderKey{{Project: "mill", Job: "test", Platform: "linux/amd64", Upstreams: "brook"}})
	r.must(err)
	var slow weir.BuildID
	for i := range 50 {
		took := time.Duration(1000+7*(i%5)) * time.Second / 10
		if i >= 30 {
			took = took * 3 / 2
		}
		version := "v3.13.0"
		if i >= 20 {
			version = "v3.14.0"
		}
		end := store.Finish{Outcome: weir.Passed, Metrics: []weir.Metric{{Name: "coverage", Value: 80 + float64(i%3)/10, Unit: "%"}}}
		if i == 49 {
			end = store.Finish{Outcome: weir.Failed, Reason: weir.Reason{Code: weir.ReasonStep}}
		}
		id := r.build(made[0], weir.Pins{"mill": fmt.Sprint("r", i), "brook": version}, took, end)
		if i == 30 {
			slow = id
		}
	}
	v := views.New(views.Options{Store: r.db, Now: func() time.Time { return r.now }})
	moved, err := v.Trends.Ask(ctx, trends.Query{})
	r.must(err)
	if len(moved.Moved) != 1 || moved.Moved[0].Build != slow || !moved.Moved[0].Worse || moved.Moved[0].Revision != "r30" {
		t.Errorf("moved: %+v", moved.Moved)
	}
	one, err := v.Trends.Ask(ctx, trends.Query{Builder: made[0].ID})
	r.must(err)
	if s := one.Builders[0].Series; len(s) != 2 || len(s[0].Points) != 49 || len(s[0].Shifts) != 1 || s[1].Name != "coverage" || len(s[1].Shifts) != 0 {
		t.Errorf("series: %+v", s)
	}
	for sentence, want := range map[string]compat.Verdict{"mill on brook 3.13": compat.Yes, "mill on brook 3.14 on linux": compat.No, "mill on brook 3.15": compat.Unknown} {
		a, err := v.Compat.Say(ctx, sentence)
		r.must(err)
		if a.Answer != want {
			t.Errorf("%s: %s, %s", sentence, a.Answer, a.Text)
		}
	}
	w, err := r.db.Worker(ctx, "heron")
	r.must(err)
	h, err := v.Roster.Of(ctx, w)
	r.must(err)
	if len(h.Last) != 50 || len(h.Running) != 0 || len(h.Trouble) != 0 || h.Last[0].Outcome != weir.Failed || h.Days[len(h.Days)-1].Ended != 50 {
		t.Errorf("%d last, today %+v", len(h.Last), h.Days[len(h.Days)-1])
	}
	sums, _, err := v.Roster.Today(ctx, []weir.Worker{w})
	r.must(err)
	if s := sums["heron"]; s.Ended != 50 || s.Busy < 90*time.Minute || s.Waited < 25*time.Minute-time.Second {
		t.Errorf("today: %+v", s)
	}
}
