package inquiry

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
)

// A search ends when it knows at which revision tests turn bad. Before anybody
// is told, checks look at what a path alone cannot show: whether that side did it
// alone, for example. Each may want builds beside the path, or on it under
// conditions of its own, and writes what it found into the regression.

// check is one of them. A check hears only of builds that are its own.
type check interface {
	// has reports whether a build beside the path is one that this check asks for.
	has(b weir.Build) bool
	// awaits takes notice of one that has not finished, and misses of one that
	// ended without a word about its revisions.
	awaits(b weir.Build)
	misses(b weir.Build)
	// hear takes in what a finished one said about each victim.
	hear(victims []weir.Victim, b weir.Build, said []weir.Observed, set weir.ResultSet)
	// asks lists the builds that are still to be made, given what the search has
	// found. It is not settled while what was asked has not been answered.
	asks(e *evidence, findings []bisect.Finding, width int) (missing []ask, settled bool)
	// tell writes what is known for the victims with one finding.
	tell(e *evidence, r *weir.Regression, victims []int, f bisect.Finding)
}

// ask is a build that is wanted.
type ask struct {
	pins   weir.Pins
	worker string // on which it should run; empty: on any
	what   string // for people, in front of "bad?": "hcl with the old upstreams"
}

// newChecks lists what is looked at before the end of a search for r.
func newChecks(r weir.Regression, e *evidence) []check {
	if r.Aim != weir.AimBreak && r.Aim != weir.AimAsked {
		return nil // the other one was checked
	}
	e.sides = newSides(r.Builder.Project, e.route)
	checks := []check{borders{}, &surroundings{}, &e.sides}
	if n := newNeeds(e.route); n != nil {
		checks = append(checks, needsOf{n, e.route})
	}
	return checks
}

// asks lists what all checks still want. Those of one step are asked together. What
// stands beside the path is asked when it is sure where on the path tests turn
// bad, and of a machine that has seen it.
func (e *evidence) asks(findings []bisect.Finding, width int) (missing []ask, settled bool) {
	settled = true
	for i, c := range e.checks {
		if i == onPath && !settled {
			return missing, false
		}
		more, ok := c.asks(e, findings, width)
		for k := range more {
			if i >= onPath && more[k].worker == "" {
				more[k].worker = e.witness(findings)
			}
		}
		missing, settled = append(missing, more...), settled && ok
	}
	return missing, settled
}

// onPath is how many of the checks ask for builds on the path only.
const onPath = 2

// beside finds the check that a build beside the path belongs to; nil if none.
func (e *evidence) beside(b weir.Build) check {
	for _, c := range e.checks {
		if c.has(b) {
			return c
		}
	}
	return nil
}

// asking says what is asked.
func asking(list []ask, builds int) string {
	return fmt.Sprintf("asking whether %s is bad, after %d builds", list[0].what, builds)
}
