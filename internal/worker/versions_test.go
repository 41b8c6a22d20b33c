//go:build unix

package worker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// TestOlderServer says hello to servers that do not know this version, down to the
// oldest with which a worker gets along.
func TestOlderServer(t *testing.T) {
	t.Parallel()
	for newest := oldestVersion; newest < protocol.PolicyVersion; newest++ {
		t.Run(fmt.Sprint(newest), func(t *testing.T) {
			t.Parallel()
			f := newFarm(t, assignment(1, "echo hi"))
			f.newest = newest
			w := newWorker(t, f)
			w.version = protocol.PolicyVersion
			stop := start(t, f, w)
			f.until("the build has ended", f.ended)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			var said []int
			for _, h := range f.hellos {
				said = append(said, h.Version)
			}
			if want := []int{4, 3, 2}[:protocol.PolicyVersion-newest+1]; !slices.Equal(said, want) || f.finishes[0].Outcome != weir.Passed {
				t.Errorf("said hello as %v, want %v; finish %+v", said, want, f.finishes[0])
			}
		})
	}
}

// TestServerThatIsTooOld does not ask for ever.
func TestServerThatIsTooOld(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	f.newest = oldestVersion - 1
	if err := newWorker(t, f).Run(bounded(t)); weir.CodeOf(err) != weir.Unsupported || len(f.hellos) != protocol.Version-oldestVersion+1 {
		t.Errorf("got %v after %d hellos", err, len(f.hellos))
	}
}

// TestServerWithoutPolicies is of no use to a worker that has one: the worker ends, and
// says what to do.
func TestServerWithoutPolicies(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*farm){
		"says so":       func(f *farm) { f.newest = protocol.PolicyVersion - 1 },
		"does not care": func(f *farm) { f.version = protocol.PolicyVersion - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t, assignment(1, "echo hi"))
			change(f)
			w, _ := pickyWorker(t, f, "projects: [toy]")
			err := w.Run(bounded(t))
			if weir.CodeOf(err) != weir.Unsupported || !strings.Contains(err.Error(), "too old for a worker with a policy") ||
				!strings.Contains(err.Error(), "upgrade the server, or run the worker without a policy") || f.count["lease"] > 0 {
				t.Errorf("got %v after %d leases", err, f.count["lease"])
			}
		})
	}
}
