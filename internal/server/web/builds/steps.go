package builds

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
)

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
	LogLines string // how many it has; empty: that may change
	LogBytes string
	HasLog   bool
	Open     bool
	Tail     string // its last lines, only if Open
	TailNote string // "the last 200 of 10,000 lines"
	ShowURL  string // this page with the step open
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
			Reason: page.Clean(attemptText(a.Attempt), page.MaxSubject)}
		if !a.Ended.IsZero() {
			line.Took = page.Duration(a.Ended.Sub(a.Leased))
		}
		v.Attempts = append(v.Attempts, line)
		v.Facts.Place = line.Place
	}
	v.Refused = d.Attempts[len(d.Attempts)-1].Reason.Code == weir.ReasonRefused
	attempt := d.Attempts[shown]
	v.Attempt = attempt.ID.Number
	v.Timeline = timelineOf(d, shown, now)
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
		if s.State != weir.StepRunning {
			line.LogLines, line.LogBytes = fmt.Sprint(s.LogLines), fmt.Sprint(s.LogBytes)
		}
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
		if line.Note == fmt.Sprintf("exit status %d", s.ExitCode) {
			line.Note = "" // the same once more
		}
	}
	return line
}
