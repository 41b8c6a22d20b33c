package page

import (
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// PinLine is the revision of one project.
type PinLine struct {
	Project, Short, Revision string
	Own                      bool // the build's own project
}

// PinLines lists revisions for people, that of the project own first, the
// others by name.
func PinLines(pins weir.Pins, own string) []PinLine {
	lines := make([]PinLine, 0, len(pins))
	for project, rev := range pins {
		lines = append(lines, PinLine{Project: OneLine(project, MaxName), Short: OneLine(weir.ShortRevision(rev), 60),
			Revision: OneLine(rev, MaxName), Own: project == own})
	}
	slices.SortFunc(lines, func(a, b PinLine) int {
		if a.Own != b.Own {
			if a.Own {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Project, b.Project)
	})
	return lines
}
