package signature

import (
	"strings"

	"github.com/weir-ci/weir/internal/results"
)

var (
	// A name of an exception, as Python, Java and JavaScript write it at the
	// beginning of a line, with what it says behind a colon or nothing.
	exception = lazily(`^(?:Caused by: |Uncaught |\[|E +|Exception in thread "[^"]*" )?((?:[A-Za-z_$][\w$]*[.])*[A-Z_][\w$]*(?:Error|Exception|Failure|Exit|Interrupt|Warning|Iteration|Throwable|AssertionFailedError|ComparisonFailure)\b)(?: \[[\w]+\])?(?::|\]|$)`)
	// Python prints this line before the frames, and the exception behind them.
	traceback = "Traceback (most recent call last):"
	// Rust, before and since 1.73.
	rustPanic = lazily(`^(?:thread '.*' (?:\([0-9]+\) )?)?panicked at (?:'(.*)', \S+|\S+:$)`)
	// A place in front of what is said about it: FILE:LINE: or FILE:LINE:COLUMN:.
	placePrefix = lazily(`^\s*((?:[a-zA-Z]:)?[^\s:()'"]+\.[A-Za-z]\w{0,9}):[0-9]+(?::[0-9]+)?(?:: |:?$)`)
	// Words of somebody who complains.
	complaint = lazily(`(?i)\b(?:errors?|fail(?:ed|s|ure|ures)?|fatal|panic|exception|assert\w*|expect(?:ed|s)?|want(?:ed)?|got|not equal|mismatch\w*|` +
		`unexpected|undefined|undeclared|cannot|can't|could not|couldn't|unable|invalid|timed? ?out|exceeded|refused|no such|not found|missing|denied|unknown|unsupported|wrong|value of|` +
		`should|must|segmentation fault|aborted|leak(?:s|ed)?|race)\b|!==?|[^=]==[^=]`)
	// Lines that say only that something failed, or nothing.
	boilerplate = lazily(`^(?i:fail(?:ed|ure|ures|s)?:?|errors?:?|ok|test failed|the test failed|collection failure|exit status [0-9]+|exit code:? [0-9]+|` +
		`fail\s+\S+(?:\s+[0-9.]+s|\s+\[.*\])?|FAIL: .*|error trace:.*|messages?:|stack ?trace:?|traceback:?|traceback \(most recent call last\):|unknown file(?:: failure)?|` +
		`failures:|failed test(?: '.*'| ".*")?|running [0-9]+ tests?|running main\(\) from .*|\[ *(?:run|ok|failed|passed|skipped|disabled|[=-]+) *\].*|note: run with .*|note: .*backtrace.*|goroutine [0-9]+ \[.*\]:|\[signal .*\]|.* test suite failed to run|` +
		`at .*|in .*|the above exception was .*|during handling of the above .*|test result: .*|[^\pL\pN]*)$`)
	// What was expected and what was got, in any order; GoogleTest tells first of what.
	sides     = lazily(`(?i)^\s*(?:value of|expected|wanted|want|got|actual|received|but was)\s*:`)
	frameLine = lazily(`^\s*(?:at \S|File "|#[0-9]+ |[0-9]+: )`)
)

// headline finds the line that says what is wrong, and the place that it names
// in front, if it does.
func headline(lines []string) (line, frame string) {
	if line, ok := pronounced(lines); ok {
		return line, ""
	}
	best := -1
	for i, text := range lines {
		if silent(text) {
			continue
		}
		at, rest := cutPlace(text)
		if complaint().MatchString(rest) {
			best = i
			break
		}
		// What a test of Go logs looks like what it says when it fails, and
		// comes before it.
		if best < 0 || strings.HasSuffix(at, "_test.go") {
			best = i
		}
	}
	if best < 0 {
		return "", ""
	}
	frame, line = cutPlace(lines[best])
	if frame == "" && best > 0 {
		if at, rest := cutPlace(lines[best-1]); rest == "" || failureOnly(rest) {
			frame = at // GoogleTest and compilers put the place on a line of its own
		}
	}
	return withDetail(line, lines[best+1:]), frame
}

// pronounced finds lines by which a tool marks what is wrong.
func pronounced(lines []string) (string, bool) {
	thrown := ""
	for i, text := range lines {
		trimmed := strings.TrimSpace(text)
		switch {
		case strings.HasPrefix(trimmed, "panic: "), strings.HasPrefix(trimmed, "fatal error: "):
			return strings.TrimSuffix(strings.TrimSuffix(trimmed, " [recovered]"), " [recovered, repanicked]"), true
		case strings.HasPrefix(trimmed, "the test did not finish: panic: "):
			return strings.TrimPrefix(trimmed, "the test did not finish: "), true
		case strings.HasPrefix(text, "E   ") && len(trimmed) > 1: // pytest
			return withDetail(strings.TrimSpace(trimmed[1:]), nil), true
		case strings.HasPrefix(trimmed, "Error: ") && i > 0 && strings.HasPrefix(strings.TrimSpace(lines[i-1]), "Error Trace:"),
			strings.HasPrefix(trimmed, "Error:\t"): // testify
			return withDetail(strings.TrimSpace(trimmed[len("Error:"):]), lines[i+1:]), true
		case strings.Contains(trimmed, "ERROR: ") && strings.Contains(trimmed, "Sanitizer: "):
			return trimmed[strings.Index(trimmed, "ERROR: "):], true
		case strings.HasPrefix(trimmed, "terminate called after throwing"):
			return withDetail(trimmed+":", lines[i+1:]), true
		}
		if strings.Contains(trimmed, "panicked at ") {
			if m := rustPanic().FindStringSubmatch(trimmed); m != nil {
				if m[1] != "" {
					return m[1], true
				}
				return next(lines[i+1:]), true
			}
		}
		if trimmed == traceback {
			thrown = afterTraceback(lines[i+1:]) // the last of a chain is the one that got out
			continue
		}
		if thrown == "" && !strings.HasPrefix(text, " ") && exception().MatchString(trimmed) {
			return withDetail(trimmed, lines[i+1:]) + rootCause(lines[i+1:]), true
		}
	}
	return thrown, thrown != ""
}

// rootCause is the last cause that Java names: what it is wrapped into may be
// the same for everything.
func rootCause(below []string) string {
	cause := ""
	for _, text := range below {
		if text = strings.TrimSpace(text); strings.HasPrefix(text, "Caused by: ") {
			cause = " " + text
		}
	}
	return cause
}

// afterTraceback finds the exception behind the frames of a Python traceback.
func afterTraceback(lines []string) string {
	for _, text := range lines {
		if text != "" && !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, "\t") {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// withDetail adds to a line that ends in a colon what stands below it: at most
// four lines.
func withDetail(line string, below []string) string {
	if !strings.HasSuffix(line, ":") {
		return withSides(line, below)
	}
	if len(below) > 0 && below[0] == "" {
		below = below[1:]
	}
	for _, text := range below[:min(4, len(below))] {
		text = strings.TrimSpace(text)
		if text == "" || frameLine().MatchString(text) {
			break
		}
		line += " " + text
	}
	return line
}

// withSides adds to a line what was expected and got, if that stands below it.
func withSides(line string, below []string) string {
	if len(below) > 0 && below[0] == "" {
		if below = below[1:]; len(below) < 2 || !sides().MatchString(below[1]) {
			return line
		}
	}
	for _, text := range below[:min(2, len(below))] {
		if !sides().MatchString(text) {
			break
		}
		line += " " + strings.TrimSpace(text)
	}
	return line
}

// next is the first line that says something.
func next(lines []string) string {
	for _, text := range lines {
		if !silent(text) {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// silent reports whether a line does not say what is wrong.
func silent(line string) bool {
	line = strings.TrimSpace(line)
	if line == "" || results.GoMark(line) || boilerplate().MatchString(line) || frameLine().MatchString(line) {
		return true
	}
	if !strings.Contains(line, ":") {
		return false
	}
	at, rest := cutPlace(line)
	return at != "" && (rest == "" || failureOnly(rest))
}

func failureOnly(s string) bool {
	return s == "Failure" || s == "Failed" || s == "error" || s == "FAILED"
}

// cutPlace takes the place in front of a line away.
func cutPlace(line string) (place, rest string) {
	line = strings.TrimSpace(line)
	m := placePrefix().FindStringSubmatchIndex(line)
	if m == nil {
		return "", line
	}
	return base(line[m[2]:m[3]]), strings.TrimSpace(line[m[1]:])
}

// base is the last element of a path, whichever way it is written.
func base(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }
