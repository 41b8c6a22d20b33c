package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Limits of the pages.
const (
	maxWorkers = 100 // in the list
	maxLabels  = 8
	maxReason  = 160 // characters of why a worker is paused
)

// WorkersView is the list of workers.
type WorkersView struct {
	Title, Summary string
	Filter         page.FilterView
	Lines          []WorkerLine
	More           int
	None           bool // no worker ever said hello
}

// WorkerLine is a worker in the list.
type WorkerLine struct {
	Name, URL, Platform, Labels string
	Mark                        page.Mark
	Why                         string // it gets nothing, in words; empty if it does
	Until                       page.When
	Load                        page.MeterView
	Strip                       StripView // of the last 24 hours
	Today                       string
	Trouble                     string // of the last 24 hours; empty if there was none
	Seen                        page.When
	Version, Behind             string // Behind says how it stands to the server's; empty: the same
}

// attention is the order of the list: what somebody should look at first.
var attention = map[weir.WorkerState]int{weir.WorkerQuarantined: 0, weir.WorkerPaused: 1, weir.WorkerDraining: 2, weir.WorkerReady: 3, weir.WorkerResting: 4, weir.WorkerAway: 5}

func workersView(list []weir.Worker, sums map[string]roster.Sum, hours map[string][]roster.Hour, f roster.Narrow, version string, now time.Time) WorkersView {
	v := WorkersView{None: len(list) == 0}
	here, rest, slots, running := 0, 0, 0, 0
	var platforms []string
	var found []weir.Worker
	for _, w := range list {
		state := w.State(now)
		if state != weir.WorkerAway {
			here, slots, running = here+1, slots+w.Slots, running+w.Running
		}
		if state == weir.WorkerResting {
			rest++
		}
		if !slices.Contains(platforms, string(w.Platform)) {
			platforms = append(platforms, string(w.Platform))
		}
		if f.Fits(w, state) {
			found = append(found, w)
		}
	}
	slices.SortStableFunc(found, func(a, b weir.Worker) int { return cmp.Compare(attention[a.State(now)], attention[b.State(now)]) })
	v.Title = fmt.Sprintf("%d of %s here", here, page.Count(len(list), "worker", "workers"))
	v.Summary = fmt.Sprintf("%d of %s in use", running, page.Count(slots, "slot", "slots"))
	if rest > 0 {
		v.Summary += " · " + page.Count(rest, "rests, as its owner wishes", "rest, as their owners wish")
	}
	v.More = max(0, len(found)-maxWorkers)
	for _, w := range found[:min(len(found), maxWorkers)] {
		v.Lines = append(v.Lines, workerLine(w, sums[w.Name], hours[w.Name], version, now))
	}
	slices.Sort(platforms)
	v.Filter = page.FilterView{Action: "/workers", Value: f.Text, Label: "Part of a worker's name, platform or labels", Placeholder: "Name, platform, label"}
	choice := page.Choice{Name: "platform", Label: "Platform", Options: []page.Option{{Text: "all"}}}
	for _, p := range platforms[:min(len(platforms), maxWorkers)] {
		p = page.OneLine(p, 60)
		choice.Options = append(choice.Options, page.Option{Value: p, Text: p, On: p == f.Platform})
	}
	states := page.Choice{Name: "state", Label: "State", Options: []page.Option{{Text: "all"}}}
	for _, s := range weir.WorkerStates() {
		states.Options = append(states.Options, page.Option{Value: string(s), Text: stateMarks[s].Word, On: string(s) == f.State})
	}
	v.Filter.Choices = []page.Choice{choice, states}
	if f != (roster.Narrow{}) {
		v.Filter.Clear = "/workers"
		v.Filter.Found = fmt.Sprintf("%d of %s", len(found), page.Count(len(list), "worker", "workers"))
	}
	return v
}

func workerLine(w weir.Worker, sum roster.Sum, hours []roster.Hour, version string, now time.Time) WorkerLine {
	mark, why := standing(w, now)
	line := WorkerLine{Name: page.OneLine(w.Name, page.MaxName), URL: workerURL(w.Name), Platform: page.OneLine(string(w.Platform), 60), Labels: labels(w),
		Mark: mark, Why: why, Seen: page.At(w.Seen, now), Version: page.OneLine(w.Version, 40), Behind: behind(w.Version, version),
		Load:  page.MeterView{Label: "slots in use", Share: float64(w.Running) / float64(max(w.Slots, 1)), Text: fmt.Sprintf("%d of %d", w.Running, w.Slots), Kind: page.KindRun},
		Strip: dayStrip(hours, now), Trouble: trouble(sum)}
	if w.State(now) == weir.WorkerResting {
		line.Until = restEnd(w.Rest, now)
	}
	if w.State(now) == weir.WorkerAway && w.Paused == "" { // since when stands in its line anyway
		line.Why = ""
	}
	if sum.Ended > 0 {
		line.Today = fmt.Sprintf("%s, %s of its time", page.Count(sum.Ended, "attempt", "attempts"), page.Percent(sum.Use))
	}
	return line
}

// labels lists what a worker's owner says that it offers.
func labels(w weir.Worker) string {
	list := make([]string, 0, len(w.Labels))
	for _, l := range w.Labels {
		if strings.HasPrefix(l, "protocol-") { // what its program understands, given by the server
			continue
		}
		list = append(list, page.OneLine(l, 40))
	}
	return page.List(list, maxLabels)
}

func trouble(s roster.Sum) string {
	var parts []string
	if s.Infra > 0 {
		parts = append(parts, page.Count(s.Infra, "infrastructure error", "infrastructure errors"))
	}
	if s.Lost > 0 {
		parts = append(parts, fmt.Sprintf("%d lost", s.Lost))
	}
	return strings.Join(parts, ", ")
}

var stateMarks = map[weir.WorkerState]page.Mark{
	weir.WorkerAway:        {Kind: page.KindOff, Word: "away"},
	weir.WorkerPaused:      {Kind: page.KindPause, Word: "paused"},
	weir.WorkerDraining:    {Kind: page.KindOff, Word: "leaving"},
	weir.WorkerQuarantined: {Kind: page.KindInfra, Word: "in quarantine"},
	weir.WorkerResting:     {Kind: page.KindRest, Word: "resting"},
	weir.WorkerReady:       {Kind: page.KindPass, Word: "here"},
}

// standing says what can be expected of a worker, and why it gets nothing if so.
func standing(w weir.Worker, now time.Time) (mark page.Mark, why string) {
	state := w.State(now)
	mark = stateMarks[state]
	switch state {
	case weir.WorkerReady:
		if w.Running > 0 {
			mark = page.Mark{Kind: page.KindRun, Word: "at work"}
		}
	case weir.WorkerAway:
		why = "not heard of for " + page.Duration(now.Sub(w.Seen))
		if w.Seen.IsZero() {
			why = "never heard of"
		}
		if w.Paused != "" {
			why += "; paused: " + page.OneLine(w.Paused, maxReason)
		}
	case weir.WorkerPaused:
		why = page.OneLine(w.Paused, maxReason)
	case weir.WorkerDraining:
		why = "ends what it runs, and leaves"
	case weir.WorkerQuarantined:
		why = page.Count(w.Strikes, "infrastructure error", "infrastructure errors") + " in a row; gets work again in " + page.Duration(w.Barred.Sub(now))
	case weir.WorkerResting:
		why = restText(w.Rest)
	}
	return mark, why
}

// behind says how the version of a worker's program stands to the server's; empty
// if it is the same, or one of them is not known.
func behind(worker, server string) string {
	if worker == server || worker == "" || server == "" {
		return ""
	}
	a, b := "v"+strings.TrimPrefix(worker, "v"), "v"+strings.TrimPrefix(server, "v")
	if semver.IsValid(a) && semver.IsValid(b) {
		switch d := semver.Compare(a, b); {
		case d < 0:
			return "behind the server's " + page.OneLine(server, 40)
		case d > 0:
			return "ahead of the server's " + page.OneLine(server, 40)
		}
		return ""
	}
	return "not the server's " + page.OneLine(server, 40)
}
