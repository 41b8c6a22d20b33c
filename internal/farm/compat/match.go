package compat

import (
	"strings"

	"github.com/weir-ci/weir"
)

// fits reports whether a revision is of the version asked for: the same, or one
// that begins with it, so that 3.14 means v3.14.2 and 3.14.0rc1, and not 3.140.
// Of a commit hash at least seven digits have to be told.
func fits(version, revision string) bool {
	if version == "" || newest[version] {
		return true
	}
	revision = strings.ToLower(revision)
	if version == revision {
		return true
	}
	if isHash(revision) && len(revision) >= 12 {
		return isHash(version) && strings.HasPrefix(revision, version)
	}
	return begins(bare(revision), bare(version))
}

// bare is a version without what people write before it.
func bare(v string) string {
	v = v[strings.LastIndexByte(v, '/')+1:]
	for _, prefix := range []string{"release-", "releases-", "rel-", "stable-", "branch-", "version-"} {
		v = strings.TrimPrefix(v, prefix)
	}
	if rest := strings.TrimPrefix(v, "v"); rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		v = rest
	}
	return strings.TrimSuffix(v, ".x")
}

func begins(whole, part string) bool {
	if part == "" || !strings.HasPrefix(whole, part) {
		return false
	}
	rest := whole[len(part):]
	last := part[len(part)-1]
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	return rest == "" || !(digit(last) && digit(rest[0]))
}

// isBranch reports whether a branch is the version asked for.
func isBranch(version, branch string) bool {
	return branch != "" && version != "" && bare(strings.ToLower(branch)) == bare(version)
}

// inCell reports whether one of the values of a cell, such as python=3.14, is the
// version asked for.
func inCell(version, cell string) bool {
	for _, part := range strings.FieldsFunc(strings.ToLower(cell), func(r rune) bool { return strings.ContainsRune(" ,=:/", r) }) {
		if looksLikeVersion(part) && !isHash(part) && begins(bare(part), bare(version)) {
			return true
		}
	}
	return false
}

// lines knows on which branch of an upstream revisions are; empty is the only one of
// an upstream that has but one, without a name. What is not in it nobody has looked up.
type lines map[string]string // branch, by project and revision

func (l lines) of(project, revision string) string { return l[project+" "+revision] }

// label is what a version of an upstream is called in a table: the release, the
// branch, or the newest if it has but one; empty if that is not known.
func (l lines) label(project, revision string) string {
	if !isHash(strings.ToLower(revision)) || len(revision) < 12 {
		return weir.ShortRevision(revision)
	}
	branch, ok := l[project+" "+revision]
	if ok && branch == "" {
		return "newest"
	}
	return branch
}
