package bisect

import (
	"math"
	"reflect"
	"testing"

	"github.com/weir-ci/weir"
)

func TestBelieved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of   [][]float64
		want weir.Belief
	}{
		"nothing":           {nil, weir.Belief{}},
		"of other paths":    {[][]float64{{0, 1, 0}, {0, 1, 0, 0}}, weir.Belief{}},
		"too short":         {[][]float64{{1}}, weir.Belief{}},
		"one":               {[][]float64{{.1, .5, .25, .15}}, weir.Belief{Steps: []weir.StepBelief{{Position: 1, Probability: .5}, {Position: 2, Probability: .25}}, Environment: .1, Nobody: .15}},
		"a mean":            {[][]float64{{0, 1, 0, 0}, {0, 0, 0, 1}}, weir.Belief{Steps: []weir.StepBelief{{Position: 1, Probability: .5}}, Nobody: .5}},
		"hardly possible":   {[][]float64{{.0004, .9992, .0004, 0}}, weir.Belief{Steps: []weir.StepBelief{{Position: 1, Probability: .9992}}}},
		"nothing to divide": {[][]float64{{math.NaN(), math.NaN(), math.NaN()}}, weir.Belief{}},
	} {
		if got := Believed(c.of); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	long := make([]float64, 1000)
	for i := range long {
		long[i] = .001
	}
	long[999], long[998] = .0015, .002
	steps := Believed([][]float64{long}).Steps
	if len(steps) != weir.MaxBelief || steps[len(steps)-1].Position != 998 || steps[0].Position != 1 {
		t.Errorf("%d steps, from %v to %v", len(steps), steps[0], steps[len(steps)-1])
	}
}

// TestBeliefs holds the posteriors of an answer against its findings.
func TestBeliefs(t *testing.T) {
	t.Parallel()
	seen := func(position int, o weir.Observed) Trial { return Trial{Position: position, Outcome: o} }
	broken := Subject{FlakeRate: .01, Trials: []Trial{seen(0, weir.ObservedGood), {Position: 8, Outcome: weir.ObservedBad, Alarm: true},
		seen(4, weir.ObservedGood), seen(4, weir.ObservedGood), seen(5, weir.ObservedBad), seen(5, weir.ObservedBad), seen(5, weir.ObservedBad), seen(5, weir.ObservedBad)}}
	a := Next(Question{Steps: 8, Subjects: []Subject{broken, broken, {FlakeRate: .01}}, Width: 1})
	if len(a.Beliefs) != 3 || len(a.Beliefs[2]) != 10 || &a.Beliefs[0][0] != &a.Beliefs[1][0] {
		t.Fatalf("the posteriors are %v", a.Beliefs)
	}
	if f := a.Findings[0]; f.Kind != Found || math.Abs(a.Beliefs[0][f.First]-f.Confidence) > 1e-12 {
		t.Errorf("%+v is found with %v", f, a.Beliefs[0])
	}
}
