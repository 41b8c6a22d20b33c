//go:build unix

package worker

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

var discard = slog.New(slog.DiscardHandler)

// TestShort: a build that is over at once needs one message besides its lease.
func TestShort(t *testing.T) {
	t.Parallel()
	script, output := numbers(3000)
	f := newFarm(t, assignment(1, script))
	w := newWorker(t, f)
	w.fresh = time.Minute
	stop := start(t, f, w)
	f.until("the end", f.ended)
	_ = stop()
	if f.count["sync"] != 0 || f.packed == 0 || string(f.logs[1]) != output || f.finishes[0].Outcome != weir.Passed {
		t.Errorf("%d syncs, %d packed, %d bytes of log, %+v", f.count["sync"], f.packed, len(f.logs[1]), f.finishes[0])
	}
}

// TestFramesRefused: a finish that does not fit is said again after a sync.
func TestFramesRefused(t *testing.T) {
	t.Parallel()
	script, output := numbers(3000)
	f := newFarm(t, assignment(1, script))
	f.fault = func(verb string, n int) fault { return map[bool]fault{verb == "finish" && n < 3: refused}[true] }
	w := newWorker(t, f)
	w.fresh = time.Minute
	stop := start(t, f, w)
	f.until("the end", f.ended)
	_ = stop()
	if f.count["sync"] == 0 || string(f.logs[1]) != output || f.finishes[0].Outcome != weir.Passed {
		t.Errorf("%d syncs, %d bytes of log, %+v", f.count["sync"], len(f.logs[1]), f.finishes[0])
	}
}

// TestVersionOne works for a server that knows neither epochs nor watches.
func TestVersionOne(t *testing.T) {
	t.Parallel()
	script, output := numbers(3000)
	f := newFarm(t, assignment(1, script))
	f.version = 1
	stop := start(t, f, newWorker(t, f))
	f.until("the end", f.ended)
	_ = stop()
	if f.packed != 0 || string(f.logs[1]) != output || f.finishes[0].Outcome != weir.Passed || f.count["watch"] != 0 {
		t.Errorf("%d packed, %d watches, %d bytes of log, %+v", f.packed, f.count["watch"], len(f.logs[1]), f.finishes[0])
	}
}

// TestHolds: each lease has a new number and says what the worker has.
func TestHolds(t *testing.T) {
	t.Parallel()
	f := newFarm(t, assignment(1, "echo on; exec sleep 600"))
	stop := start(t, f, newWorker(t, f, func(o *Options) { o.Slots = 2 }))
	f.until("a second lease", func() bool { return f.count["lease"] > 1 && len(f.logs[1]) > 0 })
	f.mu.Lock()
	f.queue = append(f.queue, assignment(2, "true"))
	f.tell()
	f.mu.Unlock()
	f.until("a third lease", func() bool { return len(f.asks) > 1 })
	_ = stop()
	first, second := f.asks[0], f.asks[1]
	if first.Epoch != 1 || first.Seq != 1 || len(first.Holds) != 0 || second.Seq != 2 || len(second.Holds) != 1 || second.Holds[0].Build != 1 {
		t.Errorf("asked %+v", f.asks)
	}
}

// TestWatch: what the server ends is killed without waiting for a sync.
func TestWatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFarm(t, assignment(1, "echo $$ > "+dir+"/pid; echo on; exec sleep 600"))
	f.interval = weir.LeaseTime / 3
	id := weir.AttemptID{Build: 1, Number: 1}
	f.answer = func(protocol.Sync) protocol.SyncAnswer {
		if f.over[id] {
			return protocol.SyncAnswer{Cancel: &weir.Reason{Code: weir.ReasonRequested}}
		}
		return protocol.SyncAnswer{}
	}
	stop := start(t, f, newWorker(t, f))
	f.until("a watch", func() bool { return f.count["watch"] > 0 })
	f.mu.Lock()
	f.over[id] = true
	f.tell()
	f.mu.Unlock()
	f.until("a second lease", func() bool { return f.count["lease"] > 1 })
	waitGone(t, dir+"/pid")
	_ = stop()
	if f.ended() {
		t.Errorf("reported %+v", f.finishes)
	}
}

// TestRivals: of two workers with one token at least one gives up and says why.
func TestRivals(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	ctx, cancel := context.WithCancel(bounded(t))
	ended := make(chan error, 2)
	for range 2 {
		w := newWorker(t, f)
		go func() { ended <- w.Run(ctx) }()
	}
	err := <-ended
	cancel()
	<-ended // else it would still use its directory
	if weir.CodeOf(err) != weir.Conflict || !strings.Contains(err.Error(), "same token") {
		t.Errorf("got %v", err)
	}
}
