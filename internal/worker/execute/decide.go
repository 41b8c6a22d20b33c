package execute

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// facts are what is known once the steps have run and the results are read.
type facts struct {
	fault  weir.Reason      // the machine's fault, or cancelled; decides alone
	limit  weir.Reason      // a time limit that was reached
	failed *weir.StepRecord // the first step of the job that failed, and may not
	// About results:
	wanted  []weir.ResultFile
	counts  weir.Counts
	missing []string // patterns that no file matched
	damaged []string // files that could not be read to their end
	stale   []string // files that lay there before the first step
}

// bad reports whether what ran until now ended badly. Steps that may fail do not count.
func (f facts) bad() bool {
	return f.failed != nil || f.limit.Code != weir.ReasonNone || f.fault.Code != weir.ReasonNone
}

// decide says how the build ended, before its product is packed. From top to
// bottom: what is the farm's fault, what ran out of time, what a test says,
// what a step says, and what is missing.
func decide(f facts) weir.Reason {
	bad, total := f.counts.Bad(), f.counts.Total()
	switch {
	case f.fault.Code != weir.ReasonNone:
		return f.fault
	case f.limit.Code != weir.ReasonNone:
		return f.limit
	case bad > 0:
		return reason(weir.ReasonTests, "%d of %s failed", bad, plural(total, "test"))
	case f.failed != nil && len(f.wanted) > 0 && total == 0:
		return reason(weir.ReasonPrepare, "step %q: %s, before any test reported", f.failed.Name, f.failed.Note)
	case f.failed != nil:
		return reason(weir.ReasonStep, "step %q: %s", f.failed.Name, f.failed.Note)
	case len(f.wanted) == 0:
		return weir.Reason{}
	case len(f.damaged) > 0:
		return reason(weir.ReasonNoResults, "%s", f.damaged[0])
	case total > 0:
		return weir.Reason{}
	case len(f.stale) > 0:
		return reason(weir.ReasonNoResults, "%s is older than the build: no step wrote it; check which file the tests write", f.stale[0])
	case len(f.missing) == 0:
		return reason(weir.ReasonNoResults, "%s holds no test results; check that the steps run any test", f.wanted[0].Path)
	}
	return reason(weir.ReasonNoResults, "no file matches %s; check the path, relative to the checkout, and that the steps write it",
		strings.Join(f.missing, ", "))
}

// reason makes a reason that keeps to MaxReason.
func reason(code weir.ReasonCode, format string, args ...any) weir.Reason {
	return weir.Reason{Code: code, Text: clip(fmt.Sprintf(format, args...), weir.MaxReason)}
}

// clip shortens s to at most limit bytes, at a character's end.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// clipFront is like clip, but keeps the end.
func clipFront(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	s = s[len(s)-limit:]
	for s != "" && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return s
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bytesText renders a size for people.
func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	v, i := float64(n)/unit, 0
	for ; v >= unit && i < 3; i++ {
		v /= unit
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGT"[i])
}
