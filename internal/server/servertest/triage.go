package servertest

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/triage"
)

// Acknowledge notes that somebody has a regression in hand.
func (f *Farm) Acknowledge(_ context.Context, id weir.RegressionID, h triage.Hold) error {
	until := ""
	if !h.Until.IsZero() {
		until = " until " + h.Until.UTC().Format("2006-01-02 15:04")
	}
	return f.did("acknowledge %d for %v%s %q %s", id, h.For, until, h.Why, h.By)
}

// Unacknowledge notes that nobody has it any more.
func (f *Farm) Unacknowledge(_ context.Context, id weir.RegressionID, w weir.Word) error {
	return f.did("unacknowledge %d %q %s", id, w.Why, w.By)
}

// Assign notes whose business a regression is.
func (f *Farm) Assign(_ context.Context, id weir.RegressionID, to string, w weir.Word) error {
	return f.did("assign %d to %q %q %s", id, to, w.Why, w.By)
}

// Episodes lists the open regressions of State, and the closed ones.
func (f *Farm) Episodes(_ context.Context, q triage.Query) (triage.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var p triage.Page
	all := append(append([]weir.Regression{}, f.State.Regressions...), f.State.Recent...)
	slices.SortStableFunc(all, func(a, b weir.Regression) int { return int(b.ID - a.ID) })
	for _, r := range all {
		of := r.Culprit.Project == q.Project || slices.ContainsFunc(r.Victims, func(v weir.Victim) bool { return v.Builder.Project == q.Project })
		switch {
		case len(q.States) > 0 && !slices.Contains(q.States, r.State), q.Project != "" && !of, q.Blame != "" && r.Blame != q.Blame,
			q.Assignee != "" && r.Assigned.To != q.Assignee && r.Acknowledged.By != q.Assignee, q.Before != 0 && r.ID >= q.Before:
			continue
		case q.Limit > 0 && len(p.List) == q.Limit:
			p.Next = p.List[q.Limit-1].ID
			return p, f.Fail
		}
		p.List = append(p.List, r)
	}
	return p, f.Fail
}

// Dismiss notes that a regression was closed.
func (f *Farm) Dismiss(_ context.Context, id weir.RegressionID, w weir.Word) error {
	return f.did("dismiss %d %q %s", id, w.Why, w.By)
}

// Reopen notes that it was opened again.
func (f *Farm) Reopen(_ context.Context, id weir.RegressionID, w weir.Word) error {
	return f.did("reopen %d %q %s", id, w.Why, w.By)
}

// Merge notes that a regression was merged.
func (f *Farm) Merge(_ context.Context, id, into weir.RegressionID, w weir.Word) error {
	return f.did("merge %d into %d %q %s", id, into, w.Why, w.By)
}

// Split makes regression 78.
func (f *Farm) Split(_ context.Context, id weir.RegressionID, picks []triage.Pick, w weir.Word) (weir.RegressionID, error) {
	return 78, f.did("split %d %+v %q %s", id, picks, w.Why, w.By)
}

// Bisect starts search 79.
func (f *Farm) Bisect(_ context.Context, ask triage.Ask) (triage.Asked, error) {
	return triage.Asked{Search: weir.Regression{ID: 79, Aim: weir.AimAsked, State: weir.Searching, Asked: ask.Word}, New: true}, f.did("bisect %+v", ask)
}

// BisectFix finds search 80.
func (f *Farm) BisectFix(_ context.Context, id weir.RegressionID, w weir.Word) (triage.Asked, error) {
	return triage.Asked{Search: weir.Regression{ID: 80, Aim: weir.AimFix, Of: id, Asked: w}}, f.did("bisect --fix %d %s", id, w.By)
}

// Bisections lists the searches among Cases.
func (f *Farm) Bisections(context.Context) ([]weir.Regression, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []weir.Regression
	for id := weir.RegressionID(100); id > 0; id-- {
		if d, ok := f.Cases[id]; ok && d.Regression.Aim != weir.AimBreak {
			list = append(list, d.Regression)
		}
	}
	return list, f.Fail
}

// Asked is a search that Admin has asked for, in Held.
const Asked weir.RegressionID = 79

// Held is the demo farm on which people have said something: Culprit is in
// somebody's hand, and Asked is a search by hand that follows from it.
func Held() *Farm {
	f := Demo()
	d := f.Cases[Culprit]
	d.Regression.Acknowledged = weir.Acknowledgement{Word: weir.Word{By: Admin, Why: "a fix is in review", At: noon().Add(-10 * time.Minute)},
		Until: noon().Add(6 * 24 * time.Hour)}
	at := func(minutes int) time.Time { return noon().Add(-time.Duration(minutes) * time.Minute) }
	d.Life = []weir.Transition{
		{At: at(42), Kind: weir.WasOpened, To: weir.Searching, Builds: []weir.BuildID{33, FailedBuild}, Note: "5 tests"},
		{At: at(40), Kind: weir.WasConfirmed, To: weir.Searching, Builds: []weir.BuildID{39}},
		{At: at(30), Kind: weir.WasSplit, To: weir.Searching, By: Admin, Other: Search, Note: "another message"},
		{At: at(11), Kind: weir.WasLocated, To: weir.Located, Builds: []weir.BuildID{38, 39, 40}, Note: d.Regression.Note},
		{At: at(10), Kind: weir.WasAcknowledged, To: weir.Located, By: Admin, Note: "a fix is in review"},
	}
	asked := d.Regression
	asked.ID, asked.State, asked.Aim, asked.Of, asked.Acknowledged, asked.Culprit = Asked, weir.Searching, weir.AimAsked, Culprit, weir.Acknowledgement{}, weir.Culprit{}
	asked.Asked, asked.Good.Build, asked.Bad.Build = weir.Word{By: Admin, Why: "is it the same on 3.2?", At: at(5)}, 0, 0
	asked.Blame, asked.Corners, asked.Checks, asked.Note, asked.Suspects = weir.BlameNone, nil, weir.Checks{}, "8 of 8 revisions are left, after 0 builds", weir.Span{First: 1, Last: 8}
	asked.Victims = victims("mill", 1)
	asked.Victims[0].Build = 0
	d.Searches = []weir.Regression{asked}
	f.Cases[Culprit], f.State.Regressions[0] = d, d.Regression
	search := demoSearch(asked)
	search.Spec = weir.Spec{}
	search.Life = []weir.Transition{{At: at(5), Kind: weir.WasOpened, To: weir.Searching, By: Admin, Note: asked.Asked.Why}}
	f.Cases[Asked] = search
	return f
}
