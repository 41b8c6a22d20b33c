package findings

import (
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// RegressionsView is the list of regressions.
type RegressionsView struct {
	Open, InHand, Closed []RegressionCard
}

// NewRegressionsView makes the list of regressions, as seen from now.
func NewRegressionsView(list []weir.Regression, now time.Time) RegressionsView {
	var v RegressionsView
	for _, r := range list {
		card := NewRegressionCard(r, now)
		if card.Open {
			v.Open = append(v.Open, card)
		} else {
			v.Closed = append(v.Closed, card)
		}
	}
	v.Open, v.InHand = InHandLast(v.Open)
	return v
}

// RegressionCard is a regression in short: who broke what of whom.
type RegressionCard struct {
	ID         weir.RegressionID
	URL        string
	Mark       page.Mark
	Open       bool
	Title      string // "brook 4f2a91c3d0 “upper: fold sharp s” broke 5 tests of mill and marsh"
	Author     string
	Confidence string // "97 %"; empty while there is no culprit
	Progress   string // how the search stands; empty when it is over
	Platforms  string
	Since      page.When
	Closed     page.When
	Tests      []string // the first few
	MoreTests  int
	Note       string
	Blame      string // which side did it, in a word; empty while that is not known
	InHand     *HandView
}

// shownTests is how many tests a card names.
const shownTests = 3

// NewRegressionCard makes a card, as seen from now.
func NewRegressionCard(r weir.Regression, now time.Time) RegressionCard {
	c := RegressionCard{ID: r.ID, URL: page.RegressionURL(r.ID), Mark: page.RegressionMark(r.State), Open: r.State.Open(),
		Title: regressionTitle(r), Since: page.At(r.Opened, now), Closed: page.At(r.Closed, now), Note: page.OneLine(r.Note, page.MaxMessage),
		Blame: sideWord(r.Blame), InHand: inHand(r, now)}
	if hasCulprit(r) {
		c.Author = page.OneLine(page.AuthorName(r.Culprit.Revision.Author), page.MaxName)
		c.Confidence = page.Percent(r.Culprit.Confidence)
	}
	if r.State == weir.Searching || r.State == weir.Narrowed {
		c.Progress = progress(r)
	}
	var platforms []string
	for _, v := range r.Victims {
		platforms = appendNew(platforms, page.OneLine(string(v.Builder.Platform), page.MaxName))
	}
	c.Platforms = page.List(platforms, 4)
	var tests []string
	for _, v := range OpenVictims(r) {
		tests = appendNew(tests, page.TestName(v.Test))
	}
	c.Tests = tests[:min(len(tests), shownTests)]
	c.MoreTests = len(tests) - len(c.Tests)
	return c
}

func hasCulprit(r weir.Regression) bool {
	return r.Culprit.Project != "" && r.Culprit.Revision.ID != ""
}
