//go:build unix

package git

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// fakeSSH is an ssh that notes how it was called and runs the command here.
const fakeSSH = `#!/bin/sh
echo "$SSH_AUTH_SOCK $*" >>"$SSH_NOTES"
for last; do :; done
exec sh -c "$last"
`

// ssh may not ask, and finds the user's agent.
func TestSSH(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	a := r.commit("a")
	bin, notes := t.TempDir(), filepath.Join(t.TempDir(), "notes")
	write(t, bin, map[string]string{"ssh": fakeSSH, "own": fakeSSH})
	env := append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "SSH_AUTH_SOCK=/agent", "SSH_NOTES="+notes)
	src := weir.Source{Kind: weir.Git, Location: "ssh://git@example.com" + r.dir}
	for _, c := range []struct {
		env  []string
		want string
	}{{env, "/agent -o BatchMode=yes"}, {append(env, "GIT_SSH_COMMAND="+filepath.Join(bin, "own")+" -x"), "/agent -x"}} {
		m := New(filepath.Join(t.TempDir(), "cache"), c.env)
		if l, err := m.Revisions(t.Context(), src, ""); err != nil || len(l.Revisions) != 1 || l.Revisions[0].ID != a {
			t.Errorf("got %+v, %v", l, err)
		}
		text, err := os.ReadFile(notes)
		if err != nil || !strings.HasPrefix(string(text), c.want) || !strings.Contains(string(text), "git@example.com git-upload-pack") {
			t.Errorf("ssh was called with %q, %v", text, err)
		}
		if err := os.Remove(notes); err != nil {
			t.Fatal(err)
		}
	}
	src.Credentials = "key" // a password is of no use there
	_, err := New(filepath.Join(t.TempDir(), "cache"), env).Revisions(secrets(t, "ann:s3cret"), src, "")
	expectCode(t, err, weir.Invalid)
}
