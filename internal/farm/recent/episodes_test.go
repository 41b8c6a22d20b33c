package recent

import (
	"context"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// cases is a store of regressions that counts how often it is read.
type cases struct {
	list   []weir.Regression
	events []weir.Event
	reads  int
}

func (c *cases) Regressions(_ context.Context, f store.RegressionFilter) ([]weir.Regression, error) {
	c.reads++
	var out []weir.Regression
	for _, r := range c.list {
		if slices.Contains(f.States, r.State) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (c *cases) CountRegressions(ctx context.Context, f store.RegressionFilter) (n store.RegressionCount, err error) {
	for _, r := range c.list {
		if slices.Contains(f.States, r.State) {
			n.Regressions, n.Tests = n.Regressions+1, n.Tests+len(r.Victims)
		}
	}
	return n, nil
}

func (c *cases) EventsAfter(_ context.Context, seq int64, limit int) ([]weir.Event, error) {
	var out []weir.Event
	for _, e := range c.events {
		if e.Seq > seq && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (c *cases) LastEvent(context.Context) (int64, error) { return int64(len(c.events)), nil }

func (c *cases) tell(kind weir.EventKind, times int) {
	for range times {
		c.events = append(c.events, weir.Event{Seq: int64(len(c.events)) + 1, Kind: kind})
	}
}

func TestEpisodes(t *testing.T) {
	t.Parallel()
	s := &cases{list: []weir.Regression{{ID: 1, State: weir.Searching}, {ID: 2, State: weir.Recovered}, {ID: 3, State: weir.Merged}}}
	e := NewEpisodes(s)
	var last *Cases
	ask := func(what string, again bool) {
		t.Helper()
		before := s.reads
		c, err := e.Cases(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if (s.reads > before) != again || (c != last) != again {
			t.Errorf("%s: read %d times, the same: %t", what, s.reads-before, c == last)
		}
		last = c
	}
	ask("at first", true)
	if len(last.Open) != 1 || len(last.Closed) != 1 || last.Closed[0].ID != 2 {
		t.Errorf("the cases are %+v", last)
	}
	ask("nothing has happened", false)
	s.tell(weir.EventBuild, 40)
	ask("builds have moved", false)
	s.list[0].State = weir.Dismissed
	s.tell(weir.EventRegression, 1)
	s.tell(weir.EventBuild, 3)
	ask("one was dismissed", true)
	if len(last.Open) != 0 || len(last.Closed) != 2 {
		t.Errorf("the cases are %+v", last)
	}
	s.tell(weir.EventConfig, 1)
	ask("something may have another name", true)
	s.tell(weir.EventLog, episodeEvents+1)
	ask("too much has happened", true)
	s.events = nil
	ask("the database is another one", true)
}
