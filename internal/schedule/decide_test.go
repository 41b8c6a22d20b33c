package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Unix(10_000_000, 0)
	start, before, tips := weir.Pins{"up": "1", "d": "1"}, weir.Pins{"up": "2", "d": "1"}, weir.Pins{"up": "3", "d": "1"}
	builder := weir.Builder{ID: 5, BuilderKey: weir.BuilderKey{Project: "d"}}
	line := func(change func(*Line)) Line {
		l := Line{Builder: builder, Start: start, Tips: tips,
			Head: &weir.Build{ID: 9, Pins: before, State: weir.Queued, Created: now.Add(-time.Minute)}}
		change(&l)
		return l
	}
	dead := Dead{Builds: DeadBuilds, Since: now.Add(-DeadTime)}
	ended := func(l *Line) { l.Head.State, l.Dead = weir.Finished, dead }
	tests := []struct {
		name      string
		line      Line
		decides   bool
		supersede bool
		delay     DelayReason
	}{
		{"waits, and all is there", line(func(*Line) {}), true, true, ""},
		{"waits for a product, and the newer one is there", line(func(l *Line) { l.Head.State = weir.Blocked }), true, true, ""},
		{"the newer product is not there", line(func(l *Line) { l.Unready = true }), false, false, DelayProduct},
		{"the first build waits", line(func(l *Line) { l.StartWaits = true }), false, false, DelayStart},
		{"the first build is the one that waits", line(func(l *Line) { l.Head.Pins = start }), true, false, ""},
		{"has waited for too long", line(func(l *Line) { l.Waits = now.Add(-LinePatience) }), false, false, DelayPatient},
		{"nothing is superseded", line(func(l *Line) { l.Superseded = weir.SupersededNever }), true, false, ""},
		{"runs", line(func(l *Line) { l.Head.State = weir.Running }), true, false, ""},
		{"runs, and need not", line(func(l *Line) { l.Head.State, l.Superseded = weir.Running, weir.SupersededRunning }), true, true, ""},
		{"the first one runs", line(func(l *Line) {
			l.Head.State, l.Superseded, l.Head.Pins = weir.Running, weir.SupersededRunning, start
		}), true, false, ""},
		{"dead", line(ended), false, false, DelayDead},
		{"dead, and a newer product is needed", line(func(l *Line) { ended(l); l.Unready = true }), false, false, DelayDead},
		{"dead, and its pause is over", line(func(l *Line) { ended(l); l.Head.Created = now.Add(-time.Hour) }), true, false, ""},
		{"dead, and it has changed itself", line(func(l *Line) { ended(l); l.Tips = weir.Pins{"up": "3", "d": "2"} }), true, false, ""},
		{"not dead for long", line(func(l *Line) { ended(l); l.Dead.Since = now.Add(-DeadTime + 1) }), true, false, ""},
		{"not often dead", line(func(l *Line) { ended(l); l.Dead.Builds-- }), true, false, ""},
	}
	shown := map[DelayReason]bool{}
	for _, tt := range tests {
		got, delay := tt.line.Decide(now)
		if len(got) > 0 != tt.decides || tt.decides && (got[0].Supersede != tt.supersede || got[0].Pins["up"] != "3") {
			t.Errorf("%s: decides %+v", tt.name, got)
		}
		if (delay != nil) != (tt.delay != "") || delay != nil && (delay.Reason != tt.delay || delay.Build != 9 || delay.Builder != 5) {
			t.Errorf("%s: put off by %+v", tt.name, delay)
		}
		shown[tt.delay] = true
	}
	for _, r := range DelayReasons() {
		if !shown[r] {
			t.Errorf("nothing shows reason %q", r)
		}
	}
}

// TestLongestFirst: whoever has waited longest is decided first, so that a line that is
// superseded again and again does not fall behind those that are, too.
func TestLongestFirst(t *testing.T) {
	t.Parallel()
	now := time.Unix(10_000_000, 0)
	var lines []Line
	for i, waited := range []time.Duration{0, 3 * time.Hour, 5 * time.Hour, time.Hour} {
		l := Line{Builder: weir.Builder{ID: weir.BuilderID(i)}, Start: weir.Pins{"p": "1"}, Tips: weir.Pins{"p": "3"},
			Head: &weir.Build{Pins: weir.Pins{"p": "2"}, State: weir.Queued, Created: now}, Waits: now.Add(-waited)}
		if waited == 0 {
			l.Head.State = weir.Finished
		}
		lines = append(lines, l)
	}
	got, _ := Plan(lines, now)
	var ids []weir.BuilderID
	for _, d := range got {
		ids = append(ids, d.Builder.ID)
	}
	if !slices.Equal(ids, []weir.BuilderID{2, 1, 3, 0}) {
		t.Errorf("decided in the order %v", ids)
	}
}

// TestNoLineIsMovedOnForEver plays one line behind an upstream that moves at any pace,
// in front of a queue that drains at any pace: whatever these are, the line's build
// begins in the end, and what is built is as new as a product that was there.
func TestNoLineIsMovedOnForEver(t *testing.T) {
	t.Parallel()
	const step = 5 // minutes
	rapid.Check(t, func(t *rapid.T) {
		every := rapid.IntRange(1, 300).Draw(t, "minutes between changes")
		product := rapid.IntRange(1, 600).Draw(t, "minutes for a product")
		drain := rapid.IntRange(1, 3000).Draw(t, "minutes in the queue until it is picked") // by age
		now := time.Unix(0, 0).UTC()
		made := map[string]time.Time{"0": now}
		pins := func(up string) weir.Pins { return weir.Pins{"up": up, "d": "1"} }
		line := Line{Builder: weir.Builder{ID: 1, BuilderKey: weir.BuilderKey{Project: "d"}}, Start: pins("0"), Tips: pins("0"),
			Head: &weir.Build{Pins: pins("0"), State: weir.Finished}}
		begun, tip := now, "0"
		longest := time.Duration(0)
		every = (every + step - 1) / step * step
		for minute := 0; minute < 15_000; minute += step {
			now = now.Add(step * time.Minute)
			if minute%every == 0 {
				tip = fmt.Sprint(minute + 1)
				made[tip] = now.Add(time.Duration(product) * time.Minute)
				line.Tips = pins(tip)
			}
			there := func(up string) bool { return !made[up].After(now) }
			if line.Head.State == weir.Blocked && there(line.Head.Pins["up"]) {
				line.Head.State = weir.Queued
			}
			line.Unready = !there(tip)
			decisions, _ := line.Decide(now)
			for _, d := range decisions {
				state := weir.Queued
				if !there(d.Pins["up"]) {
					state = weir.Blocked
				}
				if d.Waits.IsZero() {
					line.Waits = now
				}
				line.Head = &weir.Build{Pins: d.Pins, State: state, Created: now}
			}
			// A build is picked when it has been in the queue for long enough itself.
			if line.Head.State == weir.Queued && now.Sub(line.Head.Created) >= time.Duration(drain)*time.Minute {
				line.Head.State, line.Waits, begun = weir.Finished, time.Time{}, now
			}
			longest = max(longest, now.Sub(begun))
		}
		limit := LinePatience + time.Duration(every+product+drain+4*step)*time.Minute
		if longest > limit {
			t.Fatalf("the line was not built for %s, at most %s is promised", longest, limit)
		}
	})
}

func TestDead(t *testing.T) {
	t.Parallel()
	end := time.Unix(10_000_000, 0)
	builds := func(marks string) (all []weir.Build) {
		for i, m := range marks {
			b := weir.Build{Cause: weir.CauseChange, State: weir.Finished, Outcome: weir.Broken, Finished: end.Add(-time.Duration(i) * time.Hour),
				Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "d"}}, Pins: weir.Pins{"d": "1"}}
			switch m {
			case 'f': // fails, and some of it is good
				b.Outcome, b.Counts = weir.Failed, weir.Counts{Pass: 1, Fail: 9}
			case 'F': // all of it fails
				b.Outcome, b.Counts = weir.Failed, weir.Counts{Fail: 9}
			case 'p':
				b.Outcome, b.Counts = weir.Passed, weir.Counts{Pass: 1}
			case 'i':
				b.Outcome = weir.Infra
			case 'r':
				b.Cause = weir.CauseRetry
				b.Outcome = weir.Passed
			case 'q':
				b.State, b.Outcome = weir.Queued, ""
			case 'o': // of an older revision
				b.Pins = weir.Pins{"d": "0"}
			}
			all = append(all, b)
		}
		return all
	}
	for marks, want := range map[string]int{"": 0, "p": 0, "f": 0, "b": 1, "bbb": 3, "bFp": 2, "qbib": 2, "rbrb": 2, "bbo": 2, "bbfbb": 2, "oo": 2} {
		if got := DeadOf(builds(marks)); got.Builds != want {
			t.Errorf("%q: %d builds got nowhere, want %d", marks, got.Builds, want)
		}
	}
	if d := DeadOf(builds("bbb")); !d.Since.Equal(end.Add(-2 * time.Hour)) {
		t.Errorf("since %s", d.Since)
	}
	for n, want := range map[int]time.Duration{0: 0, 9: 0, 10: time.Hour, 11: 2 * time.Hour, 13: 8 * time.Hour, 14: 16 * time.Hour, 15: 24 * time.Hour, 1000: 24 * time.Hour} {
		if got := (Dead{Builds: n, Since: end.Add(-DeadTime)}).Pause(end); got != want {
			t.Errorf("after %d builds it pauses for %s, want %s", n, got, want)
		}
	}
}
