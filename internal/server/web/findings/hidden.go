package findings

import (
	"fmt"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// HiddenView says which tests of a build did not run though they should have.
type HiddenView struct {
	Text   string        // in one line; empty if all ran
	Groups []HiddenGroup // by cause; none unless the build is the newest of its builder
	Rest   string        // "1,800 more are not listed"; empty if all are
}

// HiddenGroup lists tests that did not run for one reason.
type HiddenGroup struct {
	Cause string
	Tests []HiddenLine
}

// HiddenLine is a test that did not run.
type HiddenLine struct {
	Test     string
	URL      string    // of its history
	Was      page.Mark // what it was when it ran, drawn as what does not run
	Since    string    // "build 12"
	SinceURL string
}

// NewHiddenView groups the tests that build b hides by what keeps them from
// running.
func NewHiddenView(b weir.Build, tests []weir.TestState) HiddenView {
	v := HiddenView{Text: page.OneLine(b.Ledger.String(), page.MaxSubject)}
	kinds := append(weir.IncidentKinds(), "")
	rank := func(k weir.IncidentKind) int { return slices.Index(kinds, k) }
	tests = slices.Clone(tests)
	slices.SortStableFunc(tests, func(a, b weir.TestState) int { return rank(a.Cause) - rank(b.Cause) })
	for i, s := range tests {
		if i == 0 || tests[i-1].Cause != s.Cause {
			v.Groups = append(v.Groups, HiddenGroup{Cause: page.IncidentWord(s.Cause)})
		}
		g := &v.Groups[len(v.Groups)-1]
		if g.Cause == "" {
			g.Cause = "nothing says why"
		}
		was := s.Status
		if !was.Bad() {
			was = weir.Pass // only what was good becomes absent or skipped
		}
		kind := page.KindGone // whatever it was: what it is now is unknown
		if s.Cause == weir.SkippedTest {
			kind = page.KindSkip
		}
		g.Tests = append(g.Tests, HiddenLine{Test: page.TestName(s.Test), URL: page.TestURL(b.Builder, s.Test), Was: page.Mark{Kind: kind, Word: page.StatusMark(was).Word},
			Since: fmt.Sprintf("build %d", s.Masked), SinceURL: page.BuildURL(s.Masked)})
	}
	if more := b.Ledger.Hidden - len(tests); more > 0 && len(tests) > 0 {
		v.Rest = page.Thousands(int64(more)) + " more are not listed"
	}
	return v
}
