package farmtest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

// onBoth runs a test on both databases.
func onBoth(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, "")
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, pgtest.DSN(t))
	})
}

// repo is a git repository in a directory.
type repo string

func newRepo(t *testing.T, dir string, files map[string]string) repo {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := repo(dir)
	r.git(t, "init", "-q", "-b", "main")
	r.commit(t, "begin", files)
	return r
}

func (r repo) git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{
		"-c", "user.name=Ada Kern", "-c", "user.email=ada@kern.example"}, args...)...)
	cmd.Dir = string(r)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files and returns the id of a commit with them.
func (r repo) commit(t *testing.T, message string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(string(r), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.git(t, "add", ".")
	r.git(t, "commit", "-q", "--allow-empty", "-m", message)
	return r.git(t, "rev-parse", "HEAD")
}

// farmFile writes a farm file into a directory.
func farmFile(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "weir.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// impatient is the lease of a farm whose pauses a test waits for: between tries of
// a build, of a worker in quarantine, and for the worker that a build prefers. They
// shrink with the lease, here to between a seventh and an eighth; a worker on a
// machine with far too much to do still syncs three times in it.
const impatient = 6 * time.Second

// startWorker runs a worker of the farm until stop is called or the test ends.
func startWorker(t *testing.T, f *farmtest.Farm, name string, slots int, dir string) (stop func()) {
	t.Helper()
	w := farmtest.NewWorker(t, f.Server, name, slots, dir, nil)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // which ends before its cleanup
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		farmtest.AwaitEnd(t, "worker "+name, done)
	})
	t.Cleanup(stop)
	return stop
}

// lastOf is the newest build on a project's line, and whether the farm is done with it.
func lastOf(t *testing.T, f *farmtest.Farm, project string) (b weir.Build, done bool) {
	t.Helper()
	builds, err := f.Builds(t.Context(), client.BuildQuery{Project: project})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(builds, func(b weir.Build) bool { return b.Cause.Advances() })
	if i < 0 {
		return weir.Build{}, false
	}
	b = builds[i]
	return b, b.Judgement == weir.Settled || b.Judgement == weir.Unusable
}

// untilBuilt waits until the newest build of a project is at a revision, if
// one is named, and judged, and returns it.
func untilBuilt(t *testing.T, f *farmtest.Farm, project, revision string) client.BuildDetail {
	t.Helper()
	var last weir.Build
	f.Until(t, project+" is built at "+weir.ShortRevision(revision), func(client.Overview) bool {
		var done bool
		last, done = lastOf(t, f, project)
		return done && (revision == "" || last.Revision() == revision)
	})
	d, err := f.Build(t.Context(), last.ID)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// expectEnd checks how a build ended, and that the reason says something.
func expectEnd(t *testing.T, b weir.Build, outcome weir.Outcome, code weir.ReasonCode, says ...string) {
	t.Helper()
	if b.Outcome != outcome || b.Reason.Code != code {
		t.Errorf("%s, build %d: %s because of %q (%s), want %s because of %q",
			b.Builder.Project, b.ID, b.Outcome, b.Reason.Code, b.Reason.Text, outcome, code)
	}
	for _, part := range says {
		if !strings.Contains(b.Reason.Text, part) {
			t.Errorf("%s, build %d: the reason is %q, it should say %q", b.Builder.Project, b.ID, b.Reason.Text, part)
		}
	}
}

// expectCalm checks that nobody was ever accused.
func expectCalm(t *testing.T, f *farmtest.Farm) {
	t.Helper()
	all, err := f.Regressions(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		t.Errorf("regression %d %s: %s; %+v", r.ID, r.State, r.Note, r.Victims)
	}
}
