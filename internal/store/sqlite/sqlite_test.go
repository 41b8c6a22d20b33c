package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.RunDatabase(t, func(t *testing.T) storetest.Database {
		path := filepath.Join(t.TempDir(), "weir.db")
		return func(t *testing.T) store.Store { return openTest(t, path) }
	})
}

func openTest(tb testing.TB, path string) *Store {
	tb.Helper()
	s, err := open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}
