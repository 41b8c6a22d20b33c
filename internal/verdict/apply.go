package verdict

import "github.com/weir-ci/weir"

// Apply turns a comparison into new baseline states. Flaky tests keep their
// status and count one more flake. Renamed tests take their state with them.
// Removed tests have no state any more: see Forget.
func Apply(base Baseline, c Comparison, build weir.BuildID) []weir.TestState {
	old := oldStates(base, c)
	out := make([]weir.TestState, 0, len(c.Changes)+len(c.Quiet))
	for _, list := range [][]weir.TestChange{c.Changes, c.Quiet} {
		for i := range list {
			if ch := &list[i]; ch.Verdict != weir.Removed {
				out = append(out, next(old[ch.Test], ch, build))
			}
		}
	}
	return out
}

// oldStates finds the states that changes start from, by the names that the
// tests have now.
func oldStates(base Baseline, c Comparison) map[weir.TestID]weir.TestState {
	old := map[weir.TestID]weir.TestState{}
	if len(base.States) == 0 { // all are new, and may be very many
		return old
	}
	moved := make(map[weir.TestID]weir.TestID, len(c.Changes)+len(c.Quiet))
	for _, list := range [][]weir.TestChange{c.Changes, c.Quiet} {
		for i := range list {
			moved[list[i].Test] = list[i].Test
		}
	}
	for _, r := range c.Renames {
		moved[r.From] = r.To
	}
	for _, s := range base.States {
		if now, ok := moved[s.Test]; ok {
			old[now] = s
		}
	}
	return old
}

// next is the state behind a change.
func next(s weir.TestState, c *weir.TestChange, build weir.BuildID) weir.TestState {
	s.Test = c.Test
	cause := c.Cause
	if c.To == weir.Skip {
		cause = weir.SkippedTest
	}
	switch {
	case c.Verdict == weir.Flaky:
		s.Flakes++
		s.LastFlake = build
		s.Masked, s.Cause = 0, "" // it ran, or vanished in one of two runs only
		return s
	case s.Status.Bad() && (c.To == weir.Skip || c.To == weir.Absent): // stays bad until it is seen good
		if s.Masked == 0 {
			s.Masked = build
		}
		s.Cause = cause
		return s
	}
	known := ""
	if s.Status.Bad() {
		known = s.Signature
	}
	s.Signature = ""
	if c.To.Bad() {
		s.Signature = remember(known, c.Signature)
	}
	ran := s.Status.Good() // when it was settled last; a bad one was dealt with above
	switch {
	case c.To != weir.Absent && c.To != weir.Skip, c.To == weir.Skip && s.Status == "":
		s.Masked, s.Cause = 0, ""
	case ran:
		s.Masked, s.Cause = build, cause
	case s.Masked != 0:
		s.Cause = cause
	}
	if s.Status != c.To {
		s.Status, s.Since = c.To, build
	}
	return s
}

// Forget lists the tests that have no baseline any more.
func Forget(changes []weir.TestChange) []weir.TestID {
	var out []weir.TestID
	for _, c := range changes {
		if c.Verdict == weir.Removed {
			out = append(out, c.Test)
		}
	}
	return out
}
