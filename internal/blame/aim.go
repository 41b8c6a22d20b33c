package blame

import (
	"fmt"

	"github.com/weir-ci/weir"
)

// mended says in one sentence how far a search for what mended tests is.
func mended(r weir.Regression) string {
	c, what := newCase(r), broken(r)
	switch culprit := c.culprit(r); {
	case culprit != "":
		return culprit + " mended " + what
	case r.State == weir.Searching:
		return "what mended " + what + " is being looked for"
	case r.State == weir.Narrowed:
		return fmt.Sprintf("one of %d revisions mended %s", r.Suspects.Last-r.Suspects.First+1, what)
	}
	return "what mended " + what + " is not known"
}

// LooksFor says what a search is for; empty for an open episode, which says so itself.
func LooksFor(r weir.Regression) string {
	switch r.Aim {
	case weir.AimAsked:
		return "what broke " + broken(r)
	case weir.AimFix:
		return fmt.Sprintf("what mended regression %d", r.Of)
	case weir.AimSide:
		return fmt.Sprintf("which commit of the merge broke the tests of regression %d", r.Of)
	}
	return ""
}
