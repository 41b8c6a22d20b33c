package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
)

// OverviewView is the front page: what needs somebody, what runs, the rest.
type OverviewView struct {
	Headline string // one sentence on how the farm stands
	Summary  string // what is going on besides
	Alarm    bool   // something is newly broken
	Doubted  string // builds that run again before anybody is told; may be empty
	Open     []RegressionCard
	Recent   []RegressionCard
	Running  []BuildLine
	Queue    string
	Projects []ProjectGroup
	Silent   []SourceLine // sources that do not answer
	Sources  []SourceLine // the others
	Workers  []WorkerLine
	// What is still to be done on a fresh farm.
	NoProjects, NoWorkers, NoBuilds bool
}

// ProjectGroup is the builders of one project.
type ProjectGroup struct {
	Name     string
	URL      string // of its builds
	Builders []BuilderLine
}

// BuilderLine is one builder and its recent builds.
type BuilderLine struct {
	Name   string // what tells it from the project's others
	Newest BuildLine
	Spark  []Spark // oldest first
	None   bool    // it has no build yet
}

// Spark is one build in a row of small shapes.
type Spark struct {
	Mark  Mark
	URL   string
	Title string
}

// SourceLine is a project's source.
type SourceLine struct {
	Project, Revision, Subject, Error string
	Polled                            When
}

// WorkerLine is one worker.
type WorkerLine struct {
	Name, Platform, Labels, Version string
	Running, Slots                  int
	Seen                            When
	Away                            bool
	Mark                            Mark   // what can be expected of it
	Why                             string // it gets nothing, in words; empty if it does
}

// BuildLine is a build in a list.
type BuildLine struct {
	ID       weir.BuildID
	URL      string
	Name     string // of its builder
	Platform string
	Mark     Mark
	Revision string
	Cause    string
	Worker   string
	At       When   // started, or finished, or made
	Took     string // how long it ran; empty if it did not
	News     string // what changed in it: "3 newly failing"; may be empty
}

func overviewView(o farm.Overview) OverviewView {
	v := OverviewView{Alarm: len(o.Regressions) > 0}
	for _, r := range o.Regressions {
		v.Open = append(v.Open, regressionCard(r, o.At))
	}
	for _, r := range o.Recent {
		v.Recent = append(v.Recent, regressionCard(r, o.At))
	}
	for _, b := range o.Running {
		v.Running = append(v.Running, buildLine(b, o.At))
	}
	v.Projects = projectGroups(o.Builders, o.At)
	for _, s := range o.Sources {
		line := SourceLine{Project: oneLine(s.Project, maxName), Revision: oneLine(s.Tip.Short(), maxName),
			Subject: oneLine(s.Tip.Subject(), maxSubject), Error: oneLine(s.Error, maxSubject), Polled: when(s.Polled, o.At)}
		if s.Error != "" {
			v.Silent = append(v.Silent, line)
		} else {
			v.Sources = append(v.Sources, line)
		}
	}
	here := 0
	for _, w := range o.Workers {
		line := workerLine(w, o.At)
		if !line.Away {
			here++
		}
		v.Workers = append(v.Workers, line)
	}
	if o.Doubted > 0 {
		v.Doubted = count(o.Doubted, "build has", "builds have") +
			" something newly bad and is being run again before anybody is told."
		if o.Doubted > 1 {
			v.Doubted = strings.Replace(v.Doubted, "is being", "are being", 1)
		}
	}
	v.Headline = headline(o)
	v.Queue = queueText(o.Queue)
	v.Summary = fmt.Sprintf("%s · %s · %d of %s here", count(len(o.Running), "build runs", "builds run"), v.Queue,
		here, count(len(o.Workers), "worker", "workers"))
	v.NoProjects = len(o.Sources) == 0 && len(o.Builders) == 0
	v.NoWorkers = len(o.Workers) == 0
	v.NoBuilds = len(o.Running) == 0 && !slices.ContainsFunc(o.Builders,
		func(b farm.BuilderRow) bool { return len(b.Recent) > 0 })
	return v
}

func headline(o farm.Overview) string {
	switch open := len(o.Regressions); {
	case open > 0:
		tests := 0
		for _, r := range o.Regressions {
			tests += len(openVictims(r))
		}
		return fmt.Sprintf("%s, %s bad", count(open, "regression is open", "regressions are open"),
			count(tests, "test", "tests"))
	case len(o.Builders) == 0 && len(o.Running) == 0:
		return "Nothing has been built yet"
	}
	return "Nothing is newly broken"
}

func queueText(q map[weir.State]int) string {
	text := "none queued"
	if n := q[weir.Queued]; n > 0 {
		text = thousands(int64(n)) + " queued"
	}
	if n := q[weir.Blocked]; n > 0 {
		text += fmt.Sprintf(", %s waiting for a product", thousands(int64(n)))
	}
	return text
}

func projectGroups(rows []farm.BuilderRow, now time.Time) []ProjectGroup {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b farm.BuilderRow) int {
		return cmp.Or(strings.Compare(a.Builder.Project, b.Builder.Project), strings.Compare(a.Builder.Name(), b.Builder.Name()))
	})
	var groups []ProjectGroup
	for _, row := range rows {
		name := oneLine(row.Builder.Project, maxName)
		if n := len(groups); n == 0 || groups[n-1].Name != name {
			groups = append(groups, ProjectGroup{Name: name, URL: "/builds?" + url.Values{"project": {row.Builder.Project}}.Encode()})
		}
		g := &groups[len(groups)-1]
		g.Builders = append(g.Builders, builderLine(row, now))
	}
	return groups
}

func builderLine(row farm.BuilderRow, now time.Time) BuilderLine {
	line := BuilderLine{Name: oneLine(strings.TrimPrefix(row.Builder.Name(), row.Builder.Project+"/"), maxName)}
	if len(row.Recent) == 0 {
		line.None = true
		return line
	}
	line.Newest = buildLine(row.Recent[0], now)
	for _, b := range slices.Backward(row.Recent) {
		m := buildMark(b)
		line.Spark = append(line.Spark, Spark{Mark: m, URL: buildURL(b.ID),
			Title: fmt.Sprintf("build %d: %s at %s", b.ID, m.Word, oneLine(weir.ShortRevision(b.Revision()), 40))})
	}
	return line
}

func workerLine(w weir.Worker, now time.Time) WorkerLine {
	labels := make([]string, len(w.Labels))
	for i, l := range w.Labels {
		labels[i] = oneLine(l, 40)
	}
	state := w.State(now)
	line := WorkerLine{Mark: workerMarks[state], Name: oneLine(w.Name, maxName), Platform: oneLine(string(w.Platform), maxName), Labels: list(labels, 6),
		Version: oneLine(w.Version, 40), Running: w.Running, Slots: w.Slots, Seen: when(w.Seen, now), Away: state == weir.WorkerAway}
	switch state {
	case weir.WorkerReady:
		if w.Running > 0 {
			line.Mark = Mark{markRun, "at work"}
		}
	case weir.WorkerPaused:
		line.Why = "gets no work: " + oneLine(w.Paused, maxReasonShown)
	case weir.WorkerDraining:
		line.Why = "ends what it runs, and leaves"
	case weir.WorkerQuarantined:
		line.Why = count(w.Strikes, "infrastructure error", "infrastructure errors") + " in a row; gets work again in " + duration(w.Barred.Sub(now))
	}
	return line
}

// maxReasonShown limits, in characters, why a worker is paused.
const maxReasonShown = 120

var workerMarks = map[weir.WorkerState]Mark{
	weir.WorkerAway:        {markInfra, "away"},
	weir.WorkerPaused:      {markOff, "paused"},
	weir.WorkerDraining:    {markOff, "leaving"},
	weir.WorkerQuarantined: {markInfra, "in quarantine"},
	weir.WorkerReady:       {markPass, "here"},
}

func buildURL(id weir.BuildID) string           { return fmt.Sprintf("/builds/%d", id) }
func regressionURL(id weir.RegressionID) string { return fmt.Sprintf("/regressions/%d", id) }

func buildLine(b weir.Build, now time.Time) BuildLine {
	line := BuildLine{ID: b.ID, URL: buildURL(b.ID), Name: oneLine(b.Builder.Project+"/"+b.Builder.Job+cell(b), maxName),
		Platform: oneLine(string(b.Builder.Platform), maxName), Mark: buildMark(b),
		Revision: oneLine(weir.ShortRevision(b.Revision()), 40), Cause: causeWord(b.Cause), Worker: oneLine(b.Worker, maxName),
		News: newsText(b.Changes)}
	switch {
	case !b.Finished.IsZero():
		line.At = when(b.Finished, now)
	case !b.Started.IsZero():
		line.At = when(b.Started, now)
	default:
		line.At = when(b.Created, now)
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
		return duration(b.Finished.Sub(b.Started))
	case b.State == weir.Running:
		return duration(now.Sub(b.Started).Truncate(time.Second))
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
		{c.NewlyFailing, "newly failing"}, {c.Vanished, "vanished"}, {c.NewlySkipped, "newly skipped"},
		{c.Flaky, "flaky"}, {c.Fixed, "fixed"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", thousands(int64(p.n)), p.word))
		}
	}
	return strings.Join(parts, ", ")
}
