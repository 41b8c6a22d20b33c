package strict

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// Severity says whether a problem keeps the file from being used.
type Severity string

// The closed set of severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one thing that is wrong with a file. All its texts are safe to
// print: no secrets, no control characters.
type Problem struct {
	File   string
	Line   int // from 1
	Column int // in characters, from 1
	// Text is the offending text, at most maxText characters. Empty when
	// there is none to show, or when it may hold a secret.
	Text     string
	Message  string
	Hint     string // how to put it right; may be empty
	Severity Severity
	// Excerpt is the line of the file, or the part of it around Column;
	// Caret is the place of Column in it, in characters from 0.
	Excerpt string
	Caret   int
}

// Problems is a list of problems in the order of the file. It is an error
// with the code weir.Invalid; use Err to get one, since a list may be empty or
// hold nothing but warnings.
type Problems []Problem

// Err returns the problems as an error, or nil if none of them is one.
func (p Problems) Err() error {
	if slices.ContainsFunc(p, func(q Problem) bool { return q.Severity == Error }) {
		return p
	}
	return nil
}

// Error returns one line a problem, without excerpts and hints.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, q := range p {
		lines[i] = q.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the problems their code: weir.Invalid.
func (p Problems) Unwrap() error {
	if len(p) == 0 {
		return nil
	}
	return weir.Errorf(weir.Invalid, "%s has %d problems", p[0].File, len(p)).
		WithHint("weir check lists them")
}

// Format renders every problem with its line of the file, a caret under the
// offending text, and its hint.
func (p Problems) Format() string {
	parts := make([]string, len(p))
	for i, q := range p {
		parts[i] = q.Format()
	}
	return strings.Join(parts, "\n")
}

// Error renders the problem in one line: FILE:LINE:COLUMN: MESSAGE.
func (p Problem) Error() string {
	severity := ""
	if p.Severity == Warning {
		severity = "warning: "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s", p.File, p.Line, p.Column, severity, p.Message)
}

// Format renders the problem in several lines, the last one with a newline.
func (p Problem) Format() string {
	var b strings.Builder
	b.WriteString(p.Error() + "\n")
	if p.Excerpt != "" {
		number := fmt.Sprintf("%5d", p.Line)
		underline := 1
		if p.Text != "" && strings.HasPrefix(p.Excerpt[offset(p.Excerpt, p.Caret):], p.Text) {
			underline = utf8.RuneCountInString(p.Text)
		}
		fmt.Fprintf(&b, "%s | %s\n", number, p.Excerpt)
		fmt.Fprintf(&b, "%s | %s%s\n", strings.Repeat(" ", len(number)),
			strings.Repeat(" ", p.Caret), strings.Repeat("^", underline))
	}
	if p.Hint != "" {
		b.WriteString("  hint: " + p.Hint + "\n")
	}
	return b.String()
}

// Limits on what is shown, in characters.
const (
	maxText    = 80
	maxExcerpt = 120
	lead       = 60 // what is kept in front of the column when a line is too long
)

// excerpt cuts the part of a line around a column (from 1) that is shown, and
// says where in it the column is, from 0. Nothing from the column hide on is
// shown; 0 hides nothing.
func excerpt(line string, column, hide int) (text string, caret int) {
	end := offset(line, column-1+maxExcerpt)
	cut := end < len(line)
	at := offset(line, column-1)
	hidden := hide > 0 && offset(line, hide-1) < len(line)
	if hidden {
		end = min(end, offset(line, hide-1))
		at = min(at, end)
	}
	start := 0
	if utf8.RuneCountInString(line[:end]) > maxExcerpt {
		start = offset(line, max(0, column-1-lead))
		end = min(end, start+offset(line[start:], maxExcerpt))
		at = min(at, end)
		cut = cut || end < len(line)
		start, end = wholeWords(line, start, at, end)
	}
	before, after := mask(printable(line[start:at])), mask(printable(line[at:end]))
	if whole := mask(printable(line[start:end])); whole != before+after {
		before, after = "", whole // a secret lies across the caret
	}
	if start > 0 {
		before = "..." + before
	}
	switch {
	case hidden:
		after += "***"
	case cut:
		after += "..."
	}
	return strings.TrimRight(before+after, " "), utf8.RuneCountInString(before)
}

// wholeWords narrows a window of a line so that it does not show a part of a
// URL that could no longer be told to hold a secret.
func wholeWords(line string, start, at, end int) (int, int) {
	if start > 0 {
		if i := strings.IndexAny(line[start:at], " \t"); i >= 0 {
			start += i
		} else {
			start = at
		}
	}
	if end < len(line) {
		last := at + strings.LastIndexAny(line[at:end], " \t") + 1
		if strings.Contains(line[last:end], "://") {
			end = last
		}
	}
	return start, end
}

// offset is where the character with the number n, from 0, starts in s, in
// bytes; the end of s if it is shorter.
func offset(s string, n int) int {
	for i := range s {
		if n <= 0 {
			return i
		}
		n--
	}
	return len(s)
}

// printable replaces whatever could move the cursor or change colours.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == '\r':
			return -1
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
}

var (
	userinfo = regexp.MustCompile(`://[^\s]*@`)
	secrets  = regexp.MustCompile(`(?i)((?:password|passwd|secret|token)["']?\s*[=:]\s*)\S+`)
)

// mask blots out what looks like a secret, whatever the problem is about.
func mask(s string) string {
	return secrets.ReplaceAllString(userinfo.ReplaceAllString(s, "://***@"), "$1***")
}

func sortProblems(p Problems) Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	// An anchor that is used in several places is walked once for each.
	return slices.CompactFunc(p, func(a, b Problem) bool { return a == b })
}
