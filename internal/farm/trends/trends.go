// Package trends says how builders change over time: how long their builds take,
// how many tests they run, what they measure, and from which build on that is
// another level than before (see package changepoint).
//
// Only builds that advance their builder's baseline count: what is tried, retried
// or bisected is at revisions that are on no line. Durations are those of builds
// that passed, since one that fails early is not fast.
package trends

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/changepoint"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// Limits.
const (
	Reach       = 300 // builds of a builder that are looked at
	MaxBuilders = 24  // builders in one answer
	MaxMetrics  = 12  // metrics of a builder that are read, unless one is asked for
	MaxMoves    = 200 // shifts in one answer
	MaxProjects = 200 // names in one answer
	maxKept     = 512 // builders whose trends are remembered
)

// Lately is how far back shifts over all builders are listed.
const Lately = 30 * 24 * time.Hour

// What a shift over all builders must at least be: anything smaller may be
// certain, but is nobody's concern.
const (
	leastChange  = 0.05 // of the level before
	leastSeconds = 0.5
)

// leastShown is by which part of the level before a shift of any series must
// differ: 3 tests more of 1,200 are no news.
const leastShown = 0.01

// Store is what is read.
type Store interface {
	Lately(ctx context.Context, builders []weir.BuilderID, per int) ([]store.BoardBuild, error)
	Notes(ctx context.Context, id weir.BuildID) (store.Notes, error)
	MetricHistory(ctx context.Context, builder weir.BuilderID, name string, limit int) ([]store.MetricPoint, error)
}

// Window keeps the newest builds of every builder. *recent.Window is one.
type Window interface {
	State(ctx context.Context) (*recent.State, error)
}

// Names of the series that every builder with such builds has.
const (
	Duration = "duration"
	Executed = "tests executed"
	Failed   = "tests failed"
	Skipped  = "tests skipped"
)

// Point is one measurement.
type Point struct {
	Build weir.BuildID `json:"build"`
	At    time.Time    `json:"at"` // when the build ended
	Value float64      `json:"value"`
}

// Better says in which direction a series gets better.
type Better string

// The directions.
const (
	Unknown Better = ""     // nobody knows
	Lower   Better = "less" // of it is better
	Higher  Better = "more"
)

// Series is measurements of one kind, oldest first.
type Series struct {
	Name   string  `json:"name"`
	Metric bool    `json:"metric,omitempty"` // the job says it of itself
	Unit   string  `json:"unit,omitempty"`   // s for durations
	Better Better  `json:"better,omitempty"`
	Points []Point `json:"points"`
	Shifts []Shift `json:"shifts,omitempty"`
}

// Shift is a change of a series' level.
type Shift struct {
	Index  int          `json:"index"` // of the first point of the new level
	Build  weir.BuildID `json:"build"` // of that point
	At     time.Time    `json:"at"`
	Before float64      `json:"before"` // median of the level before
	After  float64      `json:"after"`
	// Change is by which part of the level before it differs, 0.26 for 26 % more; 0
	// if that was 0.
	Change   float64 `json:"change"`
	Worse    bool    `json:"worse,omitempty"`
	Known    bool    `json:"known,omitempty"`    // whether it is worse or better; otherwise it is merely different
	Revision string  `json:"revision,omitempty"` // of the builder's own project in that build
	Score    float64 `json:"score"`              // how sure it is; see package changepoint
}

// Better reports whether the new level is better than the old one, if that is known.
func (s Shift) Better() bool { return !s.Worse && s.Known }

// Trend is all series of a builder.
type Trend struct {
	Builder weir.Builder `json:"builder"`
	Series  []Series     `json:"series"`
	// Metrics are the names of all that its newest build measured.
	Metrics []string `json:"metrics,omitempty"`
}

// Move is a shift of some builder's duration.
type Move struct {
	Builder weir.Builder `json:"builder"`
	Series  string       `json:"series"`
	Unit    string       `json:"unit"`
	Shift
}

// Query says what is asked for. Its zero value asks what moved lately.
type Query struct {
	Builder weir.BuilderID
	Project string
	Job     string
	Metric  string // only this one of the metrics; empty: the first ones
}

// Answer is what there is to say. Without a builder or a project Moved is filled,
// otherwise Builders.
type Answer struct {
	Builders []Trend `json:"builders,omitempty"`
	More     int     `json:"more,omitempty"` // builders, or moves, that are left out
	Moved    []Move  `json:"moved"`
	Looked   int     `json:"looked"` // how many builders were looked at
	// Projects are those that can be asked for, at most MaxProjects; without a builder
	// or a project only.
	Projects []string `json:"projects,omitempty"`
}

// Reader answers. Make one with New; it is safe for concurrent use.
type Reader struct {
	store  Store
	window Window
	now    func() time.Time

	mu    sync.Mutex
	moved map[weir.BuilderID]kept[[]Shift]
	whole map[key]kept[Trend]
}

type key struct {
	builder weir.BuilderID
	metric  string
}

// kept is what was found of builds that are known by where they lie in memory: a
// window shares what has not changed.
type kept[T any] struct {
	first *store.BoardBuild
	n     int
	value T
}

func (k kept[T]) of(builds []store.BoardBuild) bool {
	return len(builds) > 0 && k.first == &builds[0] && k.n == len(builds)
}

// New makes a reader.
func New(s Store, w Window, now func() time.Time) *Reader {
	return &Reader{store: s, window: w, now: now, moved: map[weir.BuilderID]kept[[]Shift]{}, whole: map[key]kept[Trend]{}}
}

// Ask answers a query. NotFound if there is no such builder, project or job.
func (r *Reader) Ask(ctx context.Context, q Query) (Answer, error) {
	state, err := r.window.State(ctx)
	if err != nil {
		return Answer{}, err
	}
	if q.Builder == 0 && q.Project == "" {
		return r.lately(state), nil
	}
	var rows []recent.Row
	if q.Builder != 0 {
		row, ok := state.Row(q.Builder)
		if !ok {
			return Answer{}, weir.Errorf(weir.NotFound, "there is no builder %d", q.Builder).WithHint("/trends lists what moved on all of them")
		}
		rows = append(rows, row)
	} else {
		for _, row := range state.Rows {
			if row.Builder.Project == q.Project && (q.Job == "" || row.Builder.Job == q.Job) && len(row.Builds) > 0 {
				rows = append(rows, row)
			}
		}
		if len(rows) == 0 {
			return Answer{}, weir.Errorf(weir.NotFound, "nothing was built of %.80q yet", q.Project).WithHint("names are written as on the overview")
		}
		// Those that built last come first: others may be gone.
		slices.SortStableFunc(rows, func(a, b recent.Row) int { return cmp.Compare(b.Builds[0].ID, a.Builds[0].ID) })
	}
	out := Answer{More: max(0, len(rows)-MaxBuilders), Looked: len(rows), Moved: []Move{}}
	for _, row := range rows[:min(len(rows), MaxBuilders)] {
		if len(rows) == 1 {
			t, err := r.trend(ctx, row, q.Metric)
			if err != nil {
				return out, err
			}
			out.Builders = append(out.Builders, t)
			continue
		}
		s := seriesOf(row.Builder.Project, row.Builds)
		out.Builders = append(out.Builders, Trend{Builder: row.Builder, Series: s[:min(1, len(s))]})
	}
	return out, nil
}

// trend reads all series of a builder.
func (r *Reader) trend(ctx context.Context, row recent.Row, metric string) (Trend, error) {
	at := key{row.Builder.ID, metric}
	r.mu.Lock()
	known, ok := r.whole[at]
	r.mu.Unlock()
	if ok && known.of(row.Builds) {
		return known.value, nil
	}
	builds, err := r.store.Lately(ctx, []weir.BuilderID{row.Builder.ID}, Reach)
	if err != nil {
		return Trend{}, err
	}
	t := Trend{Builder: row.Builder, Series: seriesOf(row.Builder.Project, builds)}
	if err := r.metrics(ctx, &t, builds, metric); err != nil {
		return Trend{}, err
	}
	if len(row.Builds) > 0 {
		r.mu.Lock()
		if len(r.whole) >= maxKept {
			clear(r.whole)
		}
		r.whole[at] = kept[Trend]{&row.Builds[0], len(row.Builds), t}
		r.mu.Unlock()
	}
	return t, nil
}

// metrics adds what the jobs say of themselves: the metrics of the newest build
// that has any.
func (r *Reader) metrics(ctx context.Context, t *Trend, builds []store.BoardBuild, only string) error {
	looked := 0
	for i := range builds {
		if !counts(&builds[i]) || builds[i].Outcome != weir.Passed && builds[i].Outcome != weir.Failed {
			continue
		}
		notes, err := r.store.Notes(ctx, builds[i].ID)
		if err != nil && weir.CodeOf(err) != weir.NotFound {
			return err
		}
		for _, m := range notes.Metrics {
			t.Metrics = append(t.Metrics, m.Name)
		}
		if looked++; len(t.Metrics) > 0 || looked == notesLook {
			break
		}
	}
	slices.Sort(t.Metrics)
	names := t.Metrics[:min(len(t.Metrics), MaxMetrics)]
	if only != "" {
		names = []string{only}
	}
	for _, name := range names {
		points, err := r.store.MetricHistory(ctx, t.Builder.ID, name, Reach)
		if err != nil {
			return err
		}
		s := Series{Name: name, Metric: true, Better: better(name), Points: make([]Point, 0, len(points))}
		for _, p := range points {
			if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
				continue
			}
			s.Unit = p.Unit
			s.Points = append(s.Points, Point{Build: p.Build, At: p.At, Value: p.Value})
		}
		if len(s.Points) > 0 {
			t.Series = append(t.Series, s.shifted(t.Builder.Project, builds))
		}
	}
	return nil
}

// notesLook is in how many builds metrics are looked for.
const notesLook = 3

// counts reports whether a build is on its builder's line, and over.
func counts(b *store.BoardBuild) bool { return b.State == weir.Finished && b.Cause.Advances() }

// seriesOf makes the series that need no more than builds, which come newest first.
func seriesOf(project string, builds []store.BoardBuild) []Series {
	duration := Series{Name: Duration, Unit: "s", Better: Lower}
	tests := []Series{{Name: Executed, Better: Higher}, {Name: Failed, Better: Lower}, {Name: Skipped, Better: Lower}}
	any := [3]bool{}
	for i := range slices.Backward(builds) {
		b := &builds[i]
		if !counts(b) {
			continue
		}
		if took := b.Finished.Sub(b.Started); b.Outcome == weir.Passed && !b.Started.IsZero() && took >= 0 {
			duration.Points = append(duration.Points, Point{b.ID, b.Finished, took.Seconds()})
		}
		if (b.Outcome == weir.Passed || b.Outcome == weir.Failed) && b.Counts.Total() > 0 {
			for k, n := range []int{b.Counts.Executed(), b.Counts.Bad(), b.Counts.Skip} {
				tests[k].Points = append(tests[k].Points, Point{b.ID, b.Finished, float64(n)})
				any[k] = any[k] || n > 0
			}
		}
	}
	var out []Series
	if len(duration.Points) > 0 {
		out = append(out, duration.shifted(project, builds))
	}
	for k := range tests {
		if any[k] {
			out = append(out, tests[k].shifted(project, builds))
		}
	}
	return out
}

// shifted adds the shifts of a series. Builds are those of the project that it is
// made of, newest first.
func (s Series) shifted(project string, builds []store.BoardBuild) Series {
	values := make([]float64, len(s.Points))
	for i, p := range s.Points {
		values[i] = p.Value
	}
	for _, c := range changepoint.Find(values) {
		p := s.Points[c.At]
		shift := Shift{Index: c.At, Build: p.Build, At: p.At, Before: c.Before, After: c.After, Score: c.Score,
			Known: s.Better != Unknown, Worse: s.Better == Lower && c.After > c.Before || s.Better == Higher && c.After < c.Before}
		if c.Before != 0 {
			shift.Change = (c.After - c.Before) / math.Abs(c.Before)
		}
		if math.Abs(c.After-c.Before) < leastShown*math.Abs(c.Before) || c.Before == c.After {
			continue
		}
		if i, ok := slices.BinarySearchFunc(builds, p.Build, func(b store.BoardBuild, id weir.BuildID) int { return cmp.Compare(id, b.ID) }); ok {
			shift.Revision = builds[i].Pins[project]
		}
		s.Shifts = append(s.Shifts, shift)
	}
	return s
}
