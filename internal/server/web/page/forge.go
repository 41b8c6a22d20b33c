package page

import (
	"net/url"
	"strings"

	"github.com/weir-ci/weir"
)

// forge is how a kind of forge builds the addresses of its pages, behind that of
// the repository.
type forge struct {
	hosts  []string // words of host names by which it is known
	commit string   // behind it comes the revision
	diff   func(from, to string) string
}

// forges lists the kinds that are known. What none of them knows has no pages
// that could be linked to.
func forges() []forge {
	dots := func(prefix string) func(from, to string) string {
		return func(from, to string) string { return prefix + from + "..." + to }
	}
	return []forge{
		{[]string{"github"}, "/commit/", dots("/compare/")},
		{[]string{"gitlab", "heptapod"}, "/-/commit/", dots("/-/compare/")},
		{[]string{"gitea", "forgejo", "codeberg"}, "/commit/", dots("/compare/")},
		{[]string{"bitbucket"}, "/commits/", func(from, to string) string { return "/branches/compare/" + to + ".." + from }},
		{[]string{"googlesource"}, "/+/", func(from, to string) string { return "/+log/" + from + ".." + to }},
	}
}

// CommitURL is where people read a revision of a source: at its forge, if the
// source has an https address that says which kind of forge that is, or empty.
func CommitURL(src weir.Source, revision string) string {
	base, f, ok := forgeOf(src)
	if revision = plainHash(revision); !ok || revision == "" {
		return ""
	}
	return base + f.commit + revision
}

// DiffURL is where people read what lies between two revisions of a source; empty
// if there is no such page.
func DiffURL(src weir.Source, from, to string) string {
	base, f, ok := forgeOf(src)
	from, to = plainHash(from), plainHash(to)
	if !ok || from == "" || to == "" || from == to {
		return ""
	}
	return base + f.diff(from, to)
}

// maxLocation limits what is taken for the address of a repository, in bytes.
const maxLocation = 500

// forgeOf finds the address of a repository's pages, and what kind of forge has them.
func forgeOf(src weir.Source) (base string, f forge, ok bool) {
	if src.Kind != weir.Git && src.Kind != weir.Hg || len(src.Location) > maxLocation {
		return "", forge{}, false
	}
	u, err := url.Parse(src.Location)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", forge{}, false
	}
	path := strings.TrimSuffix(strings.TrimRight(u.EscapedPath(), "/"), ".git")
	if path == "" {
		return "", forge{}, false
	}
	labels := strings.FieldsFunc(strings.ToLower(u.Hostname()), func(c rune) bool { return c == '.' || c == '-' })
	for _, f := range forges() {
		for _, word := range f.hosts {
			for _, label := range labels {
				if label == word {
					return "https://" + u.Host + path, f, true
				}
			}
		}
	}
	return "", forge{}, false
}

// plainHash is the commit that a revision is, or is made of; empty if it is none.
func plainHash(revision string) string {
	if head, _, ok := weir.CutWithout(revision); ok {
		revision = head
	}
	if base, _, ok := weir.CutPatched(revision); ok {
		revision = base
	}
	if len(revision) != 40 && len(revision) != 64 || strings.Trim(revision, "0123456789abcdef") != "" {
		return ""
	}
	return revision
}
