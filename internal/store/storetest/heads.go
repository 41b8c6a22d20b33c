package storetest

import (
	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// testHeads makes runs of somebody who has looked some time ago: only if the
// line is still where it was, or where the new build would take it, is one made.
func testHeads(f *fixture) {
	b := f.builder("heads")
	run := func(revision string, head weir.BuildID) (weir.BuildID, error) {
		_, ids, err := f.CreateRun(f.ctx, store.NewRun{Cause: weir.CauseChange, Project: "heads", Now: f.now(),
			Heads:  map[weir.BuilderID]weir.BuildID{b.ID: head},
			Builds: []store.NewBuild{{Builder: b.ID, Pins: weir.Pins{"heads": revision}, Spec: weir.Spec{Project: "heads", Platform: b.Platform}, Share: store.ShareNone}}})
		if err != nil {
			return 0, err
		}
		return ids[0], nil
	}
	_, err := run("r1", 77)
	f.code(err, weir.Conflict) // a head that is not there
	first, err := run("r1", 0)
	f.ok(err)
	_, err = run("r2", 0)
	f.code(err, weir.Conflict) // a line that has begun meanwhile
	second, err := run("r2", first)
	f.ok(err)
	_, err = run("r1", first)
	f.code(err, weir.Conflict)     // a line that has moved on
	third, err := run("r2", first) // somebody else was faster, but to the same place
	f.ok(err)
	equal(f, "builds grow", third > second && second > first, true)
}
