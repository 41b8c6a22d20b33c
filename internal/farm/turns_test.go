package farm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func waiter(t *turns, name string, labels ...string) *turn {
	one := t.join(weir.Worker{Name: name, Platform: simPlatform, Labels: labels}, true)
	t.looked(one, nil)
	return one
}

func queuedBuild(id weir.BuildID, labels ...string) store.Candidate {
	return store.Candidate{Build: id, Builder: weir.Builder{BuilderKey: weir.BuilderKey{Platform: simPlatform}}, Labels: labels}
}

// wasCalled receives a call, if there is one.
func wasCalled(t *turns, one *turn) bool {
	select {
	case <-one.called:
		t.take(one)
		return true
	default:
		return false
	}
}

func whoIsCalled(t *turns, all ...*turn) (names string) {
	for _, one := range all {
		if wasCalled(t, one) {
			names += one.worker.Name
		}
	}
	return names
}

func TestOneIsCalledForOneBuild(t *testing.T) {
	t.Parallel()
	var q turns
	var all []*turn
	for i := range 5000 {
		all = append(all, waiter(&q, fmt.Sprint(" ", i)))
	}
	q.queued(simPlatform)
	q.queued("windows/amd64")
	if got := whoIsCalled(&q, all...); got != " 0" {
		t.Errorf("called are%s", got)
	}
	q.looked(all[0], nil) // it took everything
	q.leave(all[0], true)
	if got := whoIsCalled(&q, all...); got != "" {
		t.Errorf("then called are%s", got)
	}
}

func TestTheBatonGoesToWhoCanUseIt(t *testing.T) {
	t.Parallel()
	var q turns
	a, b, c, d := waiter(&q, "a"), waiter(&q, "b"), waiter(&q, "c", "gpu"), waiter(&q, "d", "gpu")
	q.queued(simPlatform)
	if got := whoIsCalled(&q, a, b, c, d); got != "a" {
		t.Fatalf("called are %s", got)
	}
	q.looked(a, []store.Candidate{queuedBuild(1, "gpu")})
	if got := whoIsCalled(&q, a, b, c, d); got != "c" {
		t.Errorf("for what needs a gpu are called %s", got)
	}
	q.looked(c, []store.Candidate{queuedBuild(2, "gpu"), queuedBuild(3), queuedBuild(4, "tpu")})
	q.leave(c, true)
	if got := whoIsCalled(&q, a, b, d); got != "bd" {
		t.Errorf("for the rest are called %s", got)
	}
}

// TestNewsWhileEverybodyIsOut: what is queued while the only worker looks is
// looked for again.
func TestNewsWhileEverybodyIsOut(t *testing.T) {
	t.Parallel()
	var q turns
	a := q.join(weir.Worker{Name: "a", Platform: simPlatform}, true)
	q.queued(simPlatform) // during its first look
	q.looked(a, nil)
	if !wasCalled(&q, a) {
		t.Fatal("not called after the first look")
	}
	q.queued(simPlatform) // during the second
	if wasCalled(&q, a) {
		t.Error("called although it looks")
	}
	q.looked(a, nil)
	if !wasCalled(&q, a) {
		t.Error("not called after the second look")
	}
	q.looked(a, nil)
	if wasCalled(&q, a) {
		t.Error("called for nothing")
	}
	q.leave(a, true)
	if len(q.lanes) != 0 || len(q.names) != 0 {
		t.Errorf("left behind: %v, %v", q.lanes, q.names)
	}
}

func TestTheBatonIsNotLost(t *testing.T) {
	t.Parallel()
	var q turns
	a, b, c := waiter(&q, "a"), waiter(&q, "b"), waiter(&q, "c")
	q.queued(simPlatform)
	q.leave(a, true) // called, and gone before it looked
	if got := whoIsCalled(&q, b, c); got != "b" {
		t.Errorf("called are %s", got)
	}
	q.leave(b, false) // the store has failed: nobody else is called
	if got := whoIsCalled(&q, c); got != "" {
		t.Errorf("after a failure are called %s", got)
	}
	q.again()
	if got := whoIsCalled(&q, c); got != "c" {
		t.Errorf("later are called %q", got)
	}
}

func TestWhoGetsNothingIsNotCalled(t *testing.T) {
	t.Parallel()
	var q turns
	paused := q.join(weir.Worker{Name: "p", Platform: simPlatform}, false)
	q.looked(paused, []store.Candidate{queuedBuild(1)})
	q.queued(simPlatform)
	q.again()
	q.changed("q")
	if wasCalled(&q, paused) || len(paused.changed) != 0 {
		t.Error("a paused worker was called")
	}
	q.changed("p")
	q.changed("p")
	if len(paused.changed) != 1 {
		t.Error("it does not learn that it has changed")
	}
	q.leave(paused, true)
}

// TestTurnsAtRandom plays a queue in memory: as long as somebody can run what
// is queued, and news was told, somebody has been called or is looking.
func TestTurnsAtRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var q turns
		labels := [][]string{nil, {"gpu"}, {"big"}, {"gpu", "big"}}
		var queue []store.Candidate
		waiting, looking := map[*turn]bool{}, map[*turn][]store.Candidate{}
		next := weir.BuildID(1)
		fits := func(c store.Candidate, w weir.Worker) bool {
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
				q.queued(simPlatform)
			case 1: // a worker comes, and looks
				one := q.join(weir.Worker{Name: "w", Platform: simPlatform, Labels: labels[rng.IntN(4)]}, true)
				looking[one] = append([]store.Candidate{}, queue...)
			case 2: // somebody who was called looks
				for one := range waiting {
					if wasCalled(&q, one) {
						delete(waiting, one)
						looking[one] = append([]store.Candidate{}, queue...)
						break
					}
				}
			case 3: // somebody who waits gives up
				for one := range waiting {
					q.leave(one, true)
					delete(waiting, one)
					break
				}
			case 4: // a look ends, with what it saw at its beginning
				for one, saw := range looking {
					delete(looking, one)
					var left []store.Candidate
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
					q.looked(one, left)
					if took {
						q.leave(one, true)
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
				called = called || len(one.called) > 0
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
