package shell

import (
	"os"
	"path/filepath"
	"testing"
)

// TestInExec knows a process that turns into another program from one that has no
// environment, one of the kernel, and one that is dead.
func TestInExec(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args, exe, want bool
	}{"in between": {false, true, true}, "no environment": {true, true, false}, "the kernel's, or dead": {false, false, false}} {
		dir := t.TempDir()
		var args []byte
		if c.args {
			args = []byte("sleep\x00600\x00")
		}
		if err := os.WriteFile(filepath.Join(dir, "cmdline"), args, 0o600); err != nil {
			t.Fatal(err)
		}
		if c.exe {
			if err := os.Symlink("/bin/sleep", filepath.Join(dir, "exe")); err != nil {
				t.Fatal(err)
			}
		}
		if got := inExec(dir); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if inExec(filepath.Join(t.TempDir(), "gone")) {
		t.Error("a process that is gone")
	}
}
