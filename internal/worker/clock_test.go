package worker

import (
	"net/http"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	date := noon.Format(http.TimeFormat)
	const none = -1e9
	for _, c := range []struct {
		name string
		sent time.Time // by this clock
		trip time.Duration
		date string
		want float64
	}{
		{"agrees", noon.Add(400 * time.Millisecond), 200 * time.Millisecond, date, 0},
		{"the second is nearly over", noon.Add(990 * time.Millisecond), 0, date, 0},
		{"a little ahead", noon.Add(2400 * time.Millisecond), 200 * time.Millisecond, date, 0},
		{"ahead", noon.Add(3400 * time.Millisecond), 200 * time.Millisecond, date, 3},
		{"behind", noon.Add(-time.Hour), time.Second, date, -3600},
		{"years", noon.AddDate(10, 0, 0), 0, date, noon.AddDate(10, 0, 0).Sub(noon).Seconds()},
		{"it took too long", noon, 3 * time.Second, date, none},
		{"time went backwards", noon, -time.Second, date, none},
		{"no date", noon, 0, "", none},
		{"something else", noon, 0, "tomorrow", none},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var k clock
			k.answered(c.sent, c.sent.Add(c.trip), c.date)
			got := k.known()
			if got == nil && c.want != none || got != nil && (*got < c.want-0.5 || *got > c.want+0.5) {
				t.Errorf("ahead by %v, want %v", got, c.want)
			}
		})
	}
	var k clock
	k.answered(noon.Add(time.Minute), noon.Add(time.Minute), date)
	k.answered(noon, noon, date) // it was set
	k.answered(noon, noon.Add(time.Minute), date)
	if got := k.known(); got == nil || *got != 0 {
		t.Errorf("after the clock was set it is ahead by %v", got)
	}
}
