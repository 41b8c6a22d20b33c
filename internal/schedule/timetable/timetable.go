// Package timetable says when a job starts by itself.
//
// A time has the five fields of crontab(5), in a named time zone: minute, hour,
// day of the month, month, day of the week. As there, if both the day of the
// month and the day of the week are restricted either is enough. H in a field
// stands for some number in its range, always the same for one job, so that a
// thousand jobs that run every night do not begin at the same minute.
//
// When clocks go forward, what falls into the hour that is left out comes an hour
// later by the clock. When they go back, an hour comes twice: a time whose hours are listed
// comes once, in the first of the two, and one that comes every hour comes in both.
package timetable

import (
	"strings"
	"time"
	_ "time/tzdata" // not every machine has the zones

	"github.com/netresearch/go-cron"

	"github.com/weir-ci/weir"
)

// maxSpec limits a time's text, in bytes.
const maxSpec = 200

// Schedule is a checked weir.Cron of one job.
type Schedule struct {
	next   cron.Schedule
	zone   *time.Location
	hourly bool // it comes whatever the hour is
}

// Parse checks a time. key tells jobs apart that have H in their times, for
// example PROJECT/JOB. The error is Invalid, and says what is wrong.
func Parse(c weir.Cron, key string) (Schedule, error) {
	spec := strings.TrimSpace(c.Spec)
	switch fields := strings.Fields(spec); {
	case len(spec) > maxSpec:
		return Schedule{}, weir.Errorf(weir.Invalid, "the time is longer than %d bytes", maxSpec)
	case strings.Contains(spec, "TZ="):
		return Schedule{}, weir.Errorf(weir.Invalid, "%q sets the time zone within the time", spec).
			WithHint("write {at: %q, zone: NAME}", strings.Join(fields[min(1, len(fields)):], " "))
	case strings.HasPrefix(spec, "@every"):
		return Schedule{}, weir.Errorf(weir.Invalid, "%q is no time of the day", spec).
			WithHint("write the minutes or hours: */30 * * * * is every half hour")
	case !strings.HasPrefix(spec, "@") && len(fields) != 5:
		return Schedule{}, weir.Errorf(weir.Invalid, "%q has %d fields, a time has 5", spec, len(fields)).
			WithHint("minute, hour, day of the month, month, day of the week: 30 3 * * 1-5 is half past three from Monday to Friday")
	}
	zone, err := Zone(c.Zone)
	if err != nil {
		return Schedule{}, err
	}
	parser, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom | cron.Descriptor | cron.Hash)
	if err != nil {
		return Schedule{}, err
	}
	next, err := parser.WithHashKey(key).Parse(spec)
	if err != nil {
		return Schedule{}, weir.Errorf(weir.Invalid, "%q is not a time: %w", spec, err).
			WithHint("minute (0-59), hour (0-23), day of the month (1-31), month (1-12), day of the week (0-7 or MON-SUN)")
	}
	s := Schedule{next: next, zone: zone, hourly: spec == "@hourly"}
	if fields := strings.Fields(spec); len(fields) == 5 {
		s.hourly = fields[1] == "*" || strings.HasPrefix(fields[1], "*/")
	}
	return s, nil
}

// Zone finds a time zone by its name in the IANA database; empty is UTC. The
// error is Invalid.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, weir.Errorf(weir.Invalid, "%.80q is not a time zone", name).
			WithHint("use a name such as Europe/Berlin or America/New_York; without one it is UTC")
	}
	return zone, nil
}

// Next is the first time behind after, in UTC. It is zero if there is none in
// the next years, as of the 30th of February.
func (s Schedule) Next(after time.Time) time.Time {
	if s.hourly {
		return s.nextElapsed(after)
	}
	// The library counts on a clock that nobody ever sets; what a wall shows then
	// is looked up in the zone.
	wall := unset(after.In(s.zone)).Add(-maxJump)
	for {
		if wall = s.next.Next(wall); wall.IsZero() {
			return time.Time{}
		}
		if t := first(wall, s.zone); t.After(after) {
			return t.UTC()
		}
	}
}

// nextElapsed goes on with the clock as it is set until it is set otherwise.
func (s Schedule) nextElapsed(after time.Time) time.Time {
	for {
		here := time.FixedZone("", offset(after, s.zone))
		next := s.next.Next(after.In(here))
		if next.IsZero() || offset(next, s.zone) == offset(after, s.zone) {
			return next.UTC()
		}
		// The clock is set somewhere before: go on just there.
		early, late := after, next
		for late.Sub(early) > time.Second {
			if mid := early.Add(late.Sub(early) / 2); offset(mid, s.zone) == offset(after, s.zone) {
				early = mid
			} else {
				late = mid
			}
		}
		set := late.Truncate(time.Second)
		if on := s.next.Next(set.Add(-time.Second).In(time.FixedZone("", offset(set, s.zone)))); on.Equal(set) {
			return set.UTC()
		}
		after = set
	}
}

// maxJump is more than any clock has been set forward or back in one go.
const maxJump = 3 * time.Hour

func offset(t time.Time, zone *time.Location) int { _, o := t.In(zone).Zone(); return o }

// unset is what the wall shows at t, as a time of a clock that is never set.
func unset(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// first is when the wall shows a time for the first time; if it never does,
// because the clock was set forward meanwhile, as much later as it was set.
func first(wall time.Time, zone *time.Location) time.Time {
	about := wall.Add(-time.Duration(offset(wall, zone)) * time.Second)
	before := offset(about.Add(-maxJump), zone) // as it is set for sure before
	t := wall.Add(-time.Duration(before) * time.Second)
	if unset(t.In(zone)).Equal(wall) {
		return t.UTC()
	}
	for _, o := range []int{offset(t, zone), offset(about.Add(maxJump), zone)} {
		if u := wall.Add(-time.Duration(o) * time.Second); unset(u.In(zone)).Equal(wall) {
			return u.UTC()
		}
	}
	return t.UTC() // in the gap
}
