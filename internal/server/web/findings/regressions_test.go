package findings

import (
	"net/url"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/triage"
)

// TestListQuery: what an address asks for is what is read, and is written back.
func TestListQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address, back      string
		open, closed       bool
		openKinds, endings int
	}{
		{"", "/regressions", true, true, 3, 3},
		{"state=open", "/regressions?state=open", true, false, 3, 0},
		{"state=closed", "/regressions?state=closed", false, true, 0, 3},
		{"state=all", "/regressions?state=all", true, true, 3, 3},
		{"all=true", "/regressions?state=all", true, true, 3, 3},
		{"state=located&project=mill", "/regressions?project=mill&state=located", true, false, 1, 0},
		{"state=dismissed", "/regressions?state=dismissed", false, true, 0, 1},
		{"before=40", "/regressions?before=40", false, true, 3, 3},
		{"state=open&before=40", "/regressions?before=40&state=open", true, false, 3, 0},
		{"before=-3&blame=upstream&assignee=a%26b", "/regressions?assignee=a%26b&blame=upstream", true, true, 3, 3},
	} {
		in, err := url.ParseQuery(c.address)
		if err != nil {
			t.Fatal(err)
		}
		q := listQueryOf(in)
		if q.url() != c.back || q.wantsOpen() != c.open || q.wantsClosed() != c.closed {
			t.Errorf("%q: %s, open %v, closed %v", c.address, q.url(), q.wantsOpen(), q.wantsClosed())
		}
		if len(q.open().States) != c.openKinds || len(q.closed().States) != c.endings {
			t.Errorf("%q: %v and %v", c.address, q.open().States, q.closed().States)
		}
	}
}

// TestListParts: more than fits leads on, and back to the newest.
func TestListParts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	closed := triage.Page{List: []weir.Regression{{ID: 9, State: weir.Recovered}, {ID: 7, State: weir.Dismissed}}, Next: 7}
	v := NewRegressionsView(ListQuery{Project: "mill"}, triage.Page{List: []weir.Regression{{ID: 12, State: weir.Located}}, Next: 12}, closed, "ada", now)
	if v.Pager.Older != "/regressions?before=7&project=mill" || v.Pager.Newest != "" || v.MoreOpen != "/regressions?before=12&project=mill&state=open" {
		t.Errorf("%+v, %q", v.Pager, v.MoreOpen)
	}
	if len(v.Tabs) != 4 || v.Tabs[3].URL != "/regressions?assignee=ada&state=open" || v.Filter.Clear != "/regressions" {
		t.Errorf("%+v, %+v", v.Tabs, v.Filter)
	}
	older := NewRegressionsView(ListQuery{Before: 7}, triage.Page{}, triage.Page{}, "", now)
	if older.ShowOpen || older.Pager.Newest != "/regressions" || older.Pager.Older != "" || len(older.Tabs) != 3 || older.NoneClosed.Link == "" {
		t.Errorf("%+v", older)
	}
	if none := NewRegressionsView(ListQuery{}, triage.Page{}, triage.Page{}, "", now); !none.NoneOpen.Good || !none.Tabs[0].Current {
		t.Errorf("%+v", none.NoneOpen)
	}
}

// TestFilterOffers: the values among what is listed, and the one that is in force.
func TestFilterOffers(t *testing.T) {
	t.Parallel()
	r := weir.Regression{Culprit: weir.Culprit{Project: "brook"}, Assigned: weir.Assignment{To: "bea"}, Acknowledged: weir.Acknowledgement{Word: weir.Word{By: "ann"}},
		Victims: []weir.Victim{{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "mill"}}}, {Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "mill"}}}}}
	f := ListQuery{Project: "other", State: "located"}.filter([]weir.Regression{r})
	text := func(i int) (list []string) {
		for _, o := range f.Choices[i].Options {
			s := o.Text
			if o.On {
				s += "*"
			}
			list = append(list, s)
		}
		return list
	}
	if got := text(1); len(got) != 4 || got[1] != "other*" || got[2] != "brook" || got[3] != "mill" {
		t.Errorf("projects %q", got)
	}
	if got := text(3); len(got) != 3 || got[0] != "anybody*" || got[1] != "ann" || got[2] != "bea" {
		t.Errorf("people %q", got)
	}
	if got := text(0); len(got) != 3+len(weir.RegressionStates()) {
		t.Errorf("states %q", got)
	}
}

// TestNextStep: a card says in a line what can be done, for whoever has to do it.
func TestNextStep(t *testing.T) {
	t.Parallel()
	found := weir.Regression{State: weir.Located, Blame: weir.BlameUpstream, Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "mill"}},
		Culprit: weir.Culprit{Project: "brook", Revision: weir.Revision{ID: "v2"}}, Good: weir.Evidence{Pins: weir.Pins{"brook": "v1", "mill": "m1"}},
		Bad: weir.Evidence{Pins: weir.Pins{"brook": "v2", "mill": "m1"}}}
	own, closed, lost := found, found, found
	own.Blame, own.Culprit.Project, own.Bad.Pins = weir.BlameDownstream, "mill", weir.Pins{"brook": "v1", "mill": "v2"}
	closed.State = weir.Recovered
	lost.Blame, lost.Culprit = weir.BlameNone, weir.Culprit{}
	for _, c := range []struct {
		r    weir.Regression
		want string
	}{
		{found, "mend or revert it in brook, or pin brook below v2 until that is mended"}, {own, "mend or revert it in mill"}, {closed, ""}, {lost, ""},
	} {
		if card := NewRegressionCard(c.r, time.Now()); card.Next != c.want {
			t.Errorf("%s, blame %s: %q, want %q", c.r.State, c.r.Blame, card.Next, c.want)
		}
	}
}

func TestVerbs(t *testing.T) {
	t.Parallel()
	now := time.Now()
	held := weir.Acknowledgement{Word: weir.Word{By: "a"}, Until: now.Add(time.Hour)}
	for _, c := range []struct {
		r    weir.Regression
		want string
	}{
		{weir.Regression{State: weir.Located}, "say that you have it in hand, assign it, close it or merge it into another one"},
		{weir.Regression{State: weir.Located, Acknowledged: held}, "let go of it, assign it, close it or merge it into another one"},
		{weir.Regression{State: weir.Searching, Aim: weir.AimAsked}, "close it"},
		{weir.Regression{State: weir.Recovered}, "open it again"}, {weir.Regression{State: weir.Merged}, ""},
	} {
		if got := verbWords(verbs(c.r, now)); got != c.want {
			t.Errorf("%s: %q, want %q", c.r.State, got, c.want)
		}
	}
}
