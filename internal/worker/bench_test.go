//go:build unix

package worker

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// BenchmarkTrivial runs builds that do nothing through two slots, with
// supervisors of their own.
func BenchmarkTrivial(b *testing.B) {
	bin := program(b)
	queue := make([]protocol.Assignment, b.N)
	for i := range queue {
		queue[i] = assignment(i+1, "true")
		queue[i].Spec.Source = weir.Source{Kind: weir.None}
	}
	f := newFarm(b)
	f.forgetful = true
	w := newWorker(b, f, func(o *Options) { o.Slots, o.Supervisor = 2, []string{bin, "supervise"} })
	stop := start(b, w)
	f.until("hello", func() bool { return f.count["lease"] > 0 })
	b.ResetTimer()
	f.mu.Lock()
	f.queue = queue
	f.tell()
	f.mu.Unlock()
	f.until("the end", func() bool { return len(f.finishes) >= b.N })
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "builds/s")
	b.ReportMetric(float64(f.count["sync"])/float64(b.N), "syncs/build")
	for _, end := range f.finishes {
		if end.Outcome != weir.Passed {
			b.Fatalf("ended as %+v", end)
		}
	}
	_ = stop()
}
