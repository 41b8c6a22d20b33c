package schedule

import (
	"maps"
	"testing"
	"time"
)

// TestReturnedBuild: a build that its worker does not take costs its lane and its project
// nothing, teaches nothing, and only that worker can give it back.
func TestReturnedBuild(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	s := &Shares{}
	c := queued(1, "lane", "p", PriorityChange, now)
	had := func() (lane, project float64) {
		p := s.pool(turnPlatform)
		return p.lanes.finish["lane"], p.projects[laneKey{"lane", PriorityChange}].finish["p"]
	}
	check := func(what string, lane, project float64) {
		t.Helper()
		if l, p := had(); l != lane || p != project {
			t.Errorf("%s: the lane has had %v and the project %v, not %v and %v", what, l, p, lane, project)
		}
	}
	s.Began("picky", c, now)
	check("begun", unknownCost, 1)
	s.Returned(1, "liar")
	s.Returned(1, "")
	s.Returned(2, "picky")
	check("given back by others", unknownCost, 1)
	s.Returned(1, "picky")
	check("returned", 0, 0)
	s.Returned(1, "picky")
	s.Ended(1, now.Add(time.Hour))
	check("returned twice, and ended", 0, 0)
	if len(s.costs) > 0 || len(s.running) > 0 {
		t.Errorf("it has learned %v, and %v runs", s.costs, s.running)
	}

	s.Began("picky", c, now)
	s.Began("other", c, now)
	check("begun again", unknownCost, 1)
	s.Returned(1, "picky")
	check("returned late", unknownCost, 1)
	s.Ended(1, now.Add(time.Minute))
	check("ended", 60, 1)
	if want := map[string]float64{"p": 60}; !maps.Equal(s.costs, want) {
		t.Errorf("it has learned %v, not %v", s.costs, want)
	}

	// What is forgotten meanwhile is forgiven.
	s.Began("picky", c, now)
	clear(s.pools)
	s.Returned(1, "picky")
	if l := s.pool(turnPlatform).lanes.finish; len(l) > 0 {
		t.Errorf("the lanes have had %v", l)
	}
}

// TestRefusedLaneIsNotBehind: a lane whose builds picky workers refuse gets as much of a
// willing worker as one whose builds they do not look at.
func TestRefusedLaneIsNotBehind(t *testing.T) {
	t.Parallel()
	y := newYard(nil)
	for range 100 {
		y.add("refused", "p", PriorityChange)
		y.add("other", "q", PriorityChange)
	}
	for n := range 20 {
		y.queue.Shares.Began("picky", y.queue.Candidates[2*n], y.now)
		y.queue.Shares.Returned(y.queue.Candidates[2*n].Build, "picky")
	}
	for range 60 {
		if y.ask("w", 10*time.Minute) == 0 {
			t.Fatal("nothing was picked")
		}
		y.pass(10 * time.Minute)
	}
	if had := y.given["refused"]; had < 28 || had > 32 {
		t.Errorf("the lane whose builds were refused has had %d of 60", had)
	}
}
