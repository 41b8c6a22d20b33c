package flake

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weir-ci/weir"
)

// State is whether a test is flaky.
type State string

// The closed set of states.
const (
	Steady State = "steady" // it never had both outcomes at equal inputs
	Flaky  State = "flaky"  // it had, and has not been silent for long enough
	Quiet  State = "quiet"  // it had, and its silence is no chance any more
)

// The silence that closes a mark. The test is that of the Go project's
// watchflakes: n flakes within a span s leave a silence of t by chance with
//
//	p = (s / (s + t)) ^ (n - 1)
//
// for flakes at a constant but unknown rate, given that n of them fell into s+t.
const (
	silenceChance    = 0.01                // p must be below
	silenceExposures = 20                  // builds that ran the test since, at least
	silenceAtMost    = 90 * 24 * time.Hour // quiet after that, whatever p is
	burst            = 24 * time.Hour      // flakes within a shorter span are one event and have no rate
)

// Evidence is what was seen of a test at one set of inputs.
type Evidence struct {
	// Inputs is equal for equal revisions on equal platforms (weir.Pins.Key is
	// such a string). Empty: equal to no other.
	Inputs string
	Build  weir.BuildID
	Number int // of the build among the builder's settled builds, from 1
	At     time.Time
	// Good and Bad count runs in processes of their own. Runs repeated within
	// one process are no evidence: what the first run leaves behind fails the second.
	Good, Bad int
}

// Record is all that a mark is made of.
type Record struct {
	Evidence []Evidence // in any order; what is not both good and bad may be left out
	Recent   []bool     // last outcomes, oldest first, true is bad; may be empty
	// Number and Now are the newest settled build that ran the test, and the time.
	Number int
	Now    time.Time
}

// Mark is whether a test is flaky, and why that is believed.
type Mark struct {
	State  State  `json:"state"`
	Reason string `json:"reason"` // for people
	// Flakes is at how many different inputs it had both outcomes, ever; Fresh
	// is how many of them since the mark was set the last time.
	Flakes int `json:"flakes,omitempty"`
	Fresh  int `json:"fresh,omitempty"`
	// First and Last are the builds of the first and last flake of those.
	First Seen `json:"first,omitzero"`
	Last  Seen `json:"last,omitzero"`
	// Rearmed is how often the test was quiet and flaked again.
	Rearmed int `json:"rearmed,omitempty"`
	// Chance is p of the silence so far, 0 to 1; 1 where there is no rate.
	Chance float64 `json:"chance,omitempty"`
	// Exposures is how many builds ran the test since Last.
	Exposures int `json:"exposures,omitempty"`
	// Closes is when a flaky test becomes quiet if it stays silent and is run often
	// enough; zero for others.
	Closes time.Time `json:"closes,omitzero"`
}

// Seen is when something was seen.
type Seen struct {
	Build  weir.BuildID `json:"build,omitempty"`
	Number int          `json:"number,omitempty"`
	At     time.Time    `json:"at,omitzero"`
}

// episode is the flakes since a mark was set.
type episode struct {
	n           int
	first, last Seen
	gap         time.Duration // the longest between two of them
}

// Judge makes a mark of a record. It replays the flakes in the order of their
// builds, and closes and re-arms the mark as it goes, so the result does not
// depend on how often it is called.
func Judge(r Record) Mark {
	flakes := collect(r.Evidence)
	if len(flakes) == 0 {
		return Mark{State: Steady, Reason: steady(r)}
	}
	m := Mark{}
	var e episode
	inputs := map[string]bool{}
	for _, f := range flakes {
		at := Seen{f.Build, f.Number, f.At}
		known := f.Inputs != "" && inputs[f.Inputs]
		inputs[f.Inputs] = true
		if !known {
			m.Flakes++
		}
		if e.n > 0 {
			if at.At.Before(e.last.At) {
				at.At = e.last.At // a clock that was set back
			}
			if _, quiet := e.silence(at.At, f.Number-e.last.Number-1); quiet {
				e = episode{}
				m.Rearmed++
			}
		}
		switch {
		case e.n == 0:
			e = episode{n: 1, first: at, last: at}
		default: // the same inputs count once, but they do break the silence
			if !known {
				e.n++
			}
			e.gap = max(e.gap, at.At.Sub(e.last.At))
			e.last = at
		}
	}
	m.Fresh, m.First, m.Last = e.n, e.first, e.last
	m.Exposures = max(r.Number-e.last.Number, 0)
	now := r.Now
	if now.Before(e.last.At) {
		now = e.last.At
	}
	var quiet bool
	m.Chance, quiet = e.silence(now, m.Exposures)
	m.State = Flaky
	if quiet {
		m.State = Quiet
	} else {
		m.Closes = e.closes()
	}
	m.Reason = e.reason(m, now)
	return m
}

// collect sorts what shows both outcomes at equal inputs, and adds up what was
// seen at the same inputs in several builds.
func collect(evidence []Evidence) []Evidence {
	all := slices.Clone(evidence)
	slices.SortStableFunc(all, func(a, b Evidence) int { return cmp.Or(cmp.Compare(a.Number, b.Number), a.At.Compare(b.At)) })
	type seen struct{ good, bad bool }
	sums := map[string]seen{}
	var out []Evidence
	for _, e := range all {
		var s seen
		if e.Inputs != "" {
			s = sums[e.Inputs]
		}
		flaked := s.good && s.bad
		s.good, s.bad = s.good || e.Good > 0, s.bad || e.Bad > 0
		if e.Inputs != "" {
			sums[e.Inputs] = s
		}
		// Once both are known, another failure is another flake, and another pass is none.
		if s.good && s.bad && (!flaked || e.Bad > 0) {
			out = append(out, e)
		}
	}
	return out
}

// silence is how likely it is by chance that nothing was seen up to now, and
// whether that closes the mark.
func (e episode) silence(now time.Time, exposures int) (p float64, quiet bool) {
	t := now.Sub(e.last.At)
	span := e.last.At.Sub(e.first.At)
	p = 1
	if span >= burst && e.n > 1 && t > 0 {
		p = math.Pow(span.Seconds()/(span.Seconds()+t.Seconds()), float64(e.n-1))
	}
	return p, t >= silenceAtMost || p < silenceChance && t > e.gap && exposures >= silenceExposures
}

// closes is when silence alone closes the mark.
func (e episode) closes() time.Time {
	wait := silenceAtMost
	if span := e.last.At.Sub(e.first.At); span >= burst && e.n > 1 {
		factor := math.Pow(silenceChance, -1/float64(e.n-1)) - 1
		if seconds := span.Seconds() * factor; seconds < silenceAtMost.Seconds() {
			wait = max(time.Duration(seconds*float64(time.Second)), e.gap)
		}
	}
	return e.last.At.Add(min(wait, silenceAtMost))
}

// reason says for people why a mark is what it is.
func (e episode) reason(m Mark, now time.Time) string {
	silent := days(now.Sub(e.last.At))
	what := fmt.Sprintf("both outcomes at %s", count(e.n, "revision"))
	switch {
	case m.State == Quiet && m.Chance < silenceChance && m.Exposures >= silenceExposures:
		return fmt.Sprintf("%s, silent for %s and %s since: by chance with %.2g %%", what, silent, count(m.Exposures, "build"), 100*m.Chance)
	case m.State == Quiet:
		return fmt.Sprintf("%s, silent for %s", what, silent)
	case e.n > 1 && e.last.At.Sub(e.first.At) < burst:
		return what + " within a day"
	}
	if now.Sub(e.last.At) < 24*time.Hour {
		return fmt.Sprintf("%s, last seen within a day, %s ago", what, count(m.Exposures, "build"))
	}
	return fmt.Sprintf("%s, last seen %s and %s ago", what, silent, count(m.Exposures, "build"))
}

// often is the Score from which a steady test is said to change often.
const often = 0.2

func steady(r Record) string {
	if len(r.Recent) >= 10 && Score(r.Recent) >= often {
		return "changes often, but never had both outcomes at the same revisions"
	}
	return "never had both outcomes at the same revisions"
}

func days(d time.Duration) string { return count(int(d/(24*time.Hour)), "day") }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
