package servertest

import (
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm"
)

// LockStep is a closed regression of the demo farm: brook and mill had to move
// together. It has four corners, and a build that contradicts the others.
const LockStep weir.RegressionID = 5

// upstreamCorners are those of a regression in which only the upstream moved;
// build is one at its bad end.
func upstreamCorners(r weir.Regression, build weir.BuildID) []weir.Corner {
	return []weir.Corner{
		{Pins: r.Good.Pins, Said: weir.ObservedGood}, // its build is that of the good end
		{NewUpstream: true, Pins: r.Bad.Pins, Build: build, Said: weir.ObservedBad},
	}
}

func demoLockStep() farm.RegressionDetail {
	at := func(brook, mill string) weir.Pins { return weir.Pins{"brook": Commit(brook), "mill": Commit(mill)} }
	r := weir.Regression{ID: LockStep, State: weir.Recovered, Builder: builder("mill"),
		Good: weir.Evidence{Build: 12, Pins: at("77aa", "3d10")}, Bad: weir.Evidence{Build: 14, Pins: at("99d2", "3d10")},
		Path: []weir.Leg{{Project: "brook", Branch: "main", From: 4, To: 6}}, Victims: victims("mill", 2),
		Opened: noon().Add(-47 * time.Hour), Updated: noon().Add(-30 * time.Hour), Closed: noon().Add(-31 * time.Hour),
		Culprit: weir.Culprit{Project: "brook", Revision: revision("99d2", "fold: new tables", 6), Confidence: .991},
		Blame:   weir.BlameLockStep, Suspects: weir.Span{First: 2, Last: 2},
		Note: "bad at brook 99d2000000 and good right before it, after 4 builds; each side alone breaks it, and together they are good: both have to move"}
	for i := range r.Victims {
		r.Victims[i].Build, r.Victims[i].FixedIn = 14, 20
	}
	r.Corners = []weir.Corner{
		{Pins: r.Good.Pins, Build: 12, Said: weir.ObservedGood},
		{NewUpstream: true, Pins: r.Bad.Pins, Build: 17, Said: weir.ObservedBad},
		{NewDownstream: true, Pins: at("77aa", "58c4"), Build: 23, Said: weir.ObservedNone, Unbuilt: true},
		{NewUpstream: true, NewDownstream: true, Pins: at("99d2", "58c4"), Build: 20, Said: weir.ObservedGood},
	}
	d := farm.RegressionDetail{Regression: r, Spec: demoSpec(), Advice: blame.Advise(r)}
	for i, step := range []struct{ digits, subject string }{
		{"77aa", "lower: keep tabs"}, {"81b0", "docs: mention case folding"}, {"99d2", "fold: new tables"},
	} {
		d.Points = append(d.Points, farm.PathPoint{Position: i, Project: "brook", Revision: revision(step.digits, step.subject, int64(4+i)), Suspect: i == 2})
	}
	for _, p := range []struct {
		build          weir.BuildID
		position, good int
	}{{15, 1, 2}, {16, 1, 1}, {14, 2, 0}, {17, 2, 0}} {
		probe := weir.Probe{Build: p.build, Position: p.position, State: weir.Finished, Outcome: weir.Failed, Good: p.good, Bad: 2 - p.good}
		if probe.Bad == 0 {
			probe.Outcome = weir.Passed
		}
		d.Probes = append(d.Probes, probe)
	}
	for _, b := range []struct {
		id      weir.BuildID
		outcome weir.Outcome
		pins    weir.Pins
	}{{12, weir.Passed, r.Good.Pins}, {20, weir.Passed, r.Corners[blame.New].Pins}, {22, weir.Broken, r.Corners[blame.NewDownstream].Pins},
		{23, weir.Broken, r.Corners[blame.NewDownstream].Pins}} {
		d.Beside = append(d.Beside, weir.Build{ID: b.id, Builder: r.Builder, Pins: b.pins, State: weir.Finished, Outcome: b.outcome})
	}
	return d
}
