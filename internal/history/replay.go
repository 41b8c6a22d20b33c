package history

import (
	"cmp"
	"slices"

	"github.com/weir-ci/weir"
)

// kind is what a build can say about a test, as far as segments go.
type kind int

const (
	unknown kind = iota
	good
	bad
	hidden
)

func kindOf(s weir.Status) kind {
	switch {
	case s.Good():
		return good
	case s.Bad():
		return bad
	case s == weir.Skip, s == weir.Absent:
		return hidden
	}
	return unknown
}

// stretch is a run of equal builds.
type stretch struct {
	from, to  Point // to.Build may be 0
	status    weir.Status
	signature string
	Counts
}

// replayed is a past, build by build, folded.
type replayed struct {
	stretches []stretch
	status    weir.Status // settled, as in weir.TestState
	known     bool
	since     Point
	masked    Point
	signature string
	at        Point // the next build that nothing is known of
	sum       Counts
}

// maxNumber is the largest number of a build that is believed.
const maxNumber = 1 << 30

// replay walks through the events, and fills what lies between them with
// builds that said the same as before.
func replay(p Past) *replayed {
	events := tidy(p.Events)
	r := &replayed{at: p.First}
	before := p.Status
	if len(events) > 0 {
		if r.at.Number < 1 || r.at.Number > events[0].Number || len(events) == MaxEvents {
			r.at = events[0].Point
		}
		if before = events[0].From; before == "" && events[0].Verdict != weir.New {
			before = p.Status
		}
	}
	if kindOf(before) != unknown && r.at.Number > 0 && r.at.Number <= maxNumber { // what was before the events begin
		r.status, r.known, r.since = before, true, r.at
	}
	r.stretches = make([]stretch, 0, 2*len(events)+1)
	for i := range events {
		e := &events[i]
		r.fill(e.Number-1, Point{})
		r.take(e)
		r.at = Point{Number: e.Number + 1}
	}
	r.fill(min(p.Last.Number, maxNumber), p.Last)
	return r
}

// tidy sorts the newest events by number, one for each: of several for one
// build the last, with the further runs of all.
func tidy(in []Event) []Event {
	events := slices.DeleteFunc(slices.Clone(in), func(e Event) bool {
		return e.Number < 1 || e.Number > maxNumber || e.Verdict == weir.InfraError
	})
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Number, b.Number) })
	out := events[:0]
	for _, e := range events {
		e.Again = min(max(e.Again, 0), 1<<20)
		e.AgainBad = min(max(e.AgainBad, 0), e.Again)
		if n := len(out) - 1; n >= 0 && out[n].Number == e.Number {
			again, bad := out[n].Again+e.Again, out[n].AgainBad+e.AgainBad
			if kindOf(e.To) != unknown {
				out[n] = e
			}
			out[n].Again, out[n].AgainBad = again, bad
			continue
		}
		out = append(out, e)
	}
	return out[max(0, len(out)-MaxEvents):]
}

// fill adds the builds up to a number, which said what is settled.
func (r *replayed) fill(last int, to Point) {
	n := last - r.at.Number + 1
	if n <= 0 || !r.known {
		return
	}
	if to.Number != last {
		to = Point{Number: last}
		if n == 1 {
			to = r.at
		}
	}
	r.add(stretch{from: r.at, to: to, status: r.shown(), signature: r.signature, Counts: plain(r.shown(), n)})
}

// shown is what a build that changes nothing shows.
func (r *replayed) shown() weir.Status {
	if r.masked.Number > 0 && r.status.Bad() {
		return weir.Absent
	}
	return r.status
}

func plain(s weir.Status, n int) Counts {
	c := Counts{Builds: n, Runs: n}
	switch kindOf(s) {
	case bad:
		c.Failures = n
	case hidden:
		c.Runs = 0
	}
	return c
}

// add appends a stretch, and counts it as of the settled status.
func (r *replayed) add(s stretch) {
	r.sum = r.sum.plus(s.Counts)
	if n := len(r.stretches) - 1; n >= 0 && r.stretches[n].equal(s) {
		last := &r.stretches[n]
		last.to, last.Counts = s.to, last.plus(s.Counts)
		return
	}
	r.stretches = append(r.stretches, s)
}

// equal reports whether two neighbours consist of equal builds.
func (s stretch) equal(t stretch) bool {
	return s.to.Number+1 == t.from.Number && s.status == t.status && s.signature == t.signature &&
		s.Flakes+t.Flakes+s.Doubled+t.Doubled == 0 && (s.Runs > 0) == (t.Runs > 0) && (s.Failures > 0) == (t.Failures > 0)
}

// take is the build of an event.
func (r *replayed) take(e *Event) {
	move := kindOf(e.To) != unknown && e.Verdict != weir.Flaky && e.Verdict != weir.Removed
	masks := r.known && r.status.Bad() && kindOf(e.To) == hidden
	was := r.status
	switch {
	case e.Verdict == weir.Removed:
		r.known, r.status, r.masked, r.since, r.sum = false, weir.Absent, Point{}, e.Point, Counts{}
		return
	case move && masks:
		if r.masked.Number == 0 {
			r.masked = e.Point
		}
	case move:
		r.masked = Point{}
		if e.To != was || !r.known {
			r.since, r.sum = e.Point, Counts{}
		}
		r.status, r.known = e.To, true
	}
	if r.status.Good() {
		r.signature = ""
	}
	if e.Signature != "" && e.To.Bad() {
		r.signature = e.Signature
	}
	if !r.known {
		return
	}
	r.add(r.build(e))
	if e.Verdict == weir.Flaky {
		r.masked = Point{} // it ran
	}
}

// build is what the build of an event counts for.
func (r *replayed) build(e *Event) stretch {
	s := stretch{from: e.Point, to: e.Point, status: r.shown(), signature: r.signature}
	first := s.status
	if kindOf(e.To) != unknown {
		first = e.To
	}
	again, againBad := e.Again, e.AgainBad
	if e.Verdict == weir.Flaky && again == againBad {
		again++ // it is called flaky because of a good one
	}
	if again > againBad && kindOf(first) == hidden {
		s.status, s.Counts = r.status, Counts{Builds: 1, Runs: 1} // it ran after all
	} else {
		s.Counts = plain(first, 1)
	}
	switch {
	case e.Verdict == weir.Flaky, again > 0 && againBad > 0 && againBad < again,
		again > 0 && kindOf(first) == bad && againBad == 0, kindOf(first) == good && againBad > 0:
		s.Flakes = 1
	}
	if s.Failures == 1 && again > 0 && kindOf(first) == bad {
		s.Doubled = 1
		if againBad == again {
			s.Repeated = 1
		}
	}
	return s
}

// now is how the test stands at the end.
func (r *replayed) now() Now {
	switch {
	case r.known:
		return Now{Status: r.status, Since: r.since, Counts: r.sum, Masked: r.masked}
	case r.since.Number > 0:
		return Now{Status: weir.Absent, Since: r.since, Removed: true}
	}
	return Now{}
}

// segment sums up the stretches from i up to and without j.
func (r *replayed) segment(i, j int) Segment {
	list := r.stretches[i:j]
	s := Segment{From: list[0].from, To: list[len(list)-1].to, Status: weir.Pass}
	s.Earliest, s.Latest = s.From.Number, s.From.Number
	failed, ran, gone := weir.Fail, weir.Pass, weir.Absent
	for _, x := range list {
		s.Counts = s.plus(x.Counts)
		if x.signature != "" {
			s.Signature = x.signature
		}
		switch kindOf(x.status) {
		case bad:
			failed = x.status
		case good:
			ran = x.status
		case hidden:
			gone = x.status
		}
	}
	switch {
	case s.Hidden() > s.Runs:
		s.Status = gone
	case 2*s.Failures > s.Runs:
		s.Status = failed
	default:
		s.Status = ran
	}
	return s
}
