package servertest

import (
	"fmt"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
)

// Many makes a farm of n projects with a source, a builder and twelve builds
// each, all of which passed, but for numbers 7, 300 and 500: those are bad since their
// third newest build, their fourth newest, and their newest one. The last
// builder has no build.
func Many(n int) *Farm {
	f := New()
	f.Now = noon()
	f.State = farm.Overview{Name: "Delta", At: f.Now, Queue: map[weir.State]int{}}
	for i := range n {
		project := fmt.Sprintf("project-%04d", i)
		row := farm.BuilderRow{Builder: weir.Builder{ID: weir.BuilderID(i + 1), BuilderKey: weir.BuilderKey{
			Project: project, Job: "test", Platform: "linux/amd64"}}}
		bad := map[int]int{7: 3, 300: 4, 500: 1}[i]
		for j := range 12 {
			b := weir.Build{ID: weir.BuildID(100_000 + (12-j)*n + i), Run: weir.RunID(12 - j), Cause: weir.CauseChange, Builder: row.Builder, Pins: weir.Pins{project: "4f2a91c3d05be7"},
				State: weir.Finished, Outcome: weir.Passed, Judgement: weir.Settled, Created: f.Now.Add(-time.Duration(j+1) * time.Hour)}
			b.Started, b.Finished = b.Created.Add(time.Second), b.Created.Add(time.Minute)
			if j < bad {
				b.Outcome = weir.Failed
			}
			row.Recent = append(row.Recent, b)
		}
		if i == n-1 {
			row.Recent = nil
		}
		f.State.Builders = append(f.State.Builders, row)
		f.State.Sources = append(f.State.Sources, farm.SourceStatus{Project: project, Polled: f.Now.Add(-time.Minute),
			Tip: weir.Revision{ID: "4f2a91c3d05be7", Message: "grind: weigh before milling"}})
	}
	return f
}
