package standing

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

type window struct{ state *recent.State }

func (w *window) State(context.Context) (*recent.State, error) { return w.state, nil }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// row makes a builder with builds, newest first, one a letter: p passed, f failed,
// b broken, t timed out, i infrastructure, c cancelled, r running, q queued; in
// capitals those that do not advance the branch.
func row(id int, project, platform, upstreams, builds string) recent.Row {
	r := recent.Row{Builder: weir.Builder{ID: weir.BuilderID(id), BuilderKey: weir.BuilderKey{Project: project, Job: "test", Platform: weir.Platform(platform), Upstreams: upstreams}}}
	for i, c := range builds {
		n := len(builds) - i
		b := store.BoardBuild{ID: weir.BuildID(100*n + id), Run: weir.RunID(n), Builder: r.Builder.ID, Cause: weir.CauseChange, State: weir.Finished,
			Pins: weir.Pins{project: fmt.Sprint("r", n)}, Started: noon, Finished: noon.Add(time.Duration(n) * time.Minute), Counts: weir.Counts{Pass: 10, Skip: 1}}
		if c < 'a' {
			b.Cause, c = weir.CauseRetry, c-'A'+'a'
		}
		switch c {
		case 'r':
			b.State = weir.Running
		case 'q':
			b.State = weir.Queued
		default:
			b.Outcome = map[rune]weir.Outcome{'p': weir.Passed, 'f': weir.Failed, 'b': weir.Broken, 't': weir.TimedOut, 'i': weir.Infra, 'c': weir.OutcomeCancelled, 's': weir.Skipped}[c]
		}
		r.Builds = append(r.Builds, b)
	}
	return r
}

func TestBuilder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		builds  string
		class   Class
		newest  int // counted from the oldest, from 1; 0: none
		since   int
		changed bool
		running int
		waiting int
	}{
		{builds: "", class: Unknown},
		{builds: "r", class: Unknown, running: 1},
		{builds: "pp", class: Fine, newest: 2},
		{builds: "qrpf", class: Fine, newest: 2, changed: true, running: 1, waiting: 1},
		{builds: "fffp", class: Bad, newest: 4, since: 2},
		{builds: "bp", class: Bad, newest: 2, since: 2, changed: true},
		{builds: "tt", class: Bad, newest: 2, since: 1},
		{builds: "cFPsffp", class: Bad, newest: 3, since: 2},
		{builds: "fip", class: Bad, newest: 3, since: 3, changed: true},
		{builds: "fifp", class: Bad, newest: 4, since: 2, changed: true},
		{builds: "ip", class: Infra, newest: 2, changed: true},
		{builds: "ccc", class: Unknown},
	} {
		b := Of(row(1, "p", "linux/amd64", "", c.builds))
		id := func(n int) weir.BuildID {
			if n == 0 {
				return 0
			}
			return weir.BuildID(100*n + 1)
		}
		if b.Class != c.class || b.Newest.ID != id(c.newest) || b.Since != id(c.since) || b.Changed != c.changed || b.Running != c.running || b.Waiting != c.waiting {
			t.Errorf("%q: %+v", c.builds, b)
		}
	}
	news := row(1, "p", "linux/amd64", "", "ff")
	news.Builds[0].Changes.NewlyFailing = 1
	if !Of(news).Changed {
		t.Error("a test that newly fails is no change")
	}
}

func TestProject(t *testing.T) {
	t.Parallel()
	rows := []recent.Row{row(1, "mill", "linux/amd64", "brook", "fppp"), row(2, "mill", "darwin/arm64", "brook,dam", "rppi"), row(3, "brook", "linux/amd64", "", "p")}
	rows[0].Builds[0].Ledger = weir.Ledger{Executed: 7, Hidden: 3}
	list := List(rows, nil)
	if len(list) != 2 || list[0].Name != "brook" {
		t.Fatalf("projects %+v", list)
	}
	p := list[1]
	if p.Class != Bad || p.Outcome != weir.Failed || p.Builders != 2 || p.Bad != 1 || p.Since != 401 || p.Running != 1 || !p.Changed {
		t.Errorf("stands %+v", p)
	}
	if p.Executed != 7+10 || p.Due != 10+10 || p.Newest != 401 || p.Revision != "r4" || !p.Ended.Equal(noon.Add(4*time.Minute)) {
		t.Errorf("says %+v", p)
	}
	if !slices.Equal(p.Upstreams, []string{"brook", "dam"}) || !slices.Equal(p.Platforms, []weir.Platform{"darwin/arm64", "linux/amd64"}) {
		t.Errorf("has %v %v", p.Upstreams, p.Platforms)
	}
	if want := []weir.Outcome{weir.Infra, weir.Passed, weir.Passed, weir.Failed}; !slices.Equal(p.History, want) {
		t.Errorf("history %v, want %v", p.History, want)
	}
	if len(p.HollowRuns) > 0 {
		t.Errorf("runs with tests are hollow: %v", p.HollowRuns)
	}
	rows[1].Builds[0].Created = noon
	rows[0].Builds[0].Created = noon.Add(-Idle - 1)
	if p := List(rows, nil)[1]; p.Builders != 1 || p.Class != Fine {
		t.Errorf("with a builder that is idle: %+v", p)
	}
	if list := builderRows(rows, "mill"); len(list) != 2 || list[0].Idle || !list[1].Idle || list[1].Class != Bad {
		t.Errorf("builders %+v", list)
	}
	long := List([]recent.Row{row(1, "p", "linux/amd64", "", "ffRc"+string(slices.Repeat([]rune{'p'}, 36)))}, nil)[0]
	if len(long.History) != History || long.History[History-1] != weir.Failed || long.History[History-3] != weir.Passed {
		t.Errorf("a long history is %v", long.History)
	}
}

// TestHollowRuns: of what is green in the row of a project's runs, those without a test
// are told apart.
func TestHollowRuns(t *testing.T) {
	t.Parallel()
	none := func(r recent.Row, builds ...int) recent.Row { // no test of these builds ran
		for _, i := range builds {
			r.Builds[i].Counts, r.Builds[i].Ledger = weir.Counts{Skip: 11}, weir.Ledger{}
		}
		return r
	}
	lint := none(row(3, "heron", "linux/arm64", "", "ppppp"))
	for i := range lint.Builds {
		lint.Builds[i].Counts = weir.Counts{}
	}
	// Newest first: all skipped on both; on one of them; bad besides; hidden on both; all well.
	one, other := none(row(1, "heron", "linux/amd64", "", "ppppp"), 0, 1), none(row(2, "heron", "darwin/arm64", "", "ppfpp"), 0)
	for _, r := range []recent.Row{one, other} {
		r.Builds[3].Counts, r.Builds[3].Ledger = weir.Counts{}, weir.Ledger{Hidden: 11}
	}
	p := List([]recent.Row{one, other, lint}, nil)[0]
	if want := []int{1, 4}; !slices.Equal(p.HollowRuns, want) || len(p.History) != 5 {
		t.Errorf("%v: hollow are %v, want %v", p.History, p.HollowRuns, want)
	}
}

// TestHollow: what is green without a test stands with what is bad, wherever the
// worst is first.
func TestHollow(t *testing.T) {
	t.Parallel()
	heron := row(3, "heron", "linux/amd64", "brook", "p")
	heron.Builds[0].Counts, heron.Builds[0].Ledger = weir.Counts{Skip: 5}, weir.Ledger{Hidden: 5}
	w := &window{&recent.State{Rows: []recent.Row{row(1, "brook", "linux/amd64", "", "pp"), row(2, "mill", "linux/amd64", "brook", "fp"), heron, row(4, "reed", "linux/amd64", "", "i")}}}
	for _, c := range []struct {
		q    Query
		want string
	}{{Query{}, ": mill reed heron brook (4/4)"}, {Query{Show: ShowBad}, ": mill heron (2/4)"}} {
		got, err := NewLister(w).Projects(t.Context(), c.q)
		if text := projectsText(got); err != nil || text != c.want || got.Hollow != 1 {
			t.Errorf("%+v: %s, %d green without a test, %v; want %s", c.q, text, got.Hollow, err, c.want)
		}
	}
	var last int
	for i, b := range []weir.Build{{State: weir.Finished, Outcome: weir.Passed}, {State: weir.Running},
		{State: weir.Finished, Outcome: weir.Passed, Counts: heron.Builds[0].Counts, Ledger: heron.Builds[0].Ledger}, {State: weir.Finished, Outcome: weir.Infra}} {
		if u := urgency(b); u <= last {
			t.Errorf("build %d of a run is not more urgent than the one before", i)
		} else {
			last = u
		}
	}
}

func TestProjects(t *testing.T) {
	t.Parallel()
	w := &window{&recent.State{Seq: 7, Rows: []recent.Row{
		row(1, "brook", "linux/amd64", "", "pp"), row(2, "mill", "linux/amd64", "brook", "ffp"), row(3, "mill", "darwin/arm64", "brook", "rpp"),
		row(4, "marsh", "linux/amd64", "brook", "fpp"), row(5, "reed", "windows/amd64", "", ""),
	}}}
	l := NewLister(w)
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{}, ": marsh mill brook reed (4/4)"},
		{Query{Show: ShowBad}, ": marsh mill (2/4)"},
		{Query{Show: ShowRunning}, ": mill (1/4)"},
		{Query{Show: ShowChanged}, ": marsh (1/4)"},
		{Query{Text: "M L"}, ": marsh mill brook (3/4)"},
		{Query{Text: "darwin BROOK"}, ": mill (1/4)"},
		{Query{Text: "nothing of it"}, "(0/4)"},
		{Query{Text: "%_"}, "(0/4)"},
		{Query{Group: ByUpstream}, ": brook reed; brook: marsh mill (4/4)"},
		{Query{Group: ByPlatform}, "darwin/arm64: mill; linux/amd64: marsh mill brook; windows/amd64: reed (4/4)"},
		{Query{Group: ByPlatform, Show: ShowBad}, "linux/amd64: marsh mill (2/4)"},
		{Query{Group: ByState}, "bad: marsh mill; fine: brook; unknown: reed (4/4)"},
		{Query{Group: ByState, Limit: 3}, "bad: marsh mill; fine: brook (4/4) 1 more"},
		{Query{Limit: 1}, ": marsh (4/4) 3 more"},
		{Query{Group: "color", Show: "off"}, ": marsh mill brook reed (4/4)"},
	} {
		got, err := l.Projects(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		if text := projectsText(got); text != c.want {
			t.Errorf("%+v: %s, want %s", c.q, text, c.want)
		}
		if got.Classes[Bad] != 2 || got.Seq != 7 {
			t.Errorf("%+v: %+v", c.q, got.Classes)
		}
	}
	before := l.last.Load()
	w.state = &recent.State{Seq: 8, Rows: w.state.Rows}
	if got, _ := l.Projects(t.Context(), Query{}); got.Seq != 8 || l.last.Load() != before {
		t.Error("an event that concerns no build makes everything anew")
	}
	w.state = &recent.State{Seq: 9, Rows: w.state.Rows[:1:1]}
	if got, _ := l.Projects(t.Context(), Query{}); got.Total != 1 {
		t.Errorf("of another state: %+v", got)
	}
}

func projectsText(p Projects) string {
	text := ""
	for i, g := range p.Groups {
		if i > 0 {
			text += "; "
		}
		text += g.Name + ":"
		for _, p := range g.Projects {
			text += " " + p.Name
		}
	}
	if text != "" {
		text += " "
	}
	text += fmt.Sprintf("(%d/%d)", p.Found, p.Total)
	if p.More > 0 {
		text += fmt.Sprintf(" %d more", p.More)
	}
	return text
}
