package verdict

import "github.com/weir-ci/weir"

// CannotBuild reports whether a build did not get to a suite because of what
// is in its project, and not because something around it was missing.
func CannotBuild(b weir.Build, set weir.ResultSet, suite string) bool {
	if b.Reason.Code == weir.ReasonPrepare {
		return true
	}
	for _, i := range set.Incidents {
		if i.Kind == weir.DidNotBuild && (i.Suite == suite || i.Suite == "") {
			return true
		}
	}
	return false
}
