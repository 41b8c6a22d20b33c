package farmtest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

// TestRename gives an upstream, a downstream and its job other names while a
// regression is open: builders, baseline and regression go on under the new ones.
func TestRename(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		newRepo(t, filepath.Join(dir, "lib"), map[string]string{"make.sh": "mkdir -p $WEIR_PREFIX && echo 1 >$WEIR_PREFIX/version\n"})
		app := newRepo(t, filepath.Join(dir, "app"), map[string]string{"test.sh": tap("ok 1 - one", "ok 2 - two")})
		const text = `data: data
projects:
  lib:
    source: {git: lib, branch: main, poll: 100ms}
    jobs: {build: {steps: [sh make.sh], product: $WEIR_PREFIX}}
  app:
    source: {git: app, branch: main, poll: 100ms}
    upstreams: [lib]
    jobs: {test: {steps: [sh test.sh], results: [{tap: out.tap}]}}
`
		renamed := strings.NewReplacer("  lib:", "  core:\n    formerly: [lib]", "[lib]", "[core]", "  app:", "  tool:\n    formerly: [app]",
			"jobs: {test: {", "jobs: {check: {formerly: [test], ").Replace(text)

		f := farmtest.Start(t, farmFile(t, dir, text), farmtest.Options{Database: database})
		untilBuilt(t, f, "app", "")
		bad := app.commit(t, "break one", map[string]string{"test.sh": tap("not ok 1 - one", "ok 2 - two")})
		before := untilBuilt(t, f, "app", bad)
		f.Until(t, "the culprit is found", func(o client.Overview) bool {
			return len(o.Regressions) == 1 && o.Regressions[0].State == weir.Located && farmtest.Quiet(o, 1)
		})
		version := before.Run.Config
		if version == "" {
			t.Error("the run does not say which configuration made it")
		}
		f.Stop()

		f = farmtest.Start(t, farmFile(t, dir, renamed), farmtest.Options{Database: database})
		o, err := f.Overview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if o.Config.Version == version || o.Config.Version == "" {
			t.Errorf("the version was %s and is %s", version, o.Config.Version)
		}
		if len(o.Regressions) != 1 {
			t.Fatalf("%d regressions are open", len(o.Regressions))
		}
		r := o.Regressions[0]
		if v := r.Victims[0].Builder; r.Culprit.Project != "tool" || v.Project != "tool" || v.Job != "check" || v.Upstreams != "core" || v.ID != before.Build.Builder.ID {
			t.Errorf("the culprit is of %s, the victim %+v", r.Culprit.Project, v)
		}
		for _, row := range o.Builders {
			if b := row.Builder; b.Project == "lib" || b.Project == "app" || len(row.Recent) == 0 {
				t.Errorf("there is a builder %s with %d builds", b.Name(), len(row.Recent))
			}
		}
		old, err := f.Build(t.Context(), before.Build.ID)
		if err != nil || old.Build.Pins["tool"] != bad || old.Build.Pins["core"] == "" || len(old.Build.Pins) != 2 || old.Spec.Project != "tool" || old.Spec.Job.Name != "check" {
			t.Errorf("an old build is at %v: %+v, %v", old.Build.Pins, old.Spec.Job.Name, err)
		}

		mended := app.commit(t, "mend one", map[string]string{"test.sh": tap("ok 1 - one", "ok 2 - two")})
		after := untilBuilt(t, f, "tool", mended)
		if after.First || after.Against == 0 || after.Build.Builder.ID != before.Build.Builder.ID || after.Build.Changes.Fixed != 1 {
			t.Errorf("the next build is the first: %v, against %d, on builder %d, %+v", after.First, after.Against, after.Build.Builder.ID, after.Build.Changes)
		}
		f.Until(t, "the regression has recovered", func(o client.Overview) bool { return len(o.Regressions) == 0 && farmtest.Quiet(o, 1) })
		builds, err := f.Builds(t.Context(), client.BuildQuery{Project: "core"})
		if err != nil || len(builds) == 0 {
			t.Errorf("%d builds of core, %v", len(builds), err)
		}
		f.Stop()

		// Once more, with the old names still in the file.
		f = farmtest.Start(t, farmFile(t, dir, renamed), farmtest.Options{Database: database})
		last := app.commit(t, "nothing", nil)
		if b := untilBuilt(t, f, "tool", last); b.First || b.Build.Builder.ID != before.Build.Builder.ID {
			t.Errorf("after another start the next build is the first: %v, on builder %d", b.First, b.Build.Builder.ID)
		}
	})
}

// tap is a script that reports tests.
func tap(lines ...string) string {
	script := "{ echo 1.." + string(rune('0'+len(lines)))
	for _, l := range lines {
		script += "; echo " + l
	}
	return script + "; } >out.tap\n"
}
