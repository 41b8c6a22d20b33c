package farmtest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

// TestReleasesBreakSomebody has a project in git downstream of a package of npm and of
// an archive. Several releases of the package come at once, one of which breaks it;
// then one of the archive does. Both are found, and so is the commit that makes a
// recipe in the repository fail.
func TestReleasesBreakSomebody(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		r := newRegistries(t)
		r.publish(t, "1.0.0")
		// No product: the steps are told the revisions, and find out what they are.
		down := newRepo(t, filepath.Join(dir, "down"), map[string]string{"test.sh": `
set -f
of() { a=ok; for p in $2; do case "$1" in $p) a="not ok";; esac; done; echo "$a - $3"; }
{ echo 1..3; of "$WEIR_UPSTREAM_REED_REVISION" "1.[3-9].* 1.1?.* 2.*" reed; of "$WEIR_UPSTREAM_RUSH_REVISION" "2.*" rush; cat own; } >out.tap
`, "own": "ok - own\n", ".weir.yaml": "jobs: {test: {steps: [sh test.sh], results: [{tap: out.tap}]}}\n"})
		f := farmtest.Start(t, farmFile(t, dir, strings.ReplaceAll(`data: data
projects:
  reed: {source: {npm: reed, index: URL/npm, poll: 300ms}}
  rush: {source: {archive: "URL/files/rush-{version}.tar.gz", index: URL/files/, poll: 300ms}}
  down:
    source: {git: down, branch: main, poll: 200ms}
    upstreams: [reed, rush]
    recipe: repository
`, "URL", r.URL)), farmtest.Options{Database: database})
		expectEnd(t, untilBuilt(t, f, "down", "").Build, weir.Passed, weir.ReasonNone)
		located := func(n int) weir.Regression {
			t.Helper()
			o := f.Until(t, "what broke it is found", func(o client.Overview) bool {
				for _, r := range o.Regressions {
					if r.State != weir.Located {
						return false
					}
				}
				return len(o.Regressions) == n && farmtest.Quiet(o, 1)
			})
			newest := o.Regressions[0]
			for _, r := range o.Regressions {
				if r.ID > newest.ID {
					newest = r
				}
			}
			return newest
		}
		expect := func(r weir.Regression, project, revision, test string) {
			t.Helper()
			if r.Culprit.Project != project || r.Culprit.Revision.ID != revision || len(r.Victims) != 1 || r.Victims[0].Test.Name != test {
				t.Errorf("the culprit is %s of %s, the victims %+v; want %s of %s, and %s", r.Culprit.Revision.ID, r.Culprit.Project, r.Victims, revision, project, test)
			}
		}
		bad := down.commit(t, "break it", map[string]string{"own": "not ok - own\n", ".weir.yaml": "jobs: {test: {steps: [echo new, sh test.sh], results: [{tap: out.tap}]}}\n"})
		expect(located(1), "down", bad, "own")
		for _, v := range []string{"1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.10.0"} {
			r.publish(t, v)
		}
		expect(located(2), "reed", "1.3.0", "reed")
		r.publish(t, "1.11.0")
		r.publish(t, "2.0.0")
		expect(located(3), "rush", "2.0.0", "rush")
	})
}
