package boards

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// draw is a matrix as text.
func draw(m Matrix) string {
	var b strings.Builder
	for _, c := range m.Columns {
		if c.Revision != nil {
			fmt.Fprintf(&b, "%d", c.Revision.Position)
		} else {
			fmt.Fprint(&b, c.Platform)
		}
		if c.Passed > 0 {
			fmt.Fprintf(&b, "+%d", c.Passed)
		}
		if c.Broken {
			fmt.Fprintf(&b, "!%d/%d", c.New, c.Says)
		}
		b.WriteString(" ")
	}
	fmt.Fprintf(&b, "\nown %s", text(m.Own))
	for _, r := range m.Rows {
		fmt.Fprintf(&b, "\n%s %s", r.Project, text(r.Cells))
		if r.Broken {
			b.WriteString(" broken")
		}
		if r.Changed {
			b.WriteString(" changed")
		}
	}
	return b.String()
}

// river is an upstream with nine revisions, of which some were built together,
// and four projects below it, one of which was bad from the beginning.
func river() *world {
	w := newWorld()
	w.revise("brook", 9)
	up := w.builder("brook", "build", "linux/amd64", "")
	var down []weir.Builder
	for _, name := range []string{"mill", "dam", "lock", "old"} {
		down = append(down, w.builder(name, "test", "linux/amd64", "brook"))
	}
	arm := w.builder("mill", "test", "linux/arm64", "brook")
	for i, position := range []int{1, 4, 5, 8} {
		w.build(up, weir.Pins{"brook": at("brook", position)}, weir.Passed, 0, i*30)
		for _, b := range append(down, arm) {
			outcome, worse := weir.Passed, 0
			switch {
			case b.Project == "old":
				outcome = weir.Failed
			case position == 5 && b.ID != arm.ID:
				outcome, worse = weir.Failed, 2
			case position == 8 && b.Project == "mill" && b.ID != arm.ID:
				outcome = weir.Failed // as before
			}
			x := w.build(b, weir.Pins{"brook": at("brook", position), b.Project: "r1"}, outcome, worse, i*30+10)
			if position == 8 && b.Project == "dam" {
				x.Changes.Fixed = 2
			}
		}
	}
	return w
}

// TestHollowRow: a row that passes without a test is before those that pass.
func TestHollowRow(t *testing.T) {
	t.Parallel()
	rows := []Row{{Project: "calm", Says: 1, Cells: []Cell{{Grade: GradeGood}}}, {Project: "heron", Cells: []Cell{{Grade: GradeHollow}}},
		{Project: "mill", Says: 1, Bad: 1, Cells: []Cell{{Grade: GradeBad}}}}
	slices.SortFunc(rows, worstFirst)
	if rows[0].Project != "mill" || rows[1].Project != "heron" {
		t.Errorf("order %s, %s, %s", rows[0].Project, rows[1].Project, rows[2].Project)
	}
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		q    MatrixQuery
		want string
	}{
		{"the newest", MatrixQuery{}, "8+2 5!3/4 4+2 1 \nown ....\nmill bN.. changed\ndam FN.. changed\nlock .N.. changed\nold bbbb broken"},
		{"by name", MatrixQuery{ByName: true, Changed: true}, "8+2 5!3/4 4+2 1 \nown ....\ndam FN.. changed\nlock .N.. changed\nmill bN.. changed"},
		{"until an older one", MatrixQuery{Until: 4}, "4+2 1 \nown ..\nold bb broken\ndam ..\nlock ..\nmill .."},
		{"every revision", MatrixQuery{Until: 5, Every: true}, "5!3/4 4 3 2 1 \nown ..--.\ndam N.--. changed\nlock N.--. changed\nmill N.--. changed\nold bb--b broken"},
		{"by platform", MatrixQuery{ByPlatform: true}, "linux/amd64 linux/arm64 \nown .-\nmill b. changed\nold b-\ndam F- changed\nlock .-"},
		{"by platform, until", MatrixQuery{ByPlatform: true, Until: 6}, "linux/amd64!3/4 linux/arm64 \nown .-\ndam N- changed\nlock N- changed\nmill N. changed\nold b-"},
		{"behind a row", MatrixQuery{ByName: true, After: "lock", Until: 1}, "1 \nown .\nmill .\nold b"},
	} {
		m := ok[Matrix](t)(river().boards(300).Matrix(t.Context(), c.q))
		if got := draw(m); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	m := ok[Matrix](t)(river().boards(300).Matrix(t.Context(), MatrixQuery{Until: 5}))
	mill := m.Rows[2].Cells[0]
	if mill.Builders != 2 || mill.Like != 1 || mill.Executed != 20 || mill.Expected != 20 || mill.Worse != 2 {
		t.Errorf("the cell of two builders is %+v", mill)
	}
	if newest := ok[Matrix](t)(river().boards(300).Matrix(t.Context(), MatrixQuery{})); m.GoneBad != 0 || m.NewRows != 3 || newest.GoneBad != 1 || newest.NewRows != 0 {
		t.Errorf("%d rows are new, %d went bad; at the newest %d and %d", m.NewRows, m.GoneBad, newest.NewRows, newest.GoneBad)
	}
	if m.Newer != 9 || m.Older != 0 || m.Tip != 9 || m.Seq != 7 || m.Upstream != "brook" || len(m.Choices) != 1 || m.Choices[0].Downstreams != 4 {
		t.Errorf("around it is %d, %d, %d, %v", m.Newer, m.Older, m.Tip, m.Choices)
	}
}

// TestMatrixNowhere asks for what is not there.
func TestMatrixNowhere(t *testing.T) {
	t.Parallel()
	empty := ok[Matrix](t)(newWorld().boards(0).Matrix(t.Context(), MatrixQuery{}))
	if len(empty.Rows) != 0 || empty.Upstream != "" {
		t.Errorf("a matrix of nothing is %+v", empty)
	}
	for _, q := range []MatrixQuery{{Upstream: "no"}, {Upstream: "mill"}, {Branch: "no"}} {
		if m, err := river().boards(0).Matrix(t.Context(), q); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("%+v: %+v, %v", q, m, err)
		}
	}
}

// TestMatrixPast goes back to where memory does not reach, page by page, and
// finds what a memory without end has.
func TestMatrixPast(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.revise("brook", 300)
	a, b := w.builder("mill", "test", "linux/amd64", "brook"), w.builder("dam", "test", "linux/amd64", "brook")
	for i := range 150 {
		pins := weir.Pins{"brook": at("brook", 2*i+1)}
		outcome, worse := weir.Passed, 0
		if i == 40 {
			outcome, worse = weir.Failed, 1
		}
		w.build(a, pins, outcome, worse, i*10)
		if i%3 == 0 {
			w.build(b, pins, weir.Passed, 0, i*10)
		}
	}
	w.kept = 1000
	var want []string
	for until := int64(0); ; {
		m := ok[Matrix](t)(w.boards(9999).Matrix(t.Context(), MatrixQuery{Until: until, ByName: true}))
		want = append(want, draw(m))
		if until = m.Older; until == 0 {
			break
		}
	}
	if len(want) != 8 || w.spans != 0 {
		t.Fatalf("it has %d pages, of which the past was read %d times", len(want), w.spans)
	}
	w.kept = 40
	for i, until := 0, int64(0); ; i++ {
		m := ok[Matrix](t)(w.boards(9999).Matrix(t.Context(), MatrixQuery{Until: until, ByName: true}))
		if got := draw(m); got != want[i] {
			t.Errorf("page %d:\n%s\nwant\n%s", i, got, want[i])
		}
		if until = m.Older; until == 0 {
			break
		}
	}
	if w.spans > 100 {
		t.Errorf("the past was read %d times", w.spans)
	}
}

// TestMatrixPart goes back to where memory does not reach in the matrix of a project with
// many downstreams: each page reads what it shows, and says what a whole matrix says.
func TestMatrixPart(t *testing.T) {
	t.Parallel()
	const projects, revisions = 110, 85
	w := newWorld()
	w.revise("brook", revisions)
	own := w.builder("brook", "test", "linux/amd64", "")
	for i := range projects {
		w.builder(fmt.Sprintf("mill%03d", i), "test", "linux/amd64", "brook")
	}
	for r := range revisions {
		w.build(own, weir.Pins{"brook": at("brook", r+1)}, weir.Passed, 0, 10*r)
		for i, b := range w.builders[1:] {
			outcome, worse := weir.Passed, 0
			if r == 8 && i%50 == 7 {
				outcome, worse = weir.Failed, 1
			}
			w.build(b, weir.Pins{"brook": at("brook", r+1), b.Project: "x"}, outcome, worse, 10*r)
		}
	}
	for _, c := range []struct {
		until int64
		per   int // builds that are read of each builder, at most
	}{
		{25, maxColumns + seekSlack + 2},                                   // far behind what is in memory
		{50, maxColumns - (50 - (revisions - recent.Per)) + seekSlack + 2}, // at its edge
		{12, 12 + seekSlack},                                               // where it all begins
	} {
		checkParts(t, w, MatrixQuery{Until: c.until, ByName: true}, (pastBuilders+1)*c.per)
	}
}

// checkParts goes through the pages of a matrix of the past and holds them against the
// same matrix of a farm that has it all in memory. Most is how many builds a page may read.
func checkParts(t *testing.T, w *world, q MatrixQuery, most int) {
	t.Helper()
	projects, columns := len(w.builders)-1, min(maxColumns, int(q.Until))
	w.kept = 1000
	whole := map[string]string{}
	for q.After = ""; ; {
		m := ok[Matrix](t)(w.boards(9999).Matrix(t.Context(), q))
		for _, r := range m.Rows {
			whole[r.Project] = text(r.Cells)
		}
		if q.After = m.Next; m.Part || q.After == "" {
			break
		}
	}
	if len(whole) != projects {
		t.Fatalf("%d rows without a page of the past", len(whole))
	}
	w.kept = recent.Per
	pages := 0
	for q.After = ""; ; pages++ {
		w.read = 0
		m := ok[Matrix](t)(w.boards(9999).Matrix(t.Context(), q))
		if !m.Part || m.Downstreams != projects || m.Shown != len(m.Rows) || len(m.Columns) != columns || text(m.Own) != strings.Repeat(".", columns) {
			t.Errorf("until %d, page %d: a part %v of %d, %d and %d rows, %d columns, own %s", q.Until, pages, m.Part, m.Downstreams, m.Shown, len(m.Rows), len(m.Columns), text(m.Own))
		}
		if w.read > most {
			t.Errorf("until %d, page %d: %d builds were read, want %d at most", q.Until, pages, w.read, most)
		}
		for _, r := range m.Rows {
			if got := text(r.Cells); got != whole[r.Project] {
				t.Errorf("%s: %s, want %s", r.Project, got, whole[r.Project])
			}
			delete(whole, r.Project)
		}
		if q.After = m.Next; q.After == "" {
			break
		}
	}
	if len(whole) > 0 || pages == 0 {
		t.Errorf("%d rows are on none of %d pages", len(whole), pages+1)
	}
}

func TestGradeOf(t *testing.T) {
	t.Parallel()
	final := func(o weir.Outcome, edit func(*store.BoardBuild)) store.BoardBuild {
		b := store.BoardBuild{State: weir.Finished, Outcome: o, Judged: weir.Settled}
		if edit != nil {
			edit(&b)
		}
		return b
	}
	for _, c := range []struct {
		b    store.BoardBuild
		want Grade
	}{
		{final(weir.Passed, nil), GradeGood},
		{final(weir.Passed, func(b *store.BoardBuild) { b.Changes.Vanished = 1 }), GradeNew},
		{final(weir.Passed, func(b *store.BoardBuild) { b.Changes.Fixed = 1 }), GradeFixed},
		{final(weir.Passed, func(b *store.BoardBuild) { b.Changes.Flaky = 1 }), GradeFlaky},
		{final(weir.Passed, func(b *store.BoardBuild) { b.Judged = weir.Doubted }), GradeDoubt},
		{final(weir.Passed, func(b *store.BoardBuild) { b.Judged = weir.Unjudged }), GradeGood},
		{final(weir.Passed, func(b *store.BoardBuild) { b.Counts.Skip = 3 }), GradeHollow},
		{final(weir.Passed, func(b *store.BoardBuild) { b.Ledger.Hidden = 3 }), GradeHollow},
		{final(weir.Passed, func(b *store.BoardBuild) { b.Counts.Skip, b.Changes.NewlySkipped = 3, 3 }), GradeNew},
		{final(weir.Passed, func(b *store.BoardBuild) { b.Counts.Skip, b.Counts.Pass = 3, 1 }), GradeGood},
		{final(weir.Failed, nil), GradeBad},
		{final(weir.Failed, func(b *store.BoardBuild) { b.Changes.NewlyFailing = 3 }), GradeNew},
		{final(weir.Failed, func(b *store.BoardBuild) { b.Judged = weir.Unjudged }), GradeDoubt},
		{final(weir.Failed, func(b *store.BoardBuild) { b.Judged = weir.Answering }), GradeBad},
		{final(weir.TimedOut, nil), GradeBad},
		{final(weir.Broken, nil), GradeBad},
		{final(weir.Broken, func(b *store.BoardBuild) { b.Reason = weir.ReasonUpstreamBuild }), GradeUnbuilt},
		{final(weir.Infra, nil), GradeInfra},
		{final(weir.Skipped, nil), GradeOff},
		{final(weir.OutcomeCancelled, nil), GradeOff},
		{store.BoardBuild{State: weir.Cancelled, Outcome: weir.OutcomeCancelled}, GradeOff},
		{store.BoardBuild{State: weir.Queued}, GradeWaiting},
		{store.BoardBuild{State: weir.Blocked}, GradeWaiting},
		{store.BoardBuild{State: weir.Leased}, GradeRunning},
		{store.BoardBuild{State: weir.Running}, GradeRunning},
	} {
		if got := GradeOf(&c.b); got != c.want {
			t.Errorf("%+v is %q, want %q", c.b, got, c.want)
		}
	}
	last := 99
	for _, g := range Grades() {
		if g.badness() >= last {
			t.Errorf("%q is not better than the one before", g)
		}
		last = g.badness()
	}
}

// TestBrokenColumn says when a column is to blame.
func TestBrokenColumn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		grades string
		want   bool
	}{
		{"N", false}, {"N.", false}, {"NN", true}, {"NN..", true}, {"NN...", false}, {"NNbbbb", true}, {"NN....bbbb", false}, {"uu", true},
		{"uN..", true}, {"bbbb", false}, {"....", false}, {"NNDD", true}, {"NN------", true}, {"", false},
	} {
		var column Column
		for _, l := range c.grades {
			for _, g := range Grades() {
				if letter(g) == string(l) {
					column.count(g)
				}
			}
		}
		if column.judge(); column.Broken != c.want {
			t.Errorf("%q: broken is %v", c.grades, column.Broken)
		}
	}
}

// TestCellOf picks the build that speaks for a cell.
func TestCellOf(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := w.builder("mill", "test", "linux/amd64", "")
	first := *w.build(b, nil, weir.Failed, 2, 0)
	again := *w.build(b, nil, weir.Failed, 0, 10)
	probe := *w.build(b, nil, weir.Passed, 0, 20)
	probe.Cause = weir.CauseProbe
	running := *w.build(b, nil, "", 0, 30)
	running.State = weir.Running
	infra := *w.build(b, nil, weir.Infra, 0, 40)
	for _, c := range []struct {
		name   string
		builds []*store.BoardBuild
		want   weir.BuildID
		grade  Grade
	}{
		{"the first that was bad", []*store.BoardBuild{&again, &first}, first.ID, GradeNew},
		{"what moves the line", []*store.BoardBuild{&probe, &again}, again.ID, GradeBad},
		{"a probe before an infrastructure error", []*store.BoardBuild{&infra, &probe}, probe.ID, GradeGood},
		{"an outcome before none", []*store.BoardBuild{&running, &again}, again.ID, GradeBad},
		{"what runs if there is nothing else", []*store.BoardBuild{&running}, running.ID, GradeRunning},
	} {
		if got := cellOf(c.builds, start); got.Build != c.want || got.Grade != c.grade {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
