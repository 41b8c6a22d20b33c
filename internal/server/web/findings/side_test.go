package findings

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// blamed is a regression of mill with what its four corners say: a letter each
// for the old ones, the new upstream, the new project, and both new: g good,
// b bad, x does not build, - not asked.
func blamed(letters string) farm.RegressionDetail {
	key := weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/amd64"}
	at := func(brook, mill string) weir.Pins { return weir.Pins{"brook": brook, "mill": mill} }
	r := weir.Regression{ID: 7, State: weir.Located, Builder: weir.Builder{BuilderKey: key},
		Good: weir.Evidence{Build: 10, Pins: at("v1", "v5")}, Bad: weir.Evidence{Build: 13, Pins: at("v2", "v6")},
		Path:     []weir.Leg{{Project: "brook", From: 1, To: 2}, {Project: "mill", From: 5, To: 6}},
		Suspects: weir.Span{First: 1, Last: 1}, Culprit: weir.Culprit{Project: "brook", Revision: weir.Revision{ID: "v2"}, Confidence: .98},
		Victims: []weir.Victim{{Builder: weir.Builder{BuilderKey: key}, Test: weir.TestID{Suite: "s", Name: "T"}, Verdict: weir.NewlyFailing, Build: 13}}}
	for i, pins := range []weir.Pins{at("v1", "v5"), at("v2", "v5"), at("v1", "v6"), at("v2", "v6")} {
		c := weir.Corner{NewUpstream: i&1 != 0, NewDownstream: i&2 != 0, Pins: pins, Build: weir.BuildID(20 + i), Said: weir.ObservedNone}
		switch letters[i] {
		case 'g':
			c.Said = weir.ObservedGood
		case 'b':
			c.Said = weir.ObservedBad
		case 'x':
			c.Unbuilt = true
		default:
			c.Build = 0
		}
		r.Corners = append(r.Corners, c)
	}
	r.Blame = blame.Verdict(r.Corners...)
	if r.Blame == weir.BlameDownstream || r.Blame == weir.BlameInteraction {
		r.Culprit = weir.Culprit{Project: "mill", Revision: weir.Revision{ID: "v6"}, Confidence: .98}
		r.Suspects = weir.Span{First: 2, Last: 2}
	}
	if r.Blame == weir.BlameEnvironment {
		r.State, r.Culprit, r.Suspects, r.Corners = weir.Dismissed, weir.Culprit{}, weir.Span{}, r.Corners[:1]
	}
	return farm.RegressionDetail{Regression: r, Advice: blame.Advise(r)}
}

// TestSidesOfEveryBlame: each blame has a sentence, a word, a table whose cells
// have words and links, an advice, and the builds that it rests on.
func TestSidesOfEveryBlame(t *testing.T) {
	t.Parallel()
	for b, c := range map[weir.Blame]struct{ letters, headline, word, cells, advice string }{
		weir.BlameUpstream: {"gbgb", "brook v2 broke 1 test of mill; mill v6 is good with the old upstreams too", "upstream",
			"good 20, good 22, bad 21, bad 23", "pin brook below v2 until that is mended"},
		weir.BlameDownstream: {"ggbb", "mill v6 broke 1 test of mill; brook v2 by itself is good", "downstream",
			"good 20, bad 22, good 21, bad 23", "mend it here"},
		weir.BlameBoth: {"gbbb", "Both sides: brook v2 and mill v6 break 1 test of mill, each by itself", "both sides",
			"good 20, bad 22, bad 21, bad 23", "breaks it by itself"},
		weir.BlameEither: {"gbb-", "Each side: brook v2 and mill v6 break 1 test of mill, each by itself; how they do together cannot be told", "each side",
			"good 20, bad 22, bad 21, not asked 0", "stay with the old of both"},
		weir.BlameInteraction: {"gggb", "Interaction: brook v2 and mill v6 break 1 test of mill only together; each by itself is good", "interaction",
			"good 20, good 22, good 21, bad 23", "or stay below mill v6"},
		weir.BlameLockStep: {"gbxg", "Lock step: brook v2 and mill v6 have to move together; each without the other breaks 1 test of mill", "lock step",
			"good 20, does not build 22, bad 21, good 23", "require brook v2"},
		weir.BlameEnvironment: {"bbbb", "Environment: no revision broke 1 test of mill; the revisions that were good are bad now too", "environment",
			"bad 20, not asked 0, not asked 0, bad 13", "no revision did it"},
	} {
		d := blamed(c.letters)
		if d.Regression.Blame != b {
			t.Fatalf("%s is %q", c.letters, d.Regression.Blame)
		}
		v := NewRegressionView(d, "", time.Time{})
		var cells []string
		for _, row := range v.Side.Rows {
			for _, cell := range row.Cells {
				cells = append(cells, fmt.Sprintf("%s %d", cell.Mark.Word, cell.Build))
			}
		}
		if v.Headline != c.headline || v.Side.Word != c.word || v.Card.Blame != c.word || strings.Join(cells, ", ") != c.cells {
			t.Errorf("%s: %q, %q, %q", b, v.Headline, v.Side.Word, cells)
		}
		page := rendered(t, v)
		wants := []string{"Which side", c.word, c.advice, `href="/builds/10"`, `href="/builds/13"`, "Builds it rests on"}
		if b != weir.BlameEnvironment {
			wants = append(wants, "98 % sure", `href="/builds/22"`)
		}
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s: %q is not on the page", b, want)
			}
		}
	}
}

func rendered(t *testing.T, v RegressionView) string {
	t.Helper()
	var page strings.Builder
	if err := RegressionPage(v).Render(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// TestBlamesAreAllShown: whoever adds a blame has to look at the page.
func TestBlamesAreAllShown(t *testing.T) {
	t.Parallel()
	var seen []weir.Blame
	for _, letters := range []string{"gbgb", "ggbb", "gbbb", "gbb-", "gggb", "gbxg", "bbbb"} {
		seen = append(seen, blamed(letters).Regression.Blame)
	}
	for _, b := range weir.Blames() {
		if !slices.Contains(seen, b) {
			t.Errorf("no test shows the blame %q", b)
		}
		if sideWord(b) == "" {
			t.Errorf("%q has no word", b)
		}
	}
}

// TestSideOfTheDemo reads the pages of the demo: what only the upstream moved
// has one column, and what contradicts the rest is marked.
func TestSideOfTheDemo(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	up := NewRegressionView(f.Cases[servertest.Culprit], "", f.Now)
	if up.Headline != "brook 4f2a91c3d0 “upper: fold sharp s” broke 5 tests of mill and marsh; mill itself had not moved" ||
		len(up.Side.Columns) != 1 || len(up.Side.Rows) != 2 || up.Side.Rows[0].Cells[0].Build != 33 || up.Side.Rows[1].Cells[0].Build != 40 {
		t.Errorf("upstream: %q, %+v", up.Headline, up.Side.Rows)
	}
	if want := []string{"build 36 says nothing of these tests"}; !slices.Equal(up.Side.Against, want) {
		t.Errorf("against it: %q", up.Side.Against)
	}
	lock := NewRegressionView(f.Cases[servertest.LockStep], "", f.Now)
	var builds []weir.BuildID
	for _, g := range lock.Side.Grounds {
		builds = append(builds, g.Build)
		if g.Against != (g.Build == 16) || (g.Where != "") != (g.Build == 22 || g.Build == 23 || g.Build == 20) {
			t.Errorf("build %d: %+v", g.Build, g)
		}
	}
	if want := []weir.BuildID{12, 15, 16, 14, 17, 22, 23, 20}; !slices.Equal(builds, want) {
		t.Errorf("builds %v, want %v", builds, want)
	}
	if page := rendered(t, lock); !strings.Contains(page, "does not build") || !strings.Contains(page, "against it") ||
		!strings.Contains(page, "build 16 is bad in front of it, at step 1: 1 of 2 tests") {
		t.Errorf("the page does not say what speaks against it: %s", page)
	}
	search := NewRegressionView(f.Cases[servertest.Search], "", f.Now)
	if search.Side.Word != "" || search.Side.Claims || len(search.Side.Rows)+len(search.Side.Advice)+len(search.Side.Against) != 0 || search.Headline != search.Card.Title {
		t.Errorf("a search blames somebody: %+v", search.Side)
	}
}

// TestEveryCornerHasAMark makes sure that no corner reaches a page without a
// symbol, a colour and a word.
func TestEveryCornerHasAMark(t *testing.T) {
	t.Parallel()
	var symbolSheet strings.Builder
	if err := page.Symbols().Render(t.Context(), &symbolSheet); err != nil {
		t.Fatal(err)
	}
	for _, v := range blame.Standings() {
		m, ok := standingMarks[v]
		if !ok || m.Word == "" || !strings.Contains(symbolSheet.String(), `id="i-`+m.Kind+`"`) {
			t.Errorf("%q has the mark %+v", v, m)
		}
	}
}

// TestCheckedOfTheDemo: what else was looked at is shown with the builds that say so.
func TestCheckedOfTheDemo(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	html := rendered(t, NewRegressionView(f.Cases[servertest.Culprit], "", f.Now))
	for _, want := range []string{"Looked at before anybody was named", "2 workers saw the tests good in front of it and bad with it: garnet and local",
		"with the new brook, and everything else old, the tests are good", "reverted at the bad end, the tests are good", `href="/builds/40"`} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if html := rendered(t, NewRegressionView(f.Cases[servertest.Search], "", f.Now)); strings.Contains(html, "Looked at before") {
		t.Error("nothing was looked at, and a section says so")
	}
}
