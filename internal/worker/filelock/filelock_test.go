package filelock_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/filelock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		held, asked filelock.Mode
		free        bool
	}{
		{"shared, shared", filelock.Shared, filelock.Shared, true},
		{"shared, exclusive", filelock.Shared, filelock.Exclusive, false},
		{"exclusive, shared", filelock.Exclusive, filelock.Shared, false},
		{"exclusive, exclusive", filelock.Exclusive, filelock.Exclusive, false},
	} {
		path := filepath.Join(t.TempDir(), "lock")
		held, err := filelock.Try(path, c.held)
		if err != nil {
			t.Fatal(err)
		}
		second, err := filelock.Try(path, c.asked)
		if c.free != (err == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && weir.CodeOf(err) != weir.Conflict {
			t.Errorf("%s: code %s", c.name, weir.CodeOf(err))
		}
		if second != nil {
			second.Release()
		}
		held.Release()
		held.Release()
		third, err := filelock.Try(path, filelock.Exclusive)
		if err != nil {
			t.Fatalf("%s: after release: %v", c.name, err)
		}
		third.Release()
	}
}

func TestAcquireWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	held, err := filelock.Try(path, filelock.Exclusive)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := filelock.Acquire(t.Context(), path, filelock.Shared, held.Release)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err = filelock.Acquire(ctx, path, filelock.Exclusive, func() { cancel(cause) })
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}
