//go:build unix

package hg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// ssh may not ask, and finds the user's agent.
func TestSSH(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	a := r.commit("a")
	bin, notes := t.TempDir(), filepath.Join(t.TempDir(), "notes")
	fake := "#!/bin/sh\necho \"$SSH_AUTH_SOCK $*\" >>\"$SSH_NOTES\"\nfor last; do :; done\nexec sh -c \"$last\"\n"
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte(fake), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	m := New(filepath.Join(t.TempDir(), "cache"), append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "SSH_AUTH_SOCK=/agent", "SSH_NOTES="+notes))
	src := weir.Source{Kind: weir.Hg, Location: "ssh://ann@example.com/" + r.dir}
	if l, err := m.Revisions(t.Context(), src, ""); err != nil || len(l.Revisions) != 1 || l.Revisions[0].ID != a {
		t.Errorf("got %+v, %v", l, err)
	}
	text, err := os.ReadFile(notes)
	if err != nil || !strings.HasPrefix(string(text), "/agent -o BatchMode=yes ") || !strings.Contains(string(text), "ann@example.com hg -R") {
		t.Errorf("ssh was called with %q, %v", text, err)
	}
}
