//go:build linux

package farmtest_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/patience"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

const (
	luaExample = "../../examples/lua"
	fetchLua   = "../../scripts/fetch-lua"
	// luaPoll makes the farm notice a push sooner than a person would need.
	luaPoll = 300 * time.Millisecond
)

// What examples/lua/history adds to Lua: positions on the path from its
// import, which is 0, to the newest commit.
const (
	luaCulprit = 2
	luaBroken  = 3 // does not compile
	luaTip     = 5
)

// luaVictims are the tests of rocks that see the culprit.
var luaVictims = []string{
	"calendar: the second before 1970 is of the day before",
	"integers: -7 // 2 rounds down",
	"integers: quotient and remainder make the whole",
}

// TestLua builds real C code from a git repository, runs a downstream's tests
// with it, and finds the commit that broke them.
func TestLua(t *testing.T) {
	t.Parallel()
	if out, err := exec.CommandContext(t.Context(), fetchLua).CombinedOutput(); err != nil {
		t.Fatalf("the source of Lua, Debian's package lua5.4, cannot be had: %v\n%s\nrun: apt-get update && scripts/fetch-lua", err, out)
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		testLua(t, "")
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		testLua(t, pgtest.DSN(t))
	})
}

func testLua(t *testing.T, database string) {
	repos := t.TempDir()
	luaHistory(t, "start", repos)
	config, problems, err := recipe.Load(filepath.Join(luaExample, recipe.FileName))
	if err != nil {
		t.Fatalf("%v\n%s", err, problems.Format())
	}
	for i := range config.Projects {
		s := &config.Projects[i].Source
		s.Location, s.Poll = filepath.Join(repos, filepath.Base(s.Location)), luaPoll
	}
	farm := farmtest.StartConfig(t, config, farmtest.Options{Database: database, Slots: 2})
	farm.Until(t, "there is a baseline", func(o client.Overview) bool { return farmtest.Quiet(o, 1) })

	luaHistory(t, "move", repos)
	farm.Until(t, "a culprit is found", func(o client.Overview) bool {
		return farmtest.Quiet(o, 2) && len(o.Regressions)+len(o.Recent) > 0
	})
	commits := strings.Fields(runLua(t, filepath.Join(repos, "lua"), "git", "rev-list", "--reverse", "main"))
	if len(commits) != luaTip+1 {
		t.Fatalf("the history has %d commits, want %d", len(commits), luaTip+1)
	}
	checkLuaRegression(t, farm, commits)
	checkLuaProducts(t, farm, commits)
}

// checkLuaRegression expects one regression: the culprit and what it broke.
func checkLuaRegression(t *testing.T, farm *farmtest.Farm, commits []string) {
	t.Helper()
	all, err := farm.Regressions(t.Context(), true)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d regressions, %v; want 1: %+v", len(all), err, all)
	}
	detail, err := farm.Regression(t.Context(), all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	r := detail.Regression
	if r.State != weir.Located || r.Culprit.Project != "lua" || r.Culprit.Revision.ID != commits[luaCulprit] {
		t.Errorf("%s, culprit %s %s (%s); want lua %s", r.State, r.Culprit.Project, r.Culprit.Revision.ID, r.Note, commits[luaCulprit])
	}
	if !strings.HasPrefix(r.Culprit.Revision.Author, "Grace") {
		t.Errorf("the culprit's author is %q, want Grace", r.Culprit.Revision.Author)
	}
	var victims []string
	for _, v := range r.Victims {
		victims = append(victims, v.Test.String())
		if v.Builder.Project != "rocks" || v.Verdict != weir.NewlyFailing || !strings.HasPrefix(v.Message, "got ") {
			t.Errorf("%s on %s is %s: %q", v.Test, v.Builder.Name(), v.Verdict, v.Message)
		}
	}
	if slices.Sort(victims); !slices.Equal(victims, luaVictims) {
		t.Errorf("victims %q, want %q", victims, luaVictims)
	}
	broken := slices.DeleteFunc(slices.Clone(detail.Probes), func(p weir.Probe) bool { return p.Position != luaBroken })
	if len(broken) == 0 {
		t.Errorf("the commit that does not compile was never tried: %+v", detail.Probes)
	}
	for _, p := range broken {
		if p.Good+p.Bad != 0 || p.None != len(luaVictims) {
			t.Errorf("the commit that does not compile says good %d, bad %d, nothing %d", p.Good, p.Bad, p.None)
		}
	}
}

// checkLuaProducts expects that each revision of Lua was built once, and that
// every build of rocks used the one that it was meant to.
func checkLuaProducts(t *testing.T, farm *farmtest.Farm, commits []string) {
	t.Helper()
	products, err := farm.Builds(t.Context(), client.BuildQuery{Project: "lua"})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{} // by revision
	for _, b := range products {
		if needless(b) {
			continue
		}
		want := weir.Passed
		if b.Pins["lua"] == commits[luaBroken] {
			want = weir.Failed
		}
		if b.Outcome != want || b.Attempts != 1 {
			t.Errorf("build %d of lua at %s %s (%s) after %d attempts, want %s after 1",
				b.ID, b.Pins["lua"], b.Outcome, b.Reason.Text, b.Attempts, want)
		}
		if keys[b.Pins["lua"]] != "" {
			t.Errorf("lua %s was built twice", b.Pins["lua"])
		}
		keys[b.Pins["lua"]] = luaBuild(t, farm, b.ID).Spec.ProductKey
	}
	for _, i := range []int{0, luaCulprit - 1, luaCulprit, luaBroken, luaTip} {
		if keys[commits[i]] == "" {
			t.Errorf("lua %s, commit %d, was not built", commits[i], i)
		}
	}
	tests, err := farm.Builds(t.Context(), client.BuildQuery{Project: "rocks"})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range tests {
		if needless(b) || b.Reason.Code == weir.ReasonUpstreamBuild && b.Pins["lua"] == commits[luaBroken] {
			continue // it had nothing to run with
		}
		path, version, _ := strings.Cut(luaVersionLog(t, farm, b.ID), "\n")
		if want := filepath.Join(keys[b.Pins["lua"]], "bin", "lua"); !strings.HasSuffix(path, "/"+want) {
			t.Errorf("build %d of rocks ran %q, want .../%s", b.ID, path, want)
		}
		if !strings.HasPrefix(version, "Lua 5.4.") {
			t.Errorf("build %d of rocks ran version %q", b.ID, version)
		}
	}
}

// needless reports whether a build did not have to run to its end: a probe that was
// taken back, or the culprit's revert, which nobody waits for.
func needless(b weir.Build) bool {
	_, _, reverted := weir.CutWithout(b.Pins["lua"])
	return reverted || b.State == weir.Cancelled
}

// luaVersionLog is what the step "version" of a build printed.
func luaVersionLog(t *testing.T, farm *farmtest.Farm, id weir.BuildID) string {
	t.Helper()
	for _, a := range luaBuild(t, farm, id).Attempts {
		for _, s := range a.Steps {
			if s.Name != "version" {
				continue
			}
			var log bytes.Buffer
			if err := farm.CopyLog(t.Context(), &log, a.ID, s.Index); err != nil {
				t.Fatal(err)
			}
			return log.String()
		}
	}
	return ""
}

func luaBuild(t *testing.T, farm *farmtest.Farm, id weir.BuildID) client.BuildDetail {
	t.Helper()
	detail, err := farm.Build(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return detail
}

// luaHistory runs the example's own script, as its README says.
func luaHistory(t *testing.T, verb, repos string) {
	t.Helper()
	runLua(t, luaExample, "./history", verb, repos)
}

func runLua(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}
