package glob

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
)

func TestGlob(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.xml", "b.txt", "x/a.xml", "x/y/a.xml", "x/y/z/b.xml", ".git/a.xml", "x/.hidden/a.xml"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("..", filepath.Join(dir, "x", "loop")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, c := range []struct {
		pattern string
		want    []string
		code    weir.Code
	}{
		{"a.xml", []string{"a.xml"}, ""},
		{"./a.xml", []string{"a.xml"}, ""},
		{"none.xml", nil, ""},
		{"*.xml", []string{"a.xml"}, ""},
		{"?.[tx]*", []string{"a.xml", "b.txt"}, ""},
		{"x/*/a.xml", []string{"x/.hidden/a.xml", "x/y/a.xml"}, ""},
		{"**/a.xml", []string{"a.xml", "x/.hidden/a.xml", "x/a.xml", "x/y/a.xml"}, ""},
		{"**/**/b.xml", []string{"x/y/z/b.xml"}, ""},
		{"x/**", []string{"x/.hidden/a.xml", "x/a.xml", "x/loop", "x/y/a.xml", "x/y/z/b.xml"}, ""},
		{"**/y/**/*.xml", []string{"x/y/a.xml", "x/y/z/b.xml"}, ""},
		{"x/loop/a.xml", []string{"x/loop/a.xml"}, ""},
		{"../a.xml", nil, weir.Invalid},
		{"x/../../a.xml", nil, weir.Invalid},
		{"/etc/passwd", nil, weir.Invalid},
		{"", nil, weir.Invalid},
		{"[", nil, weir.Invalid},
	} {
		got, err := Find(context.Background(), root, c.pattern, 1000)
		slices.Sort(got)
		if !slices.Equal(got, c.want) || weir.CodeOf(err) != c.code {
			t.Errorf("%q: %v, %v", c.pattern, got, err)
		}
	}
	if _, err := Find(context.Background(), root, "**/x", 5); weir.CodeOf(err) != weir.TooLarge {
		t.Errorf("beyond the limit: %v", err)
	}
}
