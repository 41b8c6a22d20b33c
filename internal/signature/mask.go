package signature

import (
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/weir-ci/weir/internal/results"
)

// lazily compiles an expression when it is first asked for: together they have
// a megabyte or two, which a worker that reads no failures does not need.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// rule is something that says nothing, and what stands in its place. Every
// replacement leaves fewer digits, slashes, backslashes and hyphens, so that
// masking comes to an end.
type rule struct {
	pattern func() *regexp.Regexp
	replace string
	// fits looks closer at a match; nil: all fit.
	fits func(match string) bool
	// needs are characters without one of which nothing matches.
	needs string
}

// days and months name times that are written for people.
const (
	days   = `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*`
	months = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*`
	clock  = `[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?`
	zone   = `(?: ?(?:Z|UTC|GMT|[A-Z]{3,4}T|[+-][0-9]{2}:?[0-9]{2}))?`
)

// rules are tried in this order, behind those for names.
var rules = []rule{
	// The end of an absolute path says something, the way to it says where the
	// worker checks out.
	{pattern: lazily(`(?:[a-zA-Z]:)?(?:[/\\]+[^\s/\\:;,"'<>|()\[\]{}` + "`" + `=]+)+[/\\]+`), replace: "<dir>/", needs: `/\`},
	{pattern: lazily(`[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ]` + clock + zone), replace: "<time>", needs: ":"},
	{pattern: lazily(`(?:` + days + `,? )?(?:` + months + ` +[0-9]{1,2}|[0-9]{1,2} ` + months + `),?(?: [0-9]{4})?(?: ` + clock + zone + `)?(?: [0-9]{4})?`), replace: "<time>", needs: "JFMASOND"},
	{pattern: lazily(clock + zone), replace: "<time>", needs: ":"},
	{pattern: lazily(`[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}`), replace: "<time>", needs: "-/"},
	{pattern: lazily(`(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|\x{b5}s|\x{3bc}s|ms|s|m|h))+`), replace: "<dur>"},
	{pattern: lazily(`[0-9]+(?:\.[0-9]+)? ?(?:nanoseconds?|microseconds?|milliseconds?|millis|seconds?|secs?|minutes?|hours?)`), replace: "<dur>"},
	{pattern: lazily(`0[xX][0-9a-fA-F]+`), replace: "<ptr>", needs: "xX"},
	{pattern: lazily(`[0-9a-fA-F]{8,}`), replace: "<hex>", fits: hasDigit},
	{pattern: lazily(`[0-9a-zA-Z+/_]{10,}={0,2}`), replace: "<id>", fits: random},
}

// numbers are all digits that are left, within words too.
var numbers = lazily(`[0-9]+(?:\.[0-9]+)*(?:[eE][+-]?[0-9]+)?`)

// Mask takes from a line what changes from run to run: temporary directories,
// the way to a file, UUIDs, pointers, times and durations, hex from 8 digits on,
// what looks random from 10 characters on, all numbers and control characters. It makes one line of
// several, and cuts it to MaxLine bytes. Mask of a masked line changes nothing.
func Mask(line string) string {
	line = results.Clip(strings.ToValidUTF8(line, "\uFFFD"), 4*maxLine)
	for {
		before := line
		line = results.Mask(line)
		for i := range rules {
			line = rules[i].apply(line)
		}
		line = numbers().ReplaceAllString(line, "%")
		line = strings.TrimSpace(results.Clip(strings.Join(strings.FieldsFunc(line, blank), " "), MaxLine))
		if line == before {
			return line
		}
	}
}

// blank reports whether a character is nothing to read: a space, or one that
// controls a terminal.
func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// apply replaces matches that neither a letter nor a digit touches. A path is
// one only where it begins: not behind a dot, a scheme or another element.
func (r *rule) apply(s string) string {
	if !strings.ContainsAny(s, `0123456789/\`) || r.needs != "" && !strings.ContainsAny(s, r.needs) {
		return s
	}
	var b strings.Builder
	done := 0
	for _, m := range r.pattern().FindAllStringIndex(s, -1) {
		start, end := m[0], m[1]
		match := s[start:end]
		if start > 0 && touches(s[start-1], match[0]) || end < len(s) && alnum(s[end]) && alnum(s[end-1]) ||
			r.fits != nil && !r.fits(match) {
			continue
		}
		b.WriteString(s[done:start])
		b.WriteString(r.replace)
		done = end
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

func touches(before, first byte) bool {
	if first == '/' || first == '\\' {
		return alnum(before) || strings.IndexByte(`.:/\~>-_%@`, before) >= 0
	}
	return alnum(before)
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

// random reports whether a word looks made by a machine: capitals, small letters
// and digits in at least two places.
func random(s string) bool {
	upper, lower, groups := false, false, 0
	for i := range len(s) {
		c := s[i]
		upper = upper || c >= 'A' && c <= 'Z'
		lower = lower || c >= 'a' && c <= 'z'
		if digit(c) && (i == 0 || !digit(s[i-1])) {
			groups++
		}
	}
	return upper && lower && groups >= 2
}
