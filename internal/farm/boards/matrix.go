package boards

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// MatrixQuery says which matrix is wanted.
type MatrixQuery struct {
	Upstream string // empty: the one that most projects are tested against
	Branch   string // of the upstream; empty: its main one
	// ByPlatform makes platforms the columns instead of revisions; a cell is then
	// each builder's newest build.
	ByPlatform bool
	ByName     bool   // rows by name; otherwise the worst first
	Changed    bool   // only rows in which something changes
	Every      bool   // columns of revisions at which nothing was built, too
	Until      int64  // position of the newest revision; 0: the newest there is
	After      string // the project behind which the rows begin; empty: at the first one
}

// Matrix is downstream projects against revisions of an upstream, or against platforms.
type Matrix struct {
	Upstream string   `json:"upstream"`
	Branch   string   `json:"branch,omitempty"`
	Branches []string `json:"branches"`  // of the upstream
	Choices  []Choice `json:"upstreams"` // projects that others are tested against, at most 200
	By       string   `json:"by"`        // "revision" or "platform"
	Columns  []Column `json:"columns"`   // newest revision first; platforms by name
	Rows     []Row    `json:"rows"`
	// Own is what the upstream's own builds say in each column.
	Own []Cell `json:"own"`
	// Until is the position of the newest revision that is looked at, Tip that of
	// the newest there is. Older and Newer are where to go on; 0: nowhere.
	Until int64 `json:"until"`
	Tip   int64 `json:"tip"`
	Older int64 `json:"older,omitempty"`
	Newer int64 `json:"newer,omitempty"`
	// Downstreams is how many rows there are in all, Shown how many of them are left
	// if only those with a change are wanted. Next is the project behind which the
	// rows go on; empty: they do not.
	Downstreams int    `json:"downstreams"`
	Shown       int    `json:"shown"`
	Next        string `json:"next,omitempty"`
	// Part says that this is so far back, and there are so many rows, that only those of
	// this page were looked at: pages are by name, and all but Downstreams counts them alone.
	Part bool `json:"part,omitempty"`
	// NewRows is how many rows have something newly bad in the newest column that says anything.
	NewRows int `json:"new_rows"`
	// GoneBad is how many more rows went bad within the columns and are bad still.
	GoneBad  int       `json:"gone_bad"`
	Platform int       `json:"more_platforms,omitempty"` // platforms that are left out
	Seq      int64     `json:"seq"`                      // of the newest event that is in it
	At       time.Time `json:"at"`
}

// Column is a revision of the upstream, or a platform.
type Column struct {
	Revision *Rev `json:"revision,omitempty"`
	// Passed is how many revisions before this one were built only together with it.
	Passed   int           `json:"passed,omitempty"`
	Platform weir.Platform `json:"platform,omitempty"`
	// Says is how many rows say anything there, New, Bad and Unbuilt how many are so.
	Says    int `json:"says"`
	New     int `json:"new,omitempty"`
	Bad     int `json:"bad,omitempty"` // as before
	Unbuilt int `json:"unbuilt,omitempty"`
	// Broken says that so many rows are newly bad that it is not their own doing.
	Broken bool `json:"broken,omitempty"`
}

// Row is a project that is tested against the upstream.
type Row struct {
	Project  string `json:"project"`
	Builders int    `json:"builders"`
	Cells    []Cell `json:"cells"` // one of each column
	New      int    `json:"new,omitempty"`
	Says     int    `json:"says"`
	Bad      int    `json:"bad,omitempty"`
	// Broken says that it is bad wherever it says anything, in two columns at least.
	Broken bool `json:"broken,omitempty"`
	// Changed says that something changes within the columns.
	Changed bool `json:"changed,omitempty"`
}

// Matrix makes a matrix. NotFound if there is no such upstream or branch.
func (b *Boards) Matrix(ctx context.Context, q MatrixQuery) (Matrix, error) {
	state, err := b.recent.State(ctx)
	if err != nil {
		return Matrix{}, err
	}
	m := Matrix{By: "revision", Seq: state.Seq, At: b.now(), Upstream: q.Upstream, Choices: []Choice{}, Branches: []string{}, Columns: []Column{}, Rows: []Row{}, Own: []Cell{}}
	if q.ByPlatform {
		m.By = "platform"
	}
	for _, c := range choices(state.Rows) {
		if c.Downstreams > 0 {
			m.Choices = append(m.Choices, c)
		}
	}
	if m.Upstream == "" && len(m.Choices) > 0 {
		m.Upstream = m.Choices[0].Project
	}
	if !slices.ContainsFunc(m.Choices, func(c Choice) bool { return c.Project == m.Upstream }) {
		if m.Upstream == "" {
			return m, nil
		}
		return m, weir.Errorf(weir.NotFound, "no project is tested against %.80q", m.Upstream).WithHint("/matrix shows an upstream that others are tested against")
	}
	m.Choices = m.Choices[:min(len(m.Choices), maxChoices)]
	l, err := b.lineOf(ctx, m.Upstream, q.Branch, q.Branch != "", state.Rows)
	if err != nil {
		return m, err
	}
	m.Branch, m.Tip = l.branch, l.tip
	if l.branches != nil {
		m.Branches = l.branches
	}
	m.Until = l.tip
	if q.Until > 0 && q.Until < l.tip {
		m.Until = q.Until
	}
	all := shelves(state, func(r weir.Builder) bool {
		return against(r, m.Upstream) || r.Project == m.Upstream && r.Branch == l.branch
	})
	p := newPlaces(b.store, l)
	columns, all, err := p.columns(ctx, &m, q, all)
	if err != nil {
		return m, err
	}
	m.Older, m.Newer = around(columns, l, m.Until)
	m.lay(q, columns, all, p.at)
	return m, nil
}

// around says where to go on: before the oldest column, and as many revisions
// newer as the columns span.
func around(columns []Column, l line, until int64) (older, newer int64) {
	if n := len(columns); n > 0 {
		if last := columns[n-1].Revision.Position - int64(columns[n-1].Passed) - 1; last >= l.first && last > 0 {
			older = last
		}
		if until < l.tip {
			newer = min(l.tip, until+max(1, until-columns[n-1].Revision.Position+1))
		}
	} else if until < l.tip {
		newer = l.tip
	}
	return older, newer
}

// columns finds the newest revisions up to the newest wanted one at which something was
// built (or all of them), and sees that all builds at them are on the shelves: on all
// of them, or if that would be too much to read, on those of one page.
func (p *places) columns(ctx context.Context, m *Matrix, q MatrixQuery, all []*shelf) (columns []Column, shown []*shelf, err error) {
	until, every := m.Until, q.Every
	if until == 0 {
		stock(all, m.Upstream)
		return nil, all, nil
	}
	// Wherever the last column will be, there are as many revisions as columns at least before it.
	far, err := p.behind(ctx, all, max(until-maxColumns, p.line.first))
	if err != nil {
		return nil, nil, err
	}
	if far > pastBuilders {
		all = m.part(all, q.After)
	}
	stock(all, m.Upstream)
	find := func() (low, near int64, err error) {
		built := map[string]bool{}
		for _, s := range all {
			last := ""
			for _, rev := range s.revs {
				if rev != last {
					built[rev], last = true, rev
				}
			}
		}
		columns, err = p.pick(ctx, built, until, every)
		if err != nil {
			return 0, 0, err
		}
		last := until + 1
		if n := len(columns); n > 0 {
			last = columns[n-1].Revision.Position
		}
		// One below the last column, so that it is known how many revisions lie between.
		near = max(last-int64(maxColumns-len(columns))-1, p.line.first)
		if low = near; len(columns) < maxColumns {
			low = p.line.first
		}
		return low, near, nil
	}
	low, _, err := find()
	if err != nil {
		return nil, nil, err
	}
	if !m.Part {
		short, _, _, err := p.short(ctx, all, low, until)
		if err != nil {
			return nil, nil, err
		}
		if len(short) > pastBuilders {
			all = m.part(all, q.After)
		}
	}
	err = p.deepen(ctx, all, until, find)
	return columns, all, err
}

// part leaves a page of the downstream projects, by name, beside the upstream.
func (m *Matrix) part(all []*shelf, after string) (page []*shelf) {
	builders := map[string]int{}
	for _, s := range all {
		if s.Project != m.Upstream {
			builders[s.Project]++
		}
	}
	m.Part, m.Downstreams = true, len(builders)
	names := slices.Sorted(maps.Keys(builders))
	first, found := slices.BinarySearch(names, after)
	if found {
		first++
	}
	names = names[first:]
	n := 0
	for room := pastBuilders; n < len(names) && n < maxRows && (n == 0 || builders[names[n]] <= room); n++ {
		room -= builders[names[n]]
	}
	if n < len(names) {
		m.Next = names[n-1]
	}
	names = names[:n]
	for _, s := range all {
		if _, ok := slices.BinarySearch(names, s.Project); ok || s.Project == m.Upstream {
			page = append(page, s)
		}
	}
	return page
}

// pick chooses columns, newest first.
func (p *places) pick(ctx context.Context, built map[string]bool, until int64, every bool) ([]Column, error) {
	var columns []Column
	passed := 0
	for last := until; last >= p.line.first && last > 0 && last > until-maxRevisions; last -= oneReading {
		revs, err := p.stretch(ctx, max(p.line.first, last-oneReading+1), last)
		if err != nil {
			return nil, err
		}
		for _, r := range slices.Backward(revs) {
			if !every && !built[r.ID] {
				passed++
				continue
			}
			if len(columns) > 0 {
				columns[len(columns)-1].Passed = passed
			}
			if passed = 0; len(columns) == maxColumns {
				return columns, nil
			}
			rev := newRev(r)
			columns = append(columns, Column{Revision: &rev})
		}
	}
	if n := len(columns); n > 0 {
		columns[n-1].Passed = passed
	}
	return columns, nil
}

// lay lays the matrix out: cells, what is wrong with whole columns and rows, and
// which rows are on this page in which order. At knows positions of revisions.
func (m *Matrix) lay(q MatrixQuery, columns []Column, all []*shelf, at map[string]int64) {
	index := map[string]int{}
	for i, c := range columns {
		index[c.Revision.ID] = i
	}
	place := func(s *shelf, build int) (int, bool) {
		i, ok := index[s.revs[build]]
		return i, ok
	}
	n := len(columns)
	m.Columns = append(m.Columns, columns...)
	if q.ByPlatform {
		m.Columns, m.Platform = platforms(all)
		n = len(m.Columns)
		place = func(s *shelf, _ int) (int, bool) {
			i := slices.IndexFunc(m.Columns, func(c Column) bool { return c.Platform == s.Platform })
			return i, i >= 0
		}
	}
	rows := map[string]*Row{}
	m.Own = make([]Cell, n)
	bins := make([][]*store.BoardBuild, n)
	for _, s := range all {
		row := rows[s.Project]
		if row == nil {
			row = &Row{Project: s.Project, Cells: make([]Cell, n)}
			if s.Project == m.Upstream {
				row.Cells = m.Own
			}
			rows[s.Project] = row
		}
		row.Builders++
		for i := range bins {
			bins[i] = bins[i][:0]
		}
		for j, b := range s.builds {
			if q.ByPlatform && !latest(b, at[s.revs[j]], m.Until, m.Tip) {
				continue
			}
			if i, ok := place(s, j); ok {
				bins[i] = append(bins[i], b)
				if q.ByPlatform { // the newest is enough
					break
				}
			}
		}
		for i, bin := range bins {
			if len(bin) > 0 {
				row.Cells[i].add(cellOf(bin, m.At))
			}
		}
	}
	delete(rows, m.Upstream)
	list := make([]Row, 0, len(rows))
	for _, r := range rows {
		r.sum()
		if r.goneBad() && !q.ByPlatform {
			m.GoneBad++
		}
		for i, c := range r.Cells {
			m.Columns[i].count(c.Grade)
		}
		list = append(list, *r)
	}
	for i := range m.Columns {
		m.Columns[i].judge()
	}
	m.NewRows = newestNew(m.Columns)
	m.page(q, list)
}

// latest reports whether a build is one that a matrix of platforms shows: one that
// moves its line, says something, and stands at until or before it.
func latest(b *store.BoardBuild, at, until, tip int64) bool {
	if !b.Cause.Advances() || !GradeOf(b).stands() {
		return false
	}
	return until == tip || at > 0 && at <= until
}

// platforms lists the platforms of downstream builders, by name.
func platforms(all []*shelf) (columns []Column, more int) {
	columns = []Column{}
	for _, s := range all {
		if !slices.ContainsFunc(columns, func(c Column) bool { return c.Platform == s.Platform }) {
			columns = append(columns, Column{Platform: s.Platform})
		}
	}
	slices.SortFunc(columns, func(a, b Column) int { return cmp.Compare(a.Platform, b.Platform) })
	n := min(len(columns), maxColumns)
	return columns[:n], len(columns) - n
}

// page puts the rows in order and cuts a page out of them.
func (m *Matrix) page(q MatrixQuery, rows []Row) {
	if !m.Part {
		m.Downstreams = len(rows)
	}
	if q.Changed {
		rows = slices.DeleteFunc(rows, func(r Row) bool { return !r.Changed })
	}
	slices.SortFunc(rows, func(a, b Row) int {
		if q.ByName {
			return cmp.Compare(a.Project, b.Project)
		}
		return worstFirst(a, b)
	})
	m.Shown = len(rows)
	if m.Part {
		m.Rows = append(m.Rows, rows...)
		return
	}
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.Project == q.After }); i >= 0 {
		rows = rows[i+1:]
	}
	if len(rows) > maxRows {
		rows = rows[:maxRows]
		m.Next = rows[maxRows-1].Project
	}
	m.Rows = append(m.Rows, rows...)
}

// worstFirst orders rows: those first that are newly bad where it is newest, then
// those that change at all, then those that are bad as ever.
func worstFirst(a, b Row) int {
	for i := range a.Cells {
		x, y := a.Cells[i].Grade.urgency(), b.Cells[i].Grade.urgency()
		if x != y {
			return y - x
		}
	}
	return cmp.Or(cmp.Compare(b.Bad, a.Bad), cmp.Compare(b.hollow(), a.hollow()), cmp.Compare(min(a.Says, 1), min(b.Says, 1))*-1, cmp.Compare(a.Project, b.Project))
}

// hollow counts the cells that passed without a test.
func (r *Row) hollow() (n int) {
	for _, c := range r.Cells {
		if c.Grade == GradeHollow {
			n++
		}
	}
	return n
}

// urgency orders grades by how much they speak.
func (g Grade) urgency() int {
	switch g {
	case GradeNew:
		return 2
	case GradeDoubt:
		return 1
	}
	return 0
}

// sum counts what is in the cells of a row.
func (r *Row) sum() {
	good := 0
	for _, c := range r.Cells {
		switch {
		case c.Grade == GradeNew:
			r.New++
			r.Bad++
		case c.Grade.Bad():
			r.Bad++
		case c.Grade.Good():
			good++
		}
		r.Changed = r.Changed || c.Grade == GradeNew || c.Grade == GradeDoubt || c.Grade == GradeFixed
	}
	r.Says = r.Bad + good
	r.Changed = r.Changed || r.Bad > 0 && good > 0
	r.Broken = r.Bad >= 2 && good == 0
}

// goneBad reports whether the row is bad where it is newest, or runs no tests any
// more, and was first bad in a column further back.
func (r *Row) goneBad() bool {
	for _, c := range r.Cells {
		if c.Grade.says() || c.Grade == GradeHollow {
			return !c.Grade.Good() && c.Grade != GradeNew && r.New > 0
		}
	}
	return false
}

// count counts a row in a column.
func (c *Column) count(g Grade) {
	switch {
	case g == GradeNew:
		c.New++
	case g.Bad():
		c.Bad++
	case g == GradeUnbuilt:
		c.Unbuilt++
	}
	if g.says() || g == GradeUnbuilt {
		c.Says++
	}
}

// judge says whether so many rows are newly bad in a column, or could not be
// tested, that the column is to blame: two at least, and half of those that say
// anything and were not bad before.
func (c *Column) judge() {
	hit := c.New + c.Unbuilt
	c.Broken = hit >= 2 && 2*hit >= c.Says-c.Bad
}

// newestNew is how many rows are newly bad in the first column that says anything.
func newestNew(columns []Column) int {
	for _, c := range columns {
		if c.Platform != "" {
			continue
		}
		if c.Says > 0 {
			return c.New
		}
	}
	return 0
}
