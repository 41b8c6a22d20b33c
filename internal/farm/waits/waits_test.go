package waits

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// queue is a store with builds that wait and workers that may refuse them.
type queue struct {
	Store    // nothing else is asked for
	builds   []weir.Build
	workers  []weir.Worker
	attempts []weir.Attempt
	refused  weir.BuilderID // up to this one all are
	asked    int
	now      time.Time
}

func (q *queue) ListBuilds(_ context.Context, f store.BuildFilter) (list []weir.Build, err error) {
	for _, b := range q.builds {
		if (f.Before == 0 || b.ID < f.Before) && len(list) < f.Limit {
			list = append(list, b)
		}
	}
	return list, nil
}

func (q *queue) Workers(context.Context) ([]weir.Worker, error) { return q.workers, nil }

func (q *queue) Attempts(context.Context, weir.BuildID) ([]weir.Attempt, error) {
	return q.attempts, nil
}

func (q *queue) RefusalsOf(_ context.Context, b weir.BuilderID, now time.Time) (list []weir.Refusal, err error) {
	q.asked++
	for _, w := range q.workers {
		if b <= q.refused {
			list = append(list, weir.Refusal{Worker: w.Name, Builder: b, Rule: weir.RuleProjects, Text: "not this one", Until: now.Add(time.Hour)})
		}
	}
	return list, nil
}

// crowded is a queue of 1,200 builds of 30 builders, of which ten are refused by
// all workers that there are.
func crowded(policy ...string) *queue {
	q := &queue{refused: 10, now: time.Date(2030, 1, 2, 3, 0, 0, 0, time.UTC)}
	for id := weir.BuildID(1200); id > 0; id-- {
		n := weir.BuilderID(id%30) + 1
		q.builds = append(q.builds, weir.Build{ID: id, State: weir.Queued, Created: q.now.Add(-time.Hour),
			Builder: weir.Builder{ID: n, BuilderKey: weir.BuilderKey{Project: fmt.Sprintf("p%d", n), Job: "test", Platform: "linux/amd64"}}})
	}
	for _, name := range []string{"alice", "bob"} {
		q.workers = append(q.workers, weir.Worker{Name: name, Platform: "linux/amd64", Slots: 1, Running: 1, Seen: q.now, Policy: policy})
	}
	return q
}

func (q *queue) waits() Waits {
	return Waits{Options{Store: q, Now: func() time.Time { return q.now }, Scaled: func(d time.Duration) time.Duration { return d },
		Table: func() (*planner.Table, map[string]weir.Lock) { return &planner.Table{}, nil }}}
}

// TestRefusedQueue says of each build of a long queue whether it is refused, with
// one question a builder at most.
func TestRefusedQueue(t *testing.T) {
	t.Parallel()
	q := crowded("builds of these projects only: mill")
	line, err := q.waits().Line(t.Context(), 0)
	if err != nil || len(line.Builds) != MaxLine || line.More != 1000 {
		t.Fatalf("%v: %d builds and %d more", err, len(line.Builds), line.More)
	}
	for _, b := range line.Builds {
		want := schedule.WaitBusy
		if b.Builder.ID <= q.refused {
			want = schedule.WaitRefused
		}
		if b.Waits.Reason != want || want == schedule.WaitRefused && !strings.Contains(b.Waits.Text, "all 2 workers that fit refuse it, such as alice (projects: not this one)") {
			t.Errorf("build %d of builder %d: %+v", b.ID, b.Builder.ID, b.Waits)
		}
	}
	if q.asked != 30 {
		t.Errorf("the store was asked %d times for 30 builders", q.asked)
	}
}

// TestNoPolicy asks nothing where no owner has forbidden anything.
func TestNoPolicy(t *testing.T) {
	t.Parallel()
	q := crowded()
	line, err := q.waits().Line(t.Context(), 0)
	if err != nil || line.Builds[0].Waits.Reason != schedule.WaitBusy || q.asked != 0 {
		t.Errorf("%v: %+v, asked %d times", err, line.Builds[0].Waits, q.asked)
	}
}

// TestRefusedIsNoTrouble: a build does not pause because somebody did not want it, and
// that it was refused does not make the next pause longer.
func TestRefusedIsNoTrouble(t *testing.T) {
	t.Parallel()
	q := crowded()
	b := q.builds[0]
	b.Attempts = 3
	ended := func(code weir.ReasonCode) weir.Attempt {
		return weir.Attempt{Leased: q.now.Add(-time.Minute), Ended: q.now, Outcome: weir.Infra, Reason: weir.Reason{Code: code}}
	}
	for _, c := range []struct {
		codes []weir.ReasonCode
		until time.Duration
	}{
		{[]weir.ReasonCode{weir.ReasonRefused}, 0},
		{[]weir.ReasonCode{weir.ReasonDiskFull, weir.ReasonRefused}, 0},
		{[]weir.ReasonCode{weir.ReasonRefused, weir.ReasonRefused, weir.ReasonDiskFull}, 10 * time.Second},
		{[]weir.ReasonCode{weir.ReasonDiskFull, weir.ReasonRefused, weir.ReasonDiskFull}, time.Minute},
	} {
		q.attempts = nil
		for _, code := range c.codes {
			q.attempts = append(q.attempts, ended(code))
		}
		why, err := q.waits().Of(t.Context(), b)
		switch {
		case err != nil:
			t.Fatal(err)
		case c.until == 0 && why.Reason == schedule.WaitRetry, c.until > 0 && (why.Reason != schedule.WaitRetry || !why.Until.Equal(q.now.Add(c.until))):
			t.Errorf("after %v: %+v", c.codes, why)
		}
	}
}
