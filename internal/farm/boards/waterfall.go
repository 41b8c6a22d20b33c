package boards

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// WaterfallQuery says which waterfall is wanted.
type WaterfallQuery struct {
	Project  string // only its builders; empty: all
	Platform string // only builders there; empty: all
	Words    string // only builders with all of these in their names
	Until    time.Time
	Hours    int // how long the window is: 6, 24 or 72; 0: 24
	Linear   bool
	After    weir.BuilderID // the builder behind which the columns begin; 0: at the first one
	Most     int            // how many builds fit in; 0: 1,200
}

// Hours lists how long a window may be, in hours.
func Hours() []int { return []int{6, 24, 72} }

// Waterfall is time against builders.
type Waterfall struct {
	Builders []weir.Builder `json:"builders"` // the columns
	Blocks   []Block        `json:"builds"`   // by column, then newest first
	// Waiting is how many builds of each column wait for a worker or a product.
	Waiting []int `json:"waiting"`
	// Marks are revisions that came, at the time their first build was made; newest first, at most 100.
	Marks []Arrival `json:"arrivals"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	// Cut says that From is later than was asked for, as more builds do not fit in.
	Cut   bool `json:"cut,omitempty"`
	Hours int  `json:"hours"`
	// Older and Newer are where to go on; zero: nowhere.
	Older time.Time      `json:"older,omitzero"`
	Newer time.Time      `json:"newer,omitzero"`
	Total int            `json:"total_builders"`
	Next  weir.BuilderID `json:"next,omitempty"` // the builder behind which the columns go on; 0: they do not
	// Projects and Platforms are what builders can be chosen by.
	Projects  []string  `json:"projects"`
	Platforms []string  `json:"platforms"`
	Scale     Scale     `json:"-"`
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
}

// Block is a build in its column.
type Block struct {
	Column   int            `json:"column"`
	Build    weir.BuildID   `json:"build"`
	Grade    Grade          `json:"grade"`
	State    weir.State     `json:"state"`
	Outcome  weir.Outcome   `json:"outcome,omitempty"`
	Cause    weir.Cause     `json:"cause"`
	Revision string         `json:"revision,omitempty"` // of its own project
	Started  time.Time      `json:"started"`            // of one that never ran: when it ended
	Ended    time.Time      `json:"ended"`              // now, of one that runs
	Running  bool           `json:"running,omitempty"`
	Top      int            `json:"-"` // in pixels from the top of the drawing
	Height   int            `json:"-"`
	Lane     int            `json:"-"` // of Lanes beside each other in the column, from 0
	Lanes    int            `json:"-"`
	Worker   string         `json:"worker,omitempty"`
	Worse    int            `json:"worse,omitempty"`
	Builder  weir.BuilderID `json:"builder"`
}

// Arrival is a revision that came: when its first build was made, not when it was
// committed.
type Arrival struct {
	Project  string    `json:"project"`
	Revision string    `json:"revision"`
	At       time.Time `json:"at"`
	Top      int       `json:"-"`
}

// maxArrivals limits how many revisions are marked.
const maxArrivals = 100

// longest is how long before a window builds are looked for that end in it.
const longest = 24 * time.Hour

// Waterfall makes a waterfall.
func (b *Boards) Waterfall(ctx context.Context, q WaterfallQuery) (Waterfall, error) {
	state, err := b.recent.State(ctx)
	if err != nil {
		return Waterfall{}, err
	}
	now := b.now()
	w := Waterfall{Builders: []weir.Builder{}, Blocks: []Block{}, Waiting: []int{}, Marks: []Arrival{}, Projects: []string{}, Platforms: []string{},
		Until: now, Hours: q.Hours, Seq: state.Seq, At: now}
	if !slices.Contains(Hours(), w.Hours) {
		w.Hours = 24
	}
	span := time.Duration(w.Hours) * time.Hour
	if !q.Until.IsZero() && q.Until.Before(now) {
		w.Until = q.Until
		w.Newer = w.Until.Add(span)
		if w.Newer.After(now) {
			w.Newer = now
		}
	}
	w.From = w.Until.Add(-span)
	rows := w.choose(q, state.Rows)
	builds, err := b.within(ctx, rows, state.Kept(), w.From, w.Until)
	if err != nil {
		return w, err
	}
	w.lay(rows, builds, min(cmp.Or(max(q.Most, 0), maxBlocks), maxBlocks))
	w.draw(q.Linear)
	return w, nil
}

// choose picks the builders, by name, and lists what could be chosen.
func (w *Waterfall) choose(q WaterfallQuery, all []recent.Row) []recent.Row {
	var rows []recent.Row
	words := strings.Fields(strings.ToLower(q.Words))
	for _, r := range all {
		if platform := string(r.Builder.Platform); !slices.Contains(w.Platforms, platform) {
			w.Platforms = append(w.Platforms, platform)
		}
		if n := len(w.Projects); n == 0 || w.Projects[n-1] != r.Builder.Project {
			w.Projects = append(w.Projects, r.Builder.Project)
		}
		if q.Project != "" && r.Builder.Project != q.Project || q.Platform != "" && string(r.Builder.Platform) != q.Platform {
			continue
		}
		if len(words) > 0 {
			name := strings.ToLower(r.Builder.Name())
			if slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(name, word) }) {
				continue
			}
		}
		rows = append(rows, r)
	}
	slices.Sort(w.Platforms)
	slices.Sort(w.Projects)
	w.Projects = slices.Compact(w.Projects)
	w.Projects = w.Projects[:min(len(w.Projects), maxChoices)]
	slices.SortFunc(rows, func(a, b recent.Row) int {
		x, y := a.Builder, b.Builder
		return cmp.Or(cmp.Compare(x.Project, y.Project), cmp.Compare(x.Job, y.Job), cmp.Compare(x.Cell, y.Cell), cmp.Compare(x.Branch, y.Branch),
			cmp.Compare(x.Platform, y.Platform), cmp.Compare(x.ID, y.ID))
	})
	w.Total = len(rows)
	if i := slices.IndexFunc(rows, func(r recent.Row) bool { return r.Builder.ID == q.After }); i >= 0 {
		rows = rows[i+1:]
	}
	if len(rows) > maxBuilders {
		rows = rows[:maxBuilders]
		w.Next = rows[maxBuilders-1].Builder.ID
	}
	return rows
}

// within finds the builds of each row that may lie in a window, newest first.
func (b *Boards) within(ctx context.Context, rows []recent.Row, kept int, from, until time.Time) ([][]store.BoardBuild, error) {
	out := make([][]store.BoardBuild, len(rows))
	deep := map[weir.BuilderID]int{}
	var ids []weir.BuilderID
	begin := from.Add(-longest)
	for i, r := range rows {
		out[i] = r.Builds
		if n := len(r.Builds); n >= kept && r.Builds[n-1].Created.After(begin) {
			out[i] = slices.Clip(r.Builds)
			deep[r.Builder.ID] = i
			ids = append(ids, r.Builder.ID)
		}
	}
	if len(ids) == 0 {
		return out, nil
	}
	var before weir.BuildID
	for left := maxOlder; left > 0; left -= oneSpan {
		list, err := b.store.Span(ctx, store.SpanQuery{Builders: ids, From: begin, To: until.Add(time.Microsecond), Ended: from, Before: before, Limit: oneSpan})
		if err != nil {
			return nil, err
		}
		found := 0
		for _, x := range list {
			i := deep[x.Builder]
			if oldest := rows[i].Builds[len(rows[i].Builds)-1].ID; x.ID < oldest {
				out[i] = append(out[i], x)
				if !ended(&x, until).Before(from) {
					found++
				}
			}
		}
		// What has more than fits in is cut off before it gets here.
		if len(list) < oneSpan || found >= maxBlocks {
			return out, nil
		}
		before = list[len(list)-1].ID
	}
	return out, nil
}

// oneSpan is how many builds are read at once.
const oneSpan = 2000

// ended is when a build ended, now if it has not.
func ended(b *store.BoardBuild, now time.Time) time.Time {
	if b.Finished.IsZero() {
		return now
	}
	return b.Finished
}

// lay turns builds into blocks: each build that ran, or ended without having run, within
// the window is one block.
func (w *Waterfall) lay(rows []recent.Row, builds [][]store.BoardBuild, most int) {
	w.Waiting = make([]int, len(rows))
	first := map[[2]string]time.Time{}
	for i, r := range rows {
		w.Builders = append(w.Builders, r.Builder)
		for j := range builds[i] {
			b := &builds[i][j]
			if rev := b.Pins[r.Builder.Project]; b.Cause == weir.CauseChange && rev != weir.NoRevision && rev != "" {
				key := [2]string{r.Builder.Project, rev}
				if at, ok := first[key]; !ok || b.Created.Before(at) {
					first[key] = b.Created
				}
			}
			block, ok := blockOf(b, w.At)
			if !ok {
				if !b.State.Final() && w.Newer.IsZero() {
					w.Waiting[i]++
				}
				continue
			}
			if block.Started.After(w.Until) || block.Ended.Before(w.From) {
				continue
			}
			block.Column, block.Builder, block.Revision = i, r.Builder.ID, b.Pins[r.Builder.Project]
			w.Blocks = append(w.Blocks, block)
		}
	}
	w.cut(most)
	w.Older = w.From
	for key, at := range first {
		if !at.Before(w.From) && !at.After(w.Until) {
			w.Marks = append(w.Marks, Arrival{Project: key[0], Revision: key[1], At: at})
		}
	}
	slices.SortFunc(w.Marks, func(a, b Arrival) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Revision, b.Revision))
	})
	w.Marks = w.Marks[:min(len(w.Marks), maxArrivals)]
}

// cut makes the window shorter if it holds more blocks than fit on a page.
func (w *Waterfall) cut(most int) {
	if len(w.Blocks) <= most {
		return
	}
	ends := make([]time.Time, len(w.Blocks))
	for i, b := range w.Blocks {
		ends[i] = b.Ended
	}
	slices.SortFunc(ends, func(a, b time.Time) int { return b.Compare(a) })
	w.Cut, w.From = true, ends[most-1]
	w.Blocks = slices.DeleteFunc(w.Blocks, func(b Block) bool { return b.Ended.Before(w.From) })
	w.Blocks = w.Blocks[:min(len(w.Blocks), 2*most)] // ends may be equal
}

// blockOf is a build's block; ok is false if it has not begun.
func blockOf(b *store.BoardBuild, now time.Time) (block Block, ok bool) {
	block = Block{Build: b.ID, Grade: GradeOf(b), State: b.State, Outcome: b.Outcome, Cause: b.Cause, Worker: b.Worker, Worse: b.Changes.Worse(),
		Started: b.Started, Ended: ended(b, now), Running: !b.State.Final()}
	if block.Started.IsZero() {
		if !b.State.Final() {
			return block, false
		}
		block.Started = block.Ended
	}
	if block.Ended.Before(block.Started) { // clocks differ
		block.Ended = block.Started
	}
	return block, true
}
