package timetable_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule/timetable"
)

func parse(t rapid.TB, spec, zone string) timetable.Schedule {
	s, err := timetable.Parse(weir.Cron{Spec: spec, Zone: zone}, "p/j")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ spec, zone, after, want string }{
		{"30 3 * * *", "", "2026-11-21T03:29:59Z", "2026-11-21T03:30:00Z"},
		{"30 3 * * *", "", "2026-11-21T03:30:00Z", "2026-11-22T03:30:00Z"},
		{"0 3 * * *", "Europe/Berlin", "2026-01-10T00:00:00Z", "2026-01-10T02:00:00Z"},
		{"0 3 * * *", "Europe/Berlin", "2026-07-10T00:00:00Z", "2026-07-10T01:00:00Z"},
		{"0 0 1 * 1", "", "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z"}, // the 1st or a Monday
		{"0 0 * * 7", "", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"},
		{"@daily", "Asia/Kolkata", "2026-11-21T00:00:00Z", "2026-11-21T18:30:00Z"},
		{"0 0 30 2 *", "", "2026-11-21T00:00:00Z", ""},
		// Clocks go forward on 29 March 2026, from two to three.
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"},
		// And back on 25 October 2026, from three to two.
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		{"30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		{"15 1,2 * * *", "America/New_York", "2026-11-01T05:15:00Z", "2026-11-01T07:15:00Z"},
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}, // half an hour
	} {
		got := ""
		if next := parse(t, c.spec, c.zone).Next(at(t, c.after)); !next.IsZero() {
			got = next.Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s %s after %s: next is %s, want %s", c.spec, c.zone, c.after, got, c.want)
		}
	}
}

func at(t rapid.TB, s string) time.Time {
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestHashesSpread(t *testing.T) {
	t.Parallel()
	minutes := map[int]bool{}
	for _, key := range strings.Split("abcdefghijklmnopqrst", "") {
		s, err := timetable.Parse(weir.Cron{Spec: "H 3 * * *"}, key+"/test")
		if err != nil {
			t.Fatal(err)
		}
		again, _ := timetable.Parse(weir.Cron{Spec: "H 3 * * *"}, key+"/test")
		next := s.Next(at(t, "2026-11-21T00:00:00Z"))
		if !again.Next(at(t, "2026-11-21T00:00:00Z")).Equal(next) || next.Hour() != 3 {
			t.Errorf("%s starts at %s, and then elsewhere", key, next)
		}
		minutes[next.Minute()] = true
	}
	if len(minutes) < 10 {
		t.Errorf("20 jobs start at %d different minutes", len(minutes))
	}
}

func TestWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []weir.Cron{
		{Spec: ""}, {Spec: "* * * *"}, {Spec: "* * * * * *"}, {Spec: "61 * * * *"}, {Spec: "* 24 * * *"}, {Spec: "* * 0 * *"}, {Spec: "@every 5m"},
		{Spec: "@reboot"}, {Spec: "TZ=UTC * * * * *"}, {Spec: "CRON_TZ=UTC 0 3 * * *"}, {Spec: "TZ=0"}, {Spec: strings.Repeat("1,", 300) + "1 * * * *"},
		{Spec: "0 3 * * *", Zone: "Mars/Olympus"}, {Spec: "0 3 * * *", Zone: "../../etc/passwd"}, {Spec: "0 3 * * *", Zone: "Local"}, {Spec: "0 3 * * MO"},
	} {
		if _, err := timetable.Parse(c, "k"); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%q %q: %v", c.Spec, c.Zone, err)
		}
	}
}

// TestAlwaysForward walks through years of changing clocks.
func TestAlwaysForward(t *testing.T) {
	t.Parallel()
	zones := []string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tehran", "Pacific/Chatham"}
	specs := []string{"30 2 * * *", "0 3 * * *", "15 1 * * 1-5", "0 0 1 * *", "45 23 * * 0", "*/20 * * * *", "H H * * *"}
	rapid.Check(t, func(rt *rapid.T) {
		spec := rapid.SampledFrom(specs).Draw(rt, "spec")
		zone := rapid.SampledFrom(zones).Draw(rt, "zone")
		s := parse(rt, spec, zone)
		now := time.Unix(rapid.Int64Range(1_600_000_000, 1_900_000_000).Draw(rt, "from"), 0)
		place, err := timetable.Zone(zone)
		if err != nil {
			rt.Fatal(err)
		}
		var days []string
		for range 60 {
			next := s.Next(now)
			if !next.After(now) {
				rt.Fatalf("%s %s: behind %s comes %s", spec, zone, now, next)
			}
			if daily := slices.Contains([]string{specs[0], specs[1], "H H * * *"}, spec); daily {
				day := next.In(place).Format("2006-01-02")
				if slices.Contains(days, day) {
					rt.Fatalf("%s %s: twice on %s", spec, zone, day)
				}
				if len(days) > 0 && next.Sub(now) > 27*time.Hour {
					rt.Fatalf("%s %s: no start between %s and %s", spec, zone, now, next)
				}
				days = append(days, day)
			}
			now = next
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("30 2 * * *", "Europe/Berlin", int64(1_700_000_000))
	f.Add("H(0-5)/2 */3 1,2 * MON-FRI", "", int64(0))
	f.Fuzz(func(t *testing.T, spec, zone string, from int64) {
		s, err := timetable.Parse(weir.Cron{Spec: spec, Zone: zone}, "k")
		if err != nil {
			return
		}
		now := time.Unix(from%4_000_000_000, 0)
		if next := s.Next(now); !next.IsZero() && !next.After(now) {
			t.Errorf("%q %q: behind %s comes %s", spec, zone, now, next)
		}
	})
}
