package leasemodel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/pgtest"
	"github.com/weir-ci/weir/internal/store/postgres"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// migrated makes a database ready for worlds.
func migrated(t *testing.T, s store.Store, err error) *database {
	t.Helper()
	d := &database{T: t, Store: s, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	d.ok(err)
	t.Cleanup(func() { _ = s.Close() })
	d.ok(s.Migrate(t.Context()))
	return d
}

func openSQLite(t *testing.T) *database {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	return migrated(t, s, err)
}

func openPostgres(t *testing.T) *database {
	t.Helper()
	s, err := postgres.Open(t.Context(), pgtest.DSN(t))
	return migrated(t, s, err)
}

// place is a state of the model's server, on a map of all that can be reached
// within a number of calls.
type place struct {
	state server
	depth int
	idle  []call // calls that change nothing
	done  bool   // they were tried
	roads []road // calls that change something
	todo  int    // roads that were not tried
}

// road leads from one place to another.
type road struct {
	call  call
	to    *place // nil: beyond the map
	tried bool
}

// chart draws the map.
func chart(g rules, workers uint8, depth int) (places []*place) {
	start := &place{state: g.start()}
	places = []*place{start}
	known := map[server]*place{start.state: start}
	for i := 0; i < len(places); i++ {
		p := places[i]
		for _, c := range p.state.calls(g, workers) {
			next := p.state
			if c.on(&next, g); next == p.state {
				p.idle = append(p.idle, c)
				continue
			}
			r := road{call: c, to: known[next]}
			if full := next.builds[0].attempts == maxAttempts || next.builds[1].attempts == maxAttempts; r.to == nil && p.depth < depth && !full {
				r.to = &place{state: next, depth: p.depth + 1}
				known[next], places = r.to, append(places, r.to)
			}
			p.roads = append(p.roads, r)
		}
		p.todo = len(p.roads)
	}
	return places
}

// onward finds the next road of a shortest way to a place where something is
// left to try; nil if there is none.
func (p *place) onward() *road {
	type step struct {
		at    *place
		first *road
	}
	seen := map[*place]bool{p: true}
	for work := []step{{at: p}}; len(work) > 0; work = work[1:] {
		at := work[0].at
		for i := range at.roads {
			r, first := &at.roads[i], work[0].first
			if first == nil {
				first = r
			}
			if !r.tried {
				return first
			}
			if r.to != nil && !seen[r.to] {
				seen[r.to] = true
				work = append(work, step{r.to, first})
			}
		}
	}
	return nil
}

// both does a call to the model and to the database, and compares the answers.
func (w *world) both(model *server, done []call, c call) {
	w.Helper()
	if want, got := c.on(model, w.rules), w.do(c); got != want {
		w.Fatalf("after\n%s%v\nis answered with %+v, the model says %+v", lines(done), c, got, want)
	}
}

// compare holds the whole state against the model's.
func (w *world) compare(model server, done []call) {
	w.Helper()
	if got := w.state(model); got != model {
		w.Fatalf("after\n%sthe state is\n%+v, the model's\n%+v", lines(done), got, model)
	}
}

func lines(calls []call) string {
	var b strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&b, "  %v\n", c)
	}
	return b.String()
}

// TestDatabaseIsModel takes every step that the model's server can take from a
// state that a number of calls lead to, and takes it with a database.
func TestDatabaseIsModel(t *testing.T) {
	t.Parallel()
	for _, size := range []struct {
		builds             int
		workers            uint8
		depth, race, large int
		after              Order
	}{
		{1, 1, 4, 3, 6, NoOrder},
		{1, 2, 2, 2, 4, NoOrder},
		{2, 1, 3, 2, 4, NoOrder},
		{2, 1, 3, 2, 5, AfterPassed},
	} {
		t.Run(fmt.Sprintf("%d builds, %d workers, order %d", size.builds, size.workers, size.after), func(t *testing.T) {
			t.Parallel()
			d, g, depth := openSQLite(t), rules{builds: size.builds, retries: weir.MaxAttempts, after: size.after}, size.depth
			if os.Getenv("WEIR_MODEL") == "big" {
				depth = size.large
			} else if raced {
				depth = size.race
			}
			places, steps, worlds := chart(g, size.workers, depth), 0, 0
			for places[0].onward() != nil {
				steps += d.travel(g, places[0])
				worlds++
			}
			for _, p := range places {
				if !p.done || p.todo > 0 {
					t.Fatalf("a state was not looked at: %+v", p.state)
				}
				steps += len(p.idle)
			}
			t.Logf("all %d steps out of %d states that %d calls lead to, in %d worlds", steps, len(places), depth, worlds)
		})
	}
}

// travel goes from place to place in a new world until nothing is left to try
// from where it is, and tells how many roads it was the first to take.
func (d *database) travel(g rules, at *place) (first int) {
	d.Helper()
	w := d.world(g)
	model := g.start()
	defer func() { w.leave(model) }()
	var done []call
	for at != nil {
		if !at.done {
			at.done = true
			for _, c := range at.idle {
				w.both(&model, done, c)
			}
			w.compare(model, done)
		}
		r := at.onward()
		if r == nil {
			return first
		}
		w.both(&model, done, r.call)
		done = append(done, r.call)
		if !r.tried {
			r.tried = true
			at.todo--
			first++
			w.compare(model, done)
		}
		at = r.to
	}
	return first
}

// TestDatabaseWalks takes long random ways, the same ones at every run.
func TestDatabaseWalks(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *database{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, walks := open(t), 15
			if os.Getenv("WEIR_MODEL") == "big" {
				walks = 1000
			}
			for _, after := range []Order{NoOrder, AfterPassed, AfterFailed, AfterAny} {
				g := rules{builds: 2, retries: weir.MaxAttempts, after: after}
				d.spare = nil // they are made by other rules
				if after == AfterPassed {
					walks /= 5
				}
				for seed := range walks {
					d.walk(g, rand.New(rand.NewPCG(uint64(seed), uint64(after)))) //nolint:gosec // repeatable on purpose
				}
			}
		})
	}
}

// walk makes random calls until both builds have ended, and some more.
func (d *database) walk(g rules, random *rand.Rand) {
	d.Helper()
	w := d.world(g)
	model := g.start()
	defer func() { w.leave(model) }()
	var done []call
	for range 40 {
		all := model.calls(g, maxWorkers)
		c := all[random.IntN(len(all))]
		if (c.verb == doCancel || c.report.outcome == passed) && random.IntN(4) > 0 {
			continue // they end builds too soon
		}
		if model.builds[0].attempts >= maxAttempts-1 || model.builds[1].attempts >= maxAttempts-1 {
			return
		}
		w.both(&model, done, c)
		done = append(done, c)
		w.compare(model, done)
	}
}
