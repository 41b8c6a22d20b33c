package relevance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule/relevance"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*.md", "README.md", true}, {"*.md", "docs/a.md", false}, {"**/*.md", "README.md", true}, {"**/*.md", "docs/x/a.md", true},
		{"docs/**", "docs/x/a.md", true}, {"docs/**", "docs", true}, {"docs/", "docs/a", true}, {"docs/", "other/docs/a", false},
		{"a/**/b/**/c", "a/b/c", true}, {"a/**/b/**/c", "a/x/y/b/z/c", true}, {"a/**/b/**/c", "a/x/c", false},
		{"**", "anything/at/all", true}, {"release/*", "release/1.2", true}, {"release/*", "release/1/2", false}, {"[", "[", false},
		{"v[0-9]*", "v1.2.3", true}, {"v[0-9]*", "version", false}, {"", "", true}, {"", "a", false},
		{strings.Repeat("**/", 50) + "x", strings.Repeat("a/", 200) + "y", false},
	} {
		if got := relevance.Match(c.pattern, c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
}

func TestSkip(t *testing.T) {
	t.Parallel()
	docs := weir.Watch{Ignore: []string{"docs/**", "*.md"}}
	code := weir.Watch{Files: []string{"src/**"}, Ignore: []string{"src/**/*.txt"}}
	for _, c := range []struct {
		name    string
		watch   weir.Watch
		message string
		touched []string
		part    bool // not all paths are known
		skip    bool
	}{
		{name: "nothing watched", touched: []string{"a"}},
		{name: "marker", message: "Fix typo [Skip CI]\n\nlong", skip: true},
		{name: "marker in the body", message: "Fix typo\n\n[no ci]", skip: true},
		{name: "marker that means nothing here", watch: weir.Watch{NoSkip: true}, message: "[skip ci]"},
		{name: "only ignored", watch: docs, touched: []string{"docs/a/b", "README.md"}, skip: true},
		{name: "one of them counts", watch: docs, touched: []string{"docs/a/b", "a.go"}},
		{name: "not all known", watch: docs, touched: []string{"docs/a/b"}, part: true},
		{name: "nothing known", watch: docs},
		{name: "outside", watch: code, touched: []string{"other/a.c"}, skip: true},
		{name: "inside", watch: code, touched: []string{"other/a.c", "src/a.c"}},
		{name: "inside and ignored", watch: code, touched: []string{"src/x/a.txt"}, skip: true},
	} {
		got := relevance.Skip(c.watch, weir.Revision{Message: c.message}, c.touched, !c.part)
		if (got != "") != c.skip {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	names := []string{"main", "release/2", "release/1", "wip/x", "release/1"}
	if got := relevance.Names([]string{"release/*", "main"}, names, 10, "main"); !slices.Equal(got, []string{"release/1", "release/2"}) {
		t.Errorf("got %q", got)
	}
	if got := relevance.Names([]string{"**"}, names, 2); len(got) != 2 {
		t.Errorf("got %q, want two", got)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a/**/[b-d]*", "a/x/bc")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		relevance.Match(pattern, name)
		if !strings.Contains(name, "/") && relevance.Match("**/"+pattern, "x/"+name) != relevance.Match("**/"+pattern, name) && !strings.Contains(pattern, "/") {
			t.Errorf("**/%q depends on how deep %q is", pattern, name)
		}
	})
}
