package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/findings"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// OverviewView is the front page: what needs somebody, what runs, the rest.
type OverviewView struct {
	Headline string // one sentence on how the farm stands
	Summary  string // what is going on besides
	Alarm    bool   // something is newly broken
	Doubted  string // builds that run again before anybody is told; may be empty
	Open     []findings.RegressionCard
	InHand   []findings.RegressionCard // open, and somebody looks after them
	Recent   []findings.RegressionCard
	Running  []BuildLine
	Queue    string
	Builders BuildersView
	Silent   []SourceLine // sources that do not answer
	Sources  []SourceLine // the others
	Workers  []WorkerLine
	Recipes  []RecipeLine // of repositories, those with problems
	// How many there are besides.
	MoreRunning, MoreSilent, MoreSources, MoreWorkers, MoreRecipes int
	// What is still to be done on a fresh farm.
	NoProjects, NoWorkers bool
}

// SourceLine is a project's source.
type SourceLine struct {
	Project, Revision, Subject, Error string
	Polled                            page.When
}

// WorkerLine is one worker.
type WorkerLine struct {
	Name, Platform, Labels, Version string
	Running, Slots                  int
	Seen                            page.When
	Away                            bool
	Mark                            page.Mark // what can be expected of it
	Why                             string    // it gets nothing, in words; empty if it does
}

// BuildLine is a build in a list.
type BuildLine struct {
	ID       weir.BuildID
	URL      string
	Name     string // of its builder
	Platform string
	Mark     page.Mark
	Revision string
	Cause    string
	Worker   string
	At       page.When // started, or finished, or made
	Took     string    // how long it ran; empty if it did not
	News     string    // what changed in it: "3 newly failing"; may be empty
}

func overviewView(o farm.Front, filter string) OverviewView {
	v := OverviewView{Alarm: len(o.Regressions) > 0}
	for _, r := range o.Regressions {
		v.Open = append(v.Open, findings.NewRegressionCard(r, o.At))
	}
	v.Open, v.InHand = findings.InHandLast(v.Open)
	for _, r := range o.Recent {
		v.Recent = append(v.Recent, findings.NewRegressionCard(r, o.At))
	}
	for _, b := range o.Running {
		v.Running = append(v.Running, buildLine(b, o.At))
	}
	v.Builders = buildersView(o.Glances, o.At, filter)
	for _, s := range o.Sources {
		line := SourceLine{Project: page.OneLine(s.Project, page.MaxName), Revision: page.OneLine(s.Tip.Short(), page.MaxName),
			Subject: page.OneLine(s.Tip.Subject(), page.MaxSubject), Error: page.OneLine(s.Error, page.MaxSubject), Polled: page.At(s.Polled, o.At)}
		if s.Error != "" {
			v.Silent = append(v.Silent, line)
		} else {
			v.Sources = append(v.Sources, line)
		}
	}
	v.Silent, v.MoreSilent = cut(v.Silent, maxAside)
	v.Recipes, v.MoreRecipes = cut(recipeLines(o.Config, "", o.At), maxAside)
	v.Sources, v.MoreSources = cut(v.Sources, maxAside)
	here := 0
	for _, w := range o.Workers {
		line := workerLine(w, o.At)
		if !line.Away {
			here++
		}
		v.Workers = append(v.Workers, line)
	}
	if len(v.Workers) > maxAside { // those first that gain nothing from being many
		slices.SortStableFunc(v.Workers, func(a, b WorkerLine) int { return order(b.Away || b.Why != "") - order(a.Away || a.Why != "") })
	}
	v.NoWorkers = len(v.Workers) == 0
	v.Workers, v.MoreWorkers = cut(v.Workers, maxAside)
	if o.Doubted > 0 {
		v.Doubted = page.Count(o.Doubted, "build has", "builds have") +
			" something newly bad and is being run again before anybody is told."
		if o.Doubted > 1 {
			v.Doubted = strings.Replace(v.Doubted, "is being", "are being", 1)
		}
	}
	v.Headline = headline(o)
	v.Queue = queueText(o.Queue)
	running := max(len(o.Running), o.Queue[weir.Leased]+o.Queue[weir.Running])
	v.Running, v.MoreRunning = cut(v.Running, maxRunning)
	v.MoreRunning += running - len(o.Running)
	v.Summary = fmt.Sprintf("%s · %s · %d of %s here", page.Count(running, "build runs", "builds run"), v.Queue,
		here, page.Count(len(o.Workers), "worker", "workers"))
	v.NoProjects = len(o.Sources) == 0 && len(o.Glances) == 0
	return v
}

// Limits on the lists of one page. What is over them is counted.
const (
	maxRunning = 100
	maxAside   = 20 // sources and workers
)

// cut cuts a list and says how much is missing.
func cut[T any](list []T, limit int) (head []T, more int) {
	n := min(len(list), limit)
	return list[:n], len(list) - n
}

func order(first bool) int {
	if first {
		return 1
	}
	return 0
}

func headline(o farm.Front) string {
	switch open := len(o.Regressions); {
	case open > 0:
		tests, held := 0, 0
		for _, r := range o.Regressions {
			if r.Acknowledged.In(o.At) {
				held++
			}
			tests += len(findings.OpenVictims(r))
		}
		text := fmt.Sprintf("%s, %s bad", page.Count(open, "regression is open", "regressions are open"), page.Count(tests, "test", "tests"))
		if held > 0 {
			text += fmt.Sprintf("; %d in hand", held)
		}
		return text
	case len(o.Glances) == 0 && len(o.Running) == 0:
		return "Nothing has been built yet"
	}
	return "Nothing is newly broken"
}

func queueText(q map[weir.State]int) string {
	text := "none queued"
	if n := q[weir.Queued]; n > 0 {
		text = page.Thousands(int64(n)) + " queued"
	}
	if n := q[weir.Blocked]; n > 0 {
		text += fmt.Sprintf(", %s waiting for a product", page.Thousands(int64(n)))
	}
	return text
}

func workerLine(w weir.Worker, now time.Time) WorkerLine {
	labels := make([]string, len(w.Labels))
	for i, l := range w.Labels {
		labels[i] = page.OneLine(l, 40)
	}
	state := w.State(now)
	line := WorkerLine{Mark: workerMarks[state], Name: page.OneLine(w.Name, page.MaxName), Platform: page.OneLine(string(w.Platform), page.MaxName), Labels: page.List(labels, 6),
		Version: page.OneLine(w.Version, 40), Running: w.Running, Slots: w.Slots, Seen: page.At(w.Seen, now), Away: state == weir.WorkerAway}
	switch state {
	case weir.WorkerReady:
		if w.Running > 0 {
			line.Mark = page.Mark{Kind: page.KindRun, Word: "at work"}
		}
	case weir.WorkerPaused:
		line.Why = "gets no work: " + page.OneLine(w.Paused, maxReasonShown)
	case weir.WorkerDraining:
		line.Why = "ends what it runs, and leaves"
	case weir.WorkerQuarantined:
		line.Why = page.Count(w.Strikes, "infrastructure error", "infrastructure errors") + " in a row; gets work again in " + page.Duration(w.Barred.Sub(now))
	}
	return line
}

// maxReasonShown limits, in characters, why a worker is paused.
const maxReasonShown = 120

var workerMarks = map[weir.WorkerState]page.Mark{
	weir.WorkerAway:        {Kind: page.KindInfra, Word: "away"},
	weir.WorkerPaused:      {Kind: page.KindOff, Word: "paused"},
	weir.WorkerDraining:    {Kind: page.KindOff, Word: "leaving"},
	weir.WorkerQuarantined: {Kind: page.KindInfra, Word: "in quarantine"},
	weir.WorkerReady:       {Kind: page.KindPass, Word: "here"},
}

func buildLine(b weir.Build, now time.Time) BuildLine {
	line := BuildLine{ID: b.ID, URL: page.BuildURL(b.ID), Name: page.OneLine(b.Builder.Project+"/"+b.Builder.Job+cell(b), page.MaxName),
		Platform: page.OneLine(string(b.Builder.Platform), page.MaxName), Mark: page.BuildMark(b),
		Revision: page.OneLine(weir.ShortRevision(b.Revision()), 40), Cause: page.CauseWord(b.Cause), Worker: page.OneLine(b.Worker, page.MaxName),
		News: newsText(b.Changes)}
	switch {
	case !b.Finished.IsZero():
		line.At = page.At(b.Finished, now)
	case !b.Started.IsZero():
		line.At = page.At(b.Started, now)
	default:
		line.At = page.At(b.Created, now)
	}
	if b.State.Final() { // of what runs, At says as much
		line.Took = took(b, now)
	}
	return line
}

func cell(b weir.Build) string {
	text := ""
	for _, part := range []string{b.Builder.Cell, b.Builder.Branch} {
		if part != "" {
			text += " " + part
		}
	}
	return text
}

func took(b weir.Build, now time.Time) string {
	switch {
	case b.Started.IsZero():
		return ""
	case !b.Finished.IsZero():
		return page.Duration(b.Finished.Sub(b.Started))
	case b.State == weir.Running:
		return page.Duration(now.Sub(b.Started).Truncate(time.Second))
	}
	return ""
}

// newsText says what is not as it was in a build, worst first.
func newsText(c weir.VerdictCounts) string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{
		{c.NewlyFailing, "newly failing"}, {c.FailingDifferently, "failing differently"}, {c.Vanished, "vanished"},
		{c.NewlySkipped, "newly skipped"}, {c.Masked, "masked"}, {c.Flaky, "flaky"}, {c.Fixed, "fixed"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", page.Thousands(int64(p.n)), p.word))
		}
	}
	return strings.Join(parts, ", ")
}
