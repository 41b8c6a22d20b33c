package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/policy"
)

func zoneOf(t interface{ Fatal(...any) }, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestHours goes through nights, ends of weeks and clocks that are put forward and
// back: in Berlin on 2026-03-29 from 2:00 to 3:00 and on 2026-10-25 from 3:00 to 2:00,
// on Lord Howe Island on 2026-10-04 from 2:00 to 2:30 and on 2026-04-05 from 2:00 to 1:30.
func TestHours(t *testing.T) {
	t.Parallel()
	const open = ""
	for _, c := range []struct{ zone, hours, now, until string }{
		{"Europe/Berlin", "mon-fri 19:00-07:00|sat-sun", "Mon 2026-11-23T12:00:00+01:00", "2026-11-23T19:00:00+01:00"},
		{"Europe/Berlin", "mon-fri 19:00-07:00|sat-sun", "Mon 2026-11-23T19:00:00+01:00", open},
		{"Europe/Berlin", "mon-fri 19:00-07:00|sat-sun", "Tue 2026-11-24T06:59:59+01:00", open},
		{"Europe/Berlin", "mon-fri 19:00-07:00|sat-sun", "Tue 2026-11-24T07:00:00+01:00", "2026-11-24T19:00:00+01:00"},
		{"Europe/Berlin", "mon-fri 19:00-07:00|sat-sun", "Sun 2026-11-22T23:59:59+01:00", open},
		{"Europe/Berlin", "mon-fri 19:00-07:00|sat-sun", "Mon 2026-11-23T00:00:00+01:00", "2026-11-23T19:00:00+01:00"},
		{"Europe/Berlin", "fri 19:00-07:00", "Sat 2026-11-21T06:00:00+01:00", open},
		{"Europe/Berlin", "fri 19:00-07:00", "Fri 2026-11-20T06:00:00+01:00", "2026-11-20T19:00:00+01:00"},
		{"Europe/Berlin", "fri 19:00-07:00", "Sat 2026-11-21T08:00:00+01:00", "2026-11-27T19:00:00+01:00"},
		{"Europe/Berlin", "sat 22:00-06:00", "Sun 2026-11-22T05:00:00+01:00", open},
		{"Europe/Berlin", "mon", "Sun 2026-11-22T23:59:59.5+01:00", "2026-11-23T00:00:00+01:00"},
		{"Europe/Berlin", "20:00-24:00", "Sun 2026-11-22T23:59:59+01:00", open},
		{"Europe/Berlin", "20:00-24:00", "Mon 2026-11-23T00:00:00+01:00", "2026-11-23T20:00:00+01:00"},
		{"Europe/Berlin", "20:00-00:00", "Mon 2026-11-23T00:00:00+01:00", "2026-11-23T20:00:00+01:00"},
		// The clock is put forward: what falls into the hour that is left out begins behind it,
		// unless nothing of it is left.
		{"Europe/Berlin", "sun 02:30-04:00", "Sun 2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"Europe/Berlin", "sun 02:15-02:45", "Sun 2026-03-29T01:00:00+01:00", "2026-04-05T02:15:00+02:00"},
		{"Europe/Berlin", "sun 12:00-13:00", "Sat 2026-03-28T12:00:00+01:00", "2026-03-29T12:00:00+02:00"},
		// It is put back: what falls into the hour that comes twice comes twice.
		{"Europe/Berlin", "sun 02:30-03:00", "Sun 2026-10-25T01:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"Europe/Berlin", "sun 02:30-03:00", "Sun 2026-10-25T02:40:00+02:00", open},
		{"Europe/Berlin", "sun 02:30-03:00", "Sun 2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"},
		{"Europe/Berlin", "sun 02:30-03:00", "Sun 2026-10-25T03:00:00+01:00", "2026-11-01T02:30:00+01:00"},
		{"Europe/Berlin", "sun 12:00-13:00", "Sat 2026-10-24T12:00:00+02:00", "2026-10-25T12:00:00+01:00"},
		// By half an hour.
		{"Australia/Lord_Howe", "sun 02:15-03:00", "Sun 2026-10-04T01:00:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"Australia/Lord_Howe", "sun 02:00-02:30", "Sun 2026-10-04T01:00:00+10:30", "2026-10-11T02:00:00+11:00"},
		{"Australia/Lord_Howe", "sun 01:45-02:00", "Sun 2026-04-05T01:30:00+10:30", "2026-04-05T01:45:00+10:30"},
		{"Australia/Lord_Howe", "sun 01:45-02:00", "Sun 2026-04-05T01:50:00+11:00", open},
		{"Asia/Kolkata", "mon-fri 19:00-07:00", "Mon 2026-11-23T18:59:00+05:30", "2026-11-23T19:00:00+05:30"},
		{"Asia/Kolkata", "mon-fri 19:00-07:00", "Mon 2026-11-23T13:31:00Z", open},
	} {
		p := parse(t, "zone: "+c.zone+"\nhours: ['"+strings.Join(strings.Split(c.hours, "|"), "','")+"']\n")
		stamp := "Mon 2006-01-02T15:04:05Z07:00"
		now, err := time.Parse(stamp, c.now)
		if err != nil {
			t.Fatal(err)
		}
		rest, rests := p.Rest(now, policy.Conditions{})
		if c.until == open {
			if rests {
				t.Errorf("%s at %s in %s: rests until %v", c.hours, c.now, c.zone, rest.Until.In(now.Location()))
			}
			continue
		}
		until, err := time.Parse(time.RFC3339, c.until)
		if err != nil {
			t.Fatal(err)
		}
		if !rests || !rest.Until.Equal(until) || rest.Rule != weir.RuleHours || !strings.HasPrefix(rest.Text, "builds begin ") {
			t.Errorf("%s at %s in %s: %v %+v", c.hours, c.now, c.zone, rests, rest)
		}
	}
}

// TestOwnZone: without a zone it is that of the machine, which the time says.
func TestOwnZone(t *testing.T) {
	t.Parallel()
	p := parse(t, "hours: ['19:00-20:00']")
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for zone, hour := range map[string]int{"UTC": 19, "Asia/Tokyo": 34, "America/New_York": 24} {
		rest, rests := p.Rest(noon.In(zoneOf(t, zone)), policy.Conditions{})
		if want := noon.Truncate(24 * time.Hour).Add(time.Duration(hour) * time.Hour); !rests || !rest.Until.Equal(want) {
			t.Errorf("%s: %v until %v, want %v", zone, rests, rest.Until, want)
		}
	}
}

// TestHoursProperty holds the answer against a clock on the wall that is looked at
// every minute.
func TestHoursProperty(t *testing.T) {
	t.Parallel()
	zones := []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "America/St_Johns", "Asia/Kathmandu", "Africa/Casablanca", "UTC"}
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	rapid.Check(t, func(t *rapid.T) {
		zone := zoneOf(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		type window struct{ first, last, from, to int }
		var windows []window
		var entries []string
		for range rapid.IntRange(1, 3).Draw(t, "windows") {
			w := window{rapid.IntRange(0, 6).Draw(t, "first"), rapid.IntRange(0, 6).Draw(t, "last"),
				rapid.IntRange(0, 1439).Draw(t, "from"), rapid.IntRange(0, 1440).Draw(t, "to")}
			if w.from == w.to {
				w.to++
			}
			windows = append(windows, w)
			entries = append(entries, fmt.Sprintf("%s-%s %02d:%02d-%02d:%02d", names[w.first], names[w.last], w.from/60, w.from%60, w.to/60, w.to%60))
		}
		p, err := policy.Parse("p", []byte("zone: "+zone.String()+"\nhours: ['"+strings.Join(entries, "','")+"']\n"))
		if err != nil {
			t.Fatal(err)
		}
		begins := func(w window, day int) bool { return (day-w.first+7)%7 <= (w.last-w.first+7)%7 }
		open := func(at time.Time) bool {
			local := at.In(zone)
			day, minute := int(local.Weekday()), local.Hour()*60+local.Minute()
			for _, w := range windows {
				switch {
				case w.from < w.to && begins(w, day) && w.from <= minute && minute < w.to,
					w.from > w.to && begins(w, day) && w.from <= minute,
					w.from > w.to && begins(w, (day+6)%7) && minute < w.to:
					return true
				}
			}
			return false
		}
		// Near a change of the clock, more often than not.
		now := time.Date(2026, 1, 1, 0, rapid.IntRange(0, 525_600).Draw(t, "minute"), 0, 0, time.UTC)
		if _, change := now.In(zone).ZoneBounds(); !change.IsZero() && rapid.Bool().Draw(t, "near") {
			now = change.Truncate(time.Minute).Add(time.Duration(rapid.IntRange(-3*24*60, 24*60).Draw(t, "off")) * time.Minute).UTC()
		}
		rest, rests := p.Rest(now, policy.Conditions{})
		if rests == open(now) {
			t.Fatalf("%v at %v: rests is %v", entries, now.In(zone), rests)
		}
		if !rests {
			return
		}
		next := now
		for !open(next) {
			next = next.Add(time.Minute)
		}
		if !rest.Until.Equal(next) {
			t.Fatalf("%v at %v: until %v, but it begins at %v", entries, now.In(zone), rest.Until.In(zone), next.In(zone))
		}
	})
}
