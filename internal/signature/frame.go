package signature

import (
	"strings"
)

var (
	pythonFrame = lazily(`^\s*File "([^"]+)", line [0-9]+(?:, in (.+))?$`)
	pytestPlace = lazily(`^(\S+\.py):[0-9]+: (?:in )?\S`)
	jvmFrame    = lazily(`^\s*at (?:[\w.@-]+/+)*([\w$.]+(?:\.<\w+>)?)\([^()/\\]*\)$`)
	jsFrame     = lazily(`^\s*at (?:async )?(?:(.+?) \()?((?:file://)?[^()]+?):[0-9]+(?::[0-9]+)?\)?(?: \{)?$`)
	nativeFrame = lazily(`^\s*#[0-9]+ +(?:0x[0-9a-f]+ +)?(?:in )?([\w:~<>]+)`)
	rustPlace   = lazily(`panicked at (?:'.*', )?(\S+?\.rs):[0-9]+`)
	goCall      = lazily(`^([\w.~/%-]+\.[\w.()*\[\]]+)\((?:.*)\)$`)
	atPlace     = lazily(`^\s*at ([^\s:()]+\.\w+)(?::[0-9]+$| line [0-9]+)`)
)

// frameworks are what frames begin with that say only that a test was running,
// by the kind of stack.
var frameworks = map[string][]string{
	"go": {"runtime.", "runtime/", "testing.", "panic", "reflect.", "internal/", "sync.", "github.com/stretchr/testify/", "gotest.tools/",
		"github.com/onsi/gomega", "github.com/onsi/ginkgo", "github.com/frankban/quicktest", "gopkg.in/check", "created by "},
	"jvm": {"java.", "javax.", "jdk.", "sun.", "com.sun.", "org.junit.", "junit.", "org.hamcrest.", "org.assertj.", "org.testng.", "org.mockito.",
		"com.google.common.truth.", "kotlin.", "kotlinx.coroutines.", "scala.", "org.scalatest.", "groovy.", "org.codehaus.groovy.", "org.spockframework.",
		"org.gradle.", "org.apache.maven."},
	"python": {"unittest/", "_pytest/", "pluggy/", "pytest/", "nose/", "twisted/trial/", "hypothesis/", "importlib/", "<frozen "},
	"js":     {"node:", "internal/", "node_modules/jest", "node_modules/@jest", "node_modules/mocha", "node_modules/chai", "node_modules/vitest", "node_modules/@vitest", "node_modules/expect", "node_modules/jasmine"},
	"native": {"__asan", "__interceptor", "__ubsan", "__tsan", "__msan", "__sanitizer", "__GI_", "__assert", "__libc", "raise", "abort", "gsignal",
		"testing::", "std::", "main", "_start"},
}

// place finds the innermost frame that is not the test framework's.
func place(lines []string) string {
	for i, text := range lines {
		trimmed := strings.TrimSpace(text)
		switch {
		case strings.HasPrefix(trimmed, "goroutine ") && strings.HasSuffix(trimmed, ":"), trimmed == "WARNING: DATA RACE":
			return goPlace(lines[i+1:])
		case trimmed == traceback:
			return pythonPlace(lines[i+1:])
		}
		if strings.Contains(trimmed, "panicked at ") {
			if m := rustPlace().FindStringSubmatch(trimmed); m != nil {
				return base(m[1])
			}
		}
		if at := framePlace(trimmed); at != "" {
			return at
		}
	}
	if at := pytestLast(lines); at != "" {
		return at
	}
	for _, text := range lines {
		if at, rest := cutPlace(text); at != "" && rest == "" {
			return at
		}
	}
	return ""
}

// framePlace understands stacks whose first frame is the innermost.
func framePlace(line string) string {
	if !strings.HasPrefix(line, "at ") && !strings.HasPrefix(line, "#") { // regular expressions take time
		return ""
	}
	if m := jvmFrame().FindStringSubmatch(line); m != nil {
		if framework("jvm", m[1]) {
			return ""
		}
		return m[1]
	}
	if m := atPlace().FindStringSubmatch(line); m != nil {
		return base(m[1])
	}
	if m := jsFrame().FindStringSubmatch(line); m != nil {
		if framework("js", m[2]) {
			return ""
		}
		return strings.TrimSpace(m[1] + " " + base(m[2]))
	}
	if m := nativeFrame().FindStringSubmatch(line); m != nil && !framework("native", m[1]) {
		return m[1]
	}
	return ""
}

// goPlace reads the first goroutine: functions and places take turns.
func goPlace(lines []string) string {
	for _, text := range lines {
		if text == "" || strings.HasPrefix(text, "goroutine ") {
			return ""
		}
		text = strings.TrimSpace(text)
		m := goCall().FindStringSubmatch(text)
		if m == nil || framework("go", text) {
			continue
		}
		return m[1]
	}
	return ""
}

// pythonPlace reads a traceback, whose last frame is the innermost. Of a chain
// it is the last traceback's, as for the headline.
func pythonPlace(lines []string) string {
	at := ""
	for _, text := range lines {
		if strings.TrimSpace(text) == traceback {
			at = ""
		}
		m := pythonFrame().FindStringSubmatch(text)
		if m == nil || framework("python", m[1]) {
			continue
		}
		at = strings.TrimSpace(base(m[1]) + " " + m[2])
	}
	return at
}

// pytestLast finds the last place that pytest names: FILE:LINE: in NAME, or
// FILE:LINE: and what was raised.
func pytestLast(lines []string) string {
	at := ""
	for _, text := range lines {
		if !strings.Contains(text, ".py:") {
			continue
		}
		m := pytestPlace().FindStringSubmatch(text)
		if m == nil || framework("python", m[1]) {
			continue
		}
		at = base(m[1])
	}
	return at
}

// framework reports whether a function or file is the language's or the test
// framework's. Files are looked at from each of their elements on.
func framework(kind, name string) bool {
	name = strings.ReplaceAll(name, `\`, "/")
	for _, prefix := range frameworks[kind] {
		if strings.HasPrefix(name, prefix) || (kind == "python" || kind == "js") && strings.Contains(name, "/"+prefix) {
			return true
		}
	}
	return false
}
