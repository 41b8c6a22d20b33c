package trees

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// take takes a tree that nobody has.
func take(t *testing.T, s Store, key string) *Tree {
	t.Helper()
	tree, err := s.Take("toy/test", key)
	if err != nil || tree == nil {
		t.Fatalf("got %v, %v", tree, err)
	}
	return tree
}

func leave(t *testing.T, tree *Tree, settle bool) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(tree.Dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if settle {
		if err := tree.Settle(); err != nil {
			t.Fatal(err)
		}
	}
	tree.Release()
	tree.Release()
}

func TestTake(t *testing.T) {
	t.Parallel()
	s := Store{Root: filepath.Join(t.TempDir(), "trees")}
	first := take(t, s, "a")
	if first.Reused {
		t.Error("a new tree is said to be used")
	}
	if again, err := s.Take("toy/test", "a"); again != nil || err != nil {
		t.Errorf("two builds have one tree: %v, %v", again, err)
	}
	take(t, s, "b").Release()
	leave(t, first, true)
	second := take(t, s, "a")
	if !second.Reused || second.Dir != first.Dir {
		t.Errorf("got %+v, was %+v", second, first)
	}
	leave(t, second, false) // killed
	third := take(t, s, "a")
	if third.Reused {
		t.Error("what a killed build left is there")
	}
	leave(t, third, true)
	fourth := take(t, s, "a")
	if err := fourth.Empty(); err != nil || fourth.Reused {
		t.Error(err)
	}
	if left, err := os.ReadDir(fourth.Dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	leave(t, fourth, true)
}

func TestPrune(t *testing.T) {
	t.Parallel()
	s := Store{Root: t.TempDir(), Count: 2, Age: 10 * time.Hour}
	var dirs []string
	for i, key := range []string{"a", "b", "c", "d"} {
		tree := take(t, s, key)
		leave(t, tree, true)
		at := time.Now().Add(time.Duration(i-4) * time.Hour)
		if err := os.Chtimes(tree.Dir, at, at); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, tree.Dir)
	}
	held := take(t, s, "a")
	old := time.Now().Add(-5 * time.Hour)
	if err := os.Chtimes(held.Dir, old, old); err != nil {
		t.Fatal(err)
	}
	if err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true, true} { // a is in use
		if _, err := os.Stat(dirs[i]); (err == nil) != want {
			t.Errorf("tree %d: %v", i, err)
		}
	}
	held.Release()
	if err := (Store{Root: s.Root, Age: time.Nanosecond}).Prune(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Root, "*", "x")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if err := (Store{Root: filepath.Join(s.Root, "none")}).Prune(); err != nil {
		t.Error(err)
	}
}
