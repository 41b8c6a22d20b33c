package postgres_test

import (
	"testing"

	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/pgtest"
	"github.com/weir-ci/weir/internal/store/postgres"
	"github.com/weir-ci/weir/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.RunDatabase(t, func(t *testing.T) storetest.Database {
		dsn := pgtest.DSN(t)
		return func(t *testing.T) store.Store { return openTest(t, dsn) }
	})
}

func openTest(tb testing.TB, dsn string) store.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), dsn)
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
