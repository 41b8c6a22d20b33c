package history

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/history/beta"
)

// String says for people how the test is, since when, and how it was before,
// for example "passing since build 812 (2026-03-01), 1,204 runs, 2 flakes;
// before that failing for 31 builds".
func (h History) String() string {
	switch {
	case h.Now.Removed:
		return "taken out in " + h.Now.Since.String() + h.before(len(h.Segments))
	case len(h.Segments) == 0:
		return "nothing is known of it"
	case h.settled():
		s := h.Present()
		return s.String() + h.before(len(h.Segments)-1)
	case h.turned() && kindOf(h.Present().Status) == kindOf(h.Now.Status):
		was := map[bool]string{true: "failing", false: "passing"}[kindOf(h.Now.Status) == good]
		return fmt.Sprintf("%s since %s, too lately to say how often; before that %s for %s",
			word(h.Now.Status), h.Now.Since, was, many(h.Present().Runs-h.Now.Runs, "build"))
	}
	from := h.Now.Since
	if h.Now.Masked.Number > 0 {
		from = h.Now.Masked
	}
	return fmt.Sprintf("%s since %s, too lately to say how often; %s", word(h.Now.shown()), from, h.Present().was())
}

// before says what was before segment i.
func (h History) before(i int) string {
	if i < 1 {
		return ""
	}
	return "; before that " + h.Segments[i-1].was()
}

// String says for people what a segment is, for example "failing since build
// 43 (2026-03-01), 31 runs".
func (s Segment) String() string {
	return fmt.Sprintf("%s since %s, %s", word(s.Status), s.From, s.tally())
}

// was is a segment that lies behind.
func (s Segment) was() string {
	return fmt.Sprintf("%s for %s%s", word(s.Status), many(s.Builds, "build"), s.exceptions())
}

// tally counts what the segment holds.
func (s Segment) tally() string {
	if kindOf(s.Status) == hidden {
		return many(s.Builds, "build") + s.exceptions()
	}
	return many(s.Runs, "run") + s.exceptions()
}

// exceptions lists what does not go with the status.
func (s Segment) exceptions() string {
	var b strings.Builder
	add := func(n int, what string) {
		if n > 0 {
			b.WriteString(", " + many(n, what))
		}
	}
	add(s.Flakes, "flake")
	switch kindOf(s.Status) {
	case good:
		add(s.Failures-s.Flakes, "failure")
		add(s.Hidden(), "build") // which did not run it
		if s.Hidden() > 0 {
			b.WriteString(" without it")
		}
	case bad:
		add(s.Passes(), "pass")
		add(s.Hidden(), "build")
		if s.Hidden() > 0 {
			b.WriteString(" without it")
		}
	case hidden:
		if s.Runs > 0 {
			add(s.Runs, "build")
			b.WriteString(" with it")
		}
	}
	return b.String()
}

// String names a build for people, with its day if that is known.
func (p Point) String() string {
	if p.Number < 1 && p.Build == 0 {
		return "an unknown build"
	}
	name := "its " + ordinal(p.Number) + " build"
	if p.Build > 0 {
		name = "build " + strconv.FormatInt(int64(p.Build), 10)
	}
	if p.At.IsZero() {
		return name
	}
	return name + " (" + p.At.UTC().Format("2006-01-02") + ")"
}

// RateText says for people how often something happens, for example "0.17 % of
// runs (95 %: 0.02 % to 0.5 %)".
func RateText(r beta.Interval) string {
	return fmt.Sprintf("%s of runs (95 %%: %s to %s)", percent(r.Mean), percent(r.Low), percent(r.High))
}

// percent prints a share with two digits that mean something.
func percent(x float64) string {
	switch {
	case x < 0.00005:
		return "0 %"
	case x > 0.99995:
		return "100 %"
	case x > 0.9:
		return trim(strconv.FormatFloat(100*x, 'f', 2, 64)) + " %"
	case x >= 0.0995:
		return strconv.FormatFloat(100*x, 'f', 0, 64) + " %"
	case x >= 0.00995:
		return trim(strconv.FormatFloat(100*x, 'f', 1, 64)) + " %"
	}
	return trim(strconv.FormatFloat(100*x, 'f', 2, 64)) + " %"
}

func trim(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func word(s weir.Status) string {
	switch kindOf(s) {
	case good:
		if s == weir.ExpectedFailure {
			return "failing as expected"
		}
		return "passing"
	case bad:
		return "failing"
	case hidden:
		if s == weir.Skip {
			return "skipped"
		}
		return "not run"
	}
	return "unknown"
}

// many counts something, in words of the plural that it needs.
func many(n int, what string) string {
	plural := "s"
	switch {
	case n == 1:
		plural = ""
	case strings.HasSuffix(what, "s"):
		plural = "es"
	}
	return group(n) + " " + what + plural
}

// group prints a number with commas between thousands.
func group(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func ordinal(n int) string {
	end := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			end = "st"
		case 2:
			end = "nd"
		case 3:
			end = "rd"
		}
	}
	return group(n) + end
}
