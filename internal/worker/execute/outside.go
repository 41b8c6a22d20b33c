package execute

import (
	"slices"
	"time"
)

const (
	// toldFor is how long after this program was told to end whatever is ended
	// like that on this machine is put down to the same cause: a machine that
	// goes down asks everybody first, and kills who is left after a minute or so.
	toldFor = 2 * time.Minute
	// toldLate is how much later than a step this program may learn of it.
	toldLate = 250 * time.Millisecond
)

// ending signals, as numbers: those with which machines and people end
// processes, and not those that a program raises by its own mistakes.
const (
	hangup     = 1
	interrupt  = 2
	killed     = 9
	terminated = 15
)

// fromOutside reports whether a step was ended by somebody else than the build
// itself, who then is no evidence about the project.
//
// Everything that a machine which goes down asks to end is: this program is
// asked as well, and knows. A step that is killed outright is too, unless the
// system has run out of memory meanwhile, because then the step may be what used
// it up. Anything else a test suite does to itself: kill 0, a crash.
func fromOutside(e exit, told bool, outOfMemory bool) bool {
	if e.why != nil || e.start != nil || e.passed() {
		return false
	}
	if told && (slices.Contains([]int{hangup, interrupt, killed, terminated}, e.number) ||
		slices.Contains([]int{128 + hangup, 128 + interrupt, 128 + killed, 128 + terminated}, e.code)) {
		return true
	}
	return e.number == killed && !outOfMemory
}

// endedOutside is fromOutside for a step that has just ended, with what this
// machine knows. memory is what outOfMemory said before the step.
func (a *attempt) endedOutside(e exit, memory int64) bool {
	if !fromOutside(e, true, false) {
		return false
	}
	told := false
	if a.r.Told != nil {
		late := time.NewTimer(toldLate)
		defer late.Stop()
		<-late.C
		at := a.r.Told()
		told = !at.IsZero() && time.Since(at) < toldFor
	}
	return fromOutside(e, told, outOfMemory() != memory)
}
