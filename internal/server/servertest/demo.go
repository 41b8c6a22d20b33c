package servertest

import (
	"fmt"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm"
)

// noon is the time at which the demo farm stands still.
func noon() time.Time { return time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC) }

// Ids of the demo farm.
const (
	FailedBuild  weir.BuildID      = 41
	RunningBuild weir.BuildID      = 44
	RefusedBuild weir.BuildID      = 38 // by one worker; another one has taken it
	Culprit      weir.RegressionID = 3  // located
	Search       weir.RegressionID = 4  // searching
)

// Commit makes a commit hash of a few digits.
func Commit(digits string) string { return digits + strings.Repeat("0", 40-len(digits)) }

// Demo makes a farm on which an upstream, brook, has broken its downstreams.
func Demo() *Farm {
	f := New()
	f.Now = noon()
	located, searching := demoRegressions()
	failed, running := demoFailed(located), demoRunning()
	f.Details[FailedBuild], f.Details[RunningBuild] = failed, running
	for id := weir.BuildID(1); id <= 40; id++ {
		f.Details[id] = demoPast(id)
	}
	f.Sets[FailedBuild] = demoResults()
	f.Cases[Culprit], f.Cases[Search], f.Cases[LockStep] = demoCase(located), demoSearch(searching), demoLockStep()
	f.Pasts[DemoTest()] = demoHistory()
	f.Flakes = demoFlakes()
	f.Logs[0] = Log{Lines: 3, Bytes: 160, Line: func(n int64) string {
		return []string{"Cloning into 'mill'...", "remote: done.", "HEAD is now at 9be01c77aa grind: weigh before milling"}[n]
	}}
	f.Logs[2] = Log{Lines: 2400, Bytes: 180_000, Line: demoLine}
	f.State = farm.Overview{
		Name: "Riverside", At: noon(),
		Regressions: []weir.Regression{located, searching},
		Recent: []weir.Regression{{ID: 2, State: weir.Recovered, Builder: builder("marsh"), Opened: noon().Add(-50 * time.Hour),
			Closed: noon().Add(-26 * time.Hour), Victims: victims("marsh", 1),
			Culprit: weir.Culprit{Project: "brook", Revision: revision("77aa", "lower: keep tabs", 3), Confidence: .98}},
			f.Cases[LockStep].Regression},
		Running: []weir.Build{running.Build, {ID: 45, Run: 12, Cause: weir.CauseProbe, Builder: builder("mill"),
			Pins: pins("mill"), State: weir.Leased, Created: noon().Add(-20 * time.Second), Worker: "otter"}},
		Queue: map[weir.State]int{weir.Queued: 5, weir.Blocked: 2}, Doubted: 1,
		Workers: []weir.Worker{
			{Name: "heron", Platform: "linux/amd64", Slots: 4, Running: 1, Seen: noon().Add(-3 * time.Second), Labels: []string{"docker", "big"},
				Policy: []string{"builds of all projects but marsh"}},
			{Name: "otter", Platform: "linux/arm64", Slots: 2, Running: 1, Seen: noon().Add(-8 * time.Second),
				Policy: []string{"builds of these projects only: brook, mill", "no revisions of strangers", "no command but these: make, ./configure", "builds begin between 19:00 and 07:00, and all day on Saturday and Sunday"},
				Rest:   weir.Rest{Rule: weir.RuleHours, Text: "builds begin between 19:00 and 07:00, and all day on Saturday and Sunday", Until: noon().Add(7 * time.Hour)}},
			{Name: "toad", Platform: "darwin/arm64", Slots: 1, Seen: noon().Add(-3 * time.Hour)},
		},
		Sources: []farm.SourceStatus{
			{Project: "brook", Tip: revision("4f2a91c3d0", "upper: fold sharp s", 12), Polled: noon().Add(-time.Minute)},
			{Project: "marsh", Tip: revision("51e0aa", "reeds: count twice", 8), Polled: noon().Add(-time.Minute)},
			{Project: "mill", Tip: revision("9be01c77aa", "grind: weigh before milling", 31), Polled: noon().Add(-40 * time.Minute),
				Error: "git.example.org does not answer: connection timed out"},
		},
	}
	for i, name := range []string{"brook", "marsh", "mill", "mill"} {
		row := farm.BuilderRow{Builder: builder(name)}
		if i == 3 {
			row.Builder.Platform = "darwin/arm64"
		}
		for j := range 12 {
			row.Recent = append(row.Recent, demoRecent(row.Builder, i, j))
		}
		f.State.Builders = append(f.State.Builders, row)
	}
	f.State.Builders[3].Recent = nil
	return f
}

func builder(project string) weir.Builder {
	job, upstreams := "test", "brook"
	if project == "brook" {
		job, upstreams = "build", ""
	}
	return weir.Builder{ID: weir.BuilderID(len(project)), BuilderKey: weir.BuilderKey{Project: project, Job: job,
		Platform: "linux/amd64", Branch: "main", Upstreams: upstreams}}
}

func pins(project string) weir.Pins {
	p := weir.Pins{"brook": Commit("4f2a91c3d0")}
	switch project {
	case "mill":
		p["mill"] = Commit("9be01c77aa")
	case "marsh":
		p["marsh"] = Commit("51e0aa")
	}
	return p
}

func revision(digits, subject string, position int64) weir.Revision {
	return weir.Revision{ID: Commit(digits), Position: position, Author: "Ada Wells <ada@example.org>", Time: noon().Add(-3 * time.Hour),
		Message: subject + "\n\nThe tables of the standard say so since version 5.1."}
}

func victims(project string, n int) []weir.Victim {
	var list []weir.Victim
	for i := range n {
		list = append(list, weir.Victim{Builder: builder(project), Test: weir.TestID{Suite: project + "/text", Name: fmt.Sprintf("TestUpper/case_%d", i+1)},
			Verdict: weir.NewlyFailing, Build: FailedBuild, Message: "upper_test.go:41: Upper(\"straße\") = \"STRASSE\", want \"STRAßE\""})
	}
	return list
}

func demoRegressions() (located, searching weir.Regression) {
	legs := []weir.Leg{{Project: "brook", Branch: "main", From: 4, To: 12}}
	good := weir.Evidence{Build: 33, Pins: weir.Pins{"brook": Commit("77aa"), "mill": Commit("9be01c77aa")}}
	located = weir.Regression{ID: Culprit, State: weir.Located, Builder: builder("mill"), Good: good,
		Bad: weir.Evidence{Build: FailedBuild, Pins: pins("mill")}, Path: legs, Victims: append(victims("mill", 3), victims("marsh", 2)...),
		Opened: noon().Add(-42 * time.Minute), Updated: noon().Add(-11 * time.Minute), Suspects: weir.Span{First: 8, Last: 8},
		Culprit: weir.Culprit{Project: "brook", Revision: revision("4f2a91c3d0", "upper: fold sharp s", 12), Confidence: .973},
		Checks: weir.Checks{Workers: []string{"garnet", "local"}, Tried: []weir.Combination{{Moved: []string{"brook"}, Build: 33, Said: weir.ObservedGood}},
			Reverted: weir.Reversal{Build: 40, Said: weir.ObservedGood}},
		Note: "good one revision before it in 2 builds, bad with it in 3 builds, on two projects"}
	located.Belief = weir.Belief{Steps: []weir.StepBelief{{Position: 7, Probability: .019}, {Position: 8, Probability: .973}}, Nobody: .008}
	located.Blame, located.Corners = weir.BlameUpstream, upstreamCorners(located, 40)
	searching = weir.Regression{ID: Search, State: weir.Searching, Builder: builder("marsh"), Good: good,
		Bad: weir.Evidence{Build: 43, Pins: pins("marsh")}, Path: legs, Victims: victims("marsh", 1),
		Opened: noon().Add(-6 * time.Minute), Updated: noon().Add(-time.Minute), Suspects: weir.Span{First: 2, Last: 8},
		Note: "2 probes are running, on positions 4 and 6"}
	for i, p := range []float64{.16, .16, .14, .13, .12, .11, .1} {
		searching.Belief.Steps = append(searching.Belief.Steps, weir.StepBelief{Position: i + 2, Probability: p})
	}
	searching.Belief.Nobody, searching.Belief.Environment = .07, .01
	return located, searching
}

func demoCase(r weir.Regression) farm.RegressionDetail {
	d := farm.RegressionDetail{Regression: r, Spec: demoSpec(), Advice: blame.Advise(r)}
	subjects := []string{"lower: keep tabs", "docs: mention case folding", "build: use less memory", "fold: new tables",
		"fold: tests", "ci: quieter", "upper: prepare", "upper: tidy", "upper: fold sharp s"}
	digits := []string{"77aa", "81b0", "99d2", "a0c4", "b7e1", "c3f0", "d915", "e4aa", "4f2a91c3d0"}
	for i := range subjects {
		d.Points = append(d.Points, farm.PathPoint{Position: i, Project: "brook", Revision: revision(digits[i], subjects[i], int64(4+i)),
			Suspect: i >= r.Suspects.First && i <= r.Suspects.Last})
	}
	probe := func(build weir.BuildID, position, good, bad int) weir.Probe {
		outcome := weir.Passed
		if bad > 0 {
			outcome = weir.Failed
		}
		return weir.Probe{Build: build, Position: position, State: weir.Finished, Outcome: outcome, Good: good, Bad: bad}
	}
	d.Probes = []weir.Probe{probe(34, 4, 5, 0), probe(35, 6, 5, 0), {Build: 36, Position: 5, State: weir.Finished, Outcome: weir.Broken, None: 5},
		probe(37, 7, 5, 0), probe(38, 7, 5, 0), probe(39, 8, 0, 5), probe(40, 8, 0, 5)}
	return d
}

func demoSearch(r weir.Regression) farm.RegressionDetail {
	d := demoCase(r)
	d.Probes = []weir.Probe{{Build: 36, Position: 4, State: weir.Running}, {Build: 37, Position: 6, State: weir.Queued},
		{Build: 35, Position: 1, State: weir.Finished, Outcome: weir.Passed, Good: 1}}
	return d
}

func demoSpec() weir.Spec {
	return weir.Spec{Project: "mill", Platform: "linux/amd64", Revision: Commit("9be01c77aa"),
		Source: weir.Source{Kind: weir.Git, Location: "https://git.example.org/mill.git", Branch: "main"},
		Job: weir.Job{Name: "test", Env: []weir.EnvVar{{Name: "LANG", Value: "C.UTF-8"}},
			Steps: []weir.Step{{Name: "configure", Run: "./configure --with-brook=$WEIR_UPSTREAM_BROOK"},
				{Name: "test", Run: "make -j$WEIR_CPUS check\nmake report", Timeout: 10 * time.Minute}}},
		Inputs: []weir.UpstreamSpec{{Project: "brook", Revision: Commit("4f2a91c3d0"),
			Product: weir.Product{Digest: weir.DigestOf([]byte("brook")), Prefix: "/opt/weir/brook-1f", Size: 4 << 20}}}}
}

func demoFailed(open weir.Regression) farm.BuildDetail {
	b := weir.Build{ID: FailedBuild, Run: 11, Cause: weir.CauseChange, Builder: builder("mill"), Pins: pins("mill"), State: weir.Finished,
		Outcome: weir.Failed, Reason: weir.Reason{Code: weir.ReasonTests, Text: "3 tests failed"}, Created: noon().Add(-50 * time.Minute),
		Started: noon().Add(-49 * time.Minute), Finished: noon().Add(-46 * time.Minute), Attempts: 2, Worker: "heron",
		Results: weir.DigestOf([]byte("results")), Counts: weir.Counts{Pass: 1204, Fail: 3, Skip: 12}, Judgement: weir.Settled,
		Changes: weir.VerdictCounts{NewlyFailing: 3, Fixed: 1}}
	at := func(m float64) time.Time { return b.Started.Add(time.Duration(m * float64(time.Minute))) }
	return farm.BuildDetail{Build: b, Run: weir.Run{ID: 11, Cause: weir.CauseChange, Project: "brook", Reason: "2 new revisions of brook, up to 4f2a91c3d0"},
		Spec: demoSpec(), Regressions: []weir.Regression{open}, Against: 33,
		Repeats: []weir.Build{{ID: 41, RetryOf: b.ID, State: weir.Finished, Outcome: weir.Failed}},
		Attempts: []farm.AttemptDetail{
			{Attempt: weir.Attempt{ID: weir.AttemptID{Build: b.ID, Number: 1}, Worker: "toad", Leased: at(-1), Ended: at(-.2),
				Outcome: weir.Infra, Reason: weir.Reason{Code: weir.ReasonLost}}},
			{Attempt: weir.Attempt{ID: weir.AttemptID{Build: b.ID, Number: 2}, Worker: "heron", Leased: at(0), Ended: at(3), Outcome: weir.Failed,
				Surroundings: weir.Surroundings{Root: new(false), Load: new(0.25), Network: new(true), Clock: new(-90.0), Directory: "mill"}},
				Steps: []farm.StepDetail{
					{StepRecord: weir.StepRecord{Index: 0, Name: "checkout", State: weir.StepPassed, Started: at(0), Ended: at(.1)}, LogBytes: 160, LogLines: 3},
					{StepRecord: weir.StepRecord{Index: 1, Name: "configure", State: weir.StepPassed, Started: at(.1), Ended: at(.5)}},
					{StepRecord: weir.StepRecord{Index: 2, Name: "test", State: weir.StepFailed, Started: at(.5), Ended: at(2.9), ExitCode: 2,
						Note: "3 tests failed"}, LogBytes: 180_000, LogLines: 2400},
					{StepRecord: weir.StepRecord{Index: 3, Name: "results", State: weir.StepPassed, Started: at(2.9), Ended: at(3)}},
				}}},
		Changes: []weir.TestChange{
			{Test: weir.TestID{Suite: "mill/text", Name: "TestUpper/case_1"}, Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail,
				Message: "upper_test.go:41: Upper(\"straße\") = \"STRASSE\", want \"STRAßE\""},
			{Test: weir.TestID{Suite: "mill/text", Name: "TestUpper/case_2"}, Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail},
			{Test: weir.TestID{Suite: "mill/sieve", Name: "TestMesh"}, Verdict: weir.Fixed, From: weir.Fail, To: weir.Pass},
		}}
}

func demoRunning() farm.BuildDetail {
	b := weir.Build{ID: RunningBuild, Run: 12, Cause: weir.CauseChange, Builder: builder("marsh"), Pins: pins("marsh"), State: weir.Running,
		Created: noon().Add(-5 * time.Minute), Started: noon().Add(-2 * time.Minute), Attempts: 1, Worker: "heron"}
	return farm.BuildDetail{Build: b, Run: weir.Run{ID: 12, Cause: weir.CauseChange, Project: "marsh", Reason: "1 new revision of marsh"}, Spec: demoSpec(),
		Attempts: []farm.AttemptDetail{{Attempt: weir.Attempt{ID: weir.AttemptID{Build: b.ID, Number: 1}, Worker: "heron", Leased: b.Started},
			Steps: []farm.StepDetail{
				{StepRecord: weir.StepRecord{Index: 0, Name: "checkout", State: weir.StepPassed, Started: b.Started, Ended: b.Started.Add(4 * time.Second)}, LogBytes: 160, LogLines: 3},
				{StepRecord: weir.StepRecord{Index: 2, Name: "test", State: weir.StepRunning, Started: b.Started.Add(4 * time.Second)}, LogBytes: 180_000, LogLines: 2400},
				{StepRecord: weir.StepRecord{Index: 3, Name: "results", State: weir.StepWaiting}},
			}}}}
}

func demoPast(id weir.BuildID) farm.BuildDetail {
	b := weir.Build{ID: id, Run: weir.RunID(id), Cause: weir.CauseChange, Builder: builder([]string{"brook", "mill", "marsh"}[id%3]), State: weir.Finished,
		Outcome: weir.Passed, Created: noon().Add(-time.Duration(60-id) * time.Hour), Started: noon().Add(-time.Duration(60-id) * time.Hour),
		Finished: noon().Add(-time.Duration(60-id)*time.Hour + 2*time.Minute), Worker: "otter", Attempts: 1}
	b.Pins = pins(b.Builder.Project)
	d := farm.BuildDetail{Build: b, Run: weir.Run{ID: b.Run, Reason: "1 new revision of brook"}, Spec: demoSpec()}
	if id == RefusedBuild {
		d.Attempts = []farm.AttemptDetail{{Attempt: weir.Attempt{ID: weir.AttemptID{Build: id, Number: 1}, Worker: "otter", Leased: b.Started.Add(-time.Minute), Ended: b.Started.Add(-time.Minute),
			Outcome: weir.Infra, Reason: weir.Reason{Code: weir.ReasonRefused, Text: "builds of these projects only: brook, mill"}}},
			{Attempt: weir.Attempt{ID: weir.AttemptID{Build: id, Number: 2}, Worker: "heron", Leased: b.Started, Ended: b.Finished, Outcome: weir.Passed}}}
	}
	return d
}

// demoRecent makes build j (0 is the newest) of the i-th builder.
func demoRecent(b weir.Builder, i, j int) weir.Build {
	outcomes := []weir.Outcome{weir.Passed, weir.Passed, weir.Passed, weir.Passed, weir.Broken, weir.Passed, weir.TimedOut, weir.Infra, weir.OutcomeCancelled}
	build := weir.Build{ID: weir.BuildID(40 - j), Run: weir.RunID(40 - j), Cause: weir.CauseChange, Builder: b, State: weir.Finished, Outcome: outcomes[(i*5+j)%len(outcomes)],
		Finished: noon().Add(-time.Duration(j+1) * 20 * time.Minute), Pins: pins(b.Project), Counts: weir.Counts{Pass: 1204, Fail: i, Skip: 12}}
	build.Started = build.Finished.Add(-time.Duration(120+j*7%40) * time.Second)
	build.Created = build.Started.Add(-time.Minute)
	if j == 0 && i > 0 {
		build.Outcome, build.Changes = weir.Failed, weir.VerdictCounts{NewlyFailing: 3 - i%2}
	}
	return build
}

func demoResults() weir.ResultSet {
	var set weir.ResultSet
	for i := range 3 {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: "mill/text", Name: fmt.Sprintf("TestUpper/case_%d", i+1)}, Status: weir.Fail,
			Raw: fmt.Sprintf("TestUpper/case_%d@0x7ffe", i+1), Duration: 31 * time.Millisecond,
			Message: "upper_test.go:41: Upper(\"straße\") = \"STRASSE\", want \"STRAßE\"", Output: "=== RUN TestUpper\n\x1b[31mFAIL\x1b[0m"})
	}
	for i := range 1204 {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: "mill/grain", Name: fmt.Sprintf("TestGrain/%d", i)}, Status: weir.Pass, Duration: time.Millisecond})
	}
	for i := range 12 {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: "mill/sieve", Name: fmt.Sprintf("TestMesh/%d", i)}, Status: weir.Skip, Message: "needs a sieve"})
	}
	set.Incidents = []weir.Incident{{Kind: weir.Panicked, Suite: "mill/stone", Test: "TestTurn", Message: "panic: stone is worn"}}
	return set
}

func demoLine(n int64) string {
	switch {
	case n%97 == 13:
		return fmt.Sprintf("\x1b[1m\x1b[32mok\x1b[0m  \tmill/grain/%d\t0.%03ds", n, n%1000)
	case n%211 == 40:
		return fmt.Sprintf("\x1b[33mwarning:\x1b[0m stone %d is worn", n)
	case n > 2380 && n%5 == 0:
		return "\x1b[31m--- FAIL:\x1b[0m TestUpper/case_1 (0.03s)"
	case n == 2300:
		return strings.Repeat("a long line of nothing ", 50_000)
	}
	return fmt.Sprintf("cc -O2 -Wall -c -o build/obj_%04d.o src/module_%04d.c", n, n)
}
