//go:build unix

package notes

import (
	"os"
	"syscall"
	"testing"
)

func TestPipesAndDevices(t *testing.T) {
	t.Parallel()
	f, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	vars := f.Vars()
	if err := syscall.Mkfifo(vars[0].Value, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(vars[1].Value, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", vars[2].Value); err != nil {
		t.Fatal(err)
	}
	if n := f.Read(); n.Outputs != nil || n.Metrics != nil || n.Summary != "" || len(n.Complaints) != 3 {
		t.Errorf("got %+v", n)
	}
}
