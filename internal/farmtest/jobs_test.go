//go:build unix

package farmtest_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

// ends waits until so many builds of a project fit, and all of them are over, and
// tells how each ended: by "job cell", the outcome and the reason.
func ends(t *testing.T, f *farmtest.Farm, project string, n int, fits func(weir.Build) bool) (how map[string]string, builds map[string]weir.Build) {
	t.Helper()
	f.Until(t, project+" is built", func(client.Overview) bool {
		all, err := f.Builds(t.Context(), client.BuildQuery{Project: project, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		how, builds = map[string]string{}, map[string]weir.Build{}
		for _, b := range all {
			if !fits(b) {
				continue
			}
			if !b.State.Final() {
				return false
			}
			name := strings.TrimSpace(b.Builder.Job + " " + b.Builder.Cell)
			how[name], builds[name] = strings.TrimSpace(string(b.Outcome)+" "+string(b.Reason.Code)), b
		}
		return len(how) >= n
	})
	return how, builds
}

func caused(by weir.Cause) func(weir.Build) bool {
	return func(b weir.Build) bool { return b.Cause == by }
}

func inRun(id weir.RunID) func(weir.Build) bool {
	return func(b weir.Build) bool { return b.Run == id }
}

func expectEnds(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s: %q, want %q", name, got[name], want[name])
		}
	}
	for name, how := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s was built (%s), and should not be", name, how)
		}
	}
}

// logsOf reads what the steps of a build's last attempt printed, by their names,
// and how they ended.
func logsOf(t *testing.T, f *farmtest.Farm, id weir.BuildID) (logs map[string]string, states map[string]weir.StepState) {
	t.Helper()
	d, err := f.Build(t.Context(), id)
	if err != nil || len(d.Attempts) == 0 {
		t.Fatalf("build %d has %d attempts, %v", id, len(d.Attempts), err)
	}
	last := d.Attempts[len(d.Attempts)-1]
	logs, states = map[string]string{}, map[string]weir.StepState{}
	for _, s := range last.Steps {
		var out bytes.Buffer
		if s.LogBytes > 0 {
			if err := f.CopyLog(t.Context(), &out, last.ID, s.Index); err != nil {
				t.Fatalf("the log of step %s of build %d: %v", s.Name, id, err)
			}
		}
		logs[s.Name], states[s.Name] = out.String(), s.State
	}
	return logs, states
}

const everything = `data: data
projects:
  app:
    source: {git: app, branch: main, poll: 100ms}
    jobs:
      lint: {steps: ["exit 1"]}
      after-lint: {needs: [lint], steps: [echo never]}
      behind: {needs: [after-lint], steps: [echo never]}
      tell: {needs: [lint], when: failed, steps: [echo told]}
      sweep: {needs: [lint, grid], when: always, steps: [echo swept]}
      good: {steps: [echo good]}
      tell-good: {needs: [good], when: failed, steps: [echo never]}
      tolerant: {allow_failure: true, steps: ["exit 4"]}
      after-tolerant: {needs: [tolerant, good], steps: [echo fine]}
      elsewhere: {if: branch == "other", steps: [echo never]}
      grid:
        matrix:
          A: ["1", "2"]
          B: [x, y]
          exclude: [{A: "1", B: y}]
          include:
            - {A: "2", B: y, env: {EXTRA: over}}
            - {A: "3", B: z, allow_failure: true}
        env: {EXTRA: base}
        steps:
          - {name: say, run: 'echo "[$WEIR_CELL] $A $B $EXTRA $WEIR_CAUSE $WEIR_BRANCH $WEIR_PROJECT/$WEIR_JOB"'}
          - {name: third, run: exit 5, if: matrix.A == "3"}
      stepwise:
        params:
          level: {type: number, default: 1}
          where: {choices: [staging, production], default: staging}
        steps:
          - {name: make, run: 'echo "stage=link" >> $WEIR_OUTPUT'}
          - {name: flaky, run: 'echo x >> tries; test $(wc -l < tries) = 3', retry: 2}
          - {name: tolerated, run: exit 3, allow_failure: true}
          - {name: in bash, shell: bash, run: '[[ abc == a* ]] && set -o | grep pipefail'}
          - {name: in python, shell: python, run: 'import os; print("py " + os.environ["WEIR_OUTPUTS_MAKE_STAGE"])'}
          - {name: by python, script: ci/report.py, shell: python, env: {WHO: step}}
          - {name: by itself, script: ci/run.sh, dir: ci}
          - {name: high, run: echo level $WEIR_PARAM_LEVEL, if: number(params.level) > 1}
          - {name: linked, run: echo $WEIR_PARAM_WHERE, if: outputs.make.stage == "link" and params.where != ""}
          - {name: unlinked, run: exit 9, if: outputs.make.stage == "compile"}
          - {name: only failed, run: echo never, when: failed}
          - {name: clean, run: echo status, when: always, if: status == "passed"}
`

// TestOneRecipeWithEverything builds a recipe that uses most of what there is for
// jobs and steps, after a change and by a person with parameters.
func TestOneRecipeWithEverything(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		ci := filepath.Join(dir, "app", "ci")
		if err := os.MkdirAll(ci, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"report.py": "import os\nprint('report', os.environ['WHO'])\n", "run.sh": "#!/bin/sh\npwd\n"} {
			if err := os.WriteFile(filepath.Join(ci, name), []byte(text), 0o700); err != nil { //nolint:gosec // programs
				t.Fatal(err)
			}
		}
		newRepo(t, filepath.Join(dir, "app"), map[string]string{"file": "text\n"})
		f := farmtest.Start(t, farmFile(t, dir, everything), farmtest.Options{Database: database, Slots: 4})

		how, builds := ends(t, f, "app", 14, caused(weir.CauseChange))
		expectEnds(t, how, map[string]string{"lint": "failed step", "after-lint": "skipped needs", "behind": "skipped needs", "tell": "passed", "sweep": "passed",
			"good": "passed", "tell-good": "skipped needs", "tolerant": "failed step", "after-tolerant": "passed",
			"grid 1,x": "passed", "grid 2,x": "passed", "grid 2,y": "passed", "grid 3,z": "failed step", "stepwise": "passed"})
		for cell, want := range map[string]string{"1,x": "[1,x] 1 x base", "2,y": "[2,y] 2 y over", "3,z": "[3,z] 3 z base"} {
			logs, _ := logsOf(t, f, builds["grid "+cell].ID)
			if got := logs["say"]; got != want+" change main app/grid\n" {
				t.Errorf("cell %s says %q, want %q", cell, got, want)
			}
		}
		logs, states := logsOf(t, f, builds["stepwise"].ID)
		for step, want := range map[string]string{"in bash": "on\n", "in python": "py link\n", "by python": "report step\n", "by itself": "/ci\n",
			"linked": "staging\n", "clean": "status\n"} {
			if states[step] != weir.StepPassed || !strings.HasSuffix(logs[step], want) {
				t.Errorf("step %s %s and says %q, want %q", step, states[step], logs[step], want)
			}
		}
		for step, want := range map[string]weir.StepState{"flaky": weir.StepPassed, "tolerated": weir.StepFailed, "high": weir.StepSkipped,
			"unlinked": weir.StepSkipped, "only failed": weir.StepSkipped} {
			if states[step] != want {
				t.Errorf("step %s %s, want %s", step, states[step], want)
			}
		}

		boss := admin(t, f)
		for bad, code := range map[[2]string]weir.Code{{"level", "high"}: weir.Invalid, {"where", "moon"}: weir.Invalid, {"wher", "staging"}: weir.NotFound} {
			ask := client.Force{Project: "app", Job: "stepwise", Params: map[string]string{bad[0]: bad[1]}}
			if _, err := boss.Force(t.Context(), ask); weir.CodeOf(err) != code {
				t.Errorf("force with %v: %v", bad, err)
			}
		}
		forced, err := boss.Force(t.Context(), client.Force{Project: "app", Job: "stepwise", Params: map[string]string{"level": "2.5", "where": "production"}})
		if err != nil {
			t.Fatal(err)
		}
		how, builds = ends(t, f, "app", 1, inRun(forced.Run))
		expectEnds(t, how, map[string]string{"stepwise": "passed"})
		logs, _ = logsOf(t, f, builds["stepwise"].ID)
		if logs["high"] != "level 2.5\n" || logs["linked"] != "production\n" {
			t.Errorf("forced: %q, %q", logs["high"], logs["linked"])
		}

		// What failed of a run is built again, with the same recipe.
		run := builds["stepwise"].Run
		if _, err := boss.Rerun(t.Context(), run, client.Rerun{Failed: true}); weir.CodeOf(err) != weir.Conflict {
			t.Errorf("nothing failed in run %d: %v", run, err)
		}
		again, err := boss.Rerun(t.Context(), run, client.Rerun{})
		if err != nil {
			t.Fatal(err)
		}
		how, builds = ends(t, f, "app", 1, inRun(again.Run))
		expectEnds(t, how, map[string]string{"stepwise": "passed"})
		if logs, _ = logsOf(t, f, builds["stepwise"].ID); logs["linked"] != "production\n" {
			t.Errorf("the rerun forgot the parameters: %q", logs["linked"])
		}
		expectCalm(t, f)
	})
}
