package servertest

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/compat"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/farm/trends"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/farm/waits"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// remember adds the read models of what was long ago: a month of builds behind those
// of State, and what the workers of State did in it.
func (f *Farm) remember(v *views.Views) *views.Views {
	p := &past{shelf: &shelf{farm: f}}
	v.Roster, v.Trends, v.Compat = roster.New(p, p, f.clock), trends.New(p, p, f.clock), compat.New(p, p, nil, f.clock)
	return v
}

// past is a store with a month of builds.
type past struct{ *shelf }

// old is how many builds each builder has behind those of State.
const old = 48

// slower is from which of these on builds take a quarter longer.
const slower = 30

// State is the builders with all of their builds.
func (p *past) State(context.Context) (*recent.State, error) {
	s := &recent.State{Rows: p.rows()}
	for i := range s.Rows {
		row := &s.Rows[i]
		for n := old - 1; n >= 0 && len(row.Builds) > 0; n-- {
			took := (120 + 40*float64(i)) * (1 + .03*math.Sin(2.4*float64(n+7*i)))
			if n >= slower && i%2 == 0 {
				took *= 1.26
			}
			end := p.farm.Now.Add(-time.Duration(old-n) * 13 * time.Hour)
			b := store.BoardBuild{ID: weir.BuildID(1000*(i+1) + n), Builder: row.Builder.ID, Cause: weir.CauseChange, State: weir.Finished, Outcome: weir.Passed,
				Worker: "heron", Created: end.Add(-time.Duration(took+30) * time.Second), Started: end.Add(-time.Duration(took * float64(time.Second))), Finished: end,
				Counts: weir.Counts{Pass: 1190 + n/4, Skip: 12}, Ledger: weir.Ledger{Expected: 1202 + n/4, Reported: 1202 + n/4, Executed: 1190 + n/4}, Pins: weir.Pins{}}
			for name := range row.Builds[0].Pins {
				b.Pins[name] = Commit([]string{"77aa", "81b0", "99d2", "a0c4"}[n%4])
			}
			row.Builds = append(row.Builds, b)
		}
	}
	return s, p.farm.Fail
}

// Lately lists the newest builds of builders.
func (p *past) Lately(ctx context.Context, of []weir.BuilderID, per int) (list []store.BoardBuild, err error) {
	s, err := p.State(ctx)
	for _, r := range s.Rows {
		if len(of) == 0 || slices.Contains(of, r.Builder.ID) {
			list = append(list, r.Builds[:min(len(r.Builds), per)]...)
		}
	}
	return list, err
}

// Notes are one metric of every build.
func (p *past) Notes(context.Context, weir.BuildID) (store.Notes, error) {
	return store.Notes{Metrics: []weir.Metric{{Name: metric(p.farm)}}}, nil
}

// metric is the name of the metric: foreign text, as all that is in State.
func metric(f *Farm) string {
	if len(f.State.Workers) > 0 && len(f.State.Workers[0].Host) > 0 {
		return f.State.Workers[0].Host
	}
	return "coverage.lines"
}

// MetricHistory is a coverage that grows.
func (p *past) MetricHistory(_ context.Context, builder weir.BuilderID, _ string, _ int) (list []store.MetricPoint, err error) {
	for n := range old {
		list = append(list, store.MetricPoint{Build: weir.BuildID(1000*int(builder) + n), At: p.farm.Now.Add(-time.Duration(old-n) * 13 * time.Hour),
			Value: 71.5 + .2*math.Sin(2.4*float64(n)) + 2*float64(n/29), Unit: "%"})
	}
	return list, nil
}

// Artifacts lists what builds keep.
func (p *past) Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error) {
	return p.farm.Artifacts(ctx, id)
}

// Revision finds none: all is on one branch.
func (p *past) Revision(context.Context, string, string, string) (weir.Revision, error) {
	return weir.Revision{}, weir.Errorf(weir.NotFound, "it is not there")
}

// Ran lists what a worker tried: something that runs, something lost now and then,
// and the rest passed.
func (p *past) Ran(_ context.Context, worker string, before time.Time, limit int) (list []store.RanAttempt, err error) {
	rows := p.rows()
	for n := 0; n < 90 && len(list) < limit && len(rows) > 0; n++ {
		leased := p.farm.Now.Add(-time.Duration(n) * 7 * time.Hour).Add(-2 * time.Minute)
		if !before.IsZero() && !leased.Before(before) {
			continue
		}
		a := store.RanAttempt{Builder: rows[n%len(rows)].Builder, Cause: weir.CauseChange, Started: leased.Add(time.Second),
			Attempt: weir.Attempt{ID: weir.AttemptID{Build: weir.BuildID(1000 + n), Number: 1}, Worker: worker, Leased: leased, Ended: leased.Add(3 * time.Minute), Outcome: weir.Passed}}
		switch {
		case n == 0:
			a.Ended, a.Outcome = time.Time{}, ""
		case n%17 == 5:
			a.Outcome, a.Reason = weir.Infra, weir.Reason{Code: weir.ReasonDiskFull, Text: "no space left on device " + strings.TrimPrefix(metric(p.farm), "coverage.lines")}
		case n%19 == 7:
			a.Started, a.Ended, a.Outcome = time.Time{}, leased.Add(time.Second), weir.Infra
			a.Reason = weir.Reason{Code: weir.ReasonRefused, Text: "builds of these projects only: brook, mill"}
		case n%23 == 9:
			a.Outcome, a.Reason = weir.Infra, weir.Reason{Code: weir.ReasonLost}
		case n%9 == 4:
			a.Outcome, a.Reason = weir.Failed, weir.Reason{Code: weir.ReasonTests, Text: "3 tests failed"}
		}
		list = append(list, a)
	}
	return list, p.farm.Fail
}

// Refusals are what otter refused: one for good, one for an hour, one long ago.
func (p *past) Refusals(_ context.Context, worker string, _ time.Time, limit int) (list []weir.Refusal, err error) {
	all, _ := p.Workers(context.Background())
	if rows := p.rows(); len(rows) > 2 && len(all) > 1 && worker == all[1].Name {
		for i, rule := range []weir.Rule{weir.RuleProjects, weir.RuleCommands, weir.RuleProjects}[:min(limit, 3)] {
			text := []string{"builds of these projects only: brook, mill", "no command but these: make, ./configure; step 3 runs: sudo reboot", "builds of these projects only: brook"}[i]
			if evil := strings.TrimPrefix(metric(p.farm), "coverage.lines"); evil != "" && i < 2 {
				text = []string{evil, strings.Repeat("w", weir.MaxReason)}[i]
			}
			last := p.farm.Now.Add(-time.Duration(i*i*17) * 24 * time.Hour).Add(-10 * time.Minute)
			list = append(list, weir.Refusal{Worker: worker, Builder: rows[i%len(rows)].Builder.ID, Build: FailedBuild, Rule: rule,
				Text: text, Count: 1 + i, First: last.Add(-time.Duration(i) * time.Hour), Last: last, Until: last.Add(rule.Lasts())})
		}
	}
	return list, p.farm.Fail
}

// Load is that of workers that are busy at day and not at night.
func (p *past) Load(ctx context.Context, worker string, from, to time.Time) (list []store.WorkerHour, err error) {
	all, err := p.Workers(ctx)
	for k, w := range all {
		for at := from.Truncate(time.Hour); at.Before(to) && at.Before(p.farm.Now) && (worker == "" || worker == w.Name); at = at.Add(time.Hour) {
			day := math.Max(0, math.Sin(float64(at.Hour()-7)*math.Pi/14))
			busy := day * math.Abs(math.Sin(float64(at.YearDay()*7+at.Hour()*3+k*5)))
			if busy < .08 || at.Weekday() == time.Sunday {
				continue
			}
			h := store.WorkerHour{Worker: w.Name, Hour: at, Ended: 1 + int(busy*8), Busy: time.Duration(busy * float64(w.Slots) * float64(time.Hour)), Waited: time.Duration(busy*900) * time.Second}
			if at.YearDay()%9 == 3 && at.Hour() == 14 {
				h.Infra, h.Lost = 1, k%2
			}
			list = append(list, h)
		}
	}
	return list, err
}

// Queue is what the overview says that waits, and a lock.
func (f *Farm) Queue(_ context.Context, limit int) (waits.Line, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := waits.Line{Builds: append([]waits.Build{}, f.State.Waiting...), Depths: []waits.Depth{}, Locks: []waits.Lock{}}
	for i, r := range f.State.Builders {
		b := waits.Build{Build: weir.Build{ID: weir.BuildID(200 + i), Builder: r.Builder, Cause: weir.CauseChange, State: weir.Queued, Created: f.Now.Add(-time.Duration(40-9*i) * time.Minute),
			Pins: weir.Pins{r.Builder.Project: Commit("77aa")}}}
		b.Waits = schedule.Wait{Reason: schedule.WaitBusy, Text: "waits because all 2 workers that fit are busy; 3 builds have waited longer"}
		if i%3 == 1 {
			b.State, b.Waits = weir.Blocked, schedule.Wait{Reason: schedule.WaitProduct, Build: RunningBuild, Text: "waits for the product of build 44 of " + r.Builder.Name() + ", which is running"}
		}
		if i%3 == 0 {
			b.Waits = schedule.Wait{Reason: schedule.WaitPlatform, Text: "waits for a worker on " + string(r.Builder.Platform) + ": there is none"}
		}
		if i == 3 {
			b.Waits = schedule.Wait{Reason: schedule.WaitRefused, Until: f.Now.Add(time.Hour), Text: "waits for a worker whose owner allows it: otter refuses it (projects: builds of these projects only: brook, mill), and is asked again at 2026-03-14 13:00:00 UTC"}
		}
		line.Builds = append(line.Builds, b)
		line.Depths = append(line.Depths, waits.Depth{Platform: r.Builder.Platform, Queued: 3, Blocked: 1, Oldest: b.Created, Workers: i % 2, Slots: 4, Free: 1, Resting: i / 2,
			Lanes: []waits.Lane{{Cause: weir.CauseChange, Count: 3}, {Cause: weir.CauseProbe, Count: 1}}})
		line.Locks = append(line.Locks, waits.Lock{Name: r.Builder.Project, Shares: 2, Wanted: i, Holders: []waits.Holder{{Build: RunningBuild, Builder: r.Builder, Worker: "heron", Shares: 1, Since: f.Now}}})
	}
	line.More = max(0, len(line.Builds)-limit)
	return line, f.Fail
}

// WorkerDisk is known of heron.
func (f *Farm) WorkerDisk(name string) (int64, bool) { return 41 << 30, name == Worker }
