package boards

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// ConsoleQuery says which console is wanted.
type ConsoleQuery struct {
	Project     string // empty: the one that most others are tested against
	Branch      string // empty: the main one
	Downstreams bool   // with builders of the projects that are tested against it
	Until       int64  // position of the newest revision; 0: the newest there is
	After       weir.BuilderID
}

// Console is revisions of a project against builders.
type Console struct {
	Project  string         `json:"project"`
	Branch   string         `json:"branch,omitempty"`
	Branches []string       `json:"branches"`
	Choices  []Choice       `json:"projects"` // at most 200
	Builders []weir.Builder `json:"builders"` // the columns, in groups of a project and a job
	Rows     []ConsoleRow   `json:"rows"`     // newest revision first
	Until    int64          `json:"until"`
	Tip      int64          `json:"tip"`
	Older    int64          `json:"older,omitempty"`
	Newer    int64          `json:"newer,omitempty"`
	Total    int            `json:"total_builders"`
	// Next is the builder behind which the columns go on; 0: they do not.
	Next weir.BuilderID `json:"next,omitempty"`
	// Downstream is how many builders of other projects are built against this one.
	Downstream int       `json:"downstream_builders"`
	Seq        int64     `json:"seq"`
	At         time.Time `json:"at"`
}

// ConsoleRow is a revision, and what each builder says of it.
type ConsoleRow struct {
	Revision Rev `json:"revision"`
	// Cells has one of each builder. One that covers the revision with a build of
	// a newer one names that build in In and has no grade of its own.
	Cells []ConsoleCell `json:"cells"`
}

// ConsoleCell is what a builder says of a revision.
type ConsoleCell struct {
	Cell
	// In is the build of a newer revision in which this one was built with others.
	In weir.BuildID `json:"in,omitempty"`
}

// Console makes a console. NotFound if there is no such project or branch.
func (b *Boards) Console(ctx context.Context, q ConsoleQuery) (Console, error) {
	state, err := b.recent.State(ctx)
	if err != nil {
		return Console{}, err
	}
	c := Console{Project: q.Project, Seq: state.Seq, At: b.now(), Choices: choices(state.Rows), Branches: []string{}, Builders: []weir.Builder{}, Rows: []ConsoleRow{}}
	if c.Project == "" && len(c.Choices) > 0 {
		c.Project = c.Choices[0].Project
	}
	known := slices.ContainsFunc(c.Choices, func(p Choice) bool { return p.Project == c.Project })
	c.Choices = c.Choices[:min(len(c.Choices), maxChoices)]
	if !known {
		if c.Project == "" {
			return c, nil
		}
		return c, weir.Errorf(weir.NotFound, "there is no builder of a project %.80q", c.Project).WithHint("/console shows a project that there is")
	}
	l, err := b.lineOf(ctx, c.Project, q.Branch, q.Branch != "", state.Rows)
	if err != nil {
		return c, err
	}
	c.Branch, c.Tip, c.Until = l.branch, l.tip, l.tip
	if l.branches != nil {
		c.Branches = l.branches
	}
	if q.Until > 0 && q.Until < l.tip {
		c.Until = q.Until
	}
	all := shelves(state, func(r weir.Builder) bool {
		if r.Project == c.Project {
			return r.Branch == l.branch
		}
		if against(r, c.Project) {
			c.Downstream++
			return q.Downstreams
		}
		return false
	})
	all = c.cut(all, q.After)
	stock(all, c.Project)
	p := newPlaces(b.store, l)
	if err := c.read(ctx, p, all); err != nil {
		return c, err
	}
	c.lay(all, p.at)
	return c, nil
}

// cut puts builders in order, those of the project itself first, and takes a page of them.
func (c *Console) cut(all []*shelf, after weir.BuilderID) []*shelf {
	c.Total = len(all)
	slices.SortFunc(all, func(a, b *shelf) int {
		own := func(s *shelf) int {
			if s.Project == c.Project {
				return 0
			}
			return 1
		}
		return cmp.Or(own(a)-own(b), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Cell, b.Cell),
			cmp.Compare(a.Branch, b.Branch), cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.ID, b.ID))
	})
	if i := slices.IndexFunc(all, func(s *shelf) bool { return s.ID == after }); i >= 0 {
		all = all[i+1:]
	}
	if len(all) > maxBuilders {
		all = all[:maxBuilders]
		c.Next = all[maxBuilders-1].ID
	}
	for _, s := range all {
		c.Builders = append(c.Builders, s.Builder)
	}
	return all
}

// beyond is how many newer revisions are looked at for builds that cover those of a window.
const beyond = consoleRows

// read reads the revisions of the window, and older builds as far as it needs.
func (c *Console) read(ctx context.Context, p *places, all []*shelf) error {
	if c.Until == 0 {
		return nil
	}
	first := max(c.Until-consoleRows+1, p.line.first, 1)
	revs, err := p.stretch(ctx, first, c.Until)
	if err != nil {
		return err
	}
	for _, r := range slices.Backward(revs) {
		c.Rows = append(c.Rows, ConsoleRow{Revision: newRev(r)})
	}
	if first > p.line.first {
		c.Older = first - 1
	}
	if c.Until < c.Tip {
		c.Newer = min(c.Tip, c.Until+consoleRows)
		if _, err := p.stretch(ctx, c.Until+1, min(c.Tip, c.Until+beyond)); err != nil {
			return err
		}
	}
	low := max(first-1, p.line.first)
	return p.deepen(ctx, all, c.Until+beyond, func() (int64, int64, error) { return low, low, nil })
}

// lay lays the console out. At knows the positions of revisions.
func (c *Console) lay(all []*shelf, at map[string]int64) {
	for i := range c.Rows {
		c.Rows[i].Cells = make([]ConsoleCell, len(all))
	}
	if len(c.Rows) == 0 {
		return
	}
	top := c.Rows[0].Revision.Position
	row := func(position int64) int { return int(top - position) } // negative: above the window
	for i, s := range all {
		bins := make([][]*store.BoardBuild, len(c.Rows))
		stands := map[int64]weir.BuildID{} // the builder's line: which build was the first at each position
		older := !s.whole                  // the line goes on below the window
		for j, b := range s.builds {
			position := at[s.revs[j]]
			if r := row(position); position > 0 && r >= 0 && r < len(bins) {
				bins[r] = append(bins[r], b)
			}
			if b.Cause.Advances() && covers(b) {
				if position > 0 {
					stands[position] = b.ID
				}
				older = older || position == 0 || row(position) >= len(bins)
			}
		}
		for r, bin := range bins {
			if len(bin) > 0 {
				c.Rows[r].Cells[i].Cell = cellOf(bin, c.At)
			}
		}
		c.cover(i, stands, older)
	}
}

// covers reports whether a build counts as one of the revisions before it.
func covers(b *store.BoardBuild) bool {
	return !b.State.Final() || b.Outcome.SaysSomething()
}

// cover fills the holes in a builder's column: a revision at which nothing was
// built was built with the next newer one that was, if the line goes on below.
func (c *Console) cover(column int, stands map[int64]weir.BuildID, older bool) {
	lowest := int64(0) // where the line begins
	var in weir.BuildID
	next := int64(0)
	for position, build := range stands {
		if lowest == 0 || position < lowest {
			lowest = position
		}
		if position > c.Rows[0].Revision.Position && (next == 0 || position < next) {
			next, in = position, build
		}
	}
	for r := range c.Rows {
		cell, position := &c.Rows[r].Cells[column], c.Rows[r].Revision.Position
		if build, ok := stands[position]; ok {
			in = build
			continue
		}
		if in != 0 && (older || position > lowest) && (cell.Grade == GradeNone || cell.Grade == GradeOff) {
			cell.In = in
		}
	}
}
