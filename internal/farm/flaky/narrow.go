package flaky

import (
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Narrow says which tests of a list are meant.
type Narrow struct {
	State    string        // new, open or quiet; empty: all
	Platform weir.Platform // empty: any
	Text     string        // part of a test's name or of its suite's; case does not matter
}

// Only takes out of a list what is not meant. Omitted stays: it is not known what is among those.
func (l List) Only(n Narrow) List {
	text := strings.ToLower(n.Text)
	for state, part := range map[string]*[]Test{"new": &l.New, "open": &l.Open, "quiet": &l.Quiet} {
		if n.State != "" && n.State != state {
			*part = nil
			continue
		}
		*part = slices.DeleteFunc(slices.Clone(*part), func(t Test) bool {
			return n.Platform != "" && t.Builder.Platform != n.Platform || !strings.Contains(strings.ToLower(t.Test.String()), text)
		})
	}
	return l
}
