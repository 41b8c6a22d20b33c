package farm

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

func TestAlike(t *testing.T) {
	t.Parallel()
	var a alike
	queue := make([]schedule.Candidate, store.CandidateLimit)
	a.saw("p", queue[:glances])
	if n := a.glance("p", 1); n != 0 {
		t.Errorf("after a glance %d are read", n)
	}
	a.saw("p", queue)
	a.since["p"] = a.since["p"].Add(1e12) // the test may be slow
	if n := a.glance("p", 2); n != 2*glances {
		t.Errorf("%d of a long queue of one project are read", n)
	}
	if n := a.glance("q", 1); n != 0 {
		t.Errorf("%d of a queue that nobody has seen are read", n)
	}
	queue[5].Avoid = "w"
	a.saw("p", queue[:8])
	if n := a.glance("p", 1); n != 0 {
		t.Errorf("%d of a queue with a wish in it are read", n)
	}
	queue[5].Avoid = ""
	a.saw("p", queue)
	queue[7].Builder = weir.Builder{BuilderKey: weir.BuilderKey{Project: "other"}}
	a.saw("p", queue[:8])
	if n := a.glance("p", 1); n != 0 {
		t.Errorf("%d of a queue of two projects are read", n)
	}
}
