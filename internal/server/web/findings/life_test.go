package findings

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/triage"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestLifeView(t *testing.T) {
	t.Parallel()
	f := servertest.Held()
	v := NewRegressionView(f.Cases[servertest.Culprit], "", f.Now)
	if h := v.Card.InHand; h == nil || h.By != "otter" || h.Until != "2026-03-20" || h.Why != "a fix is in review" || h.Since.Rel != "10 min ago" {
		t.Errorf("in hand: %+v", h)
	}
	var words []string
	for _, s := range v.Life.Steps {
		words = append(words, s.Mark.Word)
	}
	if want := []string{"opened", "confirmed", "split", "culprit found", "taken in hand"}; !slices.Equal(words, want) {
		t.Errorf("life: %q, want %q", words, want)
	}
	if s := v.Life.Steps[0]; s.By != "" || len(s.Builds) != 2 || s.Builds[0].URL != "/builds/33" || s.Note != "5 tests" {
		t.Errorf("the first step: %+v", s)
	}
	if s := v.Life.Steps[2]; s.By != "otter" || s.Other != "/regressions/4" {
		t.Errorf("the split: %+v", s)
	}
	if len(v.Life.Searches) != 1 || v.Life.Searches[0].URL != "/regressions/79" || v.Life.Searches[0].By != "otter" || v.Life.Searches[0].For != "what broke 1 test of mill" {
		t.Errorf("searches: %+v", v.Life.Searches)
	}
	later := NewRegressionView(f.Cases[servertest.Culprit], "", f.Now.Add(7*24*time.Hour))
	if later.Card.InHand != nil || !strings.Contains(later.Life.Commands[0], "acknowledge 3 --for") {
		t.Errorf("when the time is up: %+v, %q", later.Card.InHand, later.Life.Commands)
	}
	asked := NewRegressionView(f.Cases[servertest.Asked], "", f.Now)
	if asked.Ask == nil || asked.Ask.By != "otter" || asked.Ask.Of != "/regressions/3" || asked.Card.Title != "What broke 1 test of mill?" || asked.Good.Build != 0 || asked.Repro != "" {
		t.Errorf("a search: %+v", asked)
	}
	if plain := NewRegressionView(f.Cases[servertest.Search], "", f.Now); plain.Ask != nil || plain.Card.InHand != nil {
		t.Errorf("an open episode: %+v", plain)
	}
}

func TestInHandLast(t *testing.T) {
	t.Parallel()
	f := servertest.Held()
	v := NewRegressionsView(ListQuery{}, triage.Page{List: f.State.Regressions}, triage.Page{}, "", f.Now)
	if len(v.Open) != 1 || v.Open[0].ID != servertest.Search || len(v.InHand) != 1 || v.InHand[0].ID != servertest.Culprit {
		t.Errorf("open %+v, in hand %+v", v.Open, v.InHand)
	}
}

// TestCommands: what is proposed is what the farm would do.
func TestCommands(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	held := weir.Acknowledgement{Word: weir.Word{By: "otter"}, Until: now.Add(time.Hour)}
	two := []weir.Victim{{}, {}}
	for _, c := range []struct {
		r    weir.Regression
		want string
	}{
		{weir.Regression{State: weir.Located}, "acknowledge assign dismiss merge"},
		{weir.Regression{State: weir.Searching, Acknowledged: held, Victims: two}, "unacknowledge assign dismiss merge split"},
		{weir.Regression{State: weir.Recovered}, "reopen bisect"}, {weir.Regression{State: weir.Dismissed}, "reopen"}, {weir.Regression{State: weir.Merged}, ""},
		{weir.Regression{State: weir.Searching, Aim: weir.AimAsked, Victims: two}, "dismiss"}, {weir.Regression{State: weir.Recovered, Aim: weir.AimFix}, "reopen"},
	} {
		var verbs []string
		for _, line := range commands(c.r, now) {
			words := strings.Fields(line)
			if words[1] == "regressions" {
				words = words[1:]
			}
			verbs = append(verbs, words[1])
		}
		if got := strings.Join(verbs, " "); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.r.State, c.r.Aim, got, c.want)
		}
	}
}

// TestEveryStepHasAMark makes sure that no step is without words.
func TestEveryStepHasAMark(t *testing.T) {
	t.Parallel()
	for _, k := range weir.TransitionKinds() {
		if stepMarks[k].Word == "" {
			t.Errorf("%s has no mark", k)
		}
	}
}

// TestKnownLast: what is news is told from what is known.
func TestKnownLast(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	word := weir.Word{By: "otter", At: now}
	old := now.Add(-KnownAfter)
	for name, c := range map[string]struct {
		r    weir.Regression
		news bool
	}{
		"just found":         {weir.Regression{State: weir.Located, Opened: now}, true},
		"told for a day":     {weir.Regression{State: weir.Located, Opened: old}, false},
		"told after days":    {weir.Regression{State: weir.Located, Opened: old, Updated: now.Add(-time.Hour)}, true},
		"narrowed for a day": {weir.Regression{State: weir.Narrowed, Opened: old}, false},
		"searched for a day": {weir.Regression{State: weir.Searching, Opened: old}, true},
		"in hand":            {weir.Regression{State: weir.Searching, Opened: now, Acknowledged: weir.Acknowledgement{Word: word, Until: now.Add(time.Hour)}}, false},
		"out of hand":        {weir.Regression{State: weir.Searching, Opened: now, Acknowledged: weir.Acknowledgement{Word: word, Until: now}}, true},
		"assigned":           {weir.Regression{State: weir.Searching, Opened: now, Assigned: weir.Assignment{Word: word, To: "heron"}}, false},
		"nobody's":           {weir.Regression{State: weir.Searching, Opened: now, Assigned: weir.Assignment{Word: word}}, true},
	} {
		news, known := KnownLast([]RegressionCard{NewRegressionCard(c.r, now)})
		if len(news)+len(known) != 1 || (len(news) == 1) != c.news {
			t.Errorf("%s: %d news, %d known", name, len(news), len(known))
		}
	}
}
