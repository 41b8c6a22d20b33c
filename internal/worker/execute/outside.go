package execute

import (
	"time"

	"github.com/weir-ci/weir/internal/worker/shell"
)

const (
	// toldFor is how long after this program was told to end whatever is ended
	// like that on this machine is put down to the same cause: a machine that
	// goes down asks everybody first, and kills who is left after a minute or so.
	toldFor = 2 * time.Minute
	// toldLate is how much later than a step this program may learn of it.
	toldLate = time.Second
)

// endedOutside is shell.FromOutside for a step that has just ended, with what this
// machine knows. memory is what shell.OutOfMemory said before the step.
func (a *attempt) endedOutside(e shell.Exit, memory int64) bool {
	if !shell.FromOutside(e, true, false) {
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
	return shell.FromOutside(e, told, shell.OutOfMemory() != memory)
}
