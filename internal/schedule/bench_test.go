package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

// BenchmarkPick measures one choice, which is made inside of the transaction of a lease,
// out of as many builds as such a transaction reads.
func BenchmarkPick(b *testing.B) {
	for _, lanes := range []int{1, 50} {
		b.Run(fmt.Sprintf("%d lanes", lanes), func(b *testing.B) {
			q := Queue{Shares: &Shares{}, Warm: map[string]bool{"p7": true}}
			for i := range 250 {
				q.Candidates = append(q.Candidates, Candidate{Build: weir.BuildID(i + 1), Priority: PriorityChange, Queued: time.Unix(int64(i), 0),
					Lane: fmt.Sprint("lane", i%lanes), Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: fmt.Sprint("p", i), Platform: "linux/amd64"}},
					Products: []weir.Digest{"sha256:0"}})
			}
			w := weir.Worker{Name: "w", Platform: "linux/amd64"}
			b.ReportAllocs()
			for b.Loop() {
				picked := q.Pick(w, 1, time.Unix(1000, 0))
				q.Shares.Began(w.Name, q.Candidates[picked[0]-1], time.Unix(1000, 0))
				q.Shares.Ended(picked[0], time.Unix(1000+unknownCost, 0))
			}
		})
	}
}
