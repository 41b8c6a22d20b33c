package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
)

// Evidence is what is left of a run when the farm is quiet.
type Evidence struct {
	Asked  []weir.BuildID // builds that the farm said it would run
	Builds []BuildSeen
	Runs   map[string]*Run // by name, from the marks
	Ended  []Ended
	Queue  map[weir.State]int
}

// BuildSeen is a build as the farm tells it.
type BuildSeen struct {
	weir.Build
	Attempts []AttemptSeen
}

// AttemptSeen is an attempt with what is recorded of its output.
type AttemptSeen struct {
	weir.Attempt
	Steps []StepSeen
}

// StepSeen is a step of an attempt.
type StepSeen struct {
	weir.StepRecord
	Log Log
}

// Ended is an attempt that was seen to have been taken from its worker, and
// what was recorded of it then and at the end: nothing may change any more.
type Ended struct {
	Attempt     weir.AttemptID
	Then, Later string
}

// Counts sums up what a run did.
type Counts struct {
	Builds, Attempts, Lost, Undelivered, GivenUp int
	Lines                                        int64
	Reasons                                      string // why attempts were lost, for example "disk_full 2, lost 7"
}

// Check finds everything that is wrong. Patient says that no attempt may have been lost.
func Check(e Evidence, patient bool) (Counts, []string) {
	c := checker{e: e, patient: patient, byStep: map[string][]*Run{}, reasons: map[weir.ReasonCode]int{}}
	for _, r := range e.Runs {
		key := r.Build + " " + r.Step
		c.byStep[key] = append(c.byStep[key], r)
	}
	for state, n := range e.Queue {
		if n > 0 && !state.Final() {
			c.complain("%d builds are still %s", n, state)
		}
	}
	known := map[weir.BuildID]bool{}
	for _, b := range e.Builds {
		known[b.ID] = true
		c.build(b)
	}
	for _, id := range e.Asked {
		if !known[id] {
			c.complain("build %d was asked for and is gone", id)
		}
	}
	for _, x := range e.Ended {
		if x.Then != x.Later {
			c.complain("attempt %s went on after it had been ended: then %s, now %s", x.Attempt, x.Then, x.Later)
		}
	}
	for _, r := range e.Runs {
		if r.Begun != 1 || r.Done > 1 {
			c.complain("run %s began %d times and ended %d times", r.Name, r.Begun, r.Done)
		}
		id, err := strconv.ParseInt(r.Build, 10, 64)
		if err != nil || !known[weir.BuildID(id)] {
			c.complain("run %s belongs to build %s, which the farm does not know", r.Name, r.Build)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(c.reasons)) {
		c.counts.Reasons += fmt.Sprintf(", %s %d", code, c.reasons[code])
	}
	c.counts.Reasons = strings.TrimPrefix(c.counts.Reasons, ", ")
	slices.Sort(c.bad)
	return c.counts, c.bad
}

type checker struct {
	e       Evidence
	patient bool
	byStep  map[string][]*Run // by build and step
	counts  Counts
	reasons map[weir.ReasonCode]int
	bad     []string
}

func (c *checker) complain(format string, args ...any) {
	c.bad = append(c.bad, fmt.Sprintf(format, args...))
}

// build checks one build and its attempts.
func (c *checker) build(b BuildSeen) {
	c.counts.Builds++
	c.counts.Attempts += len(b.Attempts)
	j, ok := findJob(b.Builder.Job)
	if !ok {
		c.complain("build %d is of job %s, which nobody asked for", b.ID, b.Builder.Job)
		return
	}
	if !b.State.Final() {
		c.complain("build %d is %s", b.ID, b.State)
	}
	var deciding []AttemptSeen
	counted := 0
	used := map[string]bool{}
	for _, a := range b.Attempts {
		switch {
		case a.Live():
			c.complain("attempt %s of worker %s is live until %s", a.ID, a.Worker, a.Deadline)
		case a.Reason.Code == weir.ReasonUndelivered:
			c.counts.Undelivered++
		case a.Reason.Code == weir.ReasonRefused:
			c.complain("attempt %s was refused by worker %s (%s), whose owner allows everything", a.ID, a.Worker, a.Reason.Text)
		case a.Outcome == weir.Infra:
			c.counts.Lost++
			c.reasons[a.Reason.Code]++
			counted++
			if c.patient {
				c.complain("attempt %s of worker %s ended %s (%s: %s)", a.ID, a.Worker, a.Outcome, a.Reason.Code, a.Reason.Text)
			}
		default:
			deciding = append(deciding, a)
		}
		c.logs(b, a, used)
	}
	outcome, reason := j.outcome()
	switch {
	case len(deciding) == 1:
		a := deciding[0]
		if b.Outcome != outcome || b.Reason.Code != reason || a.Outcome != outcome || a.Reason.Code != reason {
			c.complain("build %d is %s (%s: %s), its attempt %d is %s (%s); it has to be %s (%s)", b.ID,
				b.Outcome, b.Reason.Code, b.Reason.Text, a.ID.Number, a.Outcome, a.Reason.Code, outcome, reason)
		}
		if last := b.Attempts[len(b.Attempts)-1]; last.ID != a.ID {
			c.complain("build %d was decided by attempt %d and tried again after that", b.ID, a.ID.Number)
		}
		c.decided(b, a, j)
	case len(deciding) > 1:
		c.complain("build %d has %d attempts that decided it", b.ID, len(deciding))
	case b.State.Final() && b.Outcome == weir.Infra && counted >= weir.MaxAttempts && !c.patient:
		c.counts.GivenUp++
	case b.State.Final():
		c.complain("build %d is %s (%s: %s), and none of its %d attempts says so", b.ID, b.Outcome, b.Reason.Code, b.Reason.Text, len(b.Attempts))
	}
	for _, s := range j.steps {
		n, most := len(c.byStep[key(b.ID, s.name)]), len(b.Attempts)
		if c.patient {
			most = 1 // what was never delivered must not run
		}
		if n > most {
			c.complain("step %s of build %d was run %d times in %d attempts", s.name, b.ID, n, len(b.Attempts))
		}
	}
}

// logs checks that what is recorded of an attempt is the beginning of what it printed.
func (c *checker) logs(b BuildSeen, a AttemptSeen, used map[string]bool) {
	for _, s := range a.Steps {
		c.counts.Lines += int64(s.Log.Lines)
		if s.Log.Wrong != "" {
			c.complain("the log of step %s of attempt %s is wrong: %s", s.Name, a.ID, s.Log.Wrong)
		}
		if s.Log.Run == "" {
			continue
		}
		if used[s.Log.Run] {
			c.complain("two attempts of build %d have the output of run %s", b.ID, s.Log.Run)
		}
		used[s.Log.Run] = true
		if r := c.e.Runs[s.Log.Run]; r == nil || r.Build != strconv.FormatInt(int64(b.ID), 10) || r.Step != s.Name {
			c.complain("the log of step %s of attempt %s is that of %s", s.Name, a.ID, s.Log.Run)
		}
	}
}

// decided checks that the attempt that decided a build ran each step once, to
// its end, and that all it printed is there.
func (c *checker) decided(b BuildSeen, a AttemptSeen, j job) {
	for _, want := range j.steps {
		i := slices.IndexFunc(a.Steps, func(s StepSeen) bool { return s.Name == want.name })
		if i < 0 {
			c.complain("attempt %s knows nothing of step %s", a.ID, want.name)
			continue
		}
		s := a.Steps[i]
		if s.Log.Lines != want.lines || s.Log.Cut {
			c.complain("the log of step %s of attempt %s has %d of %d lines (cut within one: %t)", s.Name, a.ID, s.Log.Lines, want.lines, s.Log.Cut)
		}
		state := weir.StepPassed
		if j.fails && want == j.steps[len(j.steps)-1] {
			state = weir.StepFailed
		}
		if s.State != state {
			c.complain("step %s of attempt %s is %s, it has to be %s", s.Name, a.ID, s.State, state)
		}
		if r := c.e.Runs[s.Log.Run]; r != nil && r.Done != 1 {
			c.complain("run %s of attempt %s ended %d times", r.Name, a.ID, r.Done)
		}
	}
}

func key(id weir.BuildID, step string) string {
	return strconv.FormatInt(int64(id), 10) + " " + step
}
