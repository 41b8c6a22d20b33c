package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

const turnPlatform = weir.Platform("linux/amd64")

// queued is a build of a project in a lane.
func queued(id weir.BuildID, lane, project string, priority int, at time.Time, locks ...weir.LockUse) Candidate {
	return Candidate{Build: id, Lane: lane, Priority: priority, Queued: at, Locks: locks,
		Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: project, Platform: turnPlatform}}}
}

// line of workers that take what they get, one build each.
type yard struct {
	queue   Queue
	now     time.Time
	next    weir.BuildID
	running map[weir.BuildID]Held
	ends    map[weir.BuildID]time.Time
	given   map[string]int // builds, by lane
	got     []Candidate
}

func newYard(locks map[string]weir.Lock) *yard {
	return &yard{queue: Queue{Locks: locks, Shares: &Shares{}}, now: time.Unix(1_000_000, 0), next: 1,
		running: map[weir.BuildID]Held{}, ends: map[weir.BuildID]time.Time{}, given: map[string]int{}}
}

func (y *yard) add(lane, project string, priority int, locks ...weir.LockUse) weir.BuildID {
	y.queue.Candidates = append(y.queue.Candidates, queued(y.next, lane, project, priority, y.now, locks...))
	y.next++
	return y.next - 1
}

// ask lets a worker have a build, for as long as that takes; 0 if it gets none.
func (y *yard) ask(worker string, takes time.Duration) weir.BuildID {
	y.queue.Held = nil
	for _, h := range y.running {
		y.queue.Held = append(y.queue.Held, h)
	}
	picked := y.queue.Pick(weir.Worker{Name: worker, Platform: turnPlatform}, 1, y.now)
	if len(picked) == 0 {
		return 0
	}
	i := slices.IndexFunc(y.queue.Candidates, func(c Candidate) bool { return c.Build == picked[0] })
	c := y.queue.Candidates[i]
	y.queue.Candidates = slices.Delete(y.queue.Candidates, i, i+1)
	y.queue.Shares.Began(worker, c, y.now)
	y.running[c.Build] = Held{Build: c.Build, Worker: worker, Locks: c.Locks}
	y.ends[c.Build] = y.now.Add(takes)
	y.given[c.Lane]++
	y.got = append(y.got, c)
	return c.Build
}

// pass lets time go on, and builds end.
func (y *yard) pass(d time.Duration) {
	y.now = y.now.Add(d)
	for id, at := range y.ends {
		if !at.After(y.now) {
			y.queue.Shares.Ended(id, at)
			delete(y.ends, id)
			delete(y.running, id)
		}
	}
}

// TestLanesShareTime: two lanes that always have something to do get the same of a
// worker's time, whatever their builds take and however much is queued, and one
// that comes late is not behind either.
func TestLanesShareTime(t *testing.T) {
	t.Parallel()
	y := newYard(nil)
	takes := map[string]time.Duration{"long": 60 * time.Minute, "short": 2 * time.Minute, "late": 20 * time.Minute}
	had := map[string]time.Duration{}
	for range 200 {
		y.add("long", fmt.Sprint("p", y.next%50), PriorityChange)
	}
	for n := range 1200 {
		y.add("short", "q", PriorityChange)
		if n == 400 {
			clear(had)
		}
		if n >= 400 {
			y.add("late", "r", PriorityChange)
		}
		before := y.next
		id := y.ask("w", 0)
		lane := y.got[len(y.got)-1].Lane
		if id == 0 || id >= before {
			t.Fatal("nothing was picked")
		}
		y.ends[id] = y.now.Add(takes[lane])
		had[lane] += takes[lane]
		y.pass(takes[lane])
	}
	for lane, time := range had {
		if part := float64(time) / float64(had["long"]+had["short"]+had["late"]); part < 0.31 || part > 0.36 {
			t.Errorf("lane %s has had %.2f of the time, as others did %v", lane, part, had)
		}
	}
}

// TestNothingStarves plays queues of all kinds, into which builds keep coming that go
// before what is there: of any priority and class, of lanes that have had nothing, of
// projects that are warm. A build is picked before its worker has got so many others as
// Pick promises, and if it wants locks, soon after.
func TestNothingStarves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		locks := map[string]weir.Lock{"a": {Name: "a", Count: rapid.IntRange(1, 4).Draw(t, "shares")}, "b": {Name: "b", Scope: weir.LockWorker}}
		uses := [][]weir.LockUse{nil, nil, {{Name: "a"}}, {{Name: "a", Count: 3}}, {{Name: "b"}}, {{Name: "a"}, {Name: "b"}}}
		use := rapid.SampledFrom(uses)
		priority := rapid.IntRange(-100, 100)
		y := newYard(locks)
		y.queue.Warm = map[string]bool{"warm": true}
		older := rapid.IntRange(0, 4).Draw(t, "older")
		for range older {
			y.add("x", "x", Rank(PriorityChange, priority.Draw(t, "priority")), use.Draw(t, "locks")...)
		}
		wants := use.Draw(t, "its locks")
		y.pass(time.Second)
		victim := y.add("x", "x", Rank(PriorityChange, -100), wants...)
		workers := rapid.IntRange(1, 3).Draw(t, "workers")
		later, laterUse := priority.Draw(t, "of what comes"), use.Draw(t, "locks of what comes")
		limit := OldestTurn * (older + 1)
		if len(wants) > 0 || older > 0 { // those before it may want locks, too
			limit *= 3 * workers
		}
		given := map[string]int{}
		for step := 0; ; step++ {
			y.pass(time.Second)
			for len(y.queue.Candidates) < 30 {
				y.add(fmt.Sprint("lane", step), "warm", Rank(PriorityRetry, later), laterUse...)
			}
			w := fmt.Sprint("w", step%workers)
			id := y.ask(w, time.Duration(workers)*time.Second)
			if id == victim {
				return
			}
			if id != 0 {
				given[w]++
			}
			if given[w] > limit || step > 20*limit*workers {
				t.Fatalf("build %d is not picked after %v others", victim, given)
			}
		}
	})
}

// TestLocksHold: whatever is picked, no more of a lock is held than there is.
func TestLocksHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 5).Draw(t, "shares")
		locks := map[string]weir.Lock{"farm": {Name: "farm", Count: count}, "own": {Name: "own", Scope: weir.LockWorker, Count: 2}}
		y := newYard(locks)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "comes") {
				var uses []weir.LockUse
				for _, name := range []string{"farm", "own", "unknown"} {
					if n := rapid.IntRange(0, 3).Draw(t, name); n > 0 {
						uses = append(uses, weir.LockUse{Name: name, Count: n})
					}
				}
				y.add(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "lane"), "p", rapid.IntRange(0, 50).Draw(t, "priority"), uses...)
			}
			y.ask(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "worker"), time.Duration(rapid.IntRange(1, 20).Draw(t, "takes"))*time.Minute)
			used := map[lockKey]int{}
			for _, h := range y.running {
				l := newLocks(locks, nil, h.Worker)
				for _, u := range h.Locks {
					used[l.key(u)] += l.shares(u)
				}
			}
			for key, n := range used {
				if n > locks[key.name].Shares() {
					t.Fatalf("%d shares of %v are held", n, key)
				}
			}
			y.pass(time.Minute)
		}
	})
}

// TestManyShares: a build that wants all of a lock gets it, though others that want
// one share keep coming and never all stop at once.
func TestManyShares(t *testing.T) {
	t.Parallel()
	y := newYard(map[string]weir.Lock{"db": {Name: "db", Count: 3}})
	for n := range 3 {
		y.add("x", "p", PriorityChange, weir.LockUse{Name: "db"})
		y.ask(fmt.Sprint("w", n), time.Duration(n+1)*time.Minute)
	}
	all := y.add("x", "q", PriorityChange, weir.LockUse{Name: "db", Count: 3})
	for minute := range 60 {
		y.add("x", "p", PriorityRetry, weir.LockUse{Name: "db"})
		y.pass(time.Minute)
		for n := range 3 {
			if y.ask(fmt.Sprint("w", n), 3*time.Minute) == all {
				if minute > 40 {
					t.Errorf("it took %d minutes", minute)
				}
				return
			}
		}
	}
	t.Error("it never got the lock")
}

func TestAffinity(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	cold, mirror, product := queued(1, "x", "cold", 10, now.Add(-8*time.Minute)), queued(2, "x", "mirror", 10, now.Add(-2*time.Minute)), queued(3, "x", "product", 10, now)
	product.Products = []weir.Digest{"d"}
	q := Queue{Candidates: []Candidate{cold, mirror, product}, Warm: map[string]bool{"mirror": true, "d": true}}
	w := weir.Worker{Platform: turnPlatform}
	if got := q.Pick(w, 3, now); !slices.Equal(got, []weir.BuildID{3, 1, 2}) {
		t.Errorf("picks %v: the product counts for more than eight minutes, the mirror for five", got)
	}
	q.Candidates[0].Queued = now.Add(-20 * time.Minute)
	if got := q.Pick(w, 3, now); got[0] != 1 {
		t.Errorf("picks %v: what has waited for long goes first, wherever it is warm", got)
	}
	q.Candidates[2].Lane = "y" // a turn is worth more than warmth
	q.Shares = &Shares{}
	for id := range weir.BuildID(2) {
		q.Shares.Began("w", queued(9+id, "y", "p", 10, now), now)
	}
	q.Candidates[0].Queued = now
	if got := q.Pick(w, 3, now); got[2] != 3 {
		t.Errorf("picks %v: lane y has had its part", got)
	}
}

func TestRank(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ low, high int }{
		{Rank(PriorityRetry, UrgentPriority-1), Rank(PriorityChange, UrgentPriority)},
		{Rank(PriorityRetry, MaybePriority), Rank(PriorityChange, MaybePriority+1)},
		{Rank(PriorityChange, 0), Rank(PriorityRetry, 0)},
		{Rank(PriorityChange, 100), Rank(PriorityRetry, 1000)},
	} {
		if c.low >= c.high {
			t.Errorf("%d is not below %d", c.low, c.high)
		}
	}
	for job, want := range map[int]int{0: 0, 49: 0, 50: 1, 100: 1, -49: 0, -50: -1, -100: -1} {
		if got := class(Rank(PriorityRetry, job)); got != want {
			t.Errorf("priority %d is of class %d, want %d", job, got, want)
		}
	}
}

// TestCancelledKeepsNoLock: what is kept for a build that waits is let go when
// something becomes of it.
func TestCancelledKeepsNoLock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	w := weir.Worker{Name: "w", Platform: "linux/amd64", Slots: 3}
	want := func(id weir.BuildID) Candidate {
		return Candidate{Build: id, Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "p", Platform: w.Platform}}, Queued: now,
			Locks: []weir.LockUse{{Name: "db"}}}
	}
	var s Shares
	held := []Held{{Build: 1, Worker: "w", Locks: []weir.LockUse{{Name: "db"}}}}
	if got := (Queue{Candidates: []Candidate{want(2)}, Held: held, Shares: &s}).Pick(w, 1, now); len(got) > 0 {
		t.Fatalf("the lock is held, and %v got it", got)
	}
	after := Queue{Candidates: []Candidate{want(3)}, Shares: &s}
	if got := after.Pick(w, 1, now); len(got) > 0 {
		t.Errorf("the lock is kept for build 2, and %v got it", got)
	}
	s.Changed(2)
	if got := after.Pick(w, 1, now); len(got) != 1 || got[0] != 3 {
		t.Errorf("build 2 is cancelled, and %v got the lock", got)
	}
}
