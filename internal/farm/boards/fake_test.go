package boards

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// world is a store and a memory of made-up builds.
type world struct {
	kept     int // builds of each builder in memory
	builders []weir.Builder
	builds   []store.BoardBuild // by id
	lines    map[string][]weir.Revision
	mu       sync.Mutex // of what follows
	spans    int        // how often the past was read
	read     int        // how many builds of it, of builders
}

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func newWorld() *world { return &world{kept: recent.Per, lines: map[string][]weir.Revision{}} }

// revise gives a project so many revisions: "up-1", "up-2", ...
func (w *world) revise(project string, n int) {
	for i := len(w.lines[project]) + 1; i <= n; i++ {
		w.lines[project] = append(w.lines[project], weir.Revision{ID: fmt.Sprintf("%s-%d", project, i), Position: int64(i),
			Author: "Ada <ada@example.org>", Message: fmt.Sprintf("change %d\n\nand why", i), Time: start.Add(time.Duration(i) * time.Minute)})
	}
}

func (w *world) builder(project, job string, platform weir.Platform, upstreams string) weir.Builder {
	b := weir.Builder{ID: weir.BuilderID(len(w.builders) + 1), BuilderKey: weir.BuilderKey{Project: project, Job: job, Platform: platform, Upstreams: upstreams}}
	w.builders = append(w.builders, b)
	return b
}

// build makes a settled build, so many minutes after the start, of five minutes.
func (w *world) build(b weir.Builder, pins weir.Pins, outcome weir.Outcome, worse int, minute int) *store.BoardBuild {
	at := start.Add(time.Duration(minute) * time.Minute)
	w.builds = append(w.builds, store.BoardBuild{ID: weir.BuildID(len(w.builds) + 1), Builder: b.ID, Cause: weir.CauseChange, State: weir.Finished,
		Outcome: outcome, Pins: pins, Created: at, Started: at, Finished: at.Add(5 * time.Minute), Judged: weir.Settled,
		Counts: weir.Counts{Pass: 10 - worse, Fail: worse}, Changes: weir.VerdictCounts{NewlyFailing: worse}})
	return &w.builds[len(w.builds)-1]
}

func at(project string, n int) string { return fmt.Sprintf("%s-%d", project, n) }

func (w *world) State(context.Context) (*recent.State, error) {
	s := &recent.State{Seq: 7}
	for _, b := range w.builders {
		row := recent.Row{Builder: b}
		for _, x := range slices.Backward(w.builds) {
			if x.Builder == b.ID && len(row.Builds) < w.kept {
				row.Builds = append(row.Builds, x)
			}
		}
		s.Rows = append(s.Rows, row)
	}
	return s, nil
}

func (w *world) Tips(context.Context) (tips []weir.Tip, err error) {
	for project, line := range w.lines {
		tips = append(tips, weir.Tip{Project: project, First: line[0], Revision: line[len(line)-1]})
	}
	slices.SortFunc(tips, func(a, b weir.Tip) int { return cmp.Compare(a.Project, b.Project) })
	return tips, nil
}

func (w *world) Revision(_ context.Context, project, _, id string) (weir.Revision, error) {
	for _, r := range w.lines[project] {
		if r.ID == id {
			return r, nil
		}
	}
	return weir.Revision{}, weir.Errorf(weir.NotFound, "no revision %s", id)
}

func (w *world) RevisionRange(_ context.Context, project, _ string, first, last int64) ([]weir.Revision, error) {
	line := w.lines[project]
	last = min(last, int64(len(line)))
	if first > last {
		return nil, nil
	}
	return line[first-1 : last], nil
}

func (w *world) Span(_ context.Context, q store.SpanQuery) (list []store.BoardBuild, err error) {
	w.spans++
	for _, b := range slices.Backward(w.builds) {
		if q.Before > 0 && b.ID >= q.Before || len(q.Builders) > 0 && !slices.Contains(q.Builders, b.Builder) ||
			!q.From.IsZero() && b.Created.Before(q.From) || !q.To.IsZero() && !b.Created.Before(q.To) || !q.Ended.IsZero() && !b.Finished.IsZero() && b.Finished.Before(q.Ended) {
			continue
		}
		if list = append(list, b); len(list) == q.Limit {
			break
		}
	}
	return list, nil
}

func (w *world) Earlier(_ context.Context, of []store.Before, per int) (list []store.BoardBuild, err error) {
	for _, o := range of {
		n := 0
		for _, b := range slices.Backward(w.builds) {
			if b.Builder == o.Builder && (o.Build == 0 || b.ID < o.Build) && n < per {
				list = append(list, b)
				n++
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans++
	w.read += len(list)
	return list, nil
}

// boards makes boards of the world, so many minutes after the start.
func (w *world) boards(minute int) *Boards {
	return New(w, w, func() time.Time { return start.Add(time.Duration(minute) * time.Minute) })
}

func ok[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// text draws a matrix: a line of each row, a letter of each cell.
func text(cells []Cell) string {
	s := ""
	for _, c := range cells {
		s += letter(c.Grade)
	}
	return s
}

func letter(g Grade) string {
	letters := map[Grade]string{GradeNew: "N", GradeDoubt: "D", GradeBad: "b", GradeHollow: "h", GradeUnbuilt: "u", GradeInfra: "i", GradeRunning: "r", GradeWaiting: "w",
		GradeFlaky: "f", GradeFixed: "F", GradeGood: ".", GradeOff: "o", GradeNone: "-"}
	return letters[g]
}
