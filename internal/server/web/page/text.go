package page

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// Limits on what a page shows of one text, in characters.
const (
	MaxName    = 300  // a test, a step, a revision, a worker
	MaxSubject = 200  // the first line of a commit message
	MaxMessage = 4000 // a test's message, a commit message
)

// Clean makes foreign text safe to read: control characters and the ones that
// reverse the direction of writing become visible, bytes that are not text
// become U+FFFD, and what is longer than limit characters is cut. Escaping for
// HTML is not its business; templ does that.
func Clean(s string, limit int) string {
	if len(s) > 8*limit { // so that cutting costs little
		s = s[:8*limit]
	}
	var b strings.Builder
	n := 0
	for i, r := range s {
		if n == limit {
			fmt.Fprintf(&b, "…")
			break
		}
		n++
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			b.WriteRune(utf8.RuneError)
			continue
		}
		b.WriteRune(visible(r))
	}
	return b.String()
}

// visible replaces a character that would act by one that shows.
func visible(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case r < 0x20:
		return 0x2400 + r // the control pictures
	case r == 0x7f:
		return 0x2421
	case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Bidi_Control, r), r == 0x2028, r == 0x2029:
		return utf8.RuneError
	}
	return r
}

// OneLine is clean text of at most limit characters without line breaks.
func OneLine(s string, limit int) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, Clean(Plain(enough(s, limit)), limit))
}

// Block is clean text of several lines, without escape sequences.
func Block(s string, limit int) string {
	return strings.TrimSpace(Clean(Plain(enough(s, limit)), limit))
}

// enough cuts s to what may matter for limit characters, so that a megabyte
// of which a line is shown costs a line.
func enough(s string, limit int) string { return s[:min(len(s), 16*limit)] }

// Plain takes escape sequences out of s, and of each line what a carriage
// return has overwritten, as a terminal would show it.
func Plain(s string) string {
	if !strings.ContainsAny(s, "\x1b\r") {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		i := strings.IndexByte(s, 0x1b)
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i+escapeLength(s[i:]):]
	}
	lines := strings.Split(b.String(), "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		lines[i] = line[strings.LastIndexByte(line, '\r')+1:]
	}
	return strings.Join(lines, "\n")
}

// maxSequence limits how far the end of an escape sequence is looked for, in
// bytes; one that is never closed must not swallow the log.
const maxSequence = 4096

// escapeLength is the length of the escape sequence that s starts with.
func escapeLength(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	limit := min(len(s), maxSequence)
	switch s[1] {
	case '[': // CSI: parameters, then one final byte
		for i := 2; i < limit; i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 {
				return i
			}
		}
		return 2
	case ']', 'P', '_', '^', 'X': // strings, closed by BEL or ESC \
		for i := 2; i < limit; i++ {
			if s[i] == '\a' {
				return i + 1
			}
			if s[i] == 0x1b && i+1 < limit && s[i+1] == '\\' {
				return i + 2
			}
			if s[i] == '\n' {
				return i
			}
		}
		return 2
	}
	return 2
}

// Count renders a number of things.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%s %s", Thousands(int64(n)), many)
}

// Thousands renders n with commas.
func Thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// List joins names with commas and "and"; those over limit are counted.
func List(names []string, limit int) string {
	if len(names) > limit {
		names = append(names[:limit:limit], fmt.Sprintf("%d more", len(names)-limit))
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// Size renders bytes for people.
func Size(n int64) string {
	switch {
	case n < 1<<10:
		return Count(int(n), "byte", "bytes")
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// Duration renders d with two units at most.
func Duration(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d == 0:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// TestTime renders how long a test took that is known to have taken some time: less than
// a tenth of a second is kept as nothing; see results.Coarse.
func TestTime(d time.Duration) string {
	if d <= 0 {
		return "under 0.1 s"
	}
	return Duration(d)
}

// When is a moment as pages show it.
type When struct {
	ISO string // for machines; empty: unknown
	Abs string // in full
	Rel string // seen from now
}

// At describes t seen from now; a t of zero is not known. static/live.js keeps Rel current.
func At(t, now time.Time) When {
	if t.IsZero() {
		return When{}
	}
	t = t.UTC()
	return When{ISO: t.Format(time.RFC3339), Abs: t.Format("2006-01-02 15:04:05 UTC"), Rel: ago(now.Sub(t))}
}

func ago(d time.Duration) string {
	if d <= -5*time.Second { // it is still to come
		return "in " + strings.TrimSuffix(ago(-d), " ago")
	}
	switch {
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	switch days := int(d.Hours()) / 24; {
	case days < 60:
		return fmt.Sprintf("%d d ago", days)
	case days < 730:
		return fmt.Sprintf("%d months ago", (days*12+182)/365)
	default:
		return fmt.Sprintf("%d years ago", days/365)
	}
}

// UpperFirst capitalises words of our own, at least one; projects keep their case.
func UpperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// Percent renders a probability or a share, from 0 to 1. It says neither 100 for what
// is not certain nor 0 for what is possible.
func Percent(p float64) string {
	if math.IsNaN(p) || p < 0 {
		p = 0
	}
	n := int(math.Round(min(p, 1) * 100))
	switch {
	case n == 100 && p < 1:
		return "over 99 %"
	case n == 0 && p > 0:
		return "under 1 %"
	}
	return fmt.Sprintf("%d %%", n)
}

// AuthorName is the name of an author without the address.
func AuthorName(author string) string { return weir.AuthorName(author) }
