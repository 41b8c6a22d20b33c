package farmtest_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

// kinFarm has a library and two projects that ask it for words.
const kinFarm = `projects:
  lib:
    source: {git: lib, branch: main, poll: 100ms}
    jobs: {build: {product: $WEIR_PREFIX, steps: [{name: install, run: "mkdir -p $WEIR_PREFIX && cp words $WEIR_PREFIX/"}]}}
  ant:
    source: {git: ant, branch: main, poll: 100ms}
    upstreams: [lib]
    jobs: {test: &test {steps: [{name: test, run: "sh ./test.sh > out.tap"}], results: [{tap: out.tap}]}}
  bee:
    source: {git: bee, branch: main, poll: 100ms}
    upstreams: [lib]
    jobs: {test: *test}
`

// asks is a suite that fails unless the library has a word. What it says is the
// same in every project.
func asks(word string) map[string]string {
	return map[string]string{"test.sh": `echo 1..1
if grep -q ` + word + ` $WEIR_UPSTREAM_LIB/words; then echo "ok 1 - it speaks"; exit 0; fi
echo "not ok 1 - it speaks"
printf '  ---\n  message: "library lacks a word which this program wants to say"\n  ...\n'
exit 1
`}
}

// TestKinRegressions: two projects fail alike in one range of a library. If one
// commit did it they become one regression; if two did, they stay two.
func TestKinRegressions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, ant, bee string // what they ask for
		want, probes   int    // regressions, and what they take at most
	}{{"one break", "sea", "sea", 1, 30}, {"two breaks", "sea", "sky", 2, 45}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			lib := newRepo(t, filepath.Join(dir, "lib"), map[string]string{"words": "sea sky sun"})
			newRepo(t, filepath.Join(dir, "ant"), asks(c.ant))
			newRepo(t, filepath.Join(dir, "bee"), asks(c.bee))
			farm := farmtest.Start(t, farmFile(t, dir, kinFarm), farmtest.Options{Slots: 2})
			farm.Until(t, "everything is built", func(o client.Overview) bool { return farmtest.Quiet(o, 1) })

			words, culprits := "sea sky sun", map[string]string{}
			lib.git(t, "checkout", "-q", "-b", "next") // they come together
			for i := range 16 {
				switch i {
				case 5:
					words = "sky sun"
				case 10:
					words = "sun"
				}
				at := lib.commit(t, fmt.Sprint("change ", i), map[string]string{"words": words, "notes": fmt.Sprint(i)})
				culprits[map[int]string{5: "sea", 10: "sky"}[i]] = at
			}
			lib.git(t, "branch", "-q", "-f", "main")
			untilBuilt(t, farm, "ant", "")
			farm.Until(t, "it is known who did it", func(o client.Overview) bool {
				victims := 0
				for _, r := range o.Regressions {
					victims += len(r.Victims)
				}
				return farmtest.Quiet(o, 2) && victims == 2 && len(o.Regressions) == c.want
			})
			found, err := farm.Regressions(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			n := map[weir.Cause]int{}
			builds, err := farm.Builds(t.Context(), client.BuildQuery{Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range builds {
				n[b.Cause]++
			}
			// The seventeen revisions have two or three different products. Each search has
			// as many built at once as there is room for, before it knows.
			if n[weir.CauseProbe] > c.probes || n[weir.CauseProduct] > 12 {
				t.Errorf("it took %d runs and %d products", n[weir.CauseProbe], n[weir.CauseProduct])
			}
			for _, r := range found {
				for _, v := range r.Victims {
					word := map[string]string{"ant": c.ant, "bee": c.bee}[v.Builder.Project]
					if r.Culprit.Revision.ID != culprits[word] {
						t.Errorf("regression %d accuses %s, and not %s: %s", r.ID, r.Culprit.Revision.Message, culprits[word], r.Note)
					}
				}
			}
		})
	}
}
