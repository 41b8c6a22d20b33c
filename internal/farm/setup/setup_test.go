package setup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/diff"
	"github.com/weir-ci/weir/internal/store"
)

// target takes what it is given, unless it is to fail.
type target struct {
	farms []*recipe.Farm
	fail  error
}

func (t *target) Configure(_ context.Context, f *recipe.Farm) error {
	if t.fail != nil {
		return t.fail
	}
	t.farms = append(t.farms, f)
	return nil
}

func (t *target) Workers(context.Context) ([]weir.Worker, error) { return nil, nil }

type others interface{ store.Configs }

// versions keeps what is recorded. Everything else of store.Configs is nil.
type versions struct {
	others
	list []store.Config
}

func (v *versions) RecordConfig(_ context.Context, c store.Config) error {
	v.list = append(v.list, c)
	return nil
}

const good = "farm: {name: One}\nlisten: 127.0.0.1:8000\nprojects:\n  hello: {source: {git: https://example.org/hello}, jobs: {test: {steps: [make check]}}}\n"

// kept is a Keeper that has started with a file.
type kept struct {
	*Keeper
	file     string
	target   *target
	versions *versions
	board    *Board
}

func keep(t *testing.T, text string) *kept {
	t.Helper()
	k := &kept{file: filepath.Join(t.TempDir(), "weir.yaml"), target: &target{}, versions: &versions{}, board: &Board{}}
	k.write(t, text)
	farm, problems, err := recipe.Load(k.file)
	if err != nil {
		t.Fatalf("%v\n%s", err, problems.Format())
	}
	farm.Listen = "127.0.0.1:0" // as tests and flags do
	k.Keeper = NewKeeper(Options{File: k.file, Farm: farm, Target: k.target, Board: k.board, Store: k.versions, Host: "linux/amd64"})
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kept) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(k.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (k *kept) now() *recipe.Farm { return k.target.farms[len(k.target.farms)-1] }

func TestReload(t *testing.T) {
	t.Parallel()
	k := keep(t, good)
	before := k.board.Status()
	if before.Version == "" || before.Version != Version(k.now()) || before.By != "start" || before.Bad() || before.File != "weir.yaml" || before.Name != "One" {
		t.Fatalf("at the start: %+v", before)
	}
	k.write(t, strings.Replace(good, "make check", "make test", 1))
	r, err := k.Reload(t.Context(), "otter")
	if err != nil || !r.Applied || r.Version == before.Version || len(r.Diff.Changes) != 1 || r.Diff.Changes[0].Name != "hello/test" {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := k.board.Status(); s.Version != r.Version || s.By != "otter" || len(s.Restart) != 0 {
		t.Errorf("%+v", s)
	}
	if got := k.now().Projects[0].Jobs[0].Steps[0].Run; got != "make test" {
		t.Errorf("the farm runs %q", got)
	}
	if n := len(k.versions.list); n != 2 || k.versions.list[1].Version != r.Version || k.versions.list[1].By != "otter" {
		t.Errorf("recorded are %+v", k.versions.list)
	}
	// The same once more changes nothing.
	if r, err := k.Reload(t.Context(), "otter"); err != nil || !r.Applied || !r.Diff.Empty() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestMistakesChangeNothing(t *testing.T) {
	t.Parallel()
	k := keep(t, good)
	before := k.board.Status()
	k.write(t, strings.NewReplacer("steps:", "stepz:", "source:", "sauce:").Replace(good))
	r, err := k.Reload(t.Context(), "otter")
	if err != nil || r.Applied || r.Errors < 2 || r.Problems[0].Line != 4 || r.Version != before.Version || r.Problems[0].Message != "project hello has no source" {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := k.board.Status(); !s.Bad() || s.Errors != r.Errors || s.Version != before.Version || s.By != "start" || k.board.Status().Turn < 3 {
		t.Errorf("%+v", s)
	}
	if len(k.target.farms) != 1 {
		t.Error("the farm got a new configuration")
	}
	k.write(t, good)
	if r, err := k.Reload(t.Context(), "otter"); err != nil || !r.Applied || !r.Diff.Empty() || r.Version != before.Version {
		t.Errorf("%+v, %v", r, err)
	}
	if s := k.board.Status(); s.Bad() || len(s.Problems) > 0 {
		t.Errorf("%+v", s)
	}
}

func TestManyMistakes(t *testing.T) {
	t.Parallel()
	k := keep(t, good)
	k.write(t, good+strings.Repeat("  x y: {}\n", 3)+"  a: {b: 1, c: 2, d: 3, e: 4, f: 5, g: 6, h: 7}\n")
	r, err := k.Reload(t.Context(), "otter")
	if err != nil || r.Errors <= MaxProblems || len(r.Problems) != r.Errors {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := k.board.Status(); s.Errors != r.Errors || len(s.Problems) != MaxProblems {
		t.Errorf("%+v", s)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	k := keep(t, good)
	k.write(t, strings.NewReplacer("127.0.0.1:8000", ":9000\ndatabase: postgres://weir:hunter2@db/weir\nworker: {slots: 3}", "One", "Two").Replace(good))
	r, err := k.Reload(t.Context(), "otter")
	if err != nil || !r.Applied || !slices.Equal(r.Restart, []string{"database", "listen", "worker.slots"}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(r.Diff.Changes) != 1 || r.Diff.Changes[0].Name != "farm.name" {
		t.Errorf("%+v", r.Diff)
	}
	if f := k.now(); f.Name != "Two" || f.Listen != "127.0.0.1:0" || f.Database != "" || f.Worker.Slots != 1 {
		t.Errorf("%+v", f)
	}
	if s := k.board.Status(); !slices.Equal(s.Restart, r.Restart) || s.Name != "Two" {
		t.Errorf("%+v", s)
	}
	k.write(t, good)
	if r, err := k.Reload(t.Context(), "otter"); err != nil || len(r.Restart) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	k := keep(t, good)
	turn := k.board.Status().Turn
	other := strings.ReplaceAll(good, "hello", "world")
	r, err := k.Compare(t.Context(), []byte(other))
	if err != nil || r.Applied || len(r.Diff.Changes) != 2 || r.Diff.Changes[0].What != diff.Removed || r.Diff.Changes[1].What != diff.Added {
		t.Fatalf("%+v, %v", r, err)
	}
	if k.board.Status().Turn != turn || len(k.target.farms) != 1 || len(k.versions.list) != 1 {
		t.Error("a comparison left something behind")
	}
	if r, err = k.Compare(t.Context(), []byte("projects: [")); err != nil || r.Errors != 1 || k.board.Status().Bad() {
		t.Errorf("%+v, %v", r, err)
	}
	k.write(t, other)
	if r, err = k.Compare(t.Context(), nil); err != nil || len(r.Diff.Changes) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	would := r.Version
	if r, err = k.Reload(t.Context(), ""); err != nil || r.Version != would {
		t.Errorf("%+v, %v; it would have been %s", r, err, would)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	k := keep(t, good)
	k.write(t, strings.Replace(good, "make check", "make test", 1))
	k.target.fail = weir.Errorf(weir.Conflict, "world has a history of its own").WithHint("give it another name")
	if r, err := k.Reload(t.Context(), ""); err != nil || r.Applied || r.Problems[0].Message != "world has a history of its own" {
		t.Errorf("%+v, %v", r, err)
	}
	if s := k.board.Status(); s.Errors != 1 || s.Problems[0].Hint != "give it another name" {
		t.Errorf("%+v", s)
	}
	k.target.fail = errors.New("password hunter2 is wrong")
	if r, err := k.Reload(t.Context(), ""); err == nil || r.Applied {
		t.Errorf("%+v, %v", r, err)
	}
	if err := os.Remove(k.file); err != nil {
		t.Fatal(err)
	}
	if r, err := k.Reload(t.Context(), ""); err != nil || r.Applied || !strings.Contains(r.Problems[0].Message, "is gone") {
		t.Errorf("%+v, %v", r, err)
	}
	none := NewKeeper(Options{Farm: &recipe.Farm{}, Target: &target{}, Board: &Board{}})
	if err := none.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := none.Reload(t.Context(), ""); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("without a file: %v", err)
	}
	if _, err := none.Compare(t.Context(), nil); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("without a file: %v", err)
	}
}

// TestWatch changes the file in the ways in which editors, programs and
// orchestrators do, and waits in synthetic time.
func TestWatch(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(t *testing.T, k *kept, text string){
		"in place": func(t *testing.T, k *kept, text string) { k.write(t, text) },
		"by another file": func(t *testing.T, k *kept, text string) {
			if err := os.WriteFile(k.file+".new", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(k.file+".new", k.file); err != nil {
				t.Fatal(err)
			}
		},
		"by another link": func(t *testing.T, k *kept, text string) {
			if err := os.WriteFile(k.file+".2", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Remove(k.file), os.Symlink(k.file+".2", k.file)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := keep(t, good)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				signals := make(chan os.Signal)
				go func() { done <- k.Run(ctx, signals) }()
				pass := func() { <-time.After(2 * look); synctest.Wait() }
				pass()
				if len(k.target.farms) != 1 || k.board.Status().By != "start" {
					t.Errorf("without a change there are %d configurations: %+v", len(k.target.farms), k.board.Status())
				}
				change(t, k, strings.Replace(good, "make check", "make all test", 1))
				pass()
				if s := k.board.Status(); len(k.target.farms) != 2 || s.By != "file" || s.Bad() {
					t.Errorf("%d configurations: %+v", len(k.target.farms), s)
				}
				change(t, k, "projects: {")
				pass()
				if s := k.board.Status(); len(k.target.farms) != 2 || !s.Bad() {
					t.Errorf("%d configurations: %+v", len(k.target.farms), s)
				}
				change(t, k, good)
				signals <- os.Interrupt
				synctest.Wait()
				if s := k.board.Status(); len(k.target.farms) != 3 || s.By != "signal" || s.Bad() {
					t.Errorf("%d configurations: %+v", len(k.target.farms), s)
				}
				if err := os.Remove(k.file); err != nil {
					t.Fatal(err)
				}
				pass()
				if s := k.board.Status(); !s.Bad() {
					t.Errorf("without a file: %+v", s)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	parse := func(file, text string) string {
		f, problems := recipe.Parse(file, []byte(text))
		if f == nil {
			t.Fatal(problems.Format())
		}
		return Version(f)
	}
	one := parse("/a/weir.yaml", good)
	for _, same := range []string{good + "# a comment\n", strings.Replace(good, "8000", "8001", 1), strings.Replace(good, "listen", "database: postgres://a:b@c/d\nlisten", 1)} {
		if got := parse("/b/weir.yaml", same); got != one || len(got) != versionLength {
			t.Errorf("%s, not %s:\n%s", got, one, same)
		}
	}
	seen := map[string]bool{one: true}
	for _, other := range []string{strings.Replace(good, "One", "Two", 1), strings.Replace(good, "check", "test", 1),
		strings.Replace(good, "hello: {", "hello: {owners: [a@example.org], ", 1)} {
		if got := parse("/a/weir.yaml", other); seen[got] {
			t.Errorf("%s is not new:\n%s", got, other)
		} else {
			seen[got] = true
		}
	}
}
