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
// location, without .git, for Go modules without the major version, and for
// archives what stands before the version. It is
// always one plain path element: characters that could mean something else
// to a shell or a file system become underscores.
func DirName(src weir.Source) string {
	loc := strings.TrimRight(strings.ReplaceAll(src.Location, `\`, "/"), "/")
	switch src.Kind {
	case weir.Go:
		loc = majorSuffix.ReplaceAllString(loc, "")
	case weir.Archive:
		// tool-{version}.tar.gz is tool; where nothing stands before the version
		// it is the directory above.
		at := strings.LastIndex(loc, "{version}")
		loc = strings.TrimSuffix(strings.TrimRight(loc[:max(at, 0)], "/-_."), "-v")
	default:
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
