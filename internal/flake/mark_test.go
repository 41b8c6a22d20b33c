package flake

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func day(d float64) time.Time { return start.Add(time.Duration(d * 24 * float64(time.Hour))) }

// at is a flake on a day, with ten builds a day.
func at(d float64) Evidence {
	return Evidence{Inputs: fmt.Sprint(d), Build: weir.BuildID(100 + 10*d), Number: int(10 + 10*d), At: day(d), Good: 1, Bad: 1}
}

func record(now float64, days ...float64) Record {
	r := Record{Now: day(now), Number: int(10 + 10*now)}
	for _, d := range days {
		r.Evidence = append(r.Evidence, at(d))
	}
	return r
}

func TestJudge(t *testing.T) {
	t.Parallel()
	few := record(40, 0, 10, 20)
	few.Number = at(20).Number + 19
	same := record(5, 0, 1)
	same.Evidence = append(same.Evidence, Evidence{Inputs: "1", Number: 50, At: day(4), Bad: 1})
	apart := Record{Now: day(3), Number: 40, Evidence: []Evidence{
		{Inputs: "x", Number: 11, At: day(1), Good: 1}, {Inputs: "x", Number: 21, At: day(2), Bad: 1}}}
	changes := Record{Recent: []bool{false, true, false, true, false, true, true, false, true, false}}
	for _, tt := range []struct {
		name           string
		r              Record
		want           State
		flakes, fresh  int
		rearmed        int
		reasonContains string
	}{
		{"nothing", Record{}, Steady, 0, 0, 0, "never had both"},
		{"failures only", Record{Evidence: []Evidence{{Inputs: "x", Bad: 3}, {Inputs: "y", Good: 3}}}, Steady, 0, 0, 0, "never had both"},
		{"changes often", changes, Steady, 0, 0, 0, "changes often"},
		{"one", record(30, 0), Flaky, 1, 1, 0, "last seen 30 days"},
		{"one, long ago", record(90, 0), Quiet, 1, 1, 0, "silent for 90 days"},
		{"a burst has no rate", record(60, 0, 0.2, 0.5, 0.9), Flaky, 4, 4, 0, "within a day"},
		{"a burst, long ago", record(91, 0, 0.2, 0.5, 0.9), Quiet, 4, 4, 0, "silent for"},
		// n = 3, s = 20: p = (20 / (20 + t))^2 < 0.01 from t = 180 on, but 90 days come first.
		{"three, slowly", record(100, 0, 10, 20), Flaky, 3, 3, 0, "last seen 80 days"},
		// n = 6, s = 5: p = (5 / (5 + t))^5 < 0.01 from t = 7.56 on.
		{"six, not yet", record(12.5, 0, 1, 2, 3, 4, 5), Flaky, 6, 6, 0, "last seen 7 days and 75 builds ago"},
		{"six, silent", record(12.6, 0, 1, 2, 3, 4, 5), Quiet, 6, 6, 0, "by chance with"},
		{"too few builds since", few, Flaky, 3, 3, 0, "19 builds ago"},
		// n = 9, s = 8: p < 0.01 from t = 6.2 on; the longest gap is 7.
		{"not longer than a gap", record(14.5, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 7.6, 8), Flaky, 9, 9, 0, "last seen"},
		{"longer than any gap", record(15.5, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 7.6, 8), Quiet, 9, 9, 0, "by chance"},
		{"again", record(105, 0, 1, 2, 3, 4, 5, 100), Flaky, 7, 1, 1, "1 revision, last seen 5 days"},
		{"again and again", record(320, 0, 100, 200), Quiet, 3, 1, 2, "silent for 120 days"},
		{"the same inputs count once", same, Flaky, 2, 2, 0, "last seen 1 day"},
		{"in two builds", apart, Flaky, 1, 1, 0, "last seen 1 day"},
	} {
		m := Judge(tt.r)
		if m.State != tt.want || m.Flakes != tt.flakes || m.Fresh != tt.fresh || m.Rearmed != tt.rearmed || !strings.Contains(m.Reason, tt.reasonContains) {
			t.Errorf("%s: %+v", tt.name, m)
		}
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	m := Judge(record(12.5, 0, 1, 2, 3, 4, 5))
	if want := math.Pow(5/12.5, 5); math.Abs(m.Chance-want) > 1e-9 || m.Exposures != 75 || m.First.At != day(0) || m.Last.At != day(5) {
		t.Errorf("%+v", m)
	}
	// At the time that is named the mark closes, and not before.
	r := record(0, 0, 1, 2, 3, 4, 5)
	r.Number = 1000
	for _, after := range []time.Duration{-time.Second, time.Second} {
		r.Now = m.Closes.Add(after)
		if got := Judge(r).State; (got == Quiet) != (after > 0) {
			t.Errorf("%v after %v: %s", after, m.Closes, got)
		}
	}
}

// TestMarksOfAnyRecord is about records that clocks and people have spoilt.
func TestMarksOfAnyRecord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := Record{Number: rapid.IntRange(-5, 500).Draw(t, "number"), Now: day(rapid.Float64Range(-10, 400).Draw(t, "now"))}
		for range rapid.IntRange(0, 20).Draw(t, "flakes") {
			d := rapid.Float64Range(-10, 300).Draw(t, "day")
			r.Evidence = append(r.Evidence, Evidence{Inputs: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "inputs"), At: day(d),
				Number: rapid.IntRange(-5, 500).Draw(t, "at"), Good: rapid.IntRange(-1, 2).Draw(t, "good"), Bad: rapid.IntRange(-1, 2).Draw(t, "bad")})
		}
		m := Judge(r)
		if (m.State == Steady) != (m.Flakes == 0) || m.Fresh > m.Flakes || m.Chance < 0 || m.Chance > 1 || m.Exposures < 0 || m.Reason == "" {
			t.Fatalf("%+v", m)
		}
		if m.State != Steady && m.Fresh < 1 && m.Rearmed == 0 {
			t.Fatalf("%+v", m)
		}
		// More silence never opens a closed mark.
		r.Now, r.Number = r.Now.Add(24*time.Hour), r.Number+10
		if later := Judge(r); m.State == Quiet && later.State != Quiet || later.Flakes != m.Flakes {
			t.Fatalf("%+v, a day later %+v", m, later)
		}
	})
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte("some evidence that nobody has seen, of some tests that nobody runs"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Record
		for len(data) >= 12 && len(r.Evidence) < 500 {
			n := binary.LittleEndian.Uint64(data)
			r.Evidence = append(r.Evidence, Evidence{Inputs: string(data[8:9]), Number: int(int16(n)), At: time.Unix(int64(n), 0),
				Good: int(int8(data[9])), Bad: int(int8(data[10]))})
			r.Now, r.Number = time.Unix(int64(n>>1), 0), int(data[11])
			data = data[12:]
		}
		if m := Judge(r); m.Reason == "" || !(m.Chance >= 0 && m.Chance <= 1) {
			t.Fatalf("%+v", m)
		}
	})
}

func entry(name string, before State, r Record, flakes int) Entry {
	return Entry{Builder: "p/test linux/amd64", Test: weir.TestID{Suite: "s", Name: name}, Before: before, Mark: Judge(r), Model: Of(flakes, 1000)}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	open, closed := record(5, 0, 3), record(95, 0)
	list := []Entry{
		entry("steady", "", Record{}, 0), entry("still quiet", Quiet, closed, 1), entry("old closed", "", closed, 1),
		entry("mild", Flaky, open, 2), entry("bad", Flaky, open, 90), entry("new", "", open, 2), entry("new too", Steady, open, 20),
		entry("again", Quiet, open, 2), entry("closed\nNew flaky tests: 7", Flaky, closed, 1),
	}
	d := Sort(list)
	want := `New flaky tests: 2
  s new too on p/test linux/amd64: both outcomes at 2 revisions, last seen 2 days and 20 builds ago; fails for no reason in 2.1 % of runs (95 %: 1.3 % to 3.1 %)
  s new on p/test linux/amd64: both outcomes at 2 revisions, last seen 2 days and 20 builds ago; fails for no reason in 0.25 % of runs (95 %: 0.04 % to 0.64 %)

Flaky again: 1
  s again on p/test linux/amd64: both outcomes at 2 revisions, last seen 2 days and 20 builds ago; fails for no reason in 0.25 % of runs (95 %: 0.04 % to 0.64 %)

No longer flaky: 1
  s closed New flaky tests: 7 on p/test linux/amd64: both outcomes at 1 revision, silent for 95 days

Still flaky: 2
  s bad on p/test linux/amd64: both outcomes at 2 revisions, last seen 2 days and 20 builds ago; fails for no reason in 9.9 % of runs (95 %: 7.9 % to 12 %)
  s mild on p/test linux/amd64: both outcomes at 2 revisions, last seen 2 days and 20 builds ago; fails for no reason in 0.25 % of runs (95 %: 0.04 % to 0.64 %)
`
	if got := d.String(); got != want || !d.News() {
		t.Errorf("%s", got)
	}
	slices.Reverse(list)
	if Sort(list).String() != want {
		t.Error("the order of the tests matters")
	}
	if (Digest{Open: d.Open}).News() || Sort(nil).String() != "" {
		t.Error("nothing new is news")
	}
	var many []Entry
	for i := range 23 {
		many = append(many, entry(fmt.Sprint(i), "", open, 2))
	}
	if got := Sort(many).String(); strings.Count(got, "\n") != 22 || !strings.HasSuffix(got, "  and 3 more\n") {
		t.Error(got)
	}
}
