package roster

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

var noon = time.Date(2026, 3, 14, 12, 30, 0, 0, time.UTC)

type records struct {
	ran      []store.RanAttempt
	load     []store.WorkerHour
	loads    int
	refused  []weir.Refusal
	builders recent.State
}

func (r *records) Refusals(_ context.Context, _ string, _ time.Time, limit int) ([]weir.Refusal, error) {
	return r.refused[:min(len(r.refused), limit)], nil
}

func (r *records) State(context.Context) (*recent.State, error) { return &r.builders, nil }

func (r *records) Ran(context.Context, string, time.Time, int) ([]store.RanAttempt, error) {
	return r.ran, nil
}

func (r *records) Load(_ context.Context, worker string, from, to time.Time) (out []store.WorkerHour, _ error) {
	r.loads++
	for _, h := range r.load {
		if (worker == "" || h.Worker == worker) && !h.Hour.Before(from.Truncate(time.Hour)) && h.Hour.Before(to) {
			out = append(out, h)
		}
	}
	return out, nil
}

func hour(worker string, ago int, busy time.Duration) store.WorkerHour {
	return store.WorkerHour{Worker: worker, Hour: noon.Truncate(time.Hour).Add(-time.Duration(ago) * time.Hour), Busy: busy, Ended: 1}
}

// TestRefused pages through what a worker refused.
func TestRefused(t *testing.T) {
	t.Parallel()
	r := &records{}
	r.builders.Rows = []recent.Row{{Builder: weir.Builder{ID: 2, BuilderKey: weir.BuilderKey{Project: "mill"}}}}
	for i := range 7 {
		r.refused = append(r.refused, weir.Refusal{Worker: "heron", Builder: weir.BuilderID(1 + i), Count: i, Until: noon.Add(time.Duration(i-1) * time.Hour)})
	}
	read := New(r, r, func() time.Time { return noon })
	for _, c := range []struct {
		from, limit, first, n int
		more                  bool
	}{{0, 3, 1, 3, true}, {3, 3, 4, 3, true}, {6, 3, 7, 1, false}, {0, 7, 1, 7, false}, {7, 3, 0, 0, false}, {-1, 1, 1, 1, true}, {math.MaxInt, 3, 0, 0, false}} {
		list, more, err := read.Refused(t.Context(), "heron", c.from, c.limit)
		if err != nil || list == nil || len(list) != c.n || more != c.more || c.n > 0 && int(list[0].Builder.ID) != c.first {
			t.Errorf("%+v: %v, %v, %v", c, list, more, err)
		}
	}
	list, _, err := read.Refused(t.Context(), "heron", 0, 3)
	if err != nil || list[0].Active || list[1].Builder.Project != "mill" || list[1].Active || !list[2].Active || list[2].Builder.Project != "" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	r := &records{load: []store.WorkerHour{
		{Worker: "heron", Hour: noon.Truncate(time.Hour).AddDate(0, 0, -20), Busy: 30 * time.Minute, Ended: 3, Infra: 1, Lost: 2, Waited: time.Minute},
		hour("heron", 2, 5*time.Hour), hour("toad", 1, time.Hour)}}
	attempt := func(id weir.BuildID, outcome weir.Outcome, reason weir.ReasonCode, ago, took time.Duration) {
		a := store.RanAttempt{Attempt: weir.Attempt{ID: weir.AttemptID{Build: id, Number: 1}, Worker: "heron", Leased: noon.Add(-ago), Outcome: outcome, Reason: weir.Reason{Code: reason}}}
		if outcome != "" {
			a.Ended = a.Leased.Add(took)
		}
		r.ran = append(r.ran, a)
	}
	attempt(9, "", "", time.Hour, 0)
	for i := range weir.BuildID(70) {
		attempt(100-i, weir.Passed, "", 2*time.Hour, time.Minute)
	}
	attempt(8, weir.Infra, weir.ReasonDiskFull, 3*time.Hour, time.Minute)
	attempt(7, weir.Infra, weir.ReasonLost, 4*time.Hour, time.Minute)
	read := New(r, r, func() time.Time { return noon })
	h, err := read.Of(t.Context(), weir.Worker{Name: "heron", Slots: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Running) != 1 || len(h.Last) != MaxLast || len(h.Trouble) != 2 || len(h.Days) != Days || len(h.Weeks) != 4 {
		t.Errorf("%d run, %d last, %d in trouble, %d days, %d weeks", len(h.Running), len(h.Last), len(h.Trouble), len(h.Days), len(h.Weeks))
	}
	if w := h.Weeks[1]; w.Infra != 1 || w.Lost != 2 || w.Ended != 3 || w.Waited != time.Minute {
		t.Errorf("the week is %+v", w)
	}
	today := h.Days[Days-1]
	if today.Busy != 6*time.Hour || math.Abs(today.Use-6.0/48) > 1e-9 {
		t.Errorf("today it was busy for %s, %v", today.Busy, today.Use)
	}
	got := ""
	for _, h := range h.Hours[len(h.Hours)-4:] {
		got += fmt.Sprintf(" %d:%.2f", h.Hour.Hour(), h.Use)
	}
	if got != " 8:0.50 9:1.00 10:1.00 12:0.50" { // five hours on two slots that ended at ten, and one that still runs
		t.Error(got)
	}
}

func TestToday(t *testing.T) {
	t.Parallel()
	r := &records{load: []store.WorkerHour{hour("heron", 0, 30*time.Minute), hour("heron", 40, time.Hour), hour("gone", 1, time.Hour)}}
	now := noon
	read := New(r, r, func() time.Time { return now })
	workers := []weir.Worker{{Name: "heron", Slots: 1}, {Name: "idle", Slots: 4}}
	for range 3 {
		sums, hours, err := read.Today(t.Context(), workers)
		if err != nil || len(sums) != 2 || sums["heron"].Busy != 30*time.Minute || len(hours["heron"]) != 1 || sums["idle"].Use != 0 {
			t.Fatal(err, sums, hours)
		}
	}
	if r.loads != 1 {
		t.Errorf("the store was asked %d times", r.loads)
	}
	now = now.Add(2 * fresh)
	if _, _, err := read.Today(t.Context(), workers); err != nil || r.loads != 2 {
		t.Error(err, r.loads)
	}
}

// TestSpread: no time is lost or made, and no hour has more than it has room for.
func TestSpread(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 4).Draw(t, "slots")
		var load []store.WorkerHour
		var all time.Duration
		at := noon.Truncate(time.Hour)
		for range rapid.IntRange(0, 12).Draw(t, "hours") {
			at = at.Add(time.Duration(rapid.IntRange(1, 9).Draw(t, "gap")) * time.Hour)
			busy := time.Duration(rapid.IntRange(0, 600).Draw(t, "busy")) * time.Minute
			load, all = append(load, store.WorkerHour{Hour: at, Busy: busy}), all+busy
		}
		var got time.Duration
		last := time.Time{}
		for _, h := range spread(load, slots) {
			if !h.Hour.After(last) || h.Use > 1 || h.Use < 0 || h.Busy > time.Duration(slots)*time.Hour {
				t.Fatalf("after %s comes %+v", last, h)
			}
			last, got = h.Hour, got+h.Busy
		}
		if got != all {
			t.Fatalf("busy for %s, spread for %s", all, got)
		}
	})
}
