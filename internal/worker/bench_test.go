//go:build unix

package worker

import (
	"syscall"
	"testing"
	"time"

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
	stop := start(b, f, w)
	f.until("hello", func() bool { return f.count["lease"] > 0 })
	b.ResetTimer()
	self, children := cpu(syscall.RUSAGE_SELF), cpu(syscall.RUSAGE_CHILDREN)
	f.mu.Lock()
	f.queue = queue
	f.tell()
	f.mu.Unlock()
	f.until("the end", func() bool { return len(f.finishes) >= b.N })
	b.StopTimer()
	self = cpu(syscall.RUSAGE_SELF) - self
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "builds/s")
	b.ReportMetric(float64(f.count["sync"])/float64(b.N), "syncs/build")
	for _, end := range f.finishes {
		if end.Outcome != weir.Passed {
			b.Fatalf("ended as %+v", end)
		}
	}
	_ = stop()
	// The supervisors and what they ran; their start is in it, which a few
	// hundred builds make up for.
	children = cpu(syscall.RUSAGE_CHILDREN) - children
	b.ReportMetric(self.Seconds()*1e3/float64(b.N), "ms-self/build")
	b.ReportMetric(children.Seconds()*1e3/float64(b.N), "ms-supervisors/build")
}

// cpu is the processor time that was used so far.
func cpu(who int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(who, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
