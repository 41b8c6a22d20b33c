package flake_test

import (
	"math"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/flake"
)

func TestApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bad, good int
		want      float64
	}{{0, 0, 1}, {1, 1, 1}, {3, 3, 0.1}, {4, 4, 2.0 / 70}, {2, 9, 2.0 / 55}} {
		if got := flake.Apart(c.bad, c.good); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d bad and %d good: %v, want %v", c.bad, c.good, got, c.want)
		}
	}
}

func TestDivisions(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	run := func(bad bool, worker, dir string, root *bool) flake.Outcome {
		return flake.Outcome{Bad: bad, Worker: worker, Directory: "/w/" + dir, Root: root, At: time.Unix(1e9, 0)}
	}
	got := flake.Divisions([]flake.Outcome{run(false, "a", "go-hclog", &no), run(false, "b", "go-hclog", &yes), run(true, "a", "hclog", &no), run(true, "b", "hclog", &yes)})
	if len(got) != 1 || got[0].Facet != flake.ByDirectory || got[0].Value != "directory hclog" || got[0].In != (flake.Share{Bad: 2, Runs: 2}) ||
		got[0].Out != (flake.Share{Runs: 2}) {
		t.Errorf("a directory parts them, got %+v", got)
	}
	got = flake.Divisions([]flake.Outcome{run(false, "a", "d", &no), run(true, "b", "d", &yes), run(true, "b", "d", &yes), run(false, "a", "d", &no)})
	if len(got) != 1 || got[0].Value != "worker b" || len(got[0].Same) != 1 || got[0].Same[0] != "root" {
		t.Errorf("a worker parts them, or its user, got %+v", got)
	}
	if got := flake.Divisions([]flake.Outcome{run(false, "a", "d", &no), run(true, "a", "d", &no), run(true, "b", "d", &no)}); len(got) != 0 {
		t.Errorf("nothing parts them, got %+v", got)
	}
	cut, ahead := run(true, "a", "d", &no), run(true, "a", "d", &no)
	fast := 3600.0
	cut.Network, ahead.Clock = &no, &fast
	whole, right := run(false, "a", "d", &no), run(false, "a", "d", &no)
	slow := -1.5
	whole.Network, right.Clock = &yes, &slow
	if got := flake.Divisions([]flake.Outcome{cut, whole}); len(got) != 1 || got[0].Facet != flake.ByNetwork || got[0].Value != "no network" {
		t.Errorf("the network parts them, got %+v", got)
	}
	if got := flake.Divisions([]flake.Outcome{ahead, right}); len(got) != 1 || got[0].Facet != flake.ByClock || got[0].Value != "clock wrong by 5 s or more" {
		t.Errorf("the clock parts them, got %+v", got)
	}
	if got := flake.Divisions(nil); len(got) != 0 {
		t.Errorf("nothing is there, got %+v", got)
	}
}
