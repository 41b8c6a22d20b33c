package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

func point(n int) Point {
	return Point{Number: n, Build: weir.BuildID(2 * n), At: time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC)}
}

// story makes a past of words such as "P1000 F31 f P2": so many builds that
// pass, fail, skip the test or lack it; f is a flake. It holds the changes
// that the farm would have kept, and counts build by build.
func story(text string) (Past, Counts) {
	var p Past
	var all Counts
	status, masked, n := weir.Status(""), false, 0
	for _, w := range strings.Fields(text) {
		times := 1
		if len(w) > 1 {
			times, _ = strconv.Atoi(w[1:])
		}
		for range times {
			n++
			all.Builds++
			e := Event{Point: point(n), From: status}
			switch w[0] {
			case 'P':
				e.To, e.Verdict = weir.Pass, weir.Fixed
				all.Runs++
			case 'F':
				e.To, e.Verdict = weir.Fail, weir.Same
				if status == weir.Pass {
					e.Verdict, e.Again, e.AgainBad = weir.NewlyFailing, 1, 1
					all.Doubled++
					all.Repeated++
				}
				all.Runs++
				all.Failures++
			case 'f':
				e.To, e.Verdict = weir.Fail, weir.Flaky
				all.Runs++
				all.Failures++
				all.Flakes++
				all.Doubled++
			case 'S', 'A':
				e.To, e.Verdict = map[byte]weir.Status{'S': weir.Skip, 'A': weir.Absent}[w[0]], weir.NewlySkipped
				if status == weir.Fail {
					e.Verdict = weir.Masked
				}
			}
			if status == "" {
				e.Verdict = weir.New
			}
			hides := e.Verdict == weir.Masked
			if e.To != status || e.Verdict == weir.Flaky || masked != hides && status == weir.Fail {
				if !(hides && masked) {
					p.Events = append(p.Events, e)
				}
			}
			if masked = hides; !hides && e.Verdict != weir.Flaky {
				status = e.To
			}
		}
	}
	p.Last = point(n)
	return p, all
}

func (s Segment) brief() string {
	return fmt.Sprintf("%s %d-%d %d/%d", s.Status, s.From.Number, s.To.Number, s.Failures, s.Runs)
}

func TestSegments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		story string
		want  []string
		text  string
	}{
		{"P1", []string{"pass 1-1 0/1"}, "passing since build 2 (2026-01-01), 1 run"},
		{"F40", []string{"fail 1-40 40/40"}, "failing since build 2 (2026-01-01), 40 runs"},
		{"P811 F31 P1204", []string{"pass 1-811 0/811", "fail 812-842 31/31", "pass 843-2046 0/1204"},
			"passing since build 1686 (2026-02-05), 1,204 runs; before that failing for 31 builds"},
		{"P500 f P300 f P900", []string{"pass 1-1702 2/1702"}, "passing since build 2 (2026-01-01), 1,702 runs, 2 flakes"},
		{"P1000 F12 P1000", []string{"pass 1-1000 0/1000", "fail 1001-1012 12/12", "pass 1013-2012 0/1000"},
			"passing since build 2026 (2026-02-12), 1,000 runs; before that failing for 12 builds"},
		{"P100 S20", []string{"pass 1-100 0/100", "skip 101-120 0/0"},
			"skipped since build 202 (2026-01-05), 20 builds; before that passing for 100 builds"},
		{"F60 A30", []string{"fail 1-60 60/60", "absent 61-90 0/0"},
			"not run since build 122 (2026-01-03), 30 builds; before that failing for 60 builds"},
		{"P200 F", []string{"pass 1-201 1/201"}, "failing since build 402 (2026-01-09), too lately to say how often; passing for 201 builds, 1 failure"},
		{"P50 F", []string{"pass 1-51 1/51"}, "failing since build 102 (2026-01-03), too lately to say how often; passing for 51 builds, 1 failure"},
		{"P2 F5", []string{"fail 1-7 5/7"}, "failing since build 6 (2026-01-01), too lately to say how often; before that passing for 2 builds"},
		{"F2 P5", []string{"pass 1-7 2/7"}, "passing since build 6 (2026-01-01), too lately to say how often; before that failing for 2 builds"},
		{"P300 f P9 f P8 f P11 f P10 f P7 f P9 f P6 f P9", []string{"pass 1-300 0/300", "pass 301-377 8/77"},
			"passing since build 602 (2026-01-13), 77 runs, 8 flakes; before that passing for 300 builds"},
		{"P30 S P50 A P70", []string{"pass 1-152 0/150"}, "passing since build 2 (2026-01-01), 150 runs, 2 builds without it"},
	} {
		p, all := story(tt.story)
		h := Read(p)
		var got []string
		var sum Counts
		for _, s := range h.Segments {
			got = append(got, s.brief())
			sum = sum.plus(s.Counts)
		}
		if !slices.Equal(got, tt.want) || h.String() != tt.text {
			t.Errorf("%s:\n%q\n%s", tt.story, got, h)
		}
		if sum != all {
			t.Errorf("%s: counts %+v, want %+v", tt.story, sum, all)
		}
	}
}

func TestNothingIsKnown(t *testing.T) {
	t.Parallel()
	for _, p := range []Past{{}, {Last: point(9)}, {Events: []Event{{}}}, {Events: []Event{{Point: point(3), Verdict: weir.InfraError, To: weir.Fail}}},
		{First: point(1), Last: point(9)}} {
		h := Read(p)
		if len(h.Segments) > 0 || h.Now != (Now{}) || h.String() != "nothing is known of it" {
			t.Errorf("%+v: %+v", p, h)
		}
		c, _ := h.HowOften()
		if from, a, b := h.Since(); from != (Point{}) || a+b != 0 || c != (Counts{}) {
			t.Error(from, a, b, c)
		}
	}
}

func TestWithoutChanges(t *testing.T) {
	t.Parallel()
	h := Read(Past{First: point(5), Last: point(1004), Status: weir.Pass})
	if got := h.Present().brief(); got != "pass 5-1004 0/1000" || h.Now.Since != point(5) {
		t.Error(got, h.Now)
	}
}

// TestBeforeTheEvents is about a history whose beginning has expired.
func TestBeforeTheEvents(t *testing.T) {
	t.Parallel()
	h := Read(Past{First: point(100), Last: point(400), Events: []Event{
		{Point: point(200), Verdict: weir.Fixed, From: weir.Fail, To: weir.Pass}}})
	if len(h.Segments) != 2 || h.Segments[0].brief() != "fail 100-199 100/100" || h.Segments[1].brief() != "pass 200-400 0/201" {
		t.Errorf("%v", h.Segments)
	}
	if from, earliest, latest := h.Since(); from != point(200) || earliest != 200 || latest != 201 {
		t.Error(from, earliest, latest)
	}
}

func TestRemovedAndBack(t *testing.T) {
	t.Parallel()
	p, _ := story("P100")
	p.Events = append(p.Events, Event{Point: point(101), Verdict: weir.Removed, From: weir.Pass, To: weir.Absent})
	p.Last = point(150)
	h := Read(p)
	if h.String() != "taken out in build 202 (2026-01-05); before that passing for 100 builds" || !h.Now.Removed {
		t.Error(h)
	}
	p.Events = append(p.Events, Event{Point: point(140), Verdict: weir.New, To: weir.Pass})
	h = Read(p)
	if h.Now.Since != point(140) || h.Now.Counts != (Counts{Builds: 11, Runs: 11}) || h.Present().Builds != 111 {
		t.Errorf("%+v", h)
	}
}

// TestRunsOfABuild is about what further runs at the same revisions count for.
func TestRunsOfABuild(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		e    Event
		want Counts
	}{
		"flaky":                   {Event{Verdict: weir.Flaky, To: weir.Fail}, Counts{1, 1, 1, 1, 1, 0}},
		"flaky after two":         {Event{Verdict: weir.Flaky, To: weir.Fail, Again: 2, AgainBad: 1}, Counts{1, 1, 1, 1, 1, 0}},
		"confirmed":               {Event{Verdict: weir.NewlyFailing, To: weir.Fail, Again: 1, AgainBad: 1}, Counts{1, 1, 1, 0, 1, 1}},
		"not confirmed":           {Event{Verdict: weir.NewlyFailing, To: weir.Fail}, Counts{1, 1, 1, 0, 0, 0}},
		"a probe fails":           {Event{Verdict: weir.Same, Again: 3, AgainBad: 1}, Counts{1, 1, 0, 1, 0, 0}},
		"probes pass":             {Event{Verdict: weir.Same, Again: 3}, Counts{1, 1, 0, 0, 0, 0}},
		"vanished once":           {Event{Verdict: weir.Flaky, To: weir.Absent}, Counts{1, 1, 0, 1, 0, 0}},
		"vanished":                {Event{Verdict: weir.Vanished, To: weir.Absent}, Counts{1, 0, 0, 0, 0, 0}},
		"more bad than there are": {Event{Verdict: weir.NewlyFailing, To: weir.Fail, Again: 1, AgainBad: 7}, Counts{1, 1, 1, 0, 1, 1}},
	} {
		p, _ := story("P20")
		tt.e.Point, tt.e.From, p.Last = point(21), weir.Pass, point(21)
		p.Events = append(p.Events, tt.e)
		if got := Read(p).Present().Counts; got != (Counts{Builds: 20, Runs: 20}).plus(tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// drawStory draws stories of up to a few hundred builds, most of them long.
func drawStory(t *rapid.T) string {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
	words := []string{"P3"} // a test needs a beginning
	for range rapid.SampledFrom([]int{0, 1, 2, 3, 6, 12, 30, 60}).Draw(t, "words") {
		last := words[len(words)-1]
		switch w := []string{"P", "P", "F", "f", "f", "f", "S", "A"}[rng.IntN(8)]; {
		case w != "f":
			words = append(words, w+strconv.Itoa(1+rng.IntN([]int{2, 8, 50}[rng.IntN(3)])))
		case last[0] == 'P' || last == "f": // a flake is a good test that failed once
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

func checkShape(t interface{ Fatalf(string, ...any) }, h History, last int) (sum Counts) {
	for i, s := range h.Segments {
		if s.From.Number < 1 || s.To.Number < s.From.Number || s.Earliest > s.From.Number || s.Latest < s.From.Number ||
			i > 0 && (h.Segments[i-1].To.Number >= s.From.Number || s.Earliest <= h.Segments[i-1].From.Number) || s.Latest > s.To.Number {
			t.Fatalf("segment %d of %+v", i, h.Segments)
		}
		if s.Builds < 1 || s.Runs > s.Builds || s.Failures > s.Runs || s.Doubled > s.Failures || s.Repeated > s.Doubled || s.Flakes > s.Runs {
			t.Fatalf("segment %d counts %+v", i, s)
		}
		sum = sum.plus(s.Counts)
	}
	if n := len(h.Segments); n > 0 && !h.Now.Removed && h.Segments[n-1].To.Number != last {
		t.Fatalf("ends at %+v, want %d", h.Segments[n-1].To, last)
	}
	return sum
}

func TestStoriesAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, want := story(drawStory(t))
		h := Read(p)
		if got := checkShape(t, h, p.Last.Number); got != want {
			t.Fatalf("counts %+v, want %+v", got, want)
		}
		shuffled := Past{First: p.First, Last: p.Last, Events: rapid.Permutation(p.Events).Draw(t, "order")}
		if again := Read(shuffled); again.String() != h.String() || !slices.Equal(again.Segments, h.Segments) {
			t.Fatalf("the order of events matters: %v, %v", h, again)
		}
	})
}

// value is what a partition is worth.
func (w *weights) value(bounds []int) float64 {
	sum := float64(len(bounds)-2) * math.Log(splitPrice)
	for i := 1; i < len(bounds); i++ {
		sum += w.evidence(w.before[bounds[i]].minus(w.before[bounds[i-1]]))
	}
	return sum
}

// single cuts stretches into builds.
func single(list []stretch) []stretch {
	var out []stretch
	for _, s := range list {
		for i := range s.Builds {
			one := s
			one.from, one.to = Point{Number: s.from.Number + i}, Point{Number: s.from.Number + i}
			if s.Builds > 1 {
				one.Counts = within{s: &s}.part(1)
			}
			out = append(out, one)
		}
	}
	return out
}

// TestPartitionIsBest holds the cuts against all cuts between any two builds.
func TestPartitionIsBest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, _ := story(drawStory(t))
		w := newWeights(replay(p).stretches)
		got := w.value(w.partition())
		all := newWeights(single(w.stretches))
		n := len(all.stretches)
		best := make([]float64, n+1)
		for j := 1; j <= n; j++ {
			best[j] = all.evidence(all.before[j])
			for i := 1; i < j; i++ {
				best[j] = max(best[j], best[i]+math.Log(splitPrice)+all.evidence(all.before[j].minus(all.before[i])))
			}
		}
		if math.Abs(got-best[n]) > 1e-6 {
			t.Fatalf("worth %v, and the best %v", got, best[n])
		}
	})
}

// TestCuttingInTwoIsNotEnough is why all cuts are weighed together: no single
// cut of this past is worth its price.
func TestCuttingInTwoIsNotEnough(t *testing.T) {
	t.Parallel()
	p, _ := story("P2000 F10 P2000")
	w := newWeights(replay(p).stretches)
	n := len(w.stretches)
	for cut := 1; cut < n; cut++ {
		if w.value([]int{0, cut, n}) > w.value([]int{0, n}) {
			t.Errorf("a cut at %+v is worth it", w.stretches[cut].from)
		}
	}
	if got := w.partition(); len(got) != 4 {
		t.Errorf("the cuts are %v, want two", got)
	}
}

// TestStartIsExact holds the interval against the sum over all builds.
func TestStartIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, _ := story(drawStory(t))
		h := Read(p)
		list := replay(p).stretches
		w := newWeights(list)
		bounds := w.partition()
		for i := 2; i < len(bounds); i++ {
			part := list[bounds[i-2]:bounds[i]]
			all := newWeights(single(part))
			all.hides, all.ran = w.hides, w.ran
			n := len(all.stretches)
			mass, sum, top := make([]float64, n), 0.0, math.Inf(-1)
			for k := 1; k < n; k++ {
				mass[k] = all.evidence(all.before[k]) + all.evidence(all.before[n].minus(all.before[k]))
				top = max(top, mass[k])
			}
			for k := 1; k < n; k++ {
				mass[k] = math.Exp(mass[k] - top)
				sum += mass[k]
			}
			s, inside := h.Segments[i-1], 0.0
			for k := 1; k < n; k++ {
				if at := all.stretches[k].from.Number; at >= s.Earliest && at <= s.Latest {
					inside += mass[k] / sum
				}
			}
			if inside < 0.989 {
				t.Fatalf("%+v holds %v", s, inside)
			}
			width, want := s.Latest-s.Earliest, 0
			for below, k := 0.0, 1; k < n; k++ {
				if below += mass[k] / sum; below > 0.005 && below-mass[k]/sum < 0.995 {
					want++
				}
			}
			if width > 2*want+8 {
				t.Fatalf("%+v is %d wide, and could be %d", s, width, want)
			}
		}
	})
}

func TestHowOften(t *testing.T) {
	t.Parallel()
	p, _ := story("P500 f P300 f P200")
	c, rate := Read(p).HowOften()
	if c.Failures != 2 || c.Runs != 1002 || rate.Mean < 0.002 || rate.Mean > 0.0025 || rate.Low > 0.001 || rate.High < 0.004 || rate.High > 0.009 {
		t.Errorf("%+v %+v", c, rate)
	}
	if got := RateText(rate); got != "0.23 % of runs (95 %: 0.03 % to 0.61 %)" {
		t.Error(got)
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{0: "0 %", 1: "100 %", 0.5: "50 %", 0.123: "12 %", 0.0123: "1.2 %", 0.00123: "0.12 %",
		0.02: "2 %", 0.912345: "91.23 %", 0.9999: "99.99 %", 0.89: "89 %", 0.0001: "0.01 %", 0.1: "10 %"} {
		if got := percent(x); got != want {
			t.Errorf("%v is %q, want %q", x, got, want)
		}
	}
}

func TestPointNames(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Point{"its 1,001st build": {Number: 1001}, "its 12th build": {Number: 12}, "its 2nd build": {Number: 2},
		"its 113th build": {Number: 113}, "its 23rd build": {Number: 23}, "build 7": {Number: 3, Build: 7}, "an unknown build": {}} {
		if p.String() != want {
			t.Errorf("%+v is %q", p, p)
		}
	}
}
