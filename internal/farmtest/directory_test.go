package farmtest_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

// A suite may look for the name of its own directory, as that of go-hclog does:
// examples/real-cases has the real one. What it says when it is checked
// out elsewhere is nobody's fault.

// caller is a project with a test that is good in a directory called caller.
func caller(t *testing.T) (r repo, farm func(dir string) string) {
	t.Helper()
	top := t.TempDir()
	r = newRepo(t, filepath.Join(top, "caller"), map[string]string{"test.sh": `
case $PWD in */caller) ok=ok ;; *) ok="not ok" ;; esac
printf '1..2\nok 1 - levels\n%s 2 - says who calls\n' "$ok" > results.tap
`})
	first := r.git(t, "rev-parse", "HEAD")
	return r, func(dir string) string {
		return farmFile(t, top, fmt.Sprintf(`
data: %s
projects:
  caller:
    source: {git: %s, from: %s, poll: 100ms}
    jobs:
      test:
        dir: %s
        steps: [sh test.sh]
        results: [{tap: results.tap}]
`, filepath.Join(top, "state"), r, first, dir))
	}
}

// TestOtherDirectory renames the checkout while a new revision comes: the old
// one is bad now too, and nobody is accused.
func TestOtherDirectory(t *testing.T) {
	t.Parallel()
	r, farm := caller(t)
	f := farmtest.Start(t, farm("caller"), farmtest.Options{})
	if b := untilBuilt(t, f, "caller", ""); b.Build.Outcome != weir.Passed {
		t.Fatalf("in its own directory it %s: %s", b.Build.Outcome, b.Build.Reason.Text)
	}
	f.Stop()

	r.commit(t, "nothing to do with it", map[string]string{"README": "hello"})
	f = farmtest.Start(t, farm("elsewhere"), farmtest.Options{})
	var all []weir.Regression
	f.Until(t, "it is known that no revision did it", func(o client.Overview) bool {
		var err error
		if all, err = f.Regressions(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		return len(all) > 0 && !all[0].State.Open()
	})
	for _, r := range all {
		if len(all) > 1 || r.State != weir.Dismissed || r.Blame != weir.BlameEnvironment || r.Culprit.Project != "" || len(r.Victims) != 1 {
			t.Errorf("regression %d is %s, %q did it, %+v: %s", r.ID, r.State, r.Blame, r.Culprit, r.Note)
		}
	}
}

// TestOtherDirectoryFromTheStart has the wrong directory at the first build:
// red is how it has always been.
func TestOtherDirectoryFromTheStart(t *testing.T) {
	t.Parallel()
	r, farm := caller(t)
	f := farmtest.Start(t, farm("elsewhere"), farmtest.Options{})
	untilBuilt(t, f, "caller", "")
	b := untilBuilt(t, f, "caller", r.commit(t, "nothing to do with it", map[string]string{"README": "hello"}))
	if b.Build.Outcome != weir.Failed || b.Build.Changes.Worse() != 0 {
		t.Errorf("the second build %s, with %+v", b.Build.Outcome, b.Build.Changes)
	}
	all, err := f.Regressions(t.Context(), true)
	if err != nil || len(all) != 0 {
		t.Errorf("%d regressions: %+v, %v", len(all), all, err)
	}
}
