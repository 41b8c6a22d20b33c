package findings

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm/triage"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// ListQuery is what the address of the list of regressions asks for.
type ListQuery struct {
	State    string // a word for triage.StatesOf; empty: the open ones, and the closed ones behind them
	Project  string
	Blame    weir.Blame
	Assignee string
	Before   weir.RegressionID // closed ones below this number; open ones if only those are wanted
}

// Limits of the list.
const (
	maxOpen    = 200
	closedPart = 50 // closed ones on one page
)

func listQueryOf(in url.Values) ListQuery {
	before, ok := page.Number(in.Get("before"))
	if !ok {
		before = 0
	}
	q := ListQuery{State: in.Get("state"), Project: in.Get("project"), Blame: weir.Blame(in.Get("blame")), Assignee: in.Get("assignee"),
		Before: weir.RegressionID(before)}
	if page.On(in, "all") && q.State == "" { // as the API calls it
		q.State = "all"
	}
	return q
}

// stateWords are the words for states that the address may have; see triage.StatesOf.
func stateWords() []string {
	list := []string{"open", "closed", "all"}
	for _, s := range weir.RegressionStates() {
		list = append(list, string(s))
	}
	return list
}

// twinned asks the API for what the page lists: closed regressions, too, unless
// something else is wanted.
func twinned(in url.Values) {
	switch q := listQueryOf(in); {
	case q.State != "":
	case q.Before != 0:
		in.Set("state", "closed")
	default:
		in.Set("state", "all")
	}
}

// states are those that are wanted of the open or of the closed ones.
func (q ListQuery) states(of []weir.RegressionState) []weir.RegressionState {
	if q.State == "" || q.State == "all" {
		return of
	}
	wanted := triage.StatesOf(q.State)
	return slices.DeleteFunc(slices.Clone(of), func(s weir.RegressionState) bool { return !slices.Contains(wanted, s) })
}

func (q ListQuery) wantsOpen() bool {
	return len(q.states(triage.OpenStates())) > 0 && (q.Before == 0 || !q.wantsClosed())
}

func (q ListQuery) wantsClosed() bool { return len(q.states(triage.ClosedStates())) > 0 }

func (q ListQuery) part(states []weir.RegressionState, limit int) triage.Query {
	return triage.Query{States: states, Project: q.Project, Blame: q.Blame, Assignee: q.Assignee, Before: q.Before, Limit: limit}
}

func (q ListQuery) open() triage.Query { return q.part(q.states(triage.OpenStates()), maxOpen) }

func (q ListQuery) closed() triage.Query {
	return q.part(q.states(triage.ClosedStates()), closedPart)
}

// url is the address of the list with this query.
func (q ListQuery) url() string {
	values := url.Values{}
	for key, value := range map[string]string{"state": q.State, "project": q.Project, "blame": string(q.Blame), "assignee": q.Assignee} {
		if value != "" {
			values.Set(key, value)
		}
	}
	if q.Before != 0 {
		values.Set("before", strconv.FormatInt(int64(q.Before), 10))
	}
	if len(values) == 0 {
		return "/regressions"
	}
	return "/regressions?" + values.Encode()
}

func (q ListQuery) filtered() bool { return q.Project+string(q.Blame)+q.Assignee+q.State != "" }

// RegressionsView is the list of regressions.
type RegressionsView struct {
	Title                string
	Tabs                 []page.Tab
	Filter               page.FilterView
	Open, InHand, Closed []RegressionCard
	ShowOpen, ShowClosed bool
	NoneOpen, NoneClosed page.EmptyView
	MoreOpen             string // address of further open ones; empty: there are none
	Pager                page.PagerView
}

// NewRegressionsView makes the list of regressions for somebody, as seen from now.
func NewRegressionsView(q ListQuery, open, closed triage.Page, who string, now time.Time) RegressionsView {
	v := RegressionsView{Title: "Regressions", ShowOpen: q.wantsOpen(), ShowClosed: q.wantsClosed()}
	for _, r := range open.List {
		v.Open = append(v.Open, NewRegressionCard(r, now))
	}
	for _, r := range closed.List {
		v.Closed = append(v.Closed, NewRegressionCard(r, now))
	}
	v.Open, v.InHand = InHandLast(v.Open)
	v.Tabs = q.tabs(who)
	v.Filter = q.filter(slices.Concat(open.List, closed.List))
	v.NoneOpen = page.EmptyView{Text: "No regression is open.", Good: true,
		Next: "When a test that was good turns bad, it is run again; if it stays bad, it shows up here, and the farm looks for the revision that did it."}
	v.NoneClosed = page.EmptyView{Text: "No regression has been closed yet.", Next: "Those whose tests are good again, and those that somebody has closed, are kept here."}
	if q.filtered() || q.Before != 0 {
		v.NoneOpen = page.EmptyView{Text: "No open regression is one of those.", URL: "/regressions", Link: "See all of them"}
		v.NoneClosed = page.EmptyView{Text: "No closed regression is one of those.", URL: "/regressions", Link: "See all of them"}
	}
	next := q
	if next.Before = open.Next; open.Next != 0 {
		next.State = "open"
		if s := triage.StatesOf(q.State); len(s) == 1 {
			next.State = q.State
		}
		v.MoreOpen = next.url()
	}
	next = q
	if next.Before = closed.Next; closed.Next != 0 {
		v.Pager.Older = next.url()
	}
	if q.Before != 0 {
		next.Before = 0
		v.Pager.Newest = next.url()
	}
	if v.Pager.Older != "" || v.Pager.Newest != "" {
		v.Pager.Text = page.Count(len(v.Closed), "closed regression", "closed regressions") + " on this page"
	}
	return v
}

// tabs are the lists that people want most.
func (q ListQuery) tabs(who string) []page.Tab {
	tabs := []page.Tab{{Text: "All", URL: "/regressions", Current: !q.filtered()},
		{Text: "Open", URL: ListQuery{State: "open"}.url(), Current: q == ListQuery{State: "open", Before: q.Before}},
		{Text: "Closed", URL: ListQuery{State: "closed"}.url(), Current: q == ListQuery{State: "closed", Before: q.Before}}}
	if who != "" {
		mine := ListQuery{State: "open", Assignee: who}
		tabs = append(tabs, page.Tab{Text: "Mine", URL: mine.url(), Current: q == mine})
	}
	return tabs
}

// filter offers the values that are among some regressions.
func (q ListQuery) filter(list []weir.Regression) page.FilterView {
	var projects, people []string
	for _, r := range list {
		projects = appendNew(projects, r.Culprit.Project)
		for _, v := range r.Victims {
			projects = appendNew(projects, v.Builder.Project)
		}
		people = appendNew(appendNew(people, r.Assigned.To), r.Acknowledged.By)
	}
	states := []page.Option{{Value: "", Text: "any state"}, {Value: "open", Text: "open"}, {Value: "closed", Text: "closed"}}
	for _, s := range weir.RegressionStates() {
		states = append(states, page.Option{Value: string(s), Text: page.RegressionMark(s).Word})
	}
	blames := []page.Option{{Value: "", Text: "any side"}}
	for _, b := range weir.Blames() {
		if b != weir.BlameNone {
			blames = append(blames, page.Option{Value: string(b), Text: sideWord(b)})
		}
	}
	v := page.FilterView{Action: "/regressions", NoText: true, Choices: []page.Choice{
		{Name: "state", Label: "State", Options: chosen(states, q.State)},
		{Name: "project", Label: "Project", Options: chosen(options("any project", projects), q.Project)},
		{Name: "blame", Label: "Blame", Options: chosen(blames, string(q.Blame))},
		{Name: "assignee", Label: "Person", Options: chosen(options("anybody", people), q.Assignee)}}}
	if q.filtered() {
		v.Clear = "/regressions"
	}
	return v
}

// maxOptions is how many values a choice offers.
const maxOptions = 200

// options makes a choice of names, by name; none is the first. A name that a page
// cannot show as it is cannot be chosen.
func options(none string, names []string) []page.Option {
	names = slices.DeleteFunc(names, func(n string) bool { return page.OneLine(n, page.MaxName) != n })
	slices.Sort(names)
	list := []page.Option{{Value: "", Text: none}}
	for _, n := range names[:min(len(names), maxOptions)] {
		list = append(list, page.Option{Value: n, Text: cut(n, 60)})
	}
	return list
}

// chosen marks the value that is in force; one that is not among them is put first.
func chosen(list []page.Option, value string) []page.Option {
	for i := range list {
		if list[i].Value == value {
			list[i].On = true
			return list
		}
	}
	value = page.OneLine(value, page.MaxName)
	return slices.Insert(list, 1, page.Option{Value: value, Text: cut(value, 60), On: true})
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
	Assigned   string // whose business it is; empty: nobody's
	InHand     *HandView
	Known      bool   // open, and news to nobody
	Next       string // what people can do now; empty while that is not known
}

// shownTests is how many tests a card names.
const shownTests = 3

// NewRegressionCard makes a card, as seen from now.
func NewRegressionCard(r weir.Regression, now time.Time) RegressionCard {
	c := RegressionCard{ID: r.ID, URL: page.RegressionURL(r.ID), Mark: page.RegressionMark(r.State), Open: r.State.Open(),
		Title: regressionTitle(r), Since: page.At(r.Opened, now), Closed: page.At(r.Closed, now), Note: page.OneLine(r.Note, page.MaxMessage),
		Blame: sideWord(r.Blame), Assigned: page.OneLine(r.Assigned.To, page.MaxName), InHand: inHand(r, now), Known: r.State.Open() && known(r, now)}
	if hasCulprit(r) {
		c.Author = page.OneLine(page.AuthorName(r.Culprit.Revision.Author), page.MaxName)
		c.Confidence = page.Percent(r.Culprit.Confidence)
		if r.State.Open() {
			c.Next = page.OneLine(blame.Remedy(r), maxSentence)
		}
	}
	if r.State == weir.Searching || r.State == weir.Narrowed {
		c.Progress = progress(r)
	}
	c.Platforms = page.List(platformsOf(r), 4)
	seen := map[weir.TestID]bool{} // there may be thousands
	for _, v := range OpenVictims(r) {
		if seen[v.Test] {
			continue
		}
		if seen[v.Test] = true; len(c.Tests) < shownTests {
			c.Tests = append(c.Tests, page.TestName(v.Test))
		}
	}
	c.MoreTests = len(seen) - len(c.Tests)
	return c
}

func platformsOf(r weir.Regression) (platforms []string) {
	seen := map[weir.Platform]bool{}
	for _, v := range r.Victims {
		if !seen[v.Builder.Platform] {
			seen[v.Builder.Platform] = true
			platforms = append(platforms, page.OneLine(string(v.Builder.Platform), page.MaxName))
		}
	}
	return platforms
}

// what names the first test of a card, for a line.
func (c RegressionCard) what() string {
	if len(c.Tests) == 0 {
		return ""
	}
	if more := c.MoreTests + len(c.Tests) - 1; more > 0 {
		return fmt.Sprintf("%s and %s more", c.Tests[0], page.Thousands(int64(more)))
	}
	return c.Tests[0]
}

func hasCulprit(r weir.Regression) bool {
	return r.Culprit.Project != "" && r.Culprit.Revision.ID != ""
}
