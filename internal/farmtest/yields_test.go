//go:build unix

package farmtest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

const (
	hidden = "correct horse battery staple 7" // the value of a secret
	yields = `data: data
secrets: {TOKEN: {file: token}, HOOK: {file: hook}, GONE: {file: gone}}
hooks: {gitea: {secret: HOOK}}
projects:
  app:
    source: {git: DIR/app, branch: main, poll: 100ms, pulls: {build: allowed}}
    jobs:
      test:
        caches:
          - {paths: [deps], key: "deps-{hash:lock}", fallback: [deps-]}
        services:
          web: {run: 'echo up >up.txt; exec sleep 600', ready: test -e up.txt, timeout: 50s}
        steps:
          - name: with
            secrets: [TOKEN]
            run: |
              echo "plain <$TOKEN>"; printf %s "$TOKEN" | base64; echo "x$TOKEN" | base64; printf %s "$TOKEN" | od -An -tx1 | tr -d ' \n'; echo
              echo "seen=$TOKEN" >> $WEIR_OUTPUT; echo "summary $TOKEN and **3** pages" >> $WEIR_SUMMARY
          - {name: without, run: 'echo "have ${TOKEN:-nothing}, $WEIR_CAUSE"'}
          - {name: later, run: 'echo "later $WEIR_OUTPUTS_WITH_SEEN"'}
          - {name: cached, run: 'cat deps/made 2>/dev/null || echo cold; mkdir -p deps; cat lock >deps/made'}
          - {name: yield, run: 'mkdir out; echo content >out/a.txt; echo kept >out/b.log; echo "startup 12.5 ms" >> $WEIR_METRICS; cat up.txt'}
        artifacts: [{path: out/*.txt, keep: 1h}, out/*.log, {path: never, when: failed}]
      unready:
        services: {db: {run: sleep 600, ready: 'echo not yet; false', timeout: 1s}}
        steps: [echo never]
      gone: {on: [force], steps: [{name: with, run: 'echo "now $GONE"', secrets: [GONE]}]}
      hourly: {cron: {at: "MINUTE HOUR * * *"}, steps: [echo tick]}
`
)

// TestYields builds with secrets, caches and services, looks at what builds keep
// for people, and lets a stranger try to get at the first and to poison the second.
func TestYields(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		for name, value := range map[string]string{"token": hidden, "hook": "signs what forges post"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		app := newRepo(t, filepath.Join(dir, "app"), map[string]string{"lock": "one\n"})
		var ahead atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		due := clock().UTC().Add(time.Hour)
		file := farmFile(t, dir, strings.NewReplacer("DIR", dir, "MINUTE", due.Format("4"), "HOUR", due.Format("15")).Replace(yields))
		options := farmtest.Options{Database: database, Now: clock, Lease: 12 * time.Second}
		options.Slots = 3
		f := farmtest.Start(t, file, options)
		at := func(f *farmtest.Farm, revision string) (weir.Build, map[string]string) {
			t.Helper()
			how, builds := ends(t, f, "app", 1, func(b weir.Build) bool { return b.Builder.Job == "test" && b.Revision() == revision })
			if how["test"] != "passed" {
				d, err := f.Build(t.Context(), builds["test"].ID)
				t.Fatalf("the build at %s: %v, %s; %+v, %v", weir.ShortRevision(revision), how, builds["test"].Reason.Text, d.Attempts, err)
			}
			logs, _ := logsOf(t, f, builds["test"].ID)
			return builds["test"], logs
		}
		expectLog := func(logs map[string]string, step, want string) {
			t.Helper()
			if logs[step] != want {
				t.Errorf("step %s says %q, want %q", step, logs[step], want)
			}
		}

		first, logs := at(f, app.git(t, "rev-parse", "HEAD"))
		if !strings.HasPrefix(logs["with"], "plain <***>\n") || strings.Count(logs["with"], "***") != 4 {
			t.Errorf("not masked: %q", logs["with"])
		}
		expectLog(logs, "without", "have nothing, change\n")
		expectLog(logs, "later", "later ***\n")
		expectLog(logs, "cached", "cold\n")
		expectLog(logs, "yield", "up\n")
		notes, err := f.Notes(t.Context(), first.ID)
		if err != nil || notes.Summary != "summary *** and **3** pages" || !slices.Equal(notes.Metrics, []weir.Metric{{Name: "startup", Value: 12.5, Unit: "ms"}}) {
			t.Errorf("notes: %+v, %v", notes, err)
		}
		expectKept(t, f, first.ID, "out/a.txt", "out/b.log")
		how, builds := ends(t, f, "app", 1, func(b weir.Build) bool { return b.Builder.Job == "unready" && b.Cause == weir.CauseChange })
		if how["unready"] != "broken service" {
			t.Errorf("without its service: %v, %s", how, builds["unready"].Reason.Text)
		}

		_, logs = at(f, app.commit(t, "again", map[string]string{"file": "x"}))
		expectLog(logs, "cached", "one\n")
		_, logs = at(f, app.commit(t, "another lock", map[string]string{"lock": "two\n"}))
		expectLog(logs, "cached", "one\n") // by the fall-back
		_, logs = at(f, app.commit(t, "the same lock", map[string]string{"file": "y"}))
		expectLog(logs, "cached", "two\n")

		// A stranger's pull request gets no secret, and leaves nothing in the caches.
		stranger := repo(filepath.Join(dir, "stranger"))
		app.git(t, "clone", "-q", string(app), string(stranger))
		head := stranger.commit(t, "evil", map[string]string{"lock": "evil\n"})
		stranger.git(t, "push", "-q", "origin", "HEAD:refs/pull/1/head")
		side := func(id int) map[string]any { return map[string]any{"id": id, "clone_url": "file://" + string(app)} }
		who := map[string]any{"id": 66, "login": "eve"}
		if status, answer := deliver(t, f.URL, "pull_request", head, "signs what forges post", map[string]any{"action": "opened", "number": 1, "repository": side(7),
			"sender": who, "pull_request": map[string]any{"number": 1, "title": "Nice", "user": who, "state": "open",
				"base": map[string]any{"ref": "main", "repo": side(7)}, "head": map[string]any{"ref": "topic", "sha": head, "repo": side(9)}}}); status != http.StatusAccepted {
			t.Fatalf("the pull request: %d %v", status, answer)
		}
		pulled, logs := at(f, head)
		expectLog(logs, "without", "have nothing, pull\n")
		expectLog(logs, "cached", "two\n")
		if !strings.HasPrefix(logs["with"], "plain <>\n") || pulled.Cause != weir.CausePull {
			t.Errorf("%s for a stranger: %q", pulled.Cause, logs["with"])
		}
		_, logs = at(f, app.commit(t, "the stranger's lock", map[string]string{"lock": "evil\n"}))
		expectLog(logs, "cached", "two\n")

		expectSecretFound(t, f, dir)
		expectHidden(t, f, dir, first.ID)

		ticks, err := f.Upcoming(t.Context())
		if err != nil || len(ticks) != 1 || ticks[0].Job != "hourly" || !ticks[0].At.Equal(due.Truncate(time.Minute)) {
			t.Errorf("what comes: %+v, %v; want %s", ticks, err, due)
		}
		f.Stop()

		// Two hours later.
		ahead.Store(int64(2 * time.Hour))
		f = farmtest.Start(t, file, options)
		how, _ = ends(t, f, "app", 1, caused(weir.CauseCron))
		expectEnds(t, how, map[string]string{"hourly": "passed"})
		expectKept(t, f, first.ID, "out/b.log")
		if _, err := f.OpenArtifact(t.Context(), first.ID, "out/a.txt"); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("a file whose time is over: %v", err)
		}
	})
}

// expectSecretFound builds with a secret that is not there: that is the farm's
// fault, and the build waits for it.
func expectSecretFound(t *testing.T, f *farmtest.Farm, dir string) {
	t.Helper()
	boss := admin(t, f)
	forced, err := boss.Force(t.Context(), client.Force{Project: "app", Job: "gone"})
	if err != nil {
		t.Fatal(err)
	}
	f.Until(t, "the build lacks its secret", func(client.Overview) bool {
		d, err := f.Build(t.Context(), forced.Builds[0])
		return err == nil && d.Waits != nil && d.Waits.Reason == "retry" && strings.Contains(d.Waits.Text, "secret") &&
			d.Attempts[0].Outcome == weir.Infra && d.Attempts[0].Reason.Code == weir.ReasonSecret
	})
	if err := os.WriteFile(filepath.Join(dir, "gone"), []byte("found again\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	how, _ := ends(t, f, "app", 1, inRun(forced.Run))
	expectEnds(t, how, map[string]string{"gone": "passed"})
	if logs, _ := logsOf(t, f, forced.Builds[0]); logs["with"] != "now ***\n" {
		t.Errorf("with the secret: %q", logs["with"])
	}
}

// expectKept checks which files a build keeps, and reads them.
func expectKept(t *testing.T, f *farmtest.Farm, id weir.BuildID, want ...string) {
	t.Helper()
	var got []string
	files, err := f.Artifacts(t.Context(), id)
	for _, a := range files {
		got = append(got, a.Path)
		r, err := f.OpenArtifact(t.Context(), id, a.Path)
		if err != nil {
			t.Errorf("%s: %v", a.Path, err)
			continue
		}
		text, err := io.ReadAll(r)
		if _ = r.Close(); err != nil || int64(len(text)) != a.Size {
			t.Errorf("%s holds %q, %v", a.Path, text, err)
		}
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("build %d keeps %q, %v; want %q", id, got, err, want)
	}
}

// expectHidden looks for the secret in all files of the farm and its worker, but
// for its own, and on some pages.
func expectHidden(t *testing.T, f *farmtest.Farm, dir string, id weir.BuildID) {
	t.Helper()
	forms := []string{hidden, base64.StdEncoding.EncodeToString([]byte(hidden)), hex.EncodeToString([]byte(hidden))}
	look := func(where string, text []byte) {
		for _, form := range forms {
			if bytes.Contains(text, []byte(form)) {
				t.Errorf("the secret is in %s", where)
			}
		}
	}
	err := filepath.WalkDir(filepath.Dir(dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == filepath.Join(dir, "token") {
			return nil //nolint:nilerr // what is gone holds nothing
		}
		text, err := os.ReadFile(path)
		look(path, text)
		return nil //nolint:nilerr // what is gone holds nothing
	})
	if err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/api/v1/overview", "/api/v1/builds", fmt.Sprintf("/api/v1/builds/%d", id), fmt.Sprintf("/api/v1/builds/%d/notes", id),
		"/", fmt.Sprintf("/builds/%d", id)} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if _ = res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %v", path, res.StatusCode, err)
		}
		look(path, text)
	}
}
