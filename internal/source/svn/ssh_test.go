//go:build unix

package svn

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
	bin, notes := t.TempDir(), filepath.Join(t.TempDir(), "notes")
	fake := "#!/bin/sh\necho \"$SSH_AUTH_SOCK $*\" >>\"$SSH_NOTES\"\nexec svnserve --tunnel\n"
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte(fake), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	m := New(filepath.Join(t.TempDir(), "cache"), append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "SSH_AUTH_SOCK=/agent", "SSH_NOTES="+notes))
	src := weir.Source{Kind: weir.Svn, Location: "svn+ssh://ann@example.com" + escape(r.dir)}
	if l, err := m.Revisions(t.Context(), src, ""); err != nil || len(l.Revisions) != 1 || l.Revisions[0].ID != "r1" {
		t.Errorf("got %+v, %v", l, err)
	}
	text, err := os.ReadFile(notes)
	if err != nil || !strings.HasPrefix(string(text), "/agent -o BatchMode=yes ") || !strings.Contains(string(text), "ann@example.com svnserve -t") {
		t.Errorf("ssh was called with %q, %v", text, err)
	}
}
