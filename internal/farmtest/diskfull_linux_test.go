package farmtest_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farmtest"
)

// smallDisk mounts a file system of a few MiB until the test ends.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size=48m,mode=700")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Fatalf("a test needs a disk that it may fill, and may not mount one: run the tests as root, or below: unshare -rm")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("%s stays mounted: %v", dir, err)
		}
	})
	return dir
}

// TestDiskFull: a commit's build fills the worker's disk. That is the farm's
// trouble and nobody's failure: it is tried again, then given up as such, the
// baseline stays, and the next build finds a disk with room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	dir := t.TempDir()
	const good = "echo 1..1 >out.tap; echo ok 1 - fine >>out.tap\n"
	app := newRepo(t, filepath.Join(dir, "app"), map[string]string{"test.sh": good})
	farm := farmtest.Start(t, farmFile(t, dir, `projects:
  app: {source: {git: app, branch: main, poll: 100ms}, jobs: {test: {steps: [sh test.sh], results: [{tap: out.tap}]}}}
`), farmtest.Options{Slots: -1, Lease: impatient})
	startWorker(t, farm, "small", 1, disk)
	first := untilBuilt(t, farm, "app", "")
	expectEnd(t, first.Build, weir.Passed, weir.ReasonNone)

	greedy := app.commit(t, "be greedy", map[string]string{"test.sh": "dd if=/dev/zero of=fill bs=1M count=100\n"})
	d := untilBuilt(t, farm, "app", greedy)
	expectEnd(t, d.Build, weir.Infra, weir.ReasonDiskFull, disk)
	if d.Build.Judgement != weir.Unusable || len(d.Attempts) != weir.MaxAttempts {
		t.Errorf("%s after %d attempts", d.Build.Judgement, len(d.Attempts))
	}
	for _, a := range d.Attempts {
		if a.Outcome != weir.Infra || a.Reason.Code != weir.ReasonDiskFull {
			t.Errorf("attempt %s ended %s: %s", a.ID, a.Outcome, a.Reason.Text)
		}
	}
	modest := app.commit(t, "be modest", map[string]string{"test.sh": good})
	last := untilBuilt(t, farm, "app", modest)
	expectEnd(t, last.Build, weir.Passed, weir.ReasonNone)
	if len(last.Changes) > 0 {
		t.Errorf("the baseline has moved: %+v", last.Changes)
	}
	expectCalm(t, farm)
}
