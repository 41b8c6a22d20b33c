package builds

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/farm/compare"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// CompareView is the page of two builds.
type CompareView struct {
	AskA, AskB string // what the form has
	Proposals  []Proposal
	Known      bool // there are two builds
	A, B       SideView
	SwapURL    string
	SameBuild  bool
	Moved      []RevisionLine // that differ
	Unmoved    []RevisionLine
	Different  []PairLine
	Alike      []PairLine
	Steps      []StepPairLine
	Tests      TestsDiff
	Metrics    []MetricPairLine
	Packages   PackagesView
}

// Proposal is a build to compare with.
type Proposal struct {
	Text string
	Line page.BuildLine
	URL  string
}

// SideView is one of two builds.
type SideView struct {
	Letter      string // A or B
	Line        page.BuildLine
	Waited      string
	Name        string
	Tests       string
	Created     page.When
	Description string // "A, build 41"
}

// PairLine is something that both builds have.
type PairLine struct{ Name, A, B string }

// StepPairLine is a step of both builds.
type StepPairLine struct {
	Name, A, B, Change string
	MarkA, MarkB       page.Mark
	URLA, URLB         string
	BarA, BarB         page.MeterView
	HasA, HasB         bool
}

// TestsDiff is how tests differ.
type TestsDiff struct {
	Note    string // why there is nothing to compare, or not all; may be empty
	Summary string
	Groups  []DiffGroup
	More    int
	Took    []PairLine
}

// DiffGroup is tests that differ in the same way.
type DiffGroup struct {
	Title string
	Open  bool
	Rows  []DiffRow
}

// DiffRow is a test that differs.
type DiffRow struct {
	Mark                     page.Mark
	Name, URL, What, Message string
}

// MetricPairLine is a number of both builds.
type MetricPairLine struct{ Name, A, B, Change string }

// PackagesView is how packages differ.
type PackagesView struct {
	Known bool
	Moves []PairLine
	Same  string
	More  int
	Empty page.EmptyView
}

func (s *site) compare(r *http.Request) (page.Shown, error) {
	in := r.URL.Query()
	a, okA := page.Number(in.Get("a"))
	b, okB := page.Number(in.Get("b"))
	v := CompareView{AskA: page.OneLine(in.Get("a"), 20), AskB: page.OneLine(in.Get("b"), 20)}
	title := "Compare two builds"
	if okA && okB {
		c, err := s.Compare(r.Context(), weir.BuildID(a), weir.BuildID(b))
		if err != nil {
			return page.Shown{}, err
		}
		v.comparison(c, s.Now())
		title = fmt.Sprintf("Builds %d and %d compared", a, b)
	}
	if okB {
		if err := s.proposals(r, weir.BuildID(b), &v); err != nil {
			return page.Shown{}, err
		}
	}
	return page.Shown{Title: title, Section: "builds", Content: comparePage(v)}, nil
}

// proposals are what build b may be compared with.
func (s *site) proposals(r *http.Request, id weir.BuildID, v *CompareView) error {
	d, err := s.farm.BuildFrom(r.Context(), id, 0)
	if err != nil || s.Beside == nil {
		return err
	}
	around, err := s.Beside(r.Context(), d.Build, d.Spec)
	if err != nil {
		return err
	}
	v.propose(d.Build.ID, around, s.Now())
	return nil
}

func (v *CompareView) propose(b weir.BuildID, around beside.Beside, now time.Time) {
	if around.LastGood != 0 {
		v.Proposals = append(v.Proposals, Proposal{Text: fmt.Sprintf("the last good build, %d", around.LastGood), URL: compareURL(around.LastGood, b)})
	}
	if around.Previous != 0 && around.Previous != around.LastGood {
		v.Proposals = append(v.Proposals, Proposal{Text: fmt.Sprintf("the build before it, %d", around.Previous), URL: compareURL(around.Previous, b)})
	}
	for _, o := range around.Siblings {
		v.Proposals = append(v.Proposals, Proposal{Text: "the same revisions on", Line: page.NewBuildLine(o, now), URL: compareURL(o.ID, b)})
	}
}

func (v *CompareView) comparison(c compare.Comparison, now time.Time) {
	a, b := c.A.Build, c.B.Build
	v.Known, v.SameBuild = true, a.ID == b.ID
	v.SwapURL = compareURL(b.ID, a.ID)
	v.A, v.B = sideView("A", c.A, c.Tests.A, now), sideView("B", c.B, c.Tests.B, now)
	for _, m := range c.Moves {
		if m.From != m.To {
			line := revisionLine(m, now)
			if m.From == "" {
				line.News = "is only in B"
			}
			v.Moved = append(v.Moved, line)
		} else {
			v.Unmoved = append(v.Unmoved, revisionLine(m, now))
		}
	}
	for _, p := range c.Environment {
		line := PairLine{Name: page.OneLine(p.Name, page.MaxName), A: page.OneLine(p.A, page.MaxSubject), B: page.OneLine(p.B, page.MaxSubject)}
		if p.Differs() {
			v.Different = append(v.Different, line)
		} else {
			v.Alike = append(v.Alike, line)
		}
	}
	v.steps(c)
	v.Tests = testsDiff(c, b.Builder)
	for _, m := range c.Metrics[:min(len(c.Metrics), maxKept)] {
		line := MetricPairLine{Name: page.OneLine(m.Name, page.MaxName)}
		if m.A != nil {
			line.A = number(*m.A, m.Unit)
		}
		if m.B != nil {
			line.B = number(*m.B, m.Unit)
		}
		if m.A != nil && m.B != nil {
			line.Change = change(*m.A, *m.B)
		}
		v.Metrics = append(v.Metrics, line)
	}
	v.Packages = packagesView(c.Packages)
}

func sideView(letter string, s compare.Side, counts weir.Counts, now time.Time) SideView {
	v := SideView{Letter: letter, Line: page.NewBuildLine(s.Build, now), Name: page.OneLine(s.Build.Builder.Name(), page.MaxName), Tests: countsText(counts),
		Created: page.At(s.Build.Created, now), Description: fmt.Sprintf("%s, build %d", letter, s.Build.ID)}
	if s.Waited >= time.Second {
		v.Waited = page.Duration(s.Waited)
	}
	return v
}

// maxStepPairs limits how many steps are shown.
const maxStepPairs = 100

func (v *CompareView) steps(c compare.Comparison) {
	longest := time.Duration(1)
	for _, s := range c.Steps {
		longest = max(longest, s.A, s.B)
	}
	stepURL := func(b weir.BuildID, index int) string {
		return fmt.Sprintf("%s?step=%d#step-%d", page.BuildURL(b), index, index)
	}
	for _, s := range c.Steps[:min(len(c.Steps), maxStepPairs)] {
		line := StepPairLine{Name: page.OneLine(s.Name, page.MaxName), HasA: s.StateA != "", HasB: s.StateB != "", MarkA: page.StepMark(s.StateA), MarkB: page.StepMark(s.StateB)}
		if line.HasA {
			line.URLA, line.A = stepURL(c.A.Build.ID, s.Index[0]), page.Duration(s.A)
		}
		if line.HasB {
			line.URLB, line.B = stepURL(c.B.Build.ID, s.Index[1]), page.Duration(s.B)
		}
		line.BarA = page.MeterView{Label: "share of the longest step, A", Share: s.A.Seconds() / longest.Seconds()}
		line.BarB = page.MeterView{Label: "share of the longest step, B", Share: s.B.Seconds() / longest.Seconds()}
		line.Change = timeChange(s.A, s.B)
		v.Steps = append(v.Steps, line)
	}
}

// timeChange says how much longer or shorter something took, if that is worth telling.
func timeChange(a, b time.Duration) string {
	d := b - a
	if a == 0 || b == 0 || d.Abs() < 100*time.Millisecond || float64(d.Abs()) < 0.05*float64(min(a, b)) {
		return ""
	}
	if d < 0 {
		return "−" + page.Duration(-d)
	}
	return "+" + page.Duration(d)
}

// diffTitles say how tests differ, for each verdict of B against A, in the order in
// which they are shown. Those that come first are shown at once.
func diffTitles() []struct {
	verdict weir.Verdict
	title   string
	open    bool
} {
	return []struct {
		verdict weir.Verdict
		title   string
		open    bool
	}{
		{weir.NewlyFailing, "bad in B, and not in A", true}, {weir.FailingDifferently, "bad in both, with other words", true},
		{weir.NewlySkipped, "skipped in B, and ran in A", true}, {weir.Masked, "bad in A, and did not run in B", true},
		{weir.Fixed, "good in B, and not in A", true}, {weir.Vanished, "only in A", false}, {weir.Removed, "have another name in B", false},
		{weir.New, "only in B", false}, {weir.Flaky, "flaky", false},
	}
}

func testsDiff(c compare.Comparison, builder weir.Builder) TestsDiff {
	t := c.Tests
	v := TestsDiff{More: t.More}
	switch {
	case !t.Known:
		v.Note = "At least one of the builds has no test results."
		return v
	case !t.Reached:
		v.Note = "At least one of the builds did not get to its tests, so only steps are compared."
	}
	v.Summary = fmt.Sprintf("%s did the same in both", page.Count(t.Same, "test", "tests"))
	room := newRoom(maxTestsText)
	for _, g := range diffTitles() {
		group := DiffGroup{Open: g.open}
		for _, ch := range t.Changes {
			if ch.Verdict != g.verdict {
				continue
			}
			row := DiffRow{Mark: page.StatusMark(ch.To), Name: page.TestName(ch.Test), URL: page.TestURL(builder, ch.Test), Message: room.block(ch.Message, page.MaxMessage),
				What: page.StatusWord(ch.From) + " → " + page.StatusMark(ch.To).Word}
			if ch.Verdict == weir.New {
				row.What = row.Mark.Word
			}
			group.Rows = append(group.Rows, row)
		}
		if n := len(group.Rows); n > 0 {
			group.Title = page.Thousands(int64(n)) + " " + g.title
			v.Groups = append(v.Groups, group)
		}
	}
	for _, tt := range t.Took {
		v.Took = append(v.Took, PairLine{Name: page.TestName(tt.Test), A: page.Duration(time.Duration(tt.A)), B: page.Duration(time.Duration(tt.B))})
	}
	return v
}

func packagesView(p compare.Packages) PackagesView {
	v := PackagesView{Known: p.A && p.B, More: p.More, Same: page.Count(p.Same, "package is", "packages are") + " the same"}
	if !v.Known {
		which := "Neither build keeps"
		if p.A {
			which = "B does not keep"
		} else if p.B {
			which = "A does not keep"
		}
		v.Empty = page.EmptyView{Text: which + " a list of its packages.", Next: "Let a step write one, as NAME VERSION or NAME==VERSION lines, and keep it as an artifact whose name ends in packages.txt. In the job:",
			Command: "steps: [..., \"python3 -m pip freeze > packages.txt\"]\nartifacts: [{path: packages.txt, when: always}]"}
		return v
	}
	for _, m := range p.Moves {
		v.Moves = append(v.Moves, PairLine{page.OneLine(m.Name, page.MaxName), page.OneLine(m.From, 100), page.OneLine(m.To, 100)})
	}
	return v
}

func idText(id weir.BuildID) string { return strconv.FormatInt(int64(id), 10) }
