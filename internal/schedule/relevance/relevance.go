// Package relevance says which revisions, branches and tags set off builds, by
// what a source is told to watch (weir.Watch).
//
// A revision that sets nothing off stays on its line: the next one that does is
// built with it, and a search may probe it.
package relevance

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Skip says why a revision by itself sets nothing off; empty if it does. touched
// lists the paths that it changed, and all says whether that is all of them: what
// is not known for sure sets builds off.
func Skip(w weir.Watch, r weir.Revision, touched []string, all bool) string {
	if !w.NoSkip {
		message := strings.ToLower(r.Message)
		for _, marker := range weir.SkipMarkers() {
			if strings.Contains(message, marker) {
				return "its message says " + marker
			}
		}
	}
	if !NeedsPaths(w) || !all || len(touched) == 0 {
		return ""
	}
	for _, name := range touched {
		if (len(w.Files) == 0 || any(w.Files, name)) && !any(w.Ignore, name) {
			return ""
		}
	}
	if len(touched) == 1 {
		return fmt.Sprintf("it changes only %.200s, which does not count", touched[0])
	}
	return fmt.Sprintf("it changes %d files, of which none counts", len(touched))
}

// MaxBranches bounds how many further branches of a project are followed.
const MaxBranches = 100

// NeedsPaths reports whether Skip has to know which paths a revision touched.
func NeedsPaths(w weir.Watch) bool { return len(w.Files)+len(w.Ignore) > 0 }

// Names picks the names that match one of the patterns, sorted, without those in
// except; at most limit.
func Names(patterns, names []string, limit int, except ...string) []string {
	var out []string
	for _, name := range names {
		if any(patterns, name) && !slices.Contains(except, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(limit, len(out))]
}

func any(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Match(p, name) })
}

// Match reports whether a name with slashes matches a pattern: of path.Match, with
// ** for any number of elements, none included. A pattern that ends in a slash
// matches everything below that directory. A pattern that is none matches nothing.
func Match(pattern, name string) bool {
	if strings.HasSuffix(pattern, "/") {
		pattern += "**"
	}
	elements := strings.Split(name, "/")
	// at[i] says that the pattern so far can match the first i elements.
	at := make([]bool, len(elements)+1)
	at[0] = true
	for part := range strings.SplitSeq(pattern, "/") {
		next := make([]bool, len(elements)+1)
		for i := range at {
			switch {
			case part == "**":
				next[i] = at[i] || i > 0 && next[i-1]
			case i > 0 && at[i-1]:
				ok, err := path.Match(part, elements[i-1])
				next[i] = ok && err == nil
			}
		}
		at = next
	}
	return at[len(elements)]
}
