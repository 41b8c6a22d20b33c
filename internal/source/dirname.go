package source

import (
	"regexp"
	"strings"

	"github.com/weir-ci/weir"
)

// maxDirName limits DirName, in bytes.
const maxDirName = 100

// majorSuffix is what a Go module path of a later major version ends with.
var majorSuffix = regexp.MustCompile(`(/|\.)v[0-9]+$`)

// DirName names the directory of a checkout: the last element of the source's
// location, without .git, and for Go modules without the major version. It is
// always one plain path element: characters that could mean something else
// to a shell or a file system become underscores.
func DirName(src weir.Source) string {
	loc := strings.TrimRight(strings.ReplaceAll(src.Location, `\`, "/"), "/")
	if src.Kind == weir.Go {
		loc = majorSuffix.ReplaceAllString(loc, "")
	} else {
		loc = strings.TrimRight(strings.TrimSuffix(loc, ".git"), "/")
	}
	name := loc[strings.LastIndexAny(loc, "/:")+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._+-", r):
			return r
		}
		return '_'
	}, name)
	name = strings.TrimRight(strings.TrimLeft(name[:min(len(name), maxDirName)], "-."), ".")
	if name == "" {
		return "source"
	}
	return name
}
