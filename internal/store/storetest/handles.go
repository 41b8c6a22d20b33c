package storetest

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// handleTest states what holds between several handles on one database.
type handleTest struct {
	name string
	test func(t *testing.T, db Database)
}

func handleTests() []handleTest {
	return []handleTest{
		{"migrate twice and at once", testMigrate},
		{"what one writes the other reads", testReopen},
		{"leasers on two handles", onTwo(func(f *fixture, other store.Store) { f.leaseRace(f.Store, other) })},
		{"locks on two handles", onTwo(func(f *fixture, other store.Store) { f.lockRace(f.Store, other) })},
		{"other names on another handle", onTwo(func(f *fixture, other store.Store) {
			f.change(f.builder("a"), 1)
			equal(f, "before", f.offered()[0].Builder.Project, "a")
			f.ok(other.Rename(f.ctx, []store.Renaming{{Project: "a", NewProject: "b"}}, f.now()))
			equal(f, "after", f.offered()[0].Builder.Project, "b")
		})},
		{"leases doubled on two handles", onTwo(func(f *fixture, other store.Store) { f.turnRace(f.Store, other) })},
		{"a reader misses nothing of two writers", onTwo(func(f *fixture, other store.Store) { f.readerTest(other, f.Store, other) })},
	}
}

// onTwo runs a test with a fixture and another handle on its database.
func onTwo(test func(f *fixture, other store.Store)) func(t *testing.T, db Database) {
	return func(t *testing.T, db Database) {
		f := newFixture(t, db(t))
		f.ok(f.Migrate(f.ctx))
		test(f, db(t))
		if !t.Failed() {
			f.invariants()
		}
	}
}

func testMigrate(t *testing.T, db Database) {
	handles := []store.Store{db(t), db(t), db(t)}
	f := newFixture(t, handles[0])
	f.together(2*len(handles), func(i int) {
		if err := handles[i%len(handles)].Migrate(f.ctx); err != nil {
			f.Errorf("Migrate %d: %v", i, err)
		}
	})
	id := f.change(f.builder("a"), 1)
	f.ok(handles[1].Migrate(f.ctx))
	f.state(id, weir.Queued)
}

func testReopen(t *testing.T, db Database) {
	f := newFixture(t, db(t))
	f.ok(f.Migrate(f.ctx))
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	f.send(f.sync(l, 1, frame(0, 0, 0, "x\n")))
	before, events := f.get(l.Build.ID), f.lastEvent()
	f.ok(f.Close())
	if _, err := f.Build(f.ctx, l.Build.ID); err == nil {
		t.Error("a closed handle still reads")
	}
	f.Store = db(t)
	f.ok(f.Migrate(f.ctx))
	equal(f, "build", f.get(l.Build.ID), before)
	equal(f, "last event", f.lastEvent(), events)
	equal(f, "log", f.log(l.Attempt, 0), "x\n")
	f.finish(l, weir.ReasonNone)
	f.invariants()
}
