package boards

import (
	"cmp"
	"slices"
	"time"
)

// Scale says where moments are on the vertical axis of a waterfall, newest on top.
type Scale struct {
	Height int // of the whole, in pixels
	Ticks  []Tick
	Gaps   []Gap
	times  []time.Time // ascending
	at     []int       // pixels above the bottom, of each of times
}

// Tick is a moment on the axis: a quarter of an hour, a minute or a second.
type Tick struct {
	At  time.Time
	Top int
	Day bool // it begins a day
}

// Gap is a time in which nothing ran, drawn shorter than it was.
type Gap struct {
	For         time.Duration
	Top, Height int
}

// Sizes of the drawing, in pixels.
const (
	perWindow = 1400 // of a window without anything in it, linear
	minBlock  = 15   // a block that is shorter cannot be read
	idleGap   = 26   // a longer time in which nothing ran
	idleFrom  = 20 * time.Minute
	tickSpace = 40
	// longStretch is how far apart ticks are at most, if there is a moment to name.
	longStretch = 4 * tickSpace
)

// draw lays blocks, ticks and marks out on the axis.
//
// On a linear scale a minute is as high everywhere. Otherwise a time without builds
// shrinks to a gap, and one in which short builds follow each other is
// stretched, so that each block can be read and none covers another.
func (w *Waterfall) draw(linear bool) {
	s := &w.Scale
	begin, end := w.From, w.Until
	for _, b := range w.Blocks {
		s.times = append(s.times, w.clip(b.Started), w.clip(b.Ended))
	}
	s.times = append(s.times, begin, end)
	slices.SortFunc(s.times, time.Time.Compare)
	s.times = slices.CompactFunc(s.times, time.Time.Equal)
	rate := float64(perWindow) / max(end.Sub(begin).Seconds(), 1)
	s.at = make([]int, len(s.times))
	if linear {
		for i, t := range s.times {
			s.at[i] = int(t.Sub(begin).Seconds() * rate)
		}
	} else {
		w.shrink(rate)
	}
	s.Height = s.at[len(s.at)-1] + minBlock // for what ends at once at the very top
	for i := range w.Blocks {
		b := &w.Blocks[i]
		low, high := s.above(w.clip(b.Started)), s.above(w.clip(b.Ended))
		if b.Height = max(high-low, 3); !linear {
			b.Height = max(b.Height, minBlock)
		}
		b.Top = s.Height - low - b.Height
	}
	lanes(w.Blocks)
	for i := range w.Marks {
		w.Marks[i].Top = s.Height - s.above(w.Marks[i].At)
	}
	s.ticks(begin, end)
}

// clip moves a moment into the window.
func (w *Waterfall) clip(t time.Time) time.Time {
	if t.Before(w.From) {
		return w.From
	}
	if t.After(w.Until) {
		return w.Until
	}
	return t
}

// shrink finds a place for each moment: above the one before it, and high enough
// above the beginning of whatever ends there.
func (w *Waterfall) shrink(rate float64) {
	s := &w.Scale
	index := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(s.times, t, time.Time.Compare)
		return i
	}
	begins := make([][]int, len(s.times)) // of what ends at each moment, when it began
	active := make([]int, len(s.times)+1) // how many more run from each moment on
	for _, b := range w.Blocks {
		from, to := index(w.clip(b.Started)), index(w.clip(b.Ended))
		active[from]++
		active[to]--
		begins[to] = append(begins[to], from)
	}
	running := active[0]
	for i := 1; i < len(s.times); i++ {
		length := s.times[i].Sub(s.times[i-1])
		step := int(length.Seconds() * rate)
		if idle := running == 0; idle && length > idleFrom && step > idleGap {
			step = idleGap
			s.Gaps = append(s.Gaps, Gap{For: length, Top: s.at[i-1], Height: idleGap})
		}
		s.at[i] = s.at[i-1] + max(step, 1)
		for _, from := range begins[i] {
			if from < i {
				s.at[i] = max(s.at[i], s.at[from]+minBlock+1)
			}
		}
		running += active[i]
	}
	height := s.at[len(s.at)-1] + minBlock
	for i := range s.Gaps {
		s.Gaps[i].Top = height - s.Gaps[i].Top - s.Gaps[i].Height
	}
}

// lanes puts blocks of a column side by side that would cover each other, because a
// builder's builds may run at the same time.
func lanes(blocks []Block) {
	order := make([]*Block, len(blocks))
	for i := range blocks {
		order[i] = &blocks[i]
	}
	slices.SortFunc(order, func(a, b *Block) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Top, b.Top), cmp.Compare(b.Build, a.Build))
	})
	for from := 0; from < len(order); {
		var ends []int // of the lanes
		low, to := 0, from
		for ; to < len(order) && order[to].Column == order[from].Column && (to == from || order[to].Top < low); to++ {
			b := order[to]
			low = max(low, b.Top+b.Height)
			i := slices.IndexFunc(ends, func(end int) bool { return end <= b.Top })
			if i < 0 {
				i, ends = len(ends), append(ends, 0)
			}
			ends[i], b.Lane = b.Top+b.Height, i
		}
		for _, b := range order[from:to] {
			b.Lanes = len(ends)
		}
		from = to
	}
}

// above is how far above the bottom a moment is, in pixels.
func (s *Scale) above(t time.Time) int {
	i, exact := slices.BinarySearchFunc(s.times, t, time.Time.Compare)
	if exact {
		return s.at[i]
	}
	if i == 0 {
		return 0
	}
	if i == len(s.times) {
		return s.at[i-1]
	}
	span := s.times[i].Sub(s.times[i-1]).Seconds()
	return s.at[i-1] + int(t.Sub(s.times[i-1]).Seconds()/span*float64(s.at[i]-s.at[i-1]))
}

// ticks marks quarters of hours, those that are far enough from each other, and
// minutes and seconds where many short builds have stretched the time.
func (s *Scale) ticks(begin, end time.Time) {
	for _, step := range []time.Duration{15 * time.Minute, time.Minute, time.Second} {
		var ticks []Tick
		above := Tick{At: end, Top: -tickSpace}
		for _, t := range append(s.Ticks, Tick{At: begin, Top: s.Height}) {
			if len(s.Ticks) == 0 || t.Top-above.Top > longStretch {
				ticks = append(ticks, s.between(above, t, step)...)
			}
			ticks = append(ticks, t)
			above = t
		}
		s.Ticks = ticks[:len(ticks)-1]
	}
	day := -1
	for i := range s.Ticks {
		t := &s.Ticks[i]
		t.Day, day = t.At.YearDay() != day, t.At.YearDay()
	}
}

// between lists the ticks between two, a step or more apart, the newest first.
func (s *Scale) between(above, below Tick, step time.Duration) (ticks []Tick) {
	last := above.Top
	for t := above.At.Truncate(step); t.After(below.At); t = t.Add(-step) {
		top := s.Height - s.above(t)
		if top-last < tickSpace || below.At.Before(t) && below.Top-top < tickSpace && below.Top < s.Height {
			continue
		}
		ticks = append(ticks, Tick{At: t.UTC(), Top: top})
		last = top
	}
	return ticks
}
