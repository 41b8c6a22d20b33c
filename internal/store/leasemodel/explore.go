package leasemodel

import (
	"fmt"
	"strings"
)

// Machine is something with states that Explore can walk through.
type Machine[S comparable, E fmt.Stringer] struct {
	Start S
	// Next tells every step out of a state, always in the same order. A fair
	// step is one that happens sooner or later if it stays possible; the
	// others are faults, and whims of people.
	Next func(from S, step func(e E, fair bool, to S))
	// Check says what is wrong with a step, or with the state it leads to.
	Check func(from S, e E, to S) error
	// Normal picks one of all states that behave alike. It is asked after Check.
	Normal func(S) S
	// Rest reports whether a state is one that the machine must be able to
	// come to from everywhere by fair steps alone. Nil: nothing is demanded.
	Rest func(S) bool
}

// Report is what Explore found.
type Report struct {
	States int
	Steps  int
	Depth  int // length of the longest of the shortest ways
	// Wrong says what is wrong; nil if nothing is. Trace is a shortest way there.
	Wrong error
	Trace []string
}

// String renders the report for people.
func (r Report) String() string {
	if r.Wrong == nil {
		return fmt.Sprintf("%d states, %d steps, depth %d: all is well", r.States, r.Steps, r.Depth)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v, after %d states:\n", r.Wrong, r.States)
	for i, line := range r.Trace {
		fmt.Fprintf(&b, "  %2d. %s\n", i+1, line)
	}
	return b.String()
}

// explorer is a walk that is under way. States are numbered in the order in
// which they were found.
type explorer[S comparable, E fmt.Stringer] struct {
	machine Machine[S, E]
	limit   int
	number  map[S]int32
	parent  []int32
	ordinal []uint16 // which of the parent's steps led here
	depth   []uint16
	fair    [][2]int32 // fair steps
	report  Report
}

// Explore walks through all states of a machine, and ends at the first thing
// that is wrong. More than limit states are wrong too.
func Explore[S comparable, E fmt.Stringer](m Machine[S, E], limit int) Report {
	x := &explorer[S, E]{machine: m, limit: limit, number: map[S]int32{}}
	x.add(m.Start, -1, 0, 0)
	var resting []int32
	frontier, next := []S{m.Start}, []S(nil)
	for at := int32(0); len(frontier) > 0; frontier, next = next, frontier[:0] {
		for _, s := range frontier {
			if m.Rest != nil && m.Rest(s) {
				resting = append(resting, at)
			}
			if next = x.expand(s, at, next); x.report.Wrong != nil {
				x.report.States = len(x.parent)
				return x.report
			}
			at++
		}
	}
	x.report.States, x.report.Depth = len(x.parent), int(x.depth[len(x.depth)-1])
	if m.Rest != nil {
		x.checkRest(resting)
	}
	return x.report
}

func (x *explorer[S, E]) add(s S, parent int32, ordinal, depth uint16) int32 {
	n := int32(len(x.parent))
	x.number[s] = n
	x.parent, x.ordinal, x.depth = append(x.parent, parent), append(x.ordinal, ordinal), append(x.depth, depth)
	return n
}

// expand takes every step out of state s, which has the number at, and puts
// the states that were not known behind found.
func (x *explorer[S, E]) expand(s S, at int32, found []S) []S {
	ordinal := uint16(0)
	x.machine.Next(s, func(e E, fair bool, to S) {
		mine := ordinal
		ordinal++
		if x.report.Wrong != nil {
			return
		}
		x.report.Steps++
		if err := x.machine.Check(s, e, to); err != nil {
			x.report.Wrong, x.report.Trace = err, append(x.trace(at), e.String())
			return
		}
		to = x.machine.Normal(to)
		n, known := x.number[to]
		if !known {
			if len(x.parent) >= x.limit {
				x.report.Wrong = fmt.Errorf("there are more than %d states", x.limit)
				return
			}
			n = x.add(to, at, mine, x.depth[at]+1)
			found = append(found, to)
		}
		if fair && n != at && x.machine.Rest != nil {
			x.fair = append(x.fair, [2]int32{at, n})
		}
	})
	return found
}

// trace goes from the start to a state again, and writes down how.
func (x *explorer[S, E]) trace(n int32) (lines []string) {
	var way []uint16
	for ; x.parent[n] >= 0; n = x.parent[n] {
		way = append(way, x.ordinal[n])
	}
	s := x.machine.Start
	for i := len(way) - 1; i >= 0; i-- {
		ordinal, from := uint16(0), s
		x.machine.Next(from, func(e E, _ bool, to S) {
			if ordinal == way[i] {
				lines, s = append(lines, e.String()), x.machine.Normal(to)
			}
			ordinal++
		})
	}
	return lines
}

// checkRest goes back from the resting states along fair steps. What it does
// not come to can never come to rest.
func (x *explorer[S, E]) checkRest(resting []int32) {
	first := make([]int32, len(x.parent)+1) // where the steps that lead to a state begin in from
	for _, e := range x.fair {
		first[e[1]+1]++
	}
	for i := range x.parent {
		first[i+1] += first[i]
	}
	from, fill := make([]int32, len(x.fair)), append([]int32(nil), first...)
	for _, e := range x.fair {
		from[fill[e[1]]] = e[0]
		fill[e[1]]++
	}
	reached := make([]bool, len(x.parent))
	for _, n := range resting {
		reached[n] = true
	}
	for work := resting; len(work) > 0; {
		n := work[len(work)-1]
		work = work[:len(work)-1]
		for _, f := range from[first[n]:first[n+1]] {
			if !reached[f] {
				reached[f] = true
				work = append(work, f)
			}
		}
	}
	for n, ok := range reached {
		if !ok {
			x.report.Wrong = fmt.Errorf("the farm cannot come to rest any more, though nothing else goes wrong")
			x.report.Trace = x.trace(int32(n))
			return
		}
	}
}
