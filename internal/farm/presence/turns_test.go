package presence

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

const platform = weir.Platform("linux/amd64")

func waiter(t *Turns, name string, labels ...string) *Turn {
	one := t.Join(weir.Worker{Name: name, Platform: platform, Labels: labels}, true)
	t.Looked(one, schedule.Queue{}, noon)
	return one
}

// noon is when everything is queued and looked at.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func queuedBuild(id weir.BuildID, labels ...string) schedule.Candidate {
	return schedule.Candidate{Build: id, Queued: noon, Builder: weir.Builder{BuilderKey: weir.BuilderKey{Platform: platform}}, Labels: labels}
}

// wasCalled receives a call, if there is one.
func wasCalled(t *Turns, one *Turn) bool {
	select {
	case <-one.Called:
		t.Take(one)
		return true
	default:
		return false
	}
}

func whoIsCalled(t *Turns, all ...*Turn) (names string) {
	for _, one := range all {
		if wasCalled(t, one) {
			names += one.worker.Name
		}
	}
	return names
}

func TestOneIsCalledForOneBuild(t *testing.T) {
	t.Parallel()
	var q Turns
	var all []*Turn
	for i := range 5000 {
		all = append(all, waiter(&q, fmt.Sprint(" ", i)))
	}
	q.Queued(platform)
	q.Queued("windows/amd64")
	if got := whoIsCalled(&q, all...); got != " 0" {
		t.Errorf("called are%s", got)
	}
	q.Looked(all[0], schedule.Queue{}, noon) // it took everything
	q.Leave(all[0], true)
	if got := whoIsCalled(&q, all...); got != "" {
		t.Errorf("then called are%s", got)
	}
}

func TestTheBatonGoesToWhoCanUseIt(t *testing.T) {
	t.Parallel()
	var q Turns
	a, b, c, d := waiter(&q, "a"), waiter(&q, "b"), waiter(&q, "c", "gpu"), waiter(&q, "d", "gpu")
	q.Queued(platform)
	if got := whoIsCalled(&q, a, b, c, d); got != "a" {
		t.Fatalf("called are %s", got)
	}
	q.Looked(a, schedule.Queue{Candidates: []schedule.Candidate{queuedBuild(1, "gpu")}}, noon)
	if got := whoIsCalled(&q, a, b, c, d); got != "c" {
		t.Errorf("for what needs a gpu are called %s", got)
	}
	q.Looked(c, schedule.Queue{Candidates: []schedule.Candidate{queuedBuild(2, "gpu"), queuedBuild(3), queuedBuild(4, "tpu")}}, noon)
	q.Leave(c, true)
	if got := whoIsCalled(&q, a, b, d); got != "bd" {
		t.Errorf("for the rest are called %s", got)
	}
}

// TestTheBatonGoesToWhoIsWishedFor: a worker that a build avoids is not called
// for it, until it has waited for too long.
func TestTheBatonGoesToWhoIsWishedFor(t *testing.T) {
	t.Parallel()
	var q Turns
	a, b, c := waiter(&q, "a"), waiter(&q, "b"), waiter(&q, "c")
	q.Queued(platform)
	if got := whoIsCalled(&q, a, b, c); got != "a" {
		t.Fatalf("called are %s", got)
	}
	avoids, prefers := queuedBuild(1), queuedBuild(2)
	avoids.Avoid, prefers.Prefer = "b", "b"
	q.Looked(a, schedule.Queue{Candidates: []schedule.Candidate{avoids}}, noon)
	if got := whoIsCalled(&q, b, c); got != "c" {
		t.Errorf("for what avoids b are called %q", got)
	}
	q.Looked(c, schedule.Queue{Candidates: []schedule.Candidate{prefers}}, noon)
	if got := whoIsCalled(&q, a, b); got != "b" {
		t.Errorf("for what prefers b are called %q", got)
	}
	q.Looked(b, schedule.Queue{Candidates: []schedule.Candidate{avoids}}, noon.Add(schedule.WishTime))
	if got := whoIsCalled(&q, a, c); got != "a" {
		t.Errorf("for what has waited long enough are called %q", got)
	}
}

// TestNewsWhileEverybodyIsOut: what is queued while the only worker looks is
// looked for again.
func TestNewsWhileEverybodyIsOut(t *testing.T) {
	t.Parallel()
	var q Turns
	a := q.Join(weir.Worker{Name: "a", Platform: platform}, true)
	q.Queued(platform) // during its first look
	q.Looked(a, schedule.Queue{}, noon)
	if !wasCalled(&q, a) {
		t.Fatal("not called after the first look")
	}
	q.Queued(platform) // during the second
	if wasCalled(&q, a) {
		t.Error("called although it looks")
	}
	q.Looked(a, schedule.Queue{}, noon)
	if !wasCalled(&q, a) {
		t.Error("not called after the second look")
	}
	q.Looked(a, schedule.Queue{}, noon)
	if wasCalled(&q, a) {
		t.Error("called for nothing")
	}
	q.Leave(a, true)
	if len(q.lanes) != 0 || len(q.names) != 0 {
		t.Errorf("left behind: %v, %v", q.lanes, q.names)
	}
}

func TestTheBatonIsNotLost(t *testing.T) {
	t.Parallel()
	var q Turns
	a, b, c := waiter(&q, "a"), waiter(&q, "b"), waiter(&q, "c")
	q.Queued(platform)
	q.Leave(a, true) // called, and gone before it looked
	if got := whoIsCalled(&q, b, c); got != "b" {
		t.Errorf("called are %s", got)
	}
	q.Leave(b, false) // the store has failed: nobody else is called
	if got := whoIsCalled(&q, c); got != "" {
		t.Errorf("after a failure are called %s", got)
	}
	q.Again()
	if got := whoIsCalled(&q, c); got != "c" {
		t.Errorf("later are called %q", got)
	}
}

func TestWhoGetsNothingIsNotCalled(t *testing.T) {
	t.Parallel()
	var q Turns
	paused := q.Join(weir.Worker{Name: "p", Platform: platform}, false)
	q.Looked(paused, schedule.Queue{Candidates: []schedule.Candidate{queuedBuild(1)}}, noon)
	q.Queued(platform)
	q.Again()
	q.Change("q")
	if wasCalled(&q, paused) || len(paused.Changed) != 0 {
		t.Error("a paused worker was called")
	}
	q.Change("p")
	q.Change("p")
	if len(paused.Changed) != 1 {
		t.Error("it does not learn that it has changed")
	}
	q.Leave(paused, true)
}

// TestTurnsAtRandom plays a queue in memory: as long as somebody can run what
// is queued, and news was told, somebody has been called or is looking.
func TestTurnsAtRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var q Turns
		labels := [][]string{nil, {"gpu"}, {"big"}, {"gpu", "big"}}
		var queue []schedule.Candidate
		waiting, looking := map[*Turn]bool{}, map[*Turn][]schedule.Candidate{}
		next := weir.BuildID(1)
		fits := func(c schedule.Candidate, w weir.Worker) bool {
			for _, l := range c.Labels {
				found := false
				for _, have := range w.Labels {
					found = found || have == l
				}
				if !found {
					return false
				}
			}
			return true
		}
		for range 400 {
			switch rng.IntN(5) {
			case 0: // something is queued
				queue = append(queue, queuedBuild(next, labels[rng.IntN(4)]...))
				next++
				q.Queued(platform)
			case 1: // a worker comes, and looks
				one := q.Join(weir.Worker{Name: "w", Platform: platform, Labels: labels[rng.IntN(4)]}, true)
				looking[one] = append([]schedule.Candidate{}, queue...)
			case 2: // somebody who was called looks
				for one := range waiting {
					if wasCalled(&q, one) {
						delete(waiting, one)
						looking[one] = append([]schedule.Candidate{}, queue...)
						break
					}
				}
			case 3: // somebody who waits gives up
				for one := range waiting {
					q.Leave(one, true)
					delete(waiting, one)
					break
				}
			case 4: // a look ends, with what it saw at its beginning
				for one, saw := range looking {
					delete(looking, one)
					var left []schedule.Candidate
					took := false
					for _, c := range saw {
						at := -1
						for i := range queue {
							if queue[i].Build == c.Build {
								at = i
							}
						}
						switch {
						case at < 0:
						case !took && fits(c, one.worker):
							queue = append(queue[:at:at], queue[at+1:]...)
							took = true
						default:
							left = append(left, c)
						}
					}
					q.Looked(one, schedule.Queue{Candidates: left}, noon)
					if took {
						q.Leave(one, true)
					} else {
						waiting[one] = true
					}
					break
				}
			}
			if len(looking) > 0 {
				continue
			}
			called := false
			for one := range waiting {
				called = called || len(one.Called) > 0
			}
			for _, c := range queue {
				for one := range waiting {
					if !called && fits(c, one.worker) {
						t.Fatalf("seed %d: build %d waits for nobody", seed, c.Build)
					}
				}
			}
		}
	}
}

// TestBeside: whoever looks for itself is called for everything, takes no call from
// others, and what it saw says nothing to them.
func TestBeside(t *testing.T) {
	t.Parallel()
	var q Turns
	picky := q.Beside(weir.Worker{Name: " picky", Platform: platform})
	first, second := waiter(&q, " first"), waiter(&q, " second")
	if q.Waiting(platform) != 2 || q.BesideWaiting(platform) != 1 || q.BesideWaiting("windows/amd64") != 0 {
		t.Errorf("%d wait in line, %d beside it", q.Waiting(platform), q.BesideWaiting(platform))
	}
	q.Queued(platform)
	q.Queued(platform)
	if got := whoIsCalled(&q, picky, first, second); got != " picky first second" {
		t.Errorf("called are%s", got)
	}
	q.Looked(picky, schedule.Queue{Candidates: []schedule.Candidate{queuedBuild(1)}}, noon)
	if got := whoIsCalled(&q, picky, first, second); got != "" {
		t.Errorf("called by what a picky one saw are%s", got)
	}
	q.Looked(first, schedule.Queue{}, noon)
	q.Looked(second, schedule.Queue{}, noon)
	q.Change(" picky")
	select {
	case <-picky.Changed:
	default:
		t.Error("it does not hear that it has changed")
	}
	q.Leave(first, true)
	q.Leave(second, true)
	q.Queued(platform)
	if got := whoIsCalled(&q, picky); got != " picky" {
		t.Errorf("alone: called are%s", got)
	}
	q.Leave(picky, true)
	if len(q.lanes)+len(q.names) > 0 {
		t.Errorf("left are %v, %v", q.lanes, q.names)
	}
}
