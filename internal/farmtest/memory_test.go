package farmtest_test

import (
	"runtime"
	"testing"

	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

// TestMemoryOfBuilds watches a server and a worker do one build after the
// other: nothing may stay behind in memory. It runs before all parallel tests,
// whose memory it could not tell from its own.
func TestMemoryOfBuilds(t *testing.T) { //nolint:paralleltest // see above
	farm := farmtest.Start(t, farmFile(t, t.TempDir(), `projects:
  chores: {source: none, jobs: {sweep: {steps: [echo swept]}}}
`), farmtest.Options{Slots: 2})
	boss := admin(t, farm)
	farm.Until(t, "the first build has ended", func(o client.Overview) bool { return farmtest.Quiet(o, 1) })
	work := func(builds int) {
		t.Helper()
		for range builds / 100 {
			if _, err := boss.Force(t.Context(), client.Force{Project: "chores", Count: 100}); err != nil {
				t.Fatal(err)
			}
			farm.Until(t, "all have ended", func(o client.Overview) bool { return farmtest.Quiet(o, 1) })
		}
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what pools have kept goes with the second
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	// A tenth of what one build has in its rows would be seen.
	const bound = 100
	work(memoryBuilds / 4) // caches and pools get their size
	before := heap()
	work(memoryBuilds)
	grown := heap() - before
	t.Logf("%d builds: the heap had %d KiB, and %d KiB more after them", memoryBuilds, before>>10, grown>>10)
	if grown > 256<<10+bound*memoryBuilds {
		t.Errorf("%d builds have left %d bytes behind, %d each", memoryBuilds, grown, grown/memoryBuilds)
	}
}
