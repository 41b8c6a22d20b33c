package farm

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// readStore counts what searches read.
type readStore struct {
	store.Store
	evidence, located int
}

// Evidence counts.
func (c *readStore) Evidence(ctx context.Context, builder weir.BuilderID, since weir.BuildID) ([]weir.Build, error) {
	c.evidence++
	return c.Store.Evidence(ctx, builder, since)
}

// Regressions counts lists of all that are located.
func (c *readStore) Regressions(ctx context.Context, f store.RegressionFilter) ([]weir.Regression, error) {
	if len(f.States) == 1 && f.States[0] == weir.Located && f.Limit >= 1000 {
		c.located++
	}
	return c.Store.Regressions(ctx, f)
}

// TestNothingIsReadTwice: a look at searches of which nothing has changed reads
// neither their builds nor what might be merged.
func TestNothingIsReadTwice(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	for i, at := range []int{3, 6} { // two that cannot be merged
		s.world.breaks("up", at, []string{"t0", "t1"}[i])
		s.move("up", at+1)
		s.until("at rest", true, s.atRest)
	}
	s.world.breaks("up", 9, "t2")
	s.move("up", 12)
	s.until("accused", false, func() bool { return len(s.regressions()) == 3 })
	newest := s.line("d")[len(s.line("d"))-1].ID
	counted := &readStore{Store: s.store}
	f := New(Options{Store: counted, Blobs: s.blobs, Sources: s.world, Host: simPlatform, Now: func() time.Time { return s.now }})
	if _, err := f.search(s.ctx); err != nil || counted.evidence > 0 {
		t.Errorf("without a configuration %d builders are asked: %v", counted.evidence, err)
	}
	s.must(f.Configure(s.ctx, s.world.farm))
	for more := true; more; {
		var err error
		more, err = f.search(s.ctx)
		s.must(err)
	}
	before := *counted
	if before.evidence == 0 || before.located == 0 {
		t.Fatalf("nothing was read: %+v", before)
	}
	for range 5 {
		_, err := f.search(s.ctx)
		s.must(err)
	}
	if counted.evidence != before.evidence || counted.located != before.located {
		t.Errorf("builds were read %d times more, and what is located %d times", counted.evidence-before.evidence, counted.located-before.located)
	}
	s.until("answered", false, func() bool {
		return slices.ContainsFunc(s.history(s.regressions()[0].Builder.ID), func(b weir.Build) bool {
			return b.ID > newest && b.Cause == weir.CauseProbe && b.State.Final()
		})
	})
	_, err := f.search(s.ctx)
	s.must(err)
	if counted.evidence == before.evidence {
		t.Error("what has changed is not read")
	}
}
