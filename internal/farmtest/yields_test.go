//go:build unix

package farmtest_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

const yields = `data: data
secrets:
  UPLOAD: {file: upload}
projects:
  app:
    source: {git: app, branch: main, poll: 100ms, clean: incremental}
    jobs:
      test:
        services:
          db: {run: 'sleep 0.1; touch up; exec sleep 600', ready: test -e up}
        caches:
          - {paths: [~/.deps], key: "deps-{platform}-{hash:file}", fallback: ["deps-"]}
        secrets: [UPLOAD]
        artifacts:
          - dist/*.txt
          - {path: log, keep: 48h, when: failed}
        steps:
          - test -e up
          - 'cat ~/.deps/x || true; mkdir -p ~/.deps dist; echo cached > ~/.deps/x'
          - 'ls left || true; touch left'
          - 'echo "with $UPLOAD"; echo "$UPLOAD" > dist/upload.txt; echo one > dist/a.txt; echo noise > log'
          - 'echo "speed 12.5 ms" >> $WEIR_METRICS; echo "**fast**, $UPLOAD" >> $WEIR_SUMMARY'
          - 'test "$WEIR_CAUSE" != force'
`

// TestWhatBuildsLeave runs a job with services, caches, a secret and files to keep
// twice: the second time the cache and the checkout of the first are there, and the
// build fails.
func TestWhatBuildsLeave(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "upload"), []byte("pa55-and-w0rd\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		newRepo(t, filepath.Join(dir, "app"), map[string]string{"file": "text\n"})
		f := farmtest.Start(t, farmFile(t, dir, yields), farmtest.Options{Database: database, Slots: 1})
		how, builds := ends(t, f, "app", 1, caused(weir.CauseChange))
		expectEnds(t, how, map[string]string{"test": "passed"})
		first := builds["test"].ID
		expectKept(t, f, first, "dist/a.txt", "dist/upload.txt")
		if n, err := f.Notes(t.Context(), first); err != nil || n.Summary != "**fast**, ***" || len(n.Metrics) != 1 || n.Metrics[0].Value != 12.5 {
			t.Errorf("notes are %+v, %v", n, err)
		}
		content, err := f.OpenArtifact(t.Context(), first, "dist/a.txt")
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		if data, err := io.ReadAll(content); err != nil || string(data) != "one\n" {
			t.Errorf("the file holds %q, %v", data, err)
		}
		logs, _ := logsOf(t, f, first)
		for step, log := range logs {
			if strings.Contains(log, "pa55") {
				t.Errorf("step %s tells the secret: %s", step, log)
			}
		}
		if !strings.Contains(logs["save caches"], "cached under deps-") || !strings.Contains(logs["artifacts"], "2 files kept") {
			t.Errorf("the logs are %q", logs)
		}

		forced, err := admin(t, f).Force(t.Context(), client.Force{Project: "app", Job: "test"})
		if err != nil {
			t.Fatal(err)
		}
		how, builds = ends(t, f, "app", 1, inRun(forced.Run))
		expectEnds(t, how, map[string]string{"test": "failed step"})
		expectKept(t, f, builds["test"].ID, "log")
		logs, states := logsOf(t, f, builds["test"].ID)
		all := ""
		for _, log := range logs {
			all += log
		}
		if !strings.Contains(all, "cached\n") || !strings.Contains(all, "left\n") || states["service db"] != weir.StepPassed {
			t.Errorf("the second build: %v\n%s", states, all)
		}
	})
}

// expectKept compares the files that a build keeps.
func expectKept(t *testing.T, f *farmtest.Farm, id weir.BuildID, want ...string) {
	t.Helper()
	list, err := f.Artifacts(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range list {
		got = append(got, a.Path)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("build %d keeps %v, want %v", id, got, want)
	}
}
