package disk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/disk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIsFull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"plain", fmt.Errorf("no"), false},
		{"exhausted", fmt.Errorf("x: %w", weir.Errorf(weir.Exhausted, "full")), true},
		{"invalid", weir.Errorf(weir.Invalid, "no"), false},
	} {
		if got := disk.IsFull(c.err); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestScarce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		space disk.Space
		want  bool
	}{
		{disk.Space{Free: 15 << 20, Total: 1 << 30}, true},
		{disk.Space{Free: 17 << 20, Total: 1 << 30}, false},
		{disk.Space{Free: 17 << 20, Total: 1 << 40}, true},
	} {
		if got := c.space.Scarce(); got != c.want {
			t.Errorf("%+v: %v", c.space, got)
		}
	}
	s, err := disk.Free(t.TempDir())
	if err != nil || s.Total <= 0 {
		t.Errorf("Free = %+v, %v", s, err)
	}
	if _, err := disk.Free(filepath.Join(t.TempDir(), "none")); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("of a missing path: %v", err)
	}
}

func TestRemoveAll(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "tree")
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{deep + "/file": 0o444, dir + "/a/file": 0} {
		if err := os.WriteFile(name, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, deep+"/link"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{deep, dir + "/a", dir} {
		if err := os.Chmod(d, 0o500); err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	if _, err := os.Lstat(outside); err != nil {
		t.Errorf("followed a link: %v", err)
	}
	if err := disk.RemoveAll(dir); err != nil {
		t.Errorf("again: %v", err)
	}
}
