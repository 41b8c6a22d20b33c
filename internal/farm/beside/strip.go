package beside

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// StripLength is how many builds a strip shows.
const StripLength = 24

// MaxStrips is how many tests one page shows the past of: each is read by itself.
const MaxStrips = 30

// stripEvents is how many changes of a test are read for its strip.
const stripEvents = StripLength

// Strip is what a test did in its builder's newest settled builds.
type Strip struct {
	// First is the number of the first build, as its builder counts them.
	First int `json:"first"`
	// Did is what it did in each build, oldest first: a status, or empty where that
	// is not known. A build in which it was flaky has Fail, and Flaky its place.
	Did   []weir.Status `json:"did"`
	Flaky []int         `json:"flaky,omitempty"` // places in Did
}

// Strips reads the pasts of tests on a builder, of the first MaxStrips of them.
func (r *Reader) Strips(ctx context.Context, builder weir.BuilderID, tests []weir.TestID) (map[weir.TestID]Strip, error) {
	out := make(map[weir.TestID]Strip, min(len(tests), MaxStrips))
	for _, t := range tests {
		if _, ok := out[t]; ok {
			continue
		}
		if len(out) == MaxStrips {
			break
		}
		h, err := r.store.History(ctx, builder, t, stripEvents)
		if err != nil {
			return out, err
		}
		out[t] = NewStrip(h)
	}
	return out, nil
}

// NewStrip replays the newest changes of a test.
func NewStrip(h store.TestHistory) Strip {
	last := h.Last.Number
	if last == 0 || h.State == nil && len(h.Events) == 0 {
		return Strip{}
	}
	s := Strip{First: max(1, h.First.Number, last-StripLength+1)}
	s.Did = make([]weir.Status, last-s.First+1)
	now := weir.Status("")
	if h.State != nil {
		if now = h.State.Status; h.State.Masked != 0 {
			now = weir.Absent
		}
	}
	end := last + 1 // of the builds that are not filled in yet
	fill := func(from int, status weir.Status) {
		for n := max(from, s.First); n < end; n++ {
			s.Did[n-s.First] = status
		}
		end = min(end, max(from, s.First))
	}
	for i, e := range h.Events { // newest first
		to := e.Change.To
		if i == 0 && now != "" && e.Change.Verdict != weir.Flaky {
			to = now // what moved quietly since
		}
		if e.Change.Verdict == weir.Flaky {
			fill(e.Number+1, orElse(now, e.Change.From))
			if e.Number >= s.First && e.Number < end {
				s.Flaky = append(s.Flaky, e.Number-s.First)
				fill(e.Number, weir.Fail)
			}
			now = e.Change.From
			continue
		}
		fill(e.Number, to)
		now = e.Change.From
		if e.Change.Verdict == weir.New {
			return s
		}
	}
	fill(s.First, now)
	return s
}

func orElse(a, b weir.Status) weir.Status {
	if a != "" {
		return a
	}
	return b
}
