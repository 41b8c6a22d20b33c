package trends

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/weir-ci/weir/internal/farm/recent"
)

// lately lists the shifts of all builders' durations in the last time: those for
// the worse first, the largest first.
func (r *Reader) lately(state *recent.State) Answer {
	since := r.now().Add(-Lately)
	out := Answer{Looked: len(state.Rows), Moved: []Move{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range state.Rows {
		if !slices.Contains(out.Projects, row.Builder.Project) && len(out.Projects) < MaxProjects {
			out.Projects = append(out.Projects, row.Builder.Project)
		}
		if len(row.Builds) == 0 || row.Builds[0].Created.Before(since) {
			continue
		}
		known, ok := r.moved[row.Builder.ID]
		if !ok || !known.of(row.Builds) {
			known.first, known.n, known.value = &row.Builds[0], len(row.Builds), nil
			if s := seriesOf(row.Builder.Project, row.Builds); len(s) > 0 && s[0].Name == Duration {
				known.value = s[0].Shifts
			}
			r.moved[row.Builder.ID] = known
		}
		for _, shift := range known.value {
			if !shift.At.Before(since) && math.Abs(shift.Change) >= leastChange && math.Abs(shift.After-shift.Before) >= leastSeconds {
				out.Moved = append(out.Moved, Move{Builder: row.Builder, Series: Duration, Unit: "s", Shift: shift})
			}
		}
	}
	if len(r.moved) > 2*len(state.Rows)+maxKept { // most of them are gone
		clear(r.moved)
	}
	slices.SortStableFunc(out.Moved, func(a, b Move) int {
		return cmp.Or(order(b.Worse)-order(a.Worse), cmp.Compare(size(b), size(a)), cmp.Compare(a.Builder.ID, b.Builder.ID))
	})
	slices.Sort(out.Projects)
	out.More = max(0, len(out.Moved)-MaxMoves)
	out.Moved = out.Moved[:min(len(out.Moved), MaxMoves)]
	return out
}

func order(first bool) int {
	if first {
		return 1
	}
	return 0
}

// size is how large a move is: twice as long is as large as half as long.
func size(m Move) float64 {
	if m.Before <= 0 || m.After <= 0 {
		return math.Inf(1)
	}
	return math.Abs(math.Log(m.After / m.Before))
}

// better guesses from a metric's name which way it should go.
func better(name string) Better {
	name = strings.ToLower(name)
	for _, word := range []string{"coverage", "throughput", "ops", "per_second", "rate", "score", "hits"} {
		if strings.Contains(name, word) {
			return Higher
		}
	}
	for _, word := range []string{"time", "seconds", "duration", "latency", "size", "bytes", "memory", "rss", "allocs", "warnings", "errors", "failures", "misses"} {
		if strings.Contains(name, word) {
			return Lower
		}
	}
	return Unknown
}
