package findings

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/triage"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// acts registers what people say of regressions.
func (s *site) acts() {
	for verb, do := range map[string]func(context.Context, weir.RegressionID, *http.Request, weir.Word) error{
		"acknowledge": func(ctx context.Context, id weir.RegressionID, req *http.Request, w weir.Word) error {
			days, ok := page.Number(req.PostForm.Get("days"))
			if !ok {
				return weir.Errorf(weir.Invalid, "it is not said for how long regression %d is in hand", id).WithHint("choose a number of days")
			}
			return s.farm.Acknowledge(ctx, id, triage.Hold{Word: w, For: time.Duration(min(days, maxDays)) * day})
		},
		"unacknowledge": func(ctx context.Context, id weir.RegressionID, _ *http.Request, w weir.Word) error {
			return s.farm.Unacknowledge(ctx, id, w)
		},
		"assign": func(ctx context.Context, id weir.RegressionID, req *http.Request, w weir.Word) error {
			return s.farm.Assign(ctx, id, req.PostForm.Get("to"), w)
		},
		"dismiss": func(ctx context.Context, id weir.RegressionID, _ *http.Request, w weir.Word) error {
			return s.farm.Dismiss(ctx, id, w)
		},
		"reopen": func(ctx context.Context, id weir.RegressionID, _ *http.Request, w weir.Word) error {
			return s.farm.Reopen(ctx, id, w)
		},
		"merge": func(ctx context.Context, id weir.RegressionID, req *http.Request, w weir.Word) error {
			into, ok := page.Number(req.PostForm.Get("into"))
			if !ok {
				return weir.Errorf(weir.Invalid, "it is not said which regression gets the tests of %d", id).WithHint("choose one in the list of open ones")
			}
			return s.farm.Merge(ctx, id, weir.RegressionID(into), w)
		},
	} {
		s.Act("/regressions/{id}/"+verb, verb, func(req *http.Request, who string) (string, error) {
			id, err := idOf(req)
			if err != nil {
				return "", err
			}
			word := weir.Word{By: who, Why: strings.TrimSpace(req.PostForm.Get("reason"))}
			return page.RegressionURL(id), do(req.Context(), id, req, word)
		})
	}
}

const (
	day = 24 * time.Hour
	// maxDays keeps a number of days from a form from overflowing; the desk refuses less.
	maxDays = 1000
	// maxOthers is how many open regressions are offered to merge with.
	maxOthers = 100
)

// ActView is what may be said of a regression on its page.
type ActView struct {
	SignIn   string // address where to sign in; empty: somebody is
	Can      string // what a person could do who is signed in: "acknowledge, assign or close it"
	Path     string // of the page
	Verbs    []string
	Days     []page.Option // for how long it may be in hand
	Who      string
	Assigned string
	Others   []page.Option // open ones with which it may be merged
	Split    string        // the command that makes two of it; empty: it has one test
}

// Has reports whether a verb is possible.
func (v ActView) Has(verb string) bool {
	for _, can := range v.Verbs {
		if can == verb {
			return true
		}
	}
	return false
}

// verbs are what may be said of a regression, as it stands.
func verbs(r weir.Regression, now time.Time) []string {
	switch {
	case r.State == weir.Merged:
		return nil
	case !r.State.Open():
		return []string{"reopen"}
	case r.Aim != weir.AimBreak:
		return []string{"dismiss"}
	case r.Acknowledged.In(now):
		return []string{"unacknowledge", "assign", "dismiss", "merge"}
	}
	return []string{"acknowledge", "assign", "dismiss", "merge"}
}

// verbWords say what verbs do, for people.
func verbWords(verbs []string) string {
	words := map[string]string{"acknowledge": "say that you have it in hand", "unacknowledge": "let go of it", "assign": "assign it",
		"dismiss": "close it", "merge": "merge it into another one", "reopen": "open it again"}
	var list []string
	for _, v := range verbs {
		list = append(list, words[v])
	}
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " or " + list[n-1]
	}
	return strings.Join(list, "")
}

func (s *site) actView(req *http.Request, r weir.Regression) (ActView, error) {
	now := s.Now()
	v := ActView{Path: page.RegressionURL(r.ID), Verbs: verbs(r, now), Who: s.Who(req), Assigned: page.OneLine(r.Assigned.To, page.MaxName)}
	v.Can = verbWords(v.Verbs)
	if v.Who == "" {
		v.SignIn = v.Path
		return v, nil
	}
	for _, n := range []int{1, 3, 7, 14, 30, 90} {
		v.Days = append(v.Days, page.Option{Value: strconv.Itoa(n), On: n == 7,
			Text: fmt.Sprintf("%s, until %s", page.Count(n, "day", "days"), now.Add(time.Duration(n)*day).UTC().Format(time.DateOnly))})
	}
	if len(r.Victims) > 1 && v.Has("merge") {
		v.Split = fmt.Sprintf("weir regressions split %d TEST...", r.ID)
	}
	if !v.Has("merge") {
		return v, nil
	}
	open, err := s.farm.Episodes(req.Context(), triage.Query{States: triage.OpenStates(), Limit: maxOthers})
	for _, o := range open.List {
		if o.ID != r.ID {
			v.Others = append(v.Others, page.Option{Value: strconv.FormatInt(int64(o.ID), 10), Text: fmt.Sprintf("%d: %s", o.ID, cut(regressionTitle(o), 90))})
		}
	}
	return v, err
}

// cut shortens clean text to so many characters.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
