//go:build unix

package farmtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

// TestMercurialAndSubversion has an upstream in Mercurial and a downstream in
// Subversion, with the real tools. Somebody pushes four commits at once, one of
// which breaks the downstream: it is found. Then the downstream breaks itself.
func TestMercurialAndSubversion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	core, trunk := filepath.Join(dir, "core"), filepath.Join(dir, "trunk")
	svnURL := "file://" + filepath.ToSlash(dir) + "/tool"
	run(t, dir, "hg", "init", "--", core)
	run(t, dir, "hg", "init", "--", "work")
	work := filepath.Join(dir, "work")
	change := func(message, answer string) string {
		text := "mkdir -p $WEIR_PREFIX && echo " + answer + " >$WEIR_PREFIX/answer\n"
		if err := os.WriteFile(filepath.Join(work, "make.sh"), []byte(text+"# "+message+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, work, "hg", "commit", "--addremove", "-m", message)
		return run(t, work, "hg", "log", "-r", ".", "-T", "{node}")
	}
	commit := func(message, text string) string {
		if err := os.WriteFile(filepath.Join(trunk, "test.sh"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, trunk, "svn", "add", "-q", "--force", "test.sh")
		said := run(t, trunk, "svn", "commit", "-m", message)
		return "r" + strings.TrimSuffix(said[strings.LastIndexByte(said, ' ')+1:], ".")
	}
	change("begin", "42")
	run(t, core, "hg", "pull", "-q", work)
	run(t, dir, "svnadmin", "create", "tool")
	run(t, dir, "svn", "mkdir", "-q", "-m", "layout", svnURL+"/trunk", svnURL+"/branches")
	run(t, dir, "svn", "checkout", "-q", svnURL+"/trunk", trunk)
	const test = `a="not ok"; [ "$(cat $WEIR_UPSTREAM_CORE/answer)" = 42 ] && a=ok
{ echo 1..2; echo "$a 1 - answer"; echo "ok 2 - other"; } >out.tap
`
	commit("begin", test)
	f := farmtest.Start(t, farmFile(t, dir, `projects:
  core:
    source: {hg: `+core+`, poll: 200ms}
    jobs: {build: {steps: [sh make.sh], product: $WEIR_PREFIX}}
  tool:
    source: {svn: "`+svnURL+`", branch: trunk, poll: 200ms}
    upstreams: [core]
    jobs: {test: {steps: [sh test.sh], results: [{tap: out.tap}]}}
`), farmtest.Options{})
	untilBuilt(t, f, "tool", "")

	change("one", "42")
	change("two", "42")
	culprit := change("three", "41")
	change("four", "41")
	run(t, core, "hg", "pull", "-q", work)
	o := f.Until(t, "the commit of core is found", func(o client.Overview) bool {
		return len(o.Regressions) == 1 && o.Regressions[0].State == weir.Located && farmtest.Quiet(o, 1)
	})
	if r := o.Regressions[0]; r.Culprit.Project != "core" || r.Culprit.Revision.ID != culprit || r.Culprit.Revision.Message != "three" ||
		len(r.Victims) != 1 || r.Victims[0].Test.Name != "answer" {
		t.Errorf("the culprit is %+v of %s, the victims %+v; want %s", r.Culprit.Revision, r.Culprit.Project, r.Victims, culprit)
	}

	bad := commit("break the other", strings.Replace(test, "ok 2", "not ok 2", 1))
	o = f.Until(t, "the commit of tool is found", func(o client.Overview) bool {
		return len(o.Regressions) == 2 && o.Regressions[0].State == weir.Located && o.Regressions[1].State == weir.Located && farmtest.Quiet(o, 1)
	})
	for _, r := range o.Regressions {
		if r.Victims[0].Test.Name == "other" && (r.Culprit.Project != "tool" || r.Culprit.Revision.ID != bad) {
			t.Errorf("the culprit is %+v of %s, want %s", r.Culprit.Revision, r.Culprit.Project, bad)
		}
	}
}
