package schedule

import (
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

func TestPick(t *testing.T) {
	t.Parallel()
	c := func(id weir.BuildID, project string, priority int, labels ...string) Candidate {
		return Candidate{Build: id, Priority: priority, Labels: labels, Queued: time.Unix(int64(id), 0),
			Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: project, Platform: "linux/amd64"}}}
	}
	foreign := c(9, "z", 99)
	foreign.Builder.Platform = "darwin/arm64"
	queue := []Candidate{c(1, "a", 10), c(2, "a", 10), c(3, "b", 10), c(4, "b", 40), c(5, "c", 10, "gpu"), foreign}
	worker, now := weir.Worker{Platform: "linux/amd64"}, time.Unix(1000, 0)
	if got, want := pick(queue, worker, 10, now), []weir.BuildID{4, 1, 3, 2}; !slices.Equal(got, want) {
		t.Errorf("picks %v, want %v", got, want)
	}
	worker.Labels = []string{"gpu", "fast"}
	if got, want := pick(queue, worker, 4, now), []weir.BuildID{4, 1, 3, 5}; !slices.Equal(got, want) {
		t.Errorf("with a label picks %v, want %v", got, want)
	}
	if got := pick(queue, worker, 0, now); len(got) != 0 {
		t.Errorf("without room picks %v", got)
	}
}

// TestNobodyStarves plays a queue in which one project always has more to do:
// every build of the others is picked within one round of all projects.
func TestNobodyStarves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		projects := rapid.IntRange(2, 8).Draw(t, "projects")
		greedy := rapid.IntRange(5, 50).Draw(t, "greedy")
		var queue []Candidate
		id := weir.BuildID(0)
		add := func(project int) {
			id++
			queue = append(queue, Candidate{Build: id, Priority: PriorityChange, Queued: time.Unix(int64(id), 0),
				Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: string(rune('a' + project)), Platform: "linux/amd64"}}})
		}
		for range greedy {
			add(0)
		}
		for p := 1; p < projects; p++ {
			add(p)
		}
		got := pick(queue, weir.Worker{Platform: "linux/amd64"}, projects, time.Unix(1000, 0))
		for p := 1; p < projects; p++ {
			if !slices.Contains(got, weir.BuildID(greedy+p)) {
				t.Fatalf("project %d waits behind a project with %d builds: %v", p, greedy, got)
			}
		}
	})
}

// wish is a build of project "p" that was queued so many seconds after the
// beginning.
func wish(id weir.BuildID, second int64, prefer, avoid string) Candidate {
	return Candidate{Build: id, Priority: PriorityProbe, Queued: time.Unix(second, 0), Prefer: prefer, Avoid: avoid,
		Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "p", Platform: "linux/amd64"}}}
}

func TestPickGrantsWishes(t *testing.T) {
	t.Parallel()
	const long = int64(WishTime / time.Second)
	queue := []Candidate{wish(1, 1000, "", ""), wish(2, 1000, "a", ""), wish(3, 1001, "b", ""), wish(4, 1002, "", "a"), wish(5, 1003, "b", "b")}
	for _, c := range []struct {
		name   string
		worker string
		second int64
		want   []weir.BuildID
	}{
		{"the preferred one first, the avoided one not", "a", 1010, []weir.BuildID{2, 1}},
		{"who is preferred and avoided is avoided", "b", 1010, []weir.BuildID{3, 1, 4}},
		{"somebody else", "c", 1010, []weir.BuildID{1, 4}},
		{"the first has waited long enough", "c", 1000 + long, []weir.BuildID{1, 2, 4}},
		{"all have", "a", 1003 + long, []weir.BuildID{2, 1, 3, 4, 5}},
		{"the clock was ahead when they were queued", "c", 1000 - 2*long, []weir.BuildID{1, 2, 3, 4, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := pick(queue, weir.Worker{Name: c.worker, Platform: "linux/amd64"}, 10, time.Unix(c.second, 0))
			if !slices.Equal(got, c.want) {
				t.Errorf("%s picks %v, want %v", c.worker, got, c.want)
			}
		})
	}
	if got := pick(queue, weir.Worker{Platform: "linux/amd64"}, 10, time.Unix(1010, 0)); !slices.Equal(got, []weir.BuildID{1, 4}) {
		t.Errorf("a worker without a name picks %v", got)
	}
}

// TestPreferredBeforeEqualsOnly: a wish does not go before a higher priority,
// and not before another project's turn.
func TestPreferredBeforeEqualsOnly(t *testing.T) {
	t.Parallel()
	high, other := wish(1, 1000, "", ""), wish(2, 1000, "", "")
	high.Priority, other.Builder.Project = PriorityRetry, "q"
	queue := []Candidate{high, other, wish(3, 1001, "a", ""), wish(4, 1001, "a", "")}
	got := pick(queue, weir.Worker{Name: "a", Platform: "linux/amd64"}, 10, time.Unix(1010, 0))
	if want := []weir.BuildID{1, 3, 2, 4}; !slices.Equal(got, want) {
		t.Errorf("picks %v, want %v", got, want)
	}
}

// TestWishesStarveNobody plays a queue with wishes of all kinds, into which new
// builds keep coming that some worker prefers, and workers that take one build a
// second, in turn, if they are there at all. Whatever a build wishes for, and
// whatever comes behind it, it waits no longer than a head start, and as long as
// what was there when that was over takes.
func TestWishesStarveNobody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"", "a", "b", "gone"}
		var queue []Candidate
		id := weir.BuildID(0)
		add := func(second int64, prefer, avoid string) {
			id++
			queue = append(queue, wish(id, second, prefer, avoid))
		}
		for range rapid.IntRange(1, 20).Draw(t, "builds") {
			add(0, rapid.SampledFrom(names).Draw(t, "prefer"), rapid.SampledFrom(names).Draw(t, "avoid"))
		}
		present := rapid.SampledFrom([][]string{{"a"}, {"b"}, {"a", "b"}, {"c"}}).Draw(t, "workers")
		later := rapid.SampledFrom(names).Draw(t, "what comes later prefers")
		first := int(id)
		limit := int64((headStart+WishTime)/time.Second) + 30
		for second := int64(1); ; second++ {
			if second > limit {
				t.Fatalf("%d of %d builds still wait after %d s", first, len(queue), second)
			}
			add(second, later, "")
			worker := weir.Worker{Name: present[int(second)%len(present)], Platform: "linux/amd64"}
			picked := pick(queue, worker, 1, time.Unix(second, 0))
			for _, p := range picked {
				queue = slices.DeleteFunc(queue, func(c Candidate) bool { return c.Build == p })
			}
			if len(queue) == 0 || queue[0].Queued.After(time.Unix(0, 0)) {
				return // all that were there at first are gone; the queue is in their order
			}
		}
	})
}

// TestWishesIdleNobodyElse: a build without a wish is picked as if those with
// wishes for others were not there.
func TestWishesIdleNobodyElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var queue, open []Candidate
		for id := range rapid.IntRange(0, 30).Draw(t, "builds") {
			c := wish(weir.BuildID(id+1), int64(rapid.IntRange(0, 200).Draw(t, "queued")),
				rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "prefer"), rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "avoid"))
			queue = append(queue, c)
			if !c.Wishes("a", time.Unix(200, 0)) {
				open = append(open, c)
			}
		}
		worker := weir.Worker{Name: "a", Platform: "linux/amd64"}
		free := rapid.IntRange(0, 40).Draw(t, "free")
		got := pick(queue, worker, free, time.Unix(200, 0))
		if want := pick(open, worker, free, time.Unix(200, 0)); !slices.Equal(got, want) || len(got) != min(free, len(open)) {
			t.Fatalf("picks %v, without the others %v", got, want)
		}
	})
}

// pick picks where nobody has had anything.
func pick(queue []Candidate, worker weir.Worker, free int, now time.Time) []weir.BuildID {
	return Queue{Candidates: queue}.Pick(worker, free, now)
}
