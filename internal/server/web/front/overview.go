package front

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/server/web/builds"
	"github.com/weir-ci/weir/internal/server/web/findings"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// OverviewView is the front page: what needs somebody, what runs, the rest.
type OverviewView struct {
	Headline string                    // one sentence on how the farm stands
	Summary  string                    // what is going on besides
	Alarm    bool                      // something is newly broken, and nobody has it in hand
	Doubted  string                    // builds that run again before anybody is told; may be empty
	Open     []findings.RegressionCard // that are news
	Known    []findings.RegressionCard // open, and news to nobody
	Closed   []findings.RegressionCard // lately
	Running  []RunningLine
	Queue    string
	Silent   []SourceLine // sources that do not answer
	Absent   []WorkerLine // workers that can do nothing
	Recipes  []builds.RecipeLine
	Projects ProjectsView
	// How many there are besides.
	MoreOpen, MoreKnown, MoreRunning, MoreSilent, MoreAbsent, MoreRecipes int
	Unread                                                                int // open regressions that the farm has and that were not read, older than all that are shown
	// What is still to be done on a fresh farm.
	NoProjects, NoWorkers bool

	builders []weir.BuilderID // of Running
}

// RunningLine is a build that runs, and how far it is.
type RunningLine struct {
	page.BuildLine
	Progress page.MeterView
}

// SourceLine is a project's source that does not answer.
type SourceLine struct {
	Project, URL, Error string
	Polled              page.When
}

// WorkerLine is a worker that gets no work, and why.
type WorkerLine struct {
	Name string
	Mark page.Mark
	Why  string
	Seen page.When
}

// Limits on the lists of the overview. What is over them is counted.
const (
	maxOpen    = 12
	maxKnown   = 8
	maxClosed  = 5
	maxRunning = 10
	maxSilent  = 5
	maxAbsent  = 5
	maxRecipes = 5
	maxReason  = 120 // characters of why a worker is paused
)

// searched is 1 for a regression without a culprit, and 0 for one with it.
func searched(c findings.RegressionCard) int {
	if c.Confidence == "" {
		return 1
	}
	return 0
}

func overviewView(o farm.Overview) OverviewView {
	v := OverviewView{Unread: max(0, o.Open-len(o.Regressions)), NoProjects: len(o.Sources) == 0 && len(o.Running) == 0, NoWorkers: len(o.Workers) == 0}
	for _, r := range o.Regressions {
		v.Open = append(v.Open, findings.NewRegressionCard(r, o.At))
	}
	v.Open, v.Known = findings.KnownLast(v.Open)
	v.Alarm = len(v.Open) > 0
	// First those that somebody can act on; while it is searched the farm is at work.
	slices.SortStableFunc(v.Open, func(a, b findings.RegressionCard) int { return searched(a) - searched(b) })
	v.Open, v.MoreOpen = cut(v.Open, maxOpen)
	v.Known, v.MoreKnown = cut(v.Known, maxKnown)
	for _, r := range o.Recent[:min(len(o.Recent), maxClosed)] {
		v.Closed = append(v.Closed, findings.NewRegressionCard(r, o.At))
	}
	v.Recipes, v.MoreRecipes = cut(builds.RecipeLines(o.Config, "", o.At), maxRecipes)
	for _, s := range o.Sources {
		if s.Error != "" {
			v.Silent = append(v.Silent, SourceLine{Project: page.OneLine(s.Project, page.MaxName), URL: page.ProjectURL(s.Project),
				Error: page.OneLine(s.Error, page.MaxSubject), Polled: page.At(s.Polled, o.At)})
		}
	}
	v.Silent, v.MoreSilent = cut(v.Silent, maxSilent)
	here, ready, rest := 0, 0, 0
	for _, w := range o.Workers {
		if w.State(o.At) != weir.WorkerAway {
			here++
		}
		if w.State(o.At) == weir.WorkerReady {
			ready++
		}
		if w.State(o.At) == weir.WorkerResting { // as its owner wishes: nobody has to do anything
			rest++
			continue
		}
		if line := workerLine(w, o.At); line.Why != "" {
			v.Absent = append(v.Absent, line)
		}
	}
	if ready == 0 { // nothing is built, and that is why
		for _, w := range o.Workers {
			if w.State(o.At) == weir.WorkerResting {
				v.Absent = append(v.Absent, workerLine(w, o.At))
			}
		}
	}
	v.Absent, v.MoreAbsent = cut(v.Absent, maxAbsent)
	if o.Doubted > 0 {
		v.Doubted = page.Count(o.Doubted, "build has", "builds have") +
			" something newly bad and is being run again before anybody is told."
		if o.Doubted > 1 {
			v.Doubted = strings.Replace(v.Doubted, "is being", "are being", 1)
		}
	}
	v.Headline, v.Queue = headline(o, v.Alarm), queueText(o.Queue)
	running := max(len(o.Running), o.Queue[weir.Leased]+o.Queue[weir.Running])
	shown := shownRunning(o)
	for _, b := range shown {
		v.Running, v.builders = append(v.Running, RunningLine{BuildLine: page.NewBuildLine(b, o.At)}), append(v.builders, b.Builder.ID)
	}
	v.MoreRunning = running - len(shown)
	v.Summary = fmt.Sprintf("%s · %s · %d of %s here", runningText(running), v.Queue,
		here, page.Count(len(o.Workers), "worker", "workers"))
	switch {
	case len(o.Workers) == 0:
		v.Summary = runningText(running) + " · " + v.Queue + " · no worker yet"
	case here > 0 && ready == 0:
		v.Summary += ", and none takes work"
	case ready < here:
		var parts []string
		if held := here - ready - rest; held > 0 {
			parts = append(parts, page.Count(held, "takes no work", "take no work"))
		}
		if rest > 0 {
			parts = append(parts, page.Count(rest, "rests", "rest"))
		}
		v.Summary += ", " + strings.Join(parts, ", ")
	}
	return v
}

// shownRunning are the builds of which the page says how far they are: those that
// have run longest.
func shownRunning(o farm.Overview) []weir.Build {
	list := slices.Clone(o.Running)
	slices.SortStableFunc(list, func(a, b weir.Build) int { return since(a).Compare(since(b)) })
	return list[:min(len(list), maxRunning)]
}

// since is when a build began, or was made.
func since(b weir.Build) time.Time {
	if b.Started.IsZero() {
		return b.Created
	}
	return b.Started
}

// running lists the builders of the builds that the page shows.
func (v *OverviewView) running() []weir.BuilderID { return v.builders }

// progress says how far the builds are, by how long those before took.
func (v *OverviewView) progress(o farm.Overview, usual map[weir.BuilderID]time.Duration) {
	for i, b := range shownRunning(o) {
		if !b.Started.IsZero() {
			v.Running[i].Progress = page.NewProgress(o.At.Sub(b.Started).Truncate(time.Second), usual[b.Builder.ID])
		}
	}
}

// cut cuts a list and says how much is missing.
func cut[T any](list []T, limit int) (head []T, more int) {
	n := min(len(list), limit)
	return list[:n], len(list) - n
}

// headline says in one sentence how the farm stands; alarm: something of it is news.
func headline(o farm.Overview, alarm bool) string {
	tests, held := 0, 0
	for _, r := range o.Regressions {
		if r.Acknowledged.In(o.At) {
			held++
		}
		tests += len(findings.OpenVictims(r))
	}
	open := max(o.Open, len(o.Regressions)) // all of them, however many were read
	switch {
	case open > 0:
		text := fmt.Sprintf("%s, %s bad", page.Count(open, "regression is open", "regressions are open"), page.Count(max(tests, o.BadTests), "test", "tests"))
		if held > 0 {
			text += fmt.Sprintf("; %d in hand", held)
		}
		if !alarm {
			text = "Nothing is new; " + text
		}
		return text
	case len(o.Sources) == 0 && len(o.Running) == 0:
		return "Nothing has been built yet"
	}
	return "Nothing is newly broken"
}

// silent takes back that nothing is newly broken where no build has said anything yet.
func (v *OverviewView) silent(list standing.Projects) {
	if !v.Alarm && len(v.Known)+v.Unread == 0 && list.Total > 0 && list.Classes[standing.Unknown] == list.Total {
		v.Headline = "Nothing has been built yet"
	}
}

func runningText(n int) string {
	if n == 0 {
		return "nothing runs"
	}
	return page.Count(n, "build runs", "builds run")
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

var workerMarks = map[weir.WorkerState]page.Mark{
	weir.WorkerAway:        {Kind: page.KindInfra, Word: "away"},
	weir.WorkerPaused:      {Kind: page.KindOff, Word: "paused"},
	weir.WorkerDraining:    {Kind: page.KindOff, Word: "leaving"},
	weir.WorkerQuarantined: {Kind: page.KindInfra, Word: "in quarantine"},
	weir.WorkerResting:     {Kind: page.KindRest, Word: "resting"},
}

// workerLine says why a worker gets no work; Why is empty if it does.
func workerLine(w weir.Worker, now time.Time) WorkerLine {
	state := w.State(now)
	line := WorkerLine{Name: page.OneLine(w.Name, page.MaxName), Mark: workerMarks[state], Seen: page.At(w.Seen, now)}
	switch state {
	case weir.WorkerAway:
		line.Why = "is away"
	case weir.WorkerPaused:
		line.Why = "gets no work: " + page.OneLine(w.Paused, maxReason)
	case weir.WorkerDraining:
		line.Why = "ends what it runs, and leaves"
	case weir.WorkerQuarantined:
		line.Why = page.Count(w.Strikes, "infrastructure error", "infrastructure errors") + " in a row; gets work again in " + page.Duration(w.Barred.Sub(now))
	case weir.WorkerResting:
		line.Why = "rests, as its owner wishes"
		if text := page.OneLine(w.Rest.Text, maxReason); text != "" {
			line.Why = "rests: " + text
		}
	}
	return line
}
