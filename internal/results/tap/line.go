package tap

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

type lineKind int

const (
	versionLine lineKind = iota
	planLine
	testLine
	bailLine
	commentLine // only the one that announces a subtest
)

// line is one line of TAP.
type line struct {
	kind      lineKind
	ok        bool   // testLine
	counts    bool   // testLine: counts towards the plan
	number    int    // testLine: 0 when missing; planLine: how many
	text      string // description or reason
	directive string // testLine: "SKIP", "TODO" or empty
	reason    string // of the directive
}

var (
	planForm  = regexp.MustCompile(`^1\.\.([0-9]{1,10})\s*(?:#\s*(.*))?$`)
	testForm  = regexp.MustCompile(`^(ok|not ok)(?:\s+([0-9]{1,10}))?(?:\s+(?:-(?:\s+|$))?|$)(.*)$`)
	directive = regexp.MustCompile(`(?i)^#\s*(skip|todo)(?:\S*)(?:\s+(.*))?$`)
	proveForm = regexp.MustCompile(`^(\S[^#]{0,500}\.[A-Za-z0-9]{1,8}) \.{2,} *$`)
)

// proveHeader recognises the line with which prove -v announces a file.
func proveHeader(s string) (file string, ok bool) {
	m := proveForm.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// parseLine reads a line without its indentation. ok is false for what is not
// TAP, or says nothing by itself.
func parseLine(s string) (l line, ok bool) {
	switch {
	case strings.HasPrefix(s, "TAP version "):
		return line{kind: versionLine}, true
	case strings.HasPrefix(s, "Bail out!"):
		return line{kind: bailLine, text: strings.TrimSpace(s[len("Bail out!"):])}, true
	case strings.HasPrefix(s, "# Subtest: "):
		return line{kind: commentLine, text: unescape(s[len("# Subtest: "):])}, true
	case strings.HasPrefix(s, "1.."):
		return parsePlan(s)
	case strings.HasPrefix(s, "ok"), strings.HasPrefix(s, "not ok"):
		return parseTest(s)
	}
	return line{}, false
}

func parsePlan(s string) (line, bool) {
	m := planForm.FindStringSubmatch(s)
	if m == nil {
		return line{}, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n > maxPlan {
		return line{}, false
	}
	reason := m[2]
	if len(reason) >= 4 && strings.EqualFold(reason[:4], "skip") {
		reason = strings.TrimSpace(reason[4:])
	}
	return line{kind: planLine, number: n, text: reason}, true
}

func parseTest(s string) (line, bool) {
	m := testForm.FindStringSubmatch(s)
	if m == nil {
		return line{}, false
	}
	l := line{kind: testLine, ok: m[1] == "ok", counts: true}
	if m[2] != "" {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return line{}, false
		}
		l.number = n
	}
	l.text, l.directive, l.reason = splitDirective(m[3])
	// node and TAP 14 close the parent of a subtest that comes behind it with {.
	l.text = unescape(strings.TrimSpace(strings.TrimSuffix(l.text, "{")))
	return l, true
}

// splitDirective finds the directive behind the last # that is not escaped.
func splitDirective(s string) (text, name, reason string) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != '#' || escaped(s, i) || i > 0 && s[i-1] != ' ' && s[i-1] != '\t' {
			continue
		}
		if m := directive.FindStringSubmatch(s[i:]); m != nil {
			return strings.TrimSpace(s[:i]), strings.ToUpper(m[1]), unescape(strings.TrimSpace(m[2]))
		}
	}
	return s, "", ""
}

func escaped(s string, i int) bool {
	n := 0
	for i--; i >= 0 && s[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// unescape undoes \# and \\.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\#`, "#", `\\`, `\`).Replace(s)
}

// missing says that a level has fewer tests than it announced; empty if not.
func (l *level) missing() string {
	if !l.planned || l.count >= l.plan {
		return ""
	}
	return fmt.Sprintf("planned %d tests, but only %d came", l.plan, l.count)
}
