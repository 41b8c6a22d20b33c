package leasemodel

import "fmt"

// check says what is wrong with a step or with the state it leads to.
func (c Config) check(from state, _ event, to state) error {
	for b := range c.Builds {
		if err := c.checkBuild(b, &from.server, &to); err != nil {
			return err
		}
		if err := c.checkOrder(&to.server); err != nil {
			return err
		}
		for n := range to.server.attempts[b] {
			if to.server.attempts[b][n].owner == 0 && to.truth[b][n] == (truth{}) {
				continue
			}
			id := attemptID{uint8(b), uint8(n + 1)} //nolint:gosec // small
			if err := checkAttempt(id, from.server.attempts[b][n], to.server.attempts[b][n], to.truth[b][n]); err != nil {
				return err
			}
		}
	}
	for w := range to.workers {
		if err := c.checkSpools(w, &to); err != nil {
			return err
		}
	}
	return nil
}

// checkBuild looks at one build: one live attempt at most, one outcome for
// ever, and not more attempts than it may have.
func (c Config) checkBuild(n int, from *server, to *state) error {
	b := to.server.builds[n]
	alive, given, lost, lastPassed := 0, 0, 0, false
	for i, r := range to.server.attempts[n] {
		switch {
		case r.owner == 0:
			continue
		case r.ended == live:
			alive++
		case r.outcome == infra && r.ended.counts():
			lost++
		}
		if r.ended.counts() {
			given++
		}
		t := to.truth[n][i]
		lastPassed = lastPassed || r.ended == byFinish && r.outcome == passed && t.step == 2 && t.runs == 1
	}
	switch {
	case from.builds[n].phase.final() && b != from.builds[n]:
		return fmt.Errorf("build %d had ended, and changes", n+1)
	case alive > 1:
		return fmt.Errorf("build %d has %d live attempts", n+1, alive)
	case (alive == 1) != (b.phase == leased || b.phase == running):
		return fmt.Errorf("build %d has %d live attempts and is in phase %d", n+1, alive, b.phase)
	case b.phase.final() != (b.outcome != noOutcome):
		return fmt.Errorf("build %d has the wrong outcome for its phase", n+1)
	case given > c.Retries:
		return fmt.Errorf("build %d has reached workers %d times, and may %d times", n+1, given, c.Retries)
	case b.outcome == infra && lost < c.Retries:
		return fmt.Errorf("build %d ends as an infrastructure error after %d of %d attempts", n+1, lost, c.Retries)
	case b.outcome == passed && !from.builds[n].phase.final() && !lastPassed:
		return fmt.Errorf("build %d passes, and no attempt did", n+1)
	}
	return nil
}

// checkOrder holds the second build against the end of the first, if it comes after that.
func (c Config) checkOrder(s *server) error {
	first, second := s.builds[0], s.builds[1]
	wants := map[Order]outcome{AfterPassed: passed, AfterFailed: noOutcome}[c.After]
	switch {
	case c.After == NoOrder:
		return nil
	case !first.phase.final() && second.phase != blocked && second.phase != cancelled:
		return fmt.Errorf("build 2 is in phase %d before build 1 has ended", second.phase)
	case first.phase == finished && second.attempts > 0 && c.After != AfterAny && first.outcome != wants:
		return fmt.Errorf("build 2 runs though build 1 has not ended as it wants")
	case second.outcome == skipped && (c.After == AfterAny || first.outcome == wants):
		return fmt.Errorf("build 2 is skipped though build 1 has ended as it wants")
	}
	return nil
}

// checkAttempt holds what is recorded of an attempt against what happened.
func checkAttempt(id attemptID, from, to record, t truth) error {
	switch {
	case from.owner != 0 && from.ended != live && from != to:
		return fmt.Errorf("attempt %s had ended, and changes", id)
	case t.runs > 1:
		return fmt.Errorf("the command of attempt %s is run %d times", id, t.runs)
	case to.length > t.printed:
		return fmt.Errorf("%d lines are recorded of attempt %s, which has printed %d", to.length, id, t.printed)
	case to.step > t.step:
		return fmt.Errorf("attempt %s is recorded to be further than it is", id)
	case to.step < from.step:
		return fmt.Errorf("the step of attempt %s goes backwards", id)
	case to.ended == byFinish && to.length < t.printed:
		return fmt.Errorf("attempt %s has finished, and %d of its %d lines are recorded", id, to.length, t.printed)
	case to.ended == byFinish && to.step != t.step:
		return fmt.Errorf("attempt %s has finished, and its step has not", id)
	}
	for i := range to.length {
		if to.log[i] != i+1 {
			return fmt.Errorf("line %d of attempt %s stands at place %d of its log", to.log[i], id, i+1)
		}
	}
	return nil
}

// checkSpools looks at what one worker holds.
func (c Config) checkSpools(w int, to *state) error {
	for i, sp := range to.workers[w].spools {
		if sp.stage == empty {
			continue
		}
		r := to.server.attempt(sp.at)
		switch {
		case r.owner != c.account(uint8(w))+1: //nolint:gosec // small
			return fmt.Errorf("worker %d holds attempt %s, which was not given to it", w+1, sp.at)
		case r.ended == undelivered && !c.Twins:
			return fmt.Errorf("attempt %s counts as undelivered, and worker %d has it", sp.at, w+1)
		case r.ended == refused:
			return fmt.Errorf("attempt %s counts as refused, and worker %d has it", sp.at, w+1)
		case i > 0 && to.workers[w].spools[i-1].at == sp.at:
			return fmt.Errorf("worker %d holds attempt %s twice", w+1, sp.at)
		}
	}
	return nil
}
