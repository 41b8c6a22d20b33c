//go:build unix

package worker

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// TestOlderServer says hello to a server that does not know this version.
func TestOlderServer(t *testing.T) {
	t.Parallel()
	f := newFarm(t, assignment(1, "echo hi"))
	f.newest = protocol.Version - 1
	stop := start(t, f, newWorker(t, f))
	f.until("the build has ended", f.ended)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(f.hellos) != 2 || f.hellos[0].Version != protocol.Version || f.hellos[1].Version != protocol.Version-1 || f.finishes[0].Outcome != weir.Passed {
		t.Errorf("hellos %+v, finish %+v", f.hellos, f.finishes[0])
	}
}

// TestServerThatIsTooOld does not ask for ever.
func TestServerThatIsTooOld(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	f.newest = protocol.Version - 2
	if err := newWorker(t, f).Run(bounded(t)); weir.CodeOf(err) != weir.Unsupported || len(f.hellos) != 2 {
		t.Errorf("got %v after %d hellos", err, len(f.hellos))
	}
}
