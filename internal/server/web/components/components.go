// Package components is the page /dev/components, which shows everything that
// package page draws, in every state: empty, long, many, and with text that wants
// to break out. Who works on the pages needs no farm for it.
//
// The page is there with weir serve --dev and weir up --dev.
package components

import (
	"net/http"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Register adds the page, if the renderer shows pages for those who work on them.
func Register(routes *page.Routes) {
	if !routes.Dev() {
		return
	}
	routes.Show(page.Route{Pattern: "/dev/components"}, func(*http.Request) (page.Shown, error) {
		return page.Shown{Title: "Components", Content: componentsPage(newView(routes.Now()))}, nil
	})
}

// hostile is text as somebody would name a project who means harm.
var hostile = [...]string{
	`<script>window.hacked = 1</script>`,
	`"><img src=x onerror="window.hacked = 1">`,
	"\u202egnp.exe\u2066 and \x1b[31mred\x1b[0m and \x00",
	"zalgo z̸̢̛̘a̵͎͌l̷͍͐g̶̢̛o " + "\xff\xfe",
}

// view is what the page shows.
type view struct {
	Words   []words
	Facts   []page.Fact
	Meters  []page.MeterView
	Bars    []page.BarView
	Sparks  []spark
	Chips   []page.ChipView
	Cards   []page.CardView
	Diffs   []page.DiffView
	Empties []page.EmptyView
	Tabs    []page.Tab
	Filter  page.FilterView
	Pager   page.PagerView
	Banner  page.Banner
	Times   []page.When
	Hostile []string
	Long    string
	Rows    []row
	Lines   []page.BuildLine
}

// words are the marks of one kind of word.
type words struct {
	Name  string
	Marks []page.Mark
}

type spark struct {
	Name  string
	Marks []page.Mark
}

type row struct {
	Name  string
	Mark  page.Mark
	Spark []page.Mark
	When  page.When
}

func newView(now time.Time) view {
	v := view{Words: everyWord(), Long: strings.Repeat("a_very_long_name_without_a_place_to_break/", 6)}
	for _, text := range hostile {
		v.Hostile = append(v.Hostile, page.OneLine(text, page.MaxName))
	}
	bad := v.Hostile[1]
	fail, pass := page.Mark{Kind: page.KindFail, Word: "failed"}, page.Mark{Kind: page.KindPass, Word: "passed"}
	for _, ago := range []time.Duration{0, 40 * time.Second, 7 * time.Minute, 30 * time.Hour, 90 * 24 * time.Hour, -time.Hour} {
		v.Times = append(v.Times, page.At(now.Add(-ago), now))
	}
	v.Facts = []page.Fact{{Label: "Outcome", Mark: fail}, {Label: "Revision", Text: "4f2a91c3d0", Code: true, URL: "#", Title: "4f2a91c3d0 in full"},
		{Label: "Started", When: v.Times[2]}, {Label: "Took", Text: "3 min 12 s"}, {Label: "Worker"}, {Label: bad, Text: bad}, {Label: "Path", Text: v.Long, Code: true}}
	v.Meters = []page.MeterView{page.NewProgress(time.Minute, 0), page.NewProgress(time.Minute, 4*time.Minute), page.NewProgress(4*time.Minute, 4*time.Minute),
		page.NewProgress(9*time.Minute, 4*time.Minute), page.NewRoom("disk", 3<<30, 40<<30), page.NewRoom("disk", 36<<30, 40<<30), page.NewRoom("disk", 39<<30, 40<<30),
		{Label: "executed", Text: bad}}
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	v.Bars = []page.BarView{page.NewBar(pass, "checkout: 12 s", at(0), at(200), at(0), at(12)), page.NewBar(pass, "make: 2 min 38 s", at(0), at(200), at(12), at(170)),
		page.NewBar(fail, "make check: 30 s", at(0), at(200), at(170), at(200)), page.NewBar(page.StepMark(weir.StepSkipped), "collect: skipped", at(0), at(200), at(200), time.Time{})}
	v.Sparks = sparks(pass, fail)
	v.Chips = []page.ChipView{{Text: "linux/amd64"}, {Text: "3 newly failing", Kind: page.KindFail, URL: "#"}, {Text: "flaky", Kind: page.KindFlaky},
		{Text: "12", Kind: page.KindPass, Title: "12 builders"}, {Text: bad}, {Text: v.Long, Kind: page.KindBroken}}
	v.Cards = []page.CardView{{Mark: page.RegressionMark(weir.Located), Title: "brook 4f2a91c3d0 “upper: fold sharp s” broke 5 tests of mill", URL: "#", Alarm: true, Tag: "upstream"},
		{Mark: page.RegressionMark(weir.Searching), Title: "1 test of marsh broke", URL: "#"}, {Title: bad}, {Mark: page.RegressionMark(weir.Recovered), Title: v.Long, URL: "#"}}
	v.Diffs = []page.DiffView{{Project: "brook", From: "77aa000000", To: "4f2a91c3d0", URL: "https://example.org/compare", Count: 8}, {To: "v1.4.0"}, {Project: bad, From: bad, To: bad, URL: "javascript:alert(1)"}}
	v.Empties = []page.EmptyView{{Text: "No regression is open.", Good: true},
		{Text: "No worker has said hello.", Next: "On the server, make a token; on the machine that lends itself, start a worker with it:", Command: "weir token add my-machine\nWEIR_TOKEN=... weir worker --server https://farm.example"},
		{Text: "No builder has that in its name.", Next: "Try less of it, or", URL: "#", Link: "see all 1,000"}, {Text: bad, Command: v.Long}}
	v.Tabs = []page.Tab{{Text: "Matrix", URL: "#", Current: true}, {Text: "Console", URL: "#", Count: 12}, {Text: "Waterfall", URL: "#", Count: 12345}, {Text: bad, URL: "#"}}
	v.Filter = page.FilterView{Action: "/dev/components", Value: bad, Label: "Part of a name", Placeholder: "part of a name", Found: "12 of 1,000 builders", Clear: "/dev/components",
		Choices: []page.Choice{{Name: "platform", Label: "Platform", Options: []page.Option{{Text: "all", On: true}, {Value: "linux/amd64", Text: "linux/amd64"}}}},
		Checks:  []page.Check{{Name: "changed", Label: "Only what changed", On: true}}, Keep: []page.Option{{Value: "project", Text: bad}}}
	v.Pager = page.PagerView{Newest: "#", Newer: "#", Older: "#", Text: "builds 1,001 to 1,100"}
	v.Banner = page.Banner{Head: "weir.yaml is not in force: 2 mistakes", Lines: []string{"weir.yaml:3: there is no key " + bad, "weir.yaml:9: a job needs steps"}, More: 12,
		Read: v.Times[2], Check: "weir check", Note: "2 projects have no recipe", Notes: []string{"marsh", v.Long}}
	for i, m := range v.Words[0].Marks {
		v.Rows = append(v.Rows, row{Name: []string{"mill", "marsh", bad, v.Long}[i%4], Mark: m, Spark: v.Sparks[i%len(v.Sparks)].Marks, When: v.Times[i%len(v.Times)]})
	}
	for i, o := range weir.Outcomes() {
		b := weir.Build{ID: weir.BuildID(i + 1), State: weir.Finished, Outcome: o, Cause: weir.CauseChange, Created: now.Add(-time.Hour), Started: now.Add(-50 * time.Minute), Finished: now.Add(-40 * time.Minute),
			Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: []string{"mill", bad, v.Long}[i%3], Job: "test", Platform: "linux/amd64", Branch: "main"}}, Worker: "heron"}
		v.Lines = append(v.Lines, page.NewBuildLine(b, now))
	}
	return v
}

// sparks are rows of builds as they occur.
func sparks(pass, fail page.Mark) []spark {
	row := func(n int, at func(i int) page.Mark) []page.Mark {
		marks := make([]page.Mark, n)
		for i := range marks {
			marks[i] = at(i)
		}
		return marks
	}
	kinds := page.Kinds()
	return []spark{
		{"fine", row(24, func(int) page.Mark { return pass })},
		{"just broke", row(24, func(i int) page.Mark {
			if i == 23 {
				return fail
			}
			return pass
		})},
		{"red for long", row(24, func(i int) page.Mark {
			if i > 6 {
				return fail
			}
			return pass
		})},
		{"every kind", row(len(kinds), func(i int) page.Mark { return page.Mark{Kind: kinds[i].Kind, Word: kinds[i].Kind} })},
		{"one build", row(1, func(int) page.Mark { return fail })},
		{"too many", row(500, func(i int) page.Mark {
			if i%9 == 0 {
				return fail
			}
			return pass
		})},
	}
}

// everyWord lists every word that has a mark.
func everyWord() []words {
	return []words{
		{"Outcomes of builds", marks(weir.Outcomes(), func(o weir.Outcome) page.Mark { return page.BuildMark(weir.Build{State: weir.Finished, Outcome: o}) })},
		{"States of builds", marks(weir.States(), func(s weir.State) page.Mark { return page.BuildMark(weir.Build{State: s}) })},
		{"States of steps", marks(weir.StepStates(), page.StepMark)},
		{"What tests report", marks(weir.Statuses(), page.StatusMark)},
		{"Verdicts", marks(weir.Verdicts(), page.VerdictMark)},
		{"Regressions", marks(weir.RegressionStates(), page.RegressionMark)},
		{"Workers", marks(weir.WorkerStates(), page.WorkerMark)},
	}
}

func marks[T any](list []T, mark func(T) page.Mark) []page.Mark {
	var out []page.Mark
	for _, v := range list {
		out = append(out, mark(v))
	}
	return out
}
