// Package storetest holds the suite that every store must pass.
//
// A database's package runs it from a test:
//
//	func TestStore(t *testing.T) {
//		storetest.RunDatabase(t, func(t *testing.T) storetest.Database {
//			path := filepath.Join(t.TempDir(), "weir.db")
//			return func(t *testing.T) store.Store {
//				s, err := sqlite.Open(t.Context(), path)
//				if err != nil {
//					t.Fatal(err)
//				}
//				t.Cleanup(func() { _ = s.Close() })
//				return s
//			}
//		})
//	}
//
// The suite knows nothing but the comments of package store: each subtest
// states one of their sentences. All subtests run in parallel, each on a
// database of its own, on a clock that the suite moves. When a subtest has
// passed, the whole database is held against what must be true at any time
// (see invariants): at most one live attempt per build, no finished build
// without an outcome, and the like.
//
// [RunDatabase] opens several handles on one database, as several servers do. [RunWake]
// is for databases that wake other servers, which not every database can.
package storetest

import (
	"testing"

	"github.com/weir-ci/weir/internal/store"
)

// Database opens a handle on one database, the same one at every call. It
// does not migrate, and closes the handle when the test ends. Closing a handle
// twice must be harmless.
type Database func(t *testing.T) store.Store

// subtest states one thing that a store promises.
type subtest struct {
	name string
	test func(f *fixture)
}

// RunDatabase holds databases against the contract of package store. Each call
// of create makes a new, empty one, which is opened by one handle for most tests,
// and by several that migrate, lease and tell events at once for others.
func RunDatabase(t *testing.T, create func(t *testing.T) Database) {
	t.Helper()
	runGroups(t, func(t *testing.T) *fixture {
		s := create(t)(t)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate: %v", err)
		}
		return newFixture(t, s)
	})
	for _, s := range handleTests() {
		t.Run("handles/"+s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, create(t))
		})
	}
}

// RunWake holds databases that wake other servers against that promise: a
// write on one handle wakes whoever waits on another.
func RunWake(t *testing.T, create func(t *testing.T) Database) {
	t.Helper()
	t.Run("handles/wake-ups from another handle", func(t *testing.T) {
		t.Parallel()
		onTwo(func(f *fixture, other store.Store) { f.wakeTest(other, f.Store) })(t, create(t))
	})
}

func runGroups(t *testing.T, open func(t *testing.T) *fixture) {
	t.Helper()
	for _, group := range []struct {
		name  string
		tests []subtest
	}{
		{"changes", changesTests()},
		{"planner", plannerTests()},
		{"after", afterTests()},
		{"starts", startsTests()},
		{"yields", yieldTests()},
		{"configs", configTests()},
		{"boards", boardTests()},
		{"share", shareTests()},
		{"supersede", supersedeTests()},
		{"cancel", cancelTests()},
		{"leaser", leaserTests()},
		{"turns", turnTests()},
		{"fleet", fleetTests()},
		{"owners", ownerTests()},
		{"sync", syncTests()},
		{"finish", finishTests()},
		{"cascade", cascadeTests()},
		{"races", raceTests()},
		{"judge", judgeTests()},
		{"settle", settleTests()},
		{"signatures", signatureTests()},
		{"history", historyTests()},
		{"regressions", regressionTests()},
		{"advance", advanceTests()},
		{"flakes", flakeTests()},
		{"builds", buildsTests()},
		{"logs", logTests()},
		{"overview", overviewTests()},
		{"events", eventsTests()},
		{"access", accessTests()},
		{"audit", auditTests()},
		{"finder", finderTests()},
		{"hostile", hostileTests()},
	} {
		for _, s := range group.tests {
			t.Run(group.name+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				f := open(t)
				s.test(f)
				if !t.Failed() {
					f.invariants()
				}
			})
		}
	}
}
