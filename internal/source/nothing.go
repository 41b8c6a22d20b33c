package source

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/weir-ci/weir"
)

// nothing is the adapter of sources of kind None.
type nothing struct{}

// Revisions lists the one revision there is.
func (nothing) Revisions(_ context.Context, _ weir.Source, known string) (Listing, error) {
	if known == weir.NoRevision {
		return Listing{}, nil
	}
	return Listing{Revisions: []weir.Revision{{ID: weir.NoRevision}}}, nil
}

// Checkout makes an empty directory.
func (nothing) Checkout(_ context.Context, _ weir.Source, revision, dir string, _ io.Writer) error {
	if revision != weir.NoRevision {
		return weir.Errorf(weir.NotFound, "a source with nothing to check out has no revision %.80q", revision)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as of every checkout
		return weir.Errorf(weir.Internal, "the directory %s cannot be made", filepath.Base(dir)).WithCause(err)
	}
	list, err := os.Open(dir)
	if err != nil {
		return weir.Errorf(weir.Internal, "the directory %s cannot be read", filepath.Base(dir)).WithCause(err)
	}
	defer list.Close()
	if _, err := list.Readdirnames(1); !errors.Is(err, io.EOF) {
		return weir.Errorf(weir.Conflict, "the directory %s is not empty", filepath.Base(dir)).WithCause(err)
	}
	return nil
}
