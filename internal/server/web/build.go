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

// BuildView is the page of one build.
type BuildView struct {
	ID          weir.BuildID
	Title       string // "mill/test linux/amd64"
	Mark        page.Mark
	Live        bool   // it may still change
	Reason      string // why the outcome is what it is
	Judgement   string // what the farm makes of it
	Why         string // the run's reason
	Cause       string
	Config      string // version of the configuration that made it; may be empty
	RunURL      string
	Acts        BuildActs
	Kept        KeptView
	Pins        []page.PinLine
	Platform    string
	Worker      string
	Place       string // what its newest attempt ran in
	Created     page.When
	Started     page.When
	Finished    page.When
	Took        string
	RetryOf     string // URL; empty if it is no retry
	Needs       []BuildLine
	Regressions []findings.RegressionCard
	Changes     []ChangeLine
	ChangesAt   string // "201 to 400"; empty if all are listed
	Earlier     string // URL of the page before; may be empty
	Later       string // URL of the next page; may be empty
	News        string
	Against     BuildRef   // the settled build that it was held against
	Repeats     []BuildRef // builds that ran it again, oldest first
	Hidden      findings.HiddenView
	Attempts    []AttemptLine
	Attempt     int        // whose steps are shown
	Steps       []StepLine // of that attempt
	Tests       TestsView
	ReproVerb   string // the command that does all of it
	Repro       string // what does it by hand
}

// BuildRef points to another build.
type BuildRef struct {
	ID   weir.BuildID // 0: none
	URL  string
	Mark page.Mark
}

func buildRefs(builds []weir.Build) (out []BuildRef) {
	for _, b := range slices.Backward(builds) {
		out = append(out, BuildRef{b.ID, page.BuildURL(b.ID), page.BuildMark(b)})
	}
	return out
}

// ChangeLine is a test that is not as it was.
type ChangeLine struct {
	Test, Message, Cause string
	URL                  string // of the test's history
	Mark                 page.Mark
	From, To             string
}

// AttemptLine is one attempt.
type AttemptLine struct {
	Number  int
	URL     string
	Mark    page.Mark
	Worker  string
	Reason  string
	Leased  page.When
	Took    string
	Place   string // what is known of its surroundings
	Current bool   // its steps are shown
}

// StepLine is one step and its log.
type StepLine struct {
	Index    int
	Name     string
	State    weir.StepState
	Mark     page.Mark
	Took     string
	Exit     string // "exit 2" or "signal killed"; empty if it went well
	Note     string
	Command  string
	LogURL   string // JSON pieces; "/raw" behind it is all of it
	LogSize  string
	HasLog   bool
	Open     bool
	Tail     string // its last lines, only if Open
	TailNote string // "the last 200 of 10,000 lines"
	ShowURL  string // this page with the step open
}

// maxChanges limits how many changed tests a page lists.
const maxChanges = 200

func buildView(d farm.BuildDetail, q buildQuery, now time.Time) BuildView {
	b := d.Build
	v := BuildView{ID: b.ID, Title: page.OneLine(b.Builder.Name(), page.MaxName), Mark: page.BuildMark(b), Live: !b.State.Final(),
		Reason: waitText(d), Judgement: judgementText(b, d.First), Why: page.OneLine(d.Run.Reason, page.MaxSubject), Cause: page.CauseWord(b.Cause), Config: page.OneLine(d.Run.Config, 40),
		RunURL: fmt.Sprintf("/builds?run=%d", b.Run), Pins: page.PinLines(b.Pins, b.Builder.Project),
		Platform: page.OneLine(string(b.Builder.Platform), page.MaxName), Worker: page.OneLine(b.Worker, page.MaxName),
		Created: page.At(b.Created, now), Started: page.At(b.Started, now), Finished: page.At(b.Finished, now), Took: took(b, now),
		News: changesText(b.Changes), Against: BuildRef{ID: d.Against, URL: page.BuildURL(d.Against)}, Repeats: buildRefs(d.Repeats), Hidden: findings.NewHiddenView(b, d.Hidden), ReproVerb: fmt.Sprintf("weir repro %d", b.ID), Repro: page.Repro(d.Spec)}
	if b.RetryOf != 0 {
		v.RetryOf = page.BuildURL(b.RetryOf)
	}
	for _, n := range d.Needs {
		v.Needs = append(v.Needs, buildLine(n, now))
	}
	for _, r := range d.Regressions {
		v.Regressions = append(v.Regressions, findings.NewRegressionCard(r, now))
	}
	for _, c := range d.Changes[:min(len(d.Changes), maxChanges)] {
		v.Changes = append(v.Changes, ChangeLine{Test: page.TestName(c.Test), URL: page.TestURL(b.Builder, c.Test), Message: page.Block(c.Message, page.MaxMessage),
			Cause: page.IncidentWord(c.Cause), Mark: page.VerdictMark(c.Verdict), From: page.StatusWord(c.From), To: page.StatusMark(c.To).Word})
	}
	v.pageChanges(d)
	v.attempts(d, q, now)
	return v
}

// pageChanges fills in how to get to the changes that are not listed.
func (v *BuildView) pageChanges(d farm.BuildDetail) {
	at := func(from int) string { return fmt.Sprintf("%s?changes=%d#h-changes", page.BuildURL(v.ID), from) }
	last := d.From + len(v.Changes)
	if d.From > 0 {
		v.Earlier = at(max(0, d.From-maxChanges))
	}
	if d.More || len(v.Changes) < len(d.Changes) {
		v.Later = at(last)
	}
	if v.Earlier+v.Later != "" && len(v.Changes) > 0 {
		v.ChangesAt = page.Thousands(int64(d.From+1)) + " to " + page.Thousands(int64(last))
		if v.Later == "" && d.Build.Changes.New > last {
			v.ChangesAt += ", the other new tests are not listed"
		}
	}
}

// changesText says all that is not as it was, new tests included.
func changesText(c weir.VerdictCounts) string {
	parts := []string{}
	if text := newsText(c); text != "" {
		parts = append(parts, text)
	}
	if c.New > 0 {
		parts = append(parts, page.Thousands(int64(c.New))+" new")
	}
	return strings.Join(parts, ", ")
}

// reasonWords says what a reason means where it came without a text.
var reasonWords = map[weir.ReasonCode]string{
	weir.ReasonTests: "tests failed", weir.ReasonStep: "a step failed, and no test says why",
	weir.ReasonNoResults: "the tests left no readable results", weir.ReasonCheckout: "the revision cannot be checked out",
	weir.ReasonPrepare: "a step failed before any test ran", weir.ReasonUpstreamBuild: "the product it needs could not be built",
	weir.ReasonTimeout: "it took longer than it may", weir.ReasonQuiet: "it printed nothing for too long",
	weir.ReasonUndelivered: "it never reached the worker",
	weir.ReasonLost:        "the worker was lost", weir.ReasonWorker: "the worker could not do its part",
	weir.ReasonDiskFull: "the worker's disk is full", weir.ReasonSourceDown: "the source did not answer",
	weir.ReasonNeeds: "a job that it needs did not end as it should", weir.ReasonSecret: "a secret that it asks for cannot be had",
	weir.ReasonService: "a service did not become ready", weir.ReasonProductMissing: "the product could not be fetched", weir.ReasonRequested: "somebody cancelled it",
	weir.ReasonSuperseded: "a newer revision took its place", weir.ReasonNothing: "there was nothing to do",
}

func reasonText(b weir.Build) string {
	if text := page.OneLine(b.Reason.Text, weir.MaxReason); text != "" {
		return text
	}
	return reasonWords[b.Reason.Code]
}

func judgementText(b weir.Build, first bool) string {
	switch b.Judgement {
	case weir.Unjudged:
		if b.State == weir.Finished {
			return "not compared with earlier builds yet"
		}
	case weir.Doubted:
		return "something is newly bad; the same build runs again before anybody is told"
	case weir.Settled:
		if first {
			return "first build, nothing to compare with"
		}
		if b.Changes.Worse() == 0 && b.Changes.Masked > 0 {
			return fmt.Sprintf("hides failures: tests that were bad did not run (%s), which mends nothing", page.Thousands(int64(b.Changes.Masked)))
		}
		if b.Outcome != weir.Passed && b.Changes.Worse() == 0 {
			return "as bad as before: nothing in it is new"
		}
	case weir.Unusable:
		return "says nothing about its revisions"
	case weir.Answering:
		return "answers a question and does not move the baseline"
	}
	return ""
}

// attempts fills in the attempts and the steps of the one asked for.
func (v *BuildView) attempts(d farm.BuildDetail, q buildQuery, now time.Time) {
	if len(d.Attempts) == 0 {
		return
	}
	shown := len(d.Attempts) - 1
	if i := slices.IndexFunc(d.Attempts, func(a farm.AttemptDetail) bool { return a.ID.Number == q.attempt }); i >= 0 {
		shown = i
	}
	for i, a := range d.Attempts {
		line := AttemptLine{Number: a.ID.Number, URL: fmt.Sprintf("%s?attempt=%d", page.BuildURL(v.ID), a.ID.Number),
			Mark: page.AttemptMark(a.Attempt), Worker: page.OneLine(a.Worker, page.MaxName), Leased: page.At(a.Leased, now), Current: i == shown,
			Place:  page.OneLine(a.Surroundings.String(), page.MaxSubject),
			Reason: page.Clean(reasonText(weir.Build{Reason: a.Reason}), page.MaxSubject)}
		if !a.Ended.IsZero() {
			line.Took = page.Duration(a.Ended.Sub(a.Leased))
		}
		v.Attempts = append(v.Attempts, line)
		v.Place = line.Place
	}
	attempt := d.Attempts[shown]
	v.Attempt = attempt.ID.Number
	steps := ended(attempt)
	open := openStep(steps, q.step)
	for _, s := range steps {
		line := stepLine(v.ID, v.Attempt, s, now)
		line.Open = line.HasLog && s.Index == open
		line.ShowURL = fmt.Sprintf("%s?attempt=%d&step=%d#step-%d", page.BuildURL(v.ID), v.Attempt, s.Index, s.Index)
		if i := s.Index; i < len(d.Spec.Job.Steps) && d.Spec.Job.Steps[i].Name == s.Name {
			line.Command = page.Block(d.Spec.Job.Steps[i].Run, page.MaxMessage)
		} else if i := slices.IndexFunc(d.Spec.Job.Steps, func(w weir.Step) bool { return w.Name == s.Name }); i >= 0 {
			line.Command = page.Block(d.Spec.Job.Steps[i].Run, page.MaxMessage)
		}
		v.Steps = append(v.Steps, line)
	}
}

// ended returns the steps of an attempt. One that still runs when the attempt is over
// was killed: of a build that is cancelled nobody reports it.
func ended(a farm.AttemptDetail) []farm.StepDetail {
	steps := slices.Clone(a.Steps)
	for i := range steps {
		if s := &steps[i]; !a.Live() && s.State == weir.StepRunning {
			s.State, s.Ended = weir.StepKilled, a.Ended
		}
	}
	return steps
}

// openStep picks the step whose log is worth seeing: the one asked for, the
// one that went wrong, the one that runs, else the last one that printed something.
func openStep(steps []farm.StepDetail, asked int) int {
	best, rank := -1, 0
	for _, s := range steps {
		r := 0
		switch {
		case s.Index == asked:
			r = 5
		case s.State == weir.StepFailed || s.State == weir.StepKilled:
			r = 4
		case s.State == weir.StepRunning:
			r = 3
		case s.LogBytes > 0:
			r = 2
		}
		if r > rank || r == rank && r == 2 {
			best, rank = s.Index, r
		}
	}
	return best
}

func stepLine(build weir.BuildID, attempt int, s farm.StepDetail, now time.Time) StepLine {
	line := StepLine{Index: s.Index, Name: page.OneLine(s.Name, page.MaxName), State: s.State, Mark: page.StepMark(s.State),
		Note: page.OneLine(s.Note, page.MaxSubject), HasLog: s.LogBytes > 0 || s.State == weir.StepRunning,
		LogURL: fmt.Sprintf("/api/v1/builds/%d/attempts/%d/steps/%d/log", build, attempt, s.Index)}
	if s.LogBytes > 0 {
		line.LogSize = page.Size(s.LogBytes)
	}
	switch {
	case s.Started.IsZero():
	case !s.Ended.IsZero():
		line.Took = page.Duration(s.Ended.Sub(s.Started))
	case s.State == weir.StepRunning:
		line.Took = page.Duration(now.Sub(s.Started).Truncate(time.Second))
	}
	switch {
	case s.Signal != "":
		line.Exit = "signal " + page.OneLine(s.Signal, 40)
	case s.State == weir.StepFailed:
		line.Exit = fmt.Sprintf("exit %d", s.ExitCode)
	}
	return line
}

// waitText says why a build waits, or why its outcome is what it is.
func waitText(d farm.BuildDetail) string {
	if d.Waits != nil {
		return page.OneLine(d.Waits.Text, page.MaxSubject)
	}
	return reasonText(d.Build)
}
