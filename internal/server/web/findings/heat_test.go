package findings

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/timing"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// letters of marks, for tables.
var letters = map[string]string{page.KindPass: "p", page.KindFail: "f", page.KindBroken: "e", page.KindFlaky: "~", page.KindOff: "s", page.KindSkip: "s", page.KindNone: ".", page.KindGone: "."}

func drawn(marks []page.Mark) string {
	var b strings.Builder
	for _, m := range marks {
		b.WriteString(letters[m.Kind])
	}
	return b.String()
}

// TestHeat replays changes: between two of them every build said the same.
func TestHeat(t *testing.T) {
	t.Parallel()
	at := func(n int) history.Point { return history.Point{Number: n, Build: weir.BuildID(100 + n)} }
	move := func(n int, v weir.Verdict, from, to weir.Status) farm.TestMove {
		return farm.TestMove{Point: at(n), Change: weir.TestChange{Verdict: v, From: from, To: to}}
	}
	history := func(first, last int, now weir.Status, moves ...farm.TestMove) farm.BuilderHistory {
		return farm.BuilderHistory{Changes: moves, History: history.History{Now: history.Now{Status: now},
			Segments: []history.Segment{{From: at(first), To: at(last)}}}}
	}
	absolved := move(4, weir.NewlyFailing, weir.Pass, weir.Fail)
	absolved.Absolved = true
	for name, c := range map[string]struct {
		of    farm.BuilderHistory
		want  string
		links string
	}{
		"nothing":        {farm.BuilderHistory{}, "", ""},
		"always good":    {history(1, 6, weir.Pass), "pppppp", ""},
		"new":            {history(3, 6, weir.Pass, move(3, weir.New, "", weir.Pass)), "pppp", "0"},
		"broke":          {history(1, 6, weir.Fail, move(5, weir.NewlyFailing, weir.Pass, weir.Fail)), "ppppff", "4"},
		"broke and back": {history(1, 6, weir.Pass, move(5, weir.Fixed, weir.Fail, weir.Pass), move(3, weir.NewlyFailing, weir.Pass, weir.Fail)), "ppffpp", "4 2"},
		"flaked":         {history(1, 6, weir.Pass, move(4, weir.Flaky, weir.Pass, weir.Fail)), "ppp~pp", "3"},
		"absolved":       {history(1, 6, weir.Pass, absolved), "ppp~pp", "3"},
		"an error":       {history(1, 3, weir.Fault, move(2, weir.NewlyFailing, weir.Pass, weir.Fault)), "pee", "1"},
		"skipped":        {history(1, 3, weir.Skip, move(3, weir.NewlySkipped, weir.Pass, weir.Skip)), "pps", "2"},
		"the last build": {history(1, 3, weir.Fail, move(3, weir.NewlyFailing, weir.Pass, weir.Fail)), "ppf", "2"},
		"out of order":   {history(1, 3, weir.Pass, move(9, weir.Fixed, weir.Fail, weir.Pass), move(12, weir.Fixed, weir.Fail, weir.Pass)), "ffffffffp", "8"},
		"long ago":       {history(1, 200, weir.Fail, move(20, weir.NewlyFailing, weir.Pass, weir.Fail)), strings.Repeat("f", heatBuilds), ""},
	} {
		marks, links := heat(c.of)
		var places []string
		for _, l := range links {
			places = append(places, fmt.Sprint(l.At))
			if l.URL == "" || l.Title == "" {
				t.Errorf("%s: a link without address or words: %+v", name, l)
			}
		}
		if got := drawn(marks); got != c.want || strings.Join(places, " ") != c.links {
			t.Errorf("%s: %q with links at %v, want %q and %s", name, got, places, c.want, c.links)
		}
	}
}

// TestTestPage is the demo test: what it says of itself, where it broke, whom
// it accuses.
func TestTestPage(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	h := f.Pasts[servertest.DemoTest()]
	v := NewHistoryView(h, f.State.Regressions, f.Now)
	if v.Summary != "Bad on 1 of 3 builders." || len(v.Heat) != 3 || v.Heat[1].Platform != "linux/amd64" || v.Heat[1].Rows[0].Builder != "test main" {
		t.Errorf("%q, %+v", v.Summary, v.Heat)
	}
	if got := drawn(v.Heat[1].Rows[0].Marks); got != "ppppppppppppp"+"ffffffffffffff"+"p~p~p~p~p~p~pf" {
		t.Errorf("drawn %q", got)
	}
	if v.First == nil || v.First.URL != "/builds/41" || len(v.First.Moved) != 2 || v.First.Moved[0].To != "4f2a91c3d0" {
		t.Errorf("first bad: %+v", v.First)
	}
	if len(v.Accused) != 1 || v.Accused[0].ID != servertest.Culprit {
		t.Errorf("accused: %+v", v.Accused)
	}
	if len(v.Messages) != 1 || v.Messages[0].Count != 2 || v.Messages[0].Builders != 1 || v.Messages[0].URL != "/builds/41" {
		t.Errorf("messages: %+v", v.Messages)
	}
	if r := v.Heat[1].Rows[0]; r.Of != "6 flakes in 13 builds" || !strings.Contains(r.Flake, "95 %") {
		t.Errorf("flakes: %q of %q", r.Flake, r.Of)
	}
	if quiet := NewHistoryView(farm.TestHistory{Builders: h.Builders[:1]}, nil, f.Now); quiet.First != nil || quiet.Summary != "Known on 1 builder; bad on none now." {
		t.Errorf("where it is good: %+v, %q", quiet.First, quiet.Summary)
	}
	gone := h.Builders[0]
	gone.Now.Status = weir.Absent
	if v := NewHistoryView(farm.TestHistory{Builders: []farm.BuilderHistory{gone}}, nil, f.Now); v.Summary != "Does not run any more on 1 of 1 builder; bad on none now." {
		t.Errorf("where it vanished: %q", v.Summary)
	}
}

// TestClusters: what differs in numbers only is the same.
func TestClusters(t *testing.T) {
	t.Parallel()
	said := func(build int, message, signature string) farm.TestMove {
		return farm.TestMove{Point: history.Point{Number: build, Build: weir.BuildID(build)},
			Change: weir.TestChange{Verdict: weir.NewlyFailing, To: weir.Fail, Message: message, Signature: signature}}
	}
	h := farm.TestHistory{Builders: []farm.BuilderHistory{
		{Builder: weir.Builder{ID: 1}, Changes: []farm.TestMove{said(9, "panic: worn after 12.5s", ""), said(5, "assertion failed: want 1", ""), said(4, "", "")}},
		{Builder: weir.Builder{ID: 2}, Changes: []farm.TestMove{said(7, "panic: worn after 31.9s", ""), said(6, "x", "k1"), said(3, "y", "k1")}},
	}}
	got := clusters(h, time.Now())
	if len(got) != 3 || got[0].Count != 2 || got[0].Builders != 2 || got[0].Example != "panic: worn after 12.5s" || got[0].Build != "build 9" {
		t.Errorf("%+v", got)
	}
	if got[1].Example != "x" || got[1].Count != 2 || got[2].Count != 1 {
		t.Errorf("%+v", got[1:])
	}
}

func TestTimesView(t *testing.T) {
	t.Parallel()
	h := servertest.Demo().Pasts[servertest.DemoTest()]
	linux := h.Builders[1].Builder.ID
	point := func(build int, took time.Duration, s weir.Status) timing.Point {
		return timing.Point{Build: weir.BuildID(build), Took: took, Status: s}
	}
	v := NewTimesView(h, []timing.Series{{Builder: linux, Points: []timing.Point{point(39, 0, weir.Pass), point(40, 2*time.Second, weir.Pass), point(41, 4*time.Second, weir.Fail)}}}, time.Now())
	r := v.Rows[0]
	if v.Quick || r.Range != "under 0.1 s to 4.0 s in 3 builds" || r.Newest != "4.0 s" || r.Line != "5.0,31.0 120.0,18.0 235.0,5.0" || !r.Dots[2].Bad || r.Dots[0].Bad {
		t.Errorf("%+v", v)
	}
	if !strings.HasPrefix(r.Label, "test main linux/amd64: ") || r.Dots[2].URL != "/builds/41" {
		t.Errorf("%q, %+v", r.Label, r.Dots[2])
	}
	if quick := NewTimesView(h, []timing.Series{{Builder: linux, Points: []timing.Point{point(41, 0, weir.Pass)}}}, time.Now()); !quick.Quick || quick.Rows[0].Range != "under 0.1 s in 1 build" {
		t.Errorf("%+v", quick)
	}
}
