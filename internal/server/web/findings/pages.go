package findings

import (
	"context"
	"fmt"
	"net/http"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/farm/triage"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Reader is what the pages read, and what people say on them.
type Reader interface {
	// Regression reads one; NotFound if there is none.
	Regression(ctx context.Context, id weir.RegressionID) (farm.RegressionDetail, error)
	// Episodes lists regressions, newest first.
	Episodes(ctx context.Context, q triage.Query) (triage.Page, error)
	// TestHistory reads the past of a test; NotFound if no builder knows it.
	TestHistory(ctx context.Context, q farm.TestQuery) (farm.TestHistory, error)
	// Flaky lists flaky tests; NotFound if there is no such project.
	Flaky(ctx context.Context, q flaky.Query) (flaky.List, error)
	Desk
}

// Desk takes what people say of regressions; see package triage.
type Desk interface {
	Acknowledge(ctx context.Context, id weir.RegressionID, h triage.Hold) error
	Unacknowledge(ctx context.Context, id weir.RegressionID, w weir.Word) error
	Assign(ctx context.Context, id weir.RegressionID, to string, w weir.Word) error
	Dismiss(ctx context.Context, id weir.RegressionID, w weir.Word) error
	Reopen(ctx context.Context, id weir.RegressionID, w weir.Word) error
	Merge(ctx context.Context, id, into weir.RegressionID, w weir.Word) error
}

type site struct {
	*page.Routes
	farm  Reader
	times Times
}

// Register adds the pages of what a farm concluded, and what can be said on
// them. Times may be nil: nothing is known of how long tests took then.
func Register(routes *page.Routes, r Reader, times Times) {
	s := &site{routes, r, times}
	s.Show(page.Route{Pattern: "/tests", Twin: "tests", Live: true, Params: []page.Param{page.TextParam("project"), page.TextParam("job"),
		page.TextParam("suite"), page.TextParam("name")}}, s.test)
	s.Show(page.Route{Pattern: "/regressions", Twin: "regressions", Live: true, Twinned: twinned, Params: []page.Param{page.WordParam("state", stateWords()...),
		page.SwitchParam("all"), page.TextParam("project"), page.WordParam("blame", weir.Blames()...), page.TextParam("assignee"), page.NumberParam("before", "the id of a regression")}}, s.regressions)
	s.Show(page.Route{Pattern: "/regressions/{id}", Twin: "regressions/{id}", Live: true}, s.regression)
	s.Show(page.Route{Pattern: "/flaky", Twin: "flaky", Live: true, Params: []page.Param{page.TextParam("project"), page.WordParam("state", "new", "open", "quiet"),
		page.TextParam("platform"), page.TextParam("q")}}, s.flaky)
	s.acts()
}

func idOf(req *http.Request) (weir.RegressionID, error) {
	id, err := page.ID(req, "id", "regression")
	return weir.RegressionID(id), err
}

func (s *site) regression(req *http.Request) (page.Shown, error) {
	id, err := idOf(req)
	if err != nil {
		return page.Shown{}, err
	}
	d, err := s.farm.Regression(req.Context(), id)
	if err != nil {
		return page.Shown{}, err
	}
	v := NewRegressionView(d, page.Origin(req), s.Now())
	if v.Act, err = s.actView(req, d.Regression); err != nil {
		return page.Shown{}, err
	}
	topics := fmt.Sprintf("regression:%d", id)
	if v.Card.Open {
		topics += ",build"
	}
	return page.Shown{Title: v.Card.Title, Section: "regressions", Topics: topics, Content: RegressionPage(v)}, nil
}

func (s *site) regressions(req *http.Request) (page.Shown, error) {
	q := listQueryOf(req.URL.Query())
	var open, closed triage.Page
	var err error
	if q.wantsOpen() {
		open, err = s.farm.Episodes(req.Context(), q.open())
	}
	if err == nil && q.wantsClosed() {
		closed, err = s.farm.Episodes(req.Context(), q.closed())
	}
	if err != nil {
		return page.Shown{}, err
	}
	topics := ""
	if q.Before == 0 { // older parts hardly change
		topics = "regression"
	}
	v := NewRegressionsView(q, open, closed, s.Who(req), s.Now())
	return page.Shown{Title: v.Title, Section: "regressions", Topics: topics, Content: RegressionsPage(v)}, nil
}

func (s *site) test(req *http.Request) (page.Shown, error) {
	in := req.URL.Query()
	q := farm.TestQuery{Project: in.Get("project"), Job: in.Get("job"), Test: weir.TestID{Suite: in.Get("suite"), Name: in.Get("name")}}
	if q.Project == "" || q.Test.Name == "" {
		return page.Shown{}, weir.Errorf(weir.Invalid, "the address of a test has its project and its name").
			WithHint("follow the link on the page of a build that ran it")
	}
	h, err := s.farm.TestHistory(req.Context(), q)
	if err != nil {
		return page.Shown{}, err
	}
	accused, err := s.farm.Episodes(req.Context(), triage.Query{States: triage.OpenStates(), Project: q.Project, Limit: maxAccused})
	if err != nil {
		return page.Shown{}, err
	}
	v := NewHistoryView(h, accused.List, s.Now())
	v.Times = s.timesView(req, h)
	return page.Shown{Title: v.Test, Topics: "build", Content: HistoryPage(v)}, nil
}

// maxAccused is how many open regressions of a project are searched for a test.
const maxAccused = 100

func (s *site) flaky(req *http.Request) (page.Shown, error) {
	f := flakyFilterOf(req.URL.Query())
	list, err := s.farm.Flaky(req.Context(), flaky.Query{Project: f.Project})
	if err != nil {
		return page.Shown{}, err
	}
	v := NewFlakyView(list, f, s.Now())
	return page.Shown{Title: v.Title, Section: "flaky", Topics: "regression", Content: FlakyPage(v)}, nil
}
