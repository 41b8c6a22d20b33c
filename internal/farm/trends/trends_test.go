package trends

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// world is a store and a window with the same builds.
type world struct {
	rows    []recent.Row
	metrics map[string][]store.MetricPoint
	asked   int
}

func (w *world) State(context.Context) (*recent.State, error) {
	return &recent.State{Rows: w.rows}, nil
}

func (w *world) Lately(_ context.Context, ids []weir.BuilderID, per int) ([]store.BoardBuild, error) {
	w.asked++
	for _, r := range w.rows {
		if r.Builder.ID == ids[0] {
			return r.Builds[:min(per, len(r.Builds))], nil
		}
	}
	return nil, nil
}

func (w *world) Notes(_ context.Context, id weir.BuildID) (n store.Notes, err error) {
	if id%100 != 60 { // only the newest ones
		return n, weir.Errorf(weir.NotFound, "no notes")
	}
	for name := range w.metrics {
		n.Metrics = append(n.Metrics, weir.Metric{Name: name})
	}
	return n, nil
}

func (w *world) MetricHistory(_ context.Context, _ weir.BuilderID, name string, _ int) ([]store.MetricPoint, error) {
	return w.metrics[name], nil
}

// add makes a builder whose 60 builds take so many seconds, an hour apart.
func (w *world) add(project string, seconds func(i int) float64) weir.BuilderID {
	id := weir.BuilderID(len(w.rows) + 1)
	row := recent.Row{Builder: weir.Builder{ID: id, BuilderKey: weir.BuilderKey{Project: project, Job: "test", Platform: "linux/amd64"}}}
	for i := 60; i > 0; i-- {
		end := noon.Add(time.Duration(i-60) * time.Hour)
		start := end.Add(-time.Duration(seconds(i) * float64(time.Second)))
		row.Builds = append(row.Builds, store.BoardBuild{ID: weir.BuildID(100*int(id) + i), Builder: id, Cause: weir.CauseChange, State: weir.Finished,
			Outcome: weir.Passed, Created: start, Started: start, Finished: end, Counts: weir.Counts{Pass: 200}, Pins: weir.Pins{project: fmt.Sprintf("rev-%d", i)}})
	}
	w.rows = append(w.rows, row)
	return id
}

func step(at int, before, after float64) func(int) float64 {
	return func(i int) float64 {
		scatter := 1 + 0.02*math.Sin(float64(i)*2.4)
		if i < at {
			return before * scatter
		}
		return after * scatter
	}
}

func TestTrendOfABuilder(t *testing.T) {
	t.Parallel()
	w := &world{metrics: map[string][]store.MetricPoint{"coverage.lines": {{Build: 160, At: noon, Value: 81.5, Unit: "%"}, {Build: 160, Value: math.NaN()}}}}
	id := w.add("mill", step(41, 12.1, 15.3))
	for i := range w.rows[0].Builds {
		b := &w.rows[0].Builds[i]
		switch {
		case i == 3: // fails early: not fast, and no tests
			b.Outcome, b.Counts, b.Finished = weir.Broken, weir.Counts{}, b.Started.Add(time.Second)
		case i == 5: // on no line
			b.Cause, b.Finished = weir.CauseProbe, b.Started.Add(time.Hour)
		case i < 20:
			b.Counts.Skip = 30
		}
	}
	r := New(w, w, func() time.Time { return noon })
	answer, err := r.Ask(t.Context(), Query{Builder: id})
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]Series{}
	for _, s := range answer.Builders[0].Series {
		series[s.Name] = s
	}
	d := series[Duration]
	if len(d.Points) != 58 || len(d.Shifts) != 1 {
		t.Fatalf("%d durations, shifts %+v", len(d.Points), d.Shifts)
	}
	s := d.Shifts[0]
	if s.Build != 141 || !s.Worse || math.Abs(s.Change-.26) > .02 || s.Revision != "rev-41" || d.Points[s.Index].Build != s.Build {
		t.Errorf("the shift is %+v", s)
	}
	if skipped := series[Skipped]; len(skipped.Shifts) != 1 || !skipped.Shifts[0].Worse || skipped.Shifts[0].Change != 0 {
		t.Errorf("skipped tests: %+v", skipped.Shifts)
	}
	if _, ok := series[Failed]; ok {
		t.Error("there is a series of failures, and none failed")
	}
	if c := series["coverage.lines"]; len(c.Points) != 1 || c.Unit != "%" || c.Better != Higher || !c.Metric {
		t.Errorf("coverage: %+v", c)
	}
	if _, err := r.Ask(t.Context(), Query{Builder: id}); err != nil || w.asked != 1 {
		t.Errorf("asked again: %v, the store was asked %d times", err, w.asked)
	}
	w.rows[0].Builds = w.rows[0].Builds[1:]
	if again, _ := r.Ask(t.Context(), Query{Builder: id}); w.asked != 2 || len(again.Builders) != 1 {
		t.Error("what has changed is not read again")
	}
}

func TestMovedLately(t *testing.T) {
	t.Parallel()
	w := &world{}
	w.add("steady", step(0, 0, 100))
	better := w.add("better", step(30, 100, 60))
	worse := w.add("worse", step(30, 100, 120))
	worst := w.add("worst", step(50, 10, 100))
	w.add("tiny", step(30, .1, .2))
	old := w.add("old", step(30, 10, 20))
	for i := range w.rows[old-1].Builds {
		b := &w.rows[old-1].Builds[i]
		b.Created, b.Finished, b.Started = b.Created.Add(-40*24*time.Hour), b.Finished.Add(-40*24*time.Hour), b.Started.Add(-40*24*time.Hour)
	}
	r := New(w, w, func() time.Time { return noon })
	for range 2 { // the second time from memory
		answer, err := r.Ask(t.Context(), Query{})
		if err != nil {
			t.Fatal(err)
		}
		var got []weir.BuilderID
		for _, m := range answer.Moved {
			got = append(got, m.Builder.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint([]weir.BuilderID{worst, worse, better}) || answer.Looked != 6 {
			t.Errorf("moved are %v of %d", got, answer.Looked)
		}
	}
}

func TestTrendsOfAProject(t *testing.T) {
	t.Parallel()
	w := &world{}
	for range MaxBuilders + 3 {
		w.add("mill", step(30, 10, 20))
	}
	w.add("marsh", step(30, 10, 20))
	r := New(w, w, func() time.Time { return noon })
	answer, err := r.Ask(t.Context(), Query{Project: "mill", Job: "test"})
	if err != nil || len(answer.Builders) != MaxBuilders || answer.More != 3 || answer.Builders[0].Builder.ID != MaxBuilders+3 || len(answer.Builders[0].Series) != 1 {
		t.Errorf("%v, %d builders, %d more", err, len(answer.Builders), answer.More)
	}
	for _, q := range []Query{{Project: "gone"}, {Project: "mill", Job: "gone"}, {Builder: 999}} {
		if _, err := r.Ask(t.Context(), q); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func BenchmarkMoved(b *testing.B) {
	w := &world{}
	for range 1000 {
		w.add("mill", step(30, 10, 20))
	}
	r := New(w, w, func() time.Time { return noon })
	for b.Loop() {
		clear(r.moved)
		if _, err := r.Ask(b.Context(), Query{}); err != nil {
			b.Fatal(err)
		}
	}
}
