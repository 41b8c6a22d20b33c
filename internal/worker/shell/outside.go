package shell

import "slices"

// ending signals, as numbers: those with which machines and people end
// processes, and not those that a program raises by its own mistakes.
const (
	hangup     = 1
	interrupt  = 2
	killed     = 9
	terminated = 15
)

// FromOutside reports whether a step was ended by somebody else than the build
// itself, who then is no evidence about the project.
//
// Everything that a machine which goes down asks to end is: this program is
// asked as well, and knows. A step that is killed outright is too, unless the
// system has run out of memory meanwhile, because then the step may be what used
// it up. Anything else a test suite does to itself: kill 0, a crash.
func FromOutside(e Exit, told bool, outOfMemory bool) bool {
	if e.Why != nil || e.Start != nil || e.Passed() {
		return false
	}
	if told && (slices.Contains([]int{hangup, interrupt, killed, terminated}, e.Number) ||
		slices.Contains([]int{128 + hangup, 128 + interrupt, 128 + killed, 128 + terminated}, e.Code)) {
		return true
	}
	return e.Number == killed && !outOfMemory
}
