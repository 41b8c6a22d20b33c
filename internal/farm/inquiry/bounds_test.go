package inquiry

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
)

// TestMachinesAreAskedSoOften: a machine that is asked for the other side of a
// culprit, and never gets to the tests, is not asked for ever.
func TestMachinesAreAskedSoOften(t *testing.T) {
	t.Parallel()
	found := bisect.Finding{Kind: bisect.Found, First: 3, Last: 3}
	start := func() (*evidence, *surroundings) {
		e := &evidence{route: routeOf(leg("up", 5)), lost: map[int]int{}}
		e.add(5, "wb", weir.ObservedBad)
		e.add(3, "wb", weir.ObservedBad)
		e.add(2, "wa", weir.ObservedGood)
		return e, &surroundings{ready: map[string]bool{"wb": true}}
	}
	for name, again := range map[string]func(e *evidence, position int){
		"says nothing": func(e *evidence, position int) { e.add(position, "wb", weir.ObservedNone) },
		"is lost":      func(e *evidence, position int) { e.lost[position]++ },
	} {
		e, s := start()
		asked := 0
		for range 100 {
			list := s.bothSides(e, 0, found)
			if len(list) == 0 {
				break
			}
			position, _ := e.route.Position(list[0].pins)
			again(e, position)
			asked++
		}
		if asked == 0 || asked > mostAgain {
			t.Errorf("%s: asked %d times", name, asked)
		}
		e, s = start()
		for range 3 {
			e.add(5, "wa", weir.ObservedGood)
		}
		e.ran[2].Worker, s.ready["wa"] = "wa", true
		asked = 0
		for ; asked < 100 && len(s.tellApart(e, 0)) > 0; asked++ {
			again(e, 5)
		}
		if asked == 0 || asked == 100 {
			t.Errorf("%s: asked %d times which of them it is", name, asked)
		}
	}
}

// add is a build that said something of one victim.
func (e *evidence) add(position int, worker string, said weir.Observed) {
	e.trials = append(e.trials, bisect.Trial{Position: position})
	e.said = append(e.said, []weir.Observed{said})
	e.ran = append(e.ran, weir.Attempt{Worker: worker})
	e.builds = append(e.builds, weir.Build{ID: weir.BuildID(len(e.builds) + 1)})
}

// TestNeedsLeaveThePathAlone: builds that stand on the path and come to nothing
// do not make a combination untold that the search has settled.
func TestNeedsLeaveThePathAlone(t *testing.T) {
	t.Parallel()
	way := routeOf(leg("up", 2), leg("lib", 2))
	n := needsOf{newNeeds(way), way}
	for _, position := range []int{0, 2, 4} {
		if n.has(weir.Build{Pins: way.Pins(position)}) {
			t.Errorf("position %d is beside the path", position)
		}
	}
	if !n.has(weir.Build{Pins: weir.Pins{"up": "up0", "lib": "lib2", "go": "g"}}) {
		t.Error("the new lib alone is not")
	}
}
