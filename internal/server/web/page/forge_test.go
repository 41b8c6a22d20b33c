package page

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

func TestForgeLinks(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	for _, c := range []struct{ location, commit, diff string }{
		{"https://github.com/otter/mill.git", "https://github.com/otter/mill/commit/" + b, "https://github.com/otter/mill/compare/" + a + "..." + b},
		{"https://gitlab.example.org/otter/sub/mill/", "https://gitlab.example.org/otter/sub/mill/-/commit/" + b, "https://gitlab.example.org/otter/sub/mill/-/compare/" + a + "..." + b},
		{"https://codeberg.org/otter/mill", "https://codeberg.org/otter/mill/commit/" + b, "https://codeberg.org/otter/mill/compare/" + a + "..." + b},
		{"https://bitbucket.org/otter/mill", "https://bitbucket.org/otter/mill/commits/" + b, "https://bitbucket.org/otter/mill/branches/compare/" + b + ".." + a},
		{"https://mill.googlesource.com/mill", "https://mill.googlesource.com/mill/+/" + b, "https://mill.googlesource.com/mill/+log/" + a + ".." + b},
		{"https://git.example.org/mill.git", "", ""}, // nobody knows what pages it has
		{"https://notgithub.example.org/mill", "", ""},
		{"http://github.com/otter/mill", "", ""},
		{"git@github.com:otter/mill", "", ""},
		{"https://user:secret@github.com/otter/mill", "", ""},
		{"https://github.com/", "", ""},
		{"https://github.com/x?y", "", ""},
		{"javascript:alert(1)//github.com", "", ""},
		{"https://github.com/\"><script>", "https://github.com/%22%3E%3Cscript%3E/commit/" + b, "https://github.com/%22%3E%3Cscript%3E/compare/" + a + "..." + b},
	} {
		src := weir.Source{Kind: weir.Git, Location: c.location}
		if got := CommitURL(src, b); got != c.commit {
			t.Errorf("%s: a commit is at %q, want %q", c.location, got, c.commit)
		}
		if got := DiffURL(src, a, b); got != c.diff {
			t.Errorf("%s: a difference is at %q, want %q", c.location, got, c.diff)
		}
	}
	src := weir.Source{Kind: weir.Git, Location: "https://github.com/otter/mill"}
	if got := CommitURL(src, weir.Without(b, a)); !strings.HasSuffix(got, "/commit/"+b) {
		t.Errorf("a derived revision is at %q", got)
	}
	for _, bad := range []string{"", "1.2.3", "../../x", b + "/"} {
		if CommitURL(src, bad)+DiffURL(src, a, bad)+DiffURL(src, bad, a)+DiffURL(src, b, b) != "" {
			t.Errorf("%q has an address", bad)
		}
	}
	if CommitURL(weir.Source{Kind: weir.Svn, Location: "https://github.com/otter/mill"}, b) != "" {
		t.Error("a source of another kind has an address")
	}
}
