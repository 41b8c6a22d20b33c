package ecosystem_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/ecosystem"
)

func create(t *testing.T) *ecosystem.Ecosystem {
	t.Helper()
	eco, err := ecosystem.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return eco
}

func git(t *testing.T, repo string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"--git-dir=" + repo}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %v in %s: %v\n%s", args, repo, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestCreateIsDeterministic(t *testing.T) {
	t.Parallel()
	one, two := create(t), create(t)
	if a, b := len(one.Projects()), len(two.Projects()); a != b || a < 16 {
		t.Fatalf("%d and %d projects, want the same and at least 16", a, b)
	}
	for i, p := range one.Projects() {
		q := two.Projects()[i]
		same := slices.EqualFunc(p.Commits, q.Commits, func(a, b ecosystem.Commit) bool { return a.ID == b.ID })
		if p.Name != q.Name || !same {
			t.Errorf("%s differs from %s in its second life", q.Name, p.Name)
		}
	}
	// Users may quote ids: a change of the data that moves them is on purpose.
	first, _ := one.Commit("brook", 1)
	const want = "32d4499585ce45b5248e939eee68829b09cf140d"
	if first.ID != want {
		t.Errorf("the first commit of brook is %s, want %s", first.ID, want)
	}
}

func TestUpstreamHistory(t *testing.T) {
	t.Parallel()
	eco := create(t)
	brook := eco.Projects()[0]
	if brook.Name != "brook" || len(brook.Commits) < 40 {
		t.Fatalf("the first project is %s with %d commits, want brook with at least 40", brook.Name, len(brook.Commits))
	}
	authors := map[string]bool{}
	backwards := 0
	for i, c := range brook.Commits {
		authors[c.Author] = true
		if i > 0 && c.Time.Before(brook.Commits[i-1].Time) {
			backwards++
		}
	}
	if len(authors) < 4 || backwards < 3 {
		t.Errorf("%d authors and %d steps back in time, want at least 4 and 3", len(authors), backwards)
	}
}

// TestAdvance compares the branches with the commits that the stages name.
func TestAdvance(t *testing.T) {
	t.Parallel()
	eco := create(t)
	clone := filepath.Join(t.TempDir(), "clone")
	if out, err := exec.Command("git", "clone", "-q", "--bare", eco.Projects()[0].Repo, clone).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	for stage := range eco.Stages() {
		if err := eco.Advance(stage); err != nil {
			t.Fatal(err)
		}
		if eco.Stage() != stage || eco.About(stage) == "" {
			t.Errorf("stage %d calls itself %d: %q", stage, eco.Stage(), eco.About(stage))
		}
		for _, p := range eco.Projects() {
			want := tip(t, eco, stage, p.Name)
			var ids []string
			for _, c := range p.Commits[:want.Number] {
				ids = append(ids, c.ID)
			}
			got := strings.Fields(git(t, p.Repo, "rev-list", "--first-parent", "--reverse", "main"))
			if !slices.Equal(got, ids) {
				t.Errorf("stage %d: main of %s has %d commits, want %d", stage, p.Name, len(got), len(ids))
			}
		}
		git(t, clone, "fetch", "-q", "origin", "main:main")
	}
	if got, want := git(t, clone, "log", "-1", "--format=%H %s%n%an <%ae>", "main"), tip(t, eco, eco.Stages()-1, "brook"); got !=
		want.ID+" "+want.Title()+"\n"+want.Author {
		t.Errorf("the clone ends with %q", got)
	}
	for _, p := range eco.Projects() {
		git(t, p.Repo, "fsck", "--strict")
	}
}

func TestAdvanceErrors(t *testing.T) {
	t.Parallel()
	eco := create(t)
	if err := eco.Advance(3); err != nil {
		t.Fatal(err)
	}
	for stage, want := range map[int]weir.Code{-1: weir.NotFound, 2: weir.Conflict, 3: "", eco.Stages(): weir.NotFound} {
		if got := weir.CodeOf(eco.Advance(stage)); got != want {
			t.Errorf("Advance(%d) is %q, want %q", stage, got, want)
		}
	}
	if _, err := ecosystem.Create(eco.Dir()); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("Create in the same directory: %v, want a conflict", err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	eco := create(t)
	path, err := eco.WriteConfig()
	if err != nil {
		t.Fatal(err)
	}
	demo, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := eco.Config("noisy", "hangs", "noisy")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range eco.Projects() {
		source := "git: repos/" + p.Name + ","
		if got := strings.Count(string(demo), source); (got == 1) != p.Demo {
			t.Errorf("the demo has %d sources of %s", got, p.Name)
		}
		want := 0
		if p.Demo || p.Name == "noisy" || p.Name == "hangs" {
			want = 1
		}
		if got := strings.Count(string(all), source); got != want {
			t.Errorf("with noisy and hangs there are %d sources of %s, want %d", got, p.Name, want)
		}
		if p.Repo != filepath.Join(filepath.Dir(path), "repos", p.Name) {
			t.Errorf("%s is in %s, which is not beside %s", p.Name, p.Repo, path)
		}
	}
	if _, err := eco.Config("brook"); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("brook is no extra: %v", err)
	}
}
