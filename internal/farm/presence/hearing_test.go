package presence

import (
	"testing"
	"time"
)

// TestHearing plays looks every five seconds, with a lease time of 45 s, and
// things that happen before some of them.
func TestHearing(t *testing.T) {
	t.Parallel()
	const step, lease = 5 * time.Second, 45 * time.Second
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		at       int                                         // before which look it happens
		happens  func(h *Hearing, wall, mono *time.Duration) // nil: nothing
		unfairly int                                         // how many looks from there on are not fair
	}{
		"nothing":                    {20, nil, 0},
		"the store fails":            {20, func(h *Hearing, _, mono *time.Duration) { h.Deaf(*mono) }, 9},
		"the clock is set on":        {20, func(_ *Hearing, wall, _ *time.Duration) { *wall += time.Hour }, 9},
		"the clock is set back":      {20, func(_ *Hearing, wall, _ *time.Duration) { *wall -= time.Hour }, 9},
		"the clock is set a bit":     {20, func(_ *Hearing, wall, _ *time.Duration) { *wall += 2 * time.Second }, 0},
		"the machine sleeps":         {20, func(_ *Hearing, wall, _ *time.Duration) { *wall += 10 * time.Minute }, 9},
		"the process stands still":   {20, func(_ *Hearing, wall, mono *time.Duration) { *wall += time.Minute; *mono += time.Minute }, 9},
		"a look takes a little long": {20, func(_ *Hearing, wall, mono *time.Duration) { *wall += step; *mono += step }, 0},
		"it is busy at the start":    {3, func(_ *Hearing, wall, mono *time.Duration) { *wall += step; *mono += step }, 5},
	} {
		h := NewHearing(lease)
		var wall, mono time.Duration
		unfair := 0
		for n := range 60 {
			if n == c.at && c.happens != nil {
				c.happens(h, &wall, &mono)
			}
			fair := h.Look(start.Add(wall), mono, step)
			if !fair && n >= c.at {
				unfair++
			}
			if fair && mono < lease {
				t.Errorf("%s: workers are late %s after the start", name, mono)
			}
			if !fair && mono >= lease && n < c.at {
				t.Errorf("%s: nobody is late %s after the start", name, mono)
			}
			wall, mono = wall+step, mono+step
		}
		if unfair != c.unfairly {
			t.Errorf("%s: for %d looks nobody was late, want %d", name, unfair, c.unfairly)
		}
	}
}
