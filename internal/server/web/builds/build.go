package builds

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/findings"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// BuildView is the page of one build.
type BuildView struct {
	ID          weir.BuildID
	Title       string // "mill/test linux/amd64"
	ProjectURL  string
	Project     string
	BuilderURL  string
	Mark        page.Mark
	Live        bool   // it may still change
	Reason      string // why the outcome is what it is
	Judgement   string // what the farm makes of it
	Acts        BuildActs
	Facts       Facts
	Tab         string // one of the tabs below
	Tabs        []page.Tab
	Regressions []findings.RegressionCard
	Changes     []ChangeLine
	ChangesAt   string        // "201 to 400"; empty if all are listed
	Earlier     string        // URL of the page before; may be empty
	Later       string        // URL of the next page; may be empty
	News        page.NewsView // new tests included
	Against     BuildRef      // the settled build that it was held against
	Repeats     []BuildRef    // builds that ran it again, oldest first
	Hidden      findings.HiddenView
	Attempts    []AttemptLine
	Refused     bool       // the newest of them, by its worker's owner
	Attempt     int        // whose steps are shown
	Steps       []StepLine // of that attempt
	Timeline    TimelineView
	Summary     string // what the build says of itself
	Tests       TestsView
	Kept        KeptView
	Place       PlaceView
	ReproVerb   string // the command that does all of it
	Repro       string // what does it by hand
}

// The tabs of a build's page, as its address has them.
const (
	tabBuild = "" // what changed, and the steps
	tabTests = "tests"
	tabFiles = "files"
	tabPlace = "environment"
)

// tabs makes the links to the parts of the page. Files is how many it keeps.
func (v *BuildView) tabs(b weir.Build, files int) {
	for _, t := range []struct {
		text, tab string
		count     int
	}{{"Build", tabBuild, 0}, {"Tests", tabTests, b.Counts.Total()}, {"Files and numbers", tabFiles, files}, {"Environment", tabPlace, 0}} {
		address := page.BuildURL(v.ID)
		if t.tab != "" {
			address += "?tab=" + t.tab
		}
		v.Tabs = append(v.Tabs, page.Tab{Text: t.text, URL: address, Current: v.Tab == t.tab, Count: t.count})
	}
}

// BuildRef points to another build.
type BuildRef struct {
	ID   weir.BuildID // 0: none
	URL  string
	Mark page.Mark
}

func buildRefs(builds []weir.Build) (out []BuildRef) {
	for _, b := range slices.Backward(builds) {
		out = append(out, BuildRef{b.ID, page.BuildURL(b.ID), page.BuildMark(b)})
	}
	return out
}

// ChangeLine is a test that is not as it was.
type ChangeLine struct {
	ID                   weir.TestID
	Test, Message, Cause string
	URL                  string // of the test's history
	Mark                 page.Mark
	From, To             string
	Past                 []page.Mark // what it did in the newest builds, oldest first; may be empty
}

// Limits on the changed tests of a page.
const (
	maxChanges     = 200    // tests
	maxChangesText = 60_000 // characters of all their messages
)

// room is how much text a page still takes: messages of many tests together must
// not make it endless.
type room struct{ left int }

func newRoom(characters int) *room { return &room{characters} }

// block is clean text of at most limit characters, or of what is left of the room.
func (r *room) block(text string, limit int) string {
	if text == "" || r.left <= 0 {
		return ""
	}
	out := page.Block(text, min(limit, r.left))
	r.left -= len(out)
	return out
}

// buildView makes the page of a build of the farm at origin, which may be empty.
func buildView(d farm.BuildDetail, q buildQuery, origin string, now time.Time) BuildView {
	b := d.Build
	v := BuildView{ID: b.ID, Title: page.OneLine(b.Builder.Name(), page.MaxName), Mark: page.BuildMark(b), Live: !b.State.Final(), Tab: q.tab,
		Project: page.OneLine(b.Builder.Project, page.MaxName), ProjectURL: page.ProjectURL(b.Builder.Project),
		BuilderURL: page.BuilderURL(b.Builder.ID), Reason: waitText(d), Judgement: judgementText(b, d.First), Facts: factsOf(d, now),
		News: news(b.Changes), Against: BuildRef{ID: d.Against, URL: page.BuildURL(d.Against)}, Repeats: buildRefs(d.Repeats), Hidden: findings.NewHiddenView(b, d.Hidden),
		ReproVerb: page.ReproVerb(origin, page.BuildURL(b.ID), fmt.Sprintf("%d", b.ID)), Repro: page.Repro(d.Spec)}
	for _, r := range d.Regressions {
		v.Regressions = append(v.Regressions, findings.NewRegressionCard(r, now))
	}
	room := newRoom(maxChangesText)
	for _, c := range d.Changes[:min(len(d.Changes), maxChanges)] {
		v.Changes = append(v.Changes, ChangeLine{ID: c.Test, Test: page.TestName(c.Test), URL: page.TestURL(b.Builder, c.Test), Message: room.block(c.Message, page.MaxMessage),
			Cause: page.IncidentWord(c.Cause), Mark: page.VerdictMark(c.Verdict), From: page.StatusWord(c.From), To: page.StatusMark(c.To).Word})
	}
	v.pageChanges(d)
	v.attempts(d, q, now)
	return v
}

// pageChanges fills in how to get to the changes that are not listed.
func (v *BuildView) pageChanges(d farm.BuildDetail) {
	at := func(from int) string { return fmt.Sprintf("%s?changes=%d#h-changes", page.BuildURL(v.ID), from) }
	last := d.From + len(v.Changes)
	if d.From > 0 {
		v.Earlier = at(max(0, d.From-maxChanges))
	}
	if d.More || len(v.Changes) < len(d.Changes) {
		v.Later = at(last)
	}
	if v.Earlier+v.Later != "" && len(v.Changes) > 0 {
		v.ChangesAt = page.Thousands(int64(d.From+1)) + " to " + page.Thousands(int64(last))
		if v.Later == "" && d.Build.Changes.New > last {
			v.ChangesAt += ", the other new tests are not listed"
		}
	}
}

// news says all that is not as it was. That tests are new is neither good nor bad.
func news(c weir.VerdictCounts) page.NewsView {
	v := page.NewNews(c)
	switch {
	case c.New > 0 && v.Text != "":
		v.Text += ", " + page.Thousands(int64(c.New)) + " new"
	case c.New > 0:
		v.Text = page.Thousands(int64(c.New)) + " new"
	}
	return v
}
