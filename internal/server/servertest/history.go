package servertest

import (
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/history"
)

// DemoTest is the test whose past the demo farm knows.
func DemoTest() weir.TestID { return weir.TestID{Suite: "mill/text", Name: "TestUpper/case_1"} }

// demoHistory is a test that fails now and then on Linux, and broke just now,
// passes elsewhere, and has been taken out on a third builder.
func demoHistory() farm.TestHistory {
	h := farm.TestHistory{Project: "mill", Test: DemoTest()}
	linux, mac, old := builder("mill"), builder("mill"), builder("mill")
	mac.ID, mac.Platform = 21, "darwin/arm64"
	old.ID, old.Platform = 22, "linux/riscv64"
	flaky := []history.Event{demoEvent(1, weir.New, "", weir.Pass)}
	flaky = append(flaky, demoEvent(14, weir.NewlyFailing, weir.Pass, weir.Fail), demoEvent(28, weir.Fixed, weir.Fail, weir.Pass))
	for n := 29; n <= 39; n += 2 {
		flaky = append(flaky, demoEvent(n, weir.Flaky, weir.Pass, weir.Fail))
	}
	flaky = append(flaky, demoEvent(41, weir.NewlyFailing, weir.Pass, weir.Fail))
	h.Builders = []farm.BuilderHistory{
		demoPastOn(mac, demoEvent(1, weir.New, "", weir.Pass)),
		demoPastOn(linux, flaky...),
		demoPastOn(old, demoEvent(1, weir.New, "", weir.Pass), demoEvent(30, weir.Removed, weir.Pass, weir.Absent)),
	}
	h.Builders[1].Older = 3
	h.Where = history.OnWhich([]history.Side{
		{Name: mac.Name(), Platform: mac.Platform, Present: h.Builders[0].Present()},
		{Name: linux.Name(), Platform: linux.Platform, Present: h.Builders[1].Present()},
		{Name: old.Name(), Platform: old.Platform}})
	return h
}

func demoEvent(n int, v weir.Verdict, from, to weir.Status) history.Event {
	return history.Event{Point: demoPoint(n), Verdict: v, From: from, To: to}
}

func demoPoint(n int) history.Point {
	return history.Point{Number: n, Build: weir.BuildID(n), At: noon().Add(time.Duration(n-42) * time.Hour)}
}

func demoPastOn(b weir.Builder, events ...history.Event) farm.BuilderHistory {
	out := farm.BuilderHistory{Builder: b, History: history.Read(history.Past{First: demoPoint(1), Last: demoPoint(41), Events: events})}
	out.Says = out.History.String()
	out.Since.Point, out.Since.Earliest, out.Since.Latest = out.History.Since()
	counts, rate := out.HowOften()
	out.Rate = farm.FailureRate{Interval: rate, Runs: counts.Runs, Failures: counts.Failures}
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		move := farm.TestMove{Point: e.Point, Change: weir.TestChange{Test: DemoTest(), Verdict: e.Verdict, From: e.From, To: e.To}}
		move.Absolved = e.Number == 29
		if e.Verdict == weir.NewlyFailing {
			move.Change.Message = "upper_test.go:41: Upper(\"straße\") = \"STRASSE\", want \"STRAßE\""
			move.Moved = []farm.PinMove{{Project: "brook", From: Commit("77aa"), To: Commit("4f2a91c3d0")}, {Project: "sluice", To: "v1.4.0"}}
		}
		out.Changes = append(out.Changes, move)
	}
	return out
}
