package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A week has so many seconds; it begins on Sunday, as in package time.
const (
	day  = 24 * 60 * 60
	week = 7 * day
)

// window is a time on some days of each week at which builds may begin, by the
// clock on the wall. If it ends before it begins, it ends on the day after.
type window struct {
	days     [7]bool // by time.Weekday: those on which it begins
	from, to int     // minutes of the day, from 0:00 to 24:00; both 0: the whole day
}

// whole reports whether it is the whole of its days.
func (w window) whole() bool { return w.from == 0 && (w.to == 0 || w.to == day/60) }

// spans lists when it is open, in seconds of the week; the last one may reach into
// the next week.
func (w window) spans() []span {
	length := (w.to - w.from) * 60
	if length <= 0 {
		length += day
	}
	var out []span
	for d, on := range w.days {
		if on {
			begin := d*day + w.from*60
			out = append(out, span{begin, begin + length})
		}
	}
	return out
}

// span is from one second of the week to before another one.
type span struct{ from, to int }

// holds reports whether a second of the week lies in it.
func (s span) holds(second int) bool {
	return s.from <= second && second < s.to || second+week < s.to
}

// closed reports whether builds may not begin now because of the hours, and when
// they may again; zero if never.
//
// It goes by the clock on the wall: when that is put forward a part of the hours
// is left out, and when it is put back a part comes twice.
func (p Policy) closed(now time.Time) (until time.Time, closed bool) {
	if len(p.windows) == 0 {
		return time.Time{}, false
	}
	zone := p.zone
	if zone == nil {
		zone = now.Location()
	}
	var spans []span
	for _, w := range p.windows {
		spans = append(spans, w.spans()...)
	}
	// Until the clock is put forward or back, the wall shows what it shows now and as
	// much more as has passed.
	for at := now; at.Sub(now) < maxClosed; {
		local := at.In(zone)
		second := secondOf(local)
		if slices.ContainsFunc(spans, func(s span) bool { return s.holds(second) }) {
			return at.UTC(), at.After(now)
		}
		next := slices.MinFunc(spans, func(a, b span) int { return cmp.Compare(a.in(second), b.in(second)) })
		opens := local.Truncate(time.Second).Add(time.Duration(next.in(second)) * time.Second)
		_, change := local.ZoneBounds()
		if change.IsZero() || opens.Before(change) {
			return opens.UTC(), true
		}
		at = change
	}
	return time.Time{}, true
}

// maxClosed is how far it is looked ahead. Hours that the clock leaves out every
// week would never come.
const maxClosed = 60 * 24 * time.Hour

// in is how long it is until the span begins, in seconds, up to a week.
func (s span) in(second int) int { return (s.from - second + week) % week }

// secondOf is the second of the week that the wall shows.
func secondOf(t time.Time) int {
	h, m, s := t.Clock()
	return int(t.Weekday())*day + h*60*60 + m*60 + s
}

// String says when, for people: Monday to Friday 19:00 to 07:00.
func (w window) String() string {
	days := w.dayNames()
	switch {
	case w.whole() && days == everyDay:
		return "at any time"
	case w.whole() && days != everyDay:
		return "on " + days
	}
	return days + " " + clock(w.from) + " to " + clock(w.to)
}

const everyDay = "every day"

// dayNames lists the days, from Monday on.
func (w window) dayNames() string {
	var runs []string
	count := 0
	for d := 1; d <= 7; d++ {
		if !w.days[d%7] {
			continue
		}
		first := d
		for d < 7 && w.days[(d+1)%7] {
			d++
		}
		count += d - first + 1
		switch d - first {
		case 0:
			runs = append(runs, time.Weekday(d%7).String())
		case 1:
			runs = append(runs, time.Weekday(first%7).String(), time.Weekday(d%7).String())
		default:
			runs = append(runs, time.Weekday(first%7).String()+" to "+time.Weekday(d%7).String())
		}
	}
	if count == 7 {
		return everyDay
	}
	return and(runs)
}

func clock(minutes int) string {
	two := func(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }
	return two(minutes/60) + ":" + two(minutes%60)
}

// and joins what is listed.
func and(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}
