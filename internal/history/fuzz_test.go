package history

import (
	"encoding/binary"
	"testing"

	"github.com/weir-ci/weir"
)

// FuzzRead reads events as nobody would write them.
func FuzzRead(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 0, 9, 0, 3, 1, 1})
	f.Add([]byte("a past of tests that nobody has written down in this way, and yet it must be read"))
	f.Fuzz(func(t *testing.T, data []byte) {
		verdicts := append(weir.Verdicts(), "no such verdict")
		statuses := append(weir.Statuses(), "", "no such status")
		var p Past
		next := func() int {
			if len(data) < 2 {
				return 0
			}
			n := int(int16(binary.LittleEndian.Uint16(data)))
			data = data[2:]
			return n
		}
		pick := func(n int) int { return int(uint16(next())) % n }
		p.First, p.Last = Point{Number: next()}, Point{Number: next()}
		p.Status = statuses[pick(len(statuses))]
		for len(data) > 1 && len(p.Events) < 300 {
			p.Events = append(p.Events, Event{Point: Point{Number: next()}, Verdict: verdicts[pick(len(verdicts))],
				From: statuses[pick(len(statuses))], To: statuses[pick(len(statuses))], Again: next(), AgainBad: next()})
		}
		h := Read(p)
		last := p.Last.Number
		for _, e := range p.Events {
			if e.Verdict != weir.InfraError {
				last = max(last, e.Number)
			}
		}
		if n := len(h.Segments); n > 0 && h.Segments[n-1].To.Number > last {
			t.Fatalf("%+v ends behind %d", h, last)
		} else if n > 0 {
			last = h.Segments[n-1].To.Number
		}
		checkShape(t, h, last)
		if h.String() == "" {
			t.Fatal("nothing is said")
		}
	})
}
