package verdict

import (
	"slices"

	"github.com/weir-ci/weir"
)

// pair visits every test that has a state, a result or both; what it has not is
// nil. Both lists are nearly always sorted, without doubles, and then it takes no memory.
func pair(states []weir.TestState, results []weir.Result, visit func(*weir.TestState, *weir.Result)) {
	byState := func(a, b weir.TestState) int { return a.Test.Compare(b.Test) }
	byResult := func(a, b weir.Result) int { return a.Test.Compare(b.Test) }
	if !ascending(states, byState) {
		states = slices.Clone(states)
		slices.SortFunc(states, byState)
	}
	if !ascending(results, byResult) {
		results = lastOfEach(results, byResult)
	}
	for len(states) > 0 || len(results) > 0 {
		order := 0
		switch {
		case len(states) == 0:
			order = 1
		case len(results) == 0:
			order = -1
		default:
			order = states[0].Test.Compare(results[0].Test)
		}
		switch {
		case order < 0:
			visit(&states[0], nil)
			states = states[1:]
		case order > 0:
			visit(nil, &results[0])
			results = results[1:]
		default:
			visit(&states[0], &results[0])
			states, results = states[1:], results[1:]
		}
	}
}

func ascending[T any](list []T, compare func(a, b T) int) bool {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			return false
		}
	}
	return true
}

// lastOfEach sorts results; of several for one test it keeps the last.
func lastOfEach(results []weir.Result, compare func(a, b weir.Result) int) []weir.Result {
	results = slices.Clone(results)
	slices.SortStableFunc(results, compare)
	out := results[:0]
	for i, r := range results {
		if i+1 == len(results) || compare(r, results[i+1]) != 0 {
			out = append(out, r)
		}
	}
	return out
}
