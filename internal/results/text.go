package results

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// How much of a text is looked at before it is cut to its limit: cleaning can
// make a text shorter, and must not cost more than a small multiple of it.
const (
	nameWindow = 16 << 10
	textWindow = 2 // times the limit
)

// cleanName makes s fit for a name: valid UTF-8, and what cannot be seen or
// changes the direction of text is written as an escape. Different names stay
// different.
func cleanName(s string) string {
	if len(s) > nameWindow {
		s = shorten(s, nameWindow)
	}
	if plain(s, false) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteRune(utf8.RuneError)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x100 && control(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case control(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// shorten cuts s to limit bytes. A digest of the whole name at the end keeps
// names apart that differ only behind the cut.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	suffix := "~" + hex.EncodeToString(sum[:4])
	return Clip(s, limit-len(suffix)) + suffix
}

// cleanMessage keeps the beginning of s, at most limit bytes.
func cleanMessage(s string, limit int) string {
	return strings.TrimSpace(Clip(CleanText(Clip(s, textWindow*limit)), limit))
}

// cleanOutput keeps the end of s, at most limit bytes.
func cleanOutput(s string, limit int) string {
	return strings.Trim(tail(CleanText(tail(s, textWindow*limit)), limit), "\n")
}

// CleanText makes s fit for a page: valid UTF-8, lines ending in \n, without
// terminal sequences, control characters and bidirectional overrides.
func CleanText(s string) string {
	if plain(s, true) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == 0x1b:
			if n := escapeLen(s[i:]); n > 0 {
				i += n
				continue
			}
			b.WriteRune(utf8.RuneError)
		case r == '\r':
			if i+1 >= len(s) || s[i+1] != '\n' {
				b.WriteByte('\n')
			}
		case r == '\n' || r == '\t':
			b.WriteByte(byte(r))
		case control(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// escapeLen is the length of the terminal sequence (ESC [ ... letter) at the
// start of s, or 0.
func escapeLen(s string) int {
	if len(s) < 2 || s[1] != '[' {
		return 0
	}
	for i := 2; i < len(s) && i < 64; i++ {
		switch c := s[i]; {
		case c >= 0x40 && c <= 0x7e:
			return i + 1
		case c < 0x20 || c > 0x3f:
			return 0
		}
	}
	return 0
}

func plain(s string, text bool) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 0x7f || c < 0x20 && (!text || c != '\n' && c != '\t') {
			return false
		}
	}
	return true
}

// control reports whether r does something instead of being seen: C0 and C1
// control characters, direction marks and overrides, line separators.
func control(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return false
}

// Clip is the beginning of s, at most limit bytes and whole runes.
func Clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// tail keeps at most the last limit bytes of s, from the start of a rune on.
func tail(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	start := len(s) - limit
	for start < len(s) && !utf8.RuneStart(s[start]) {
		start++
	}
	return s[start:]
}

// StripGoMarks drops the lines in which the testing package of Go announces
// that tests start, pause and end; every tool that wraps go test repeats them.
func StripGoMarks(s string) string {
	if !strings.Contains(s, "=== ") && !strings.Contains(s, "--- ") {
		return s
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		if !GoMark(line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// GoMark reports whether line is one that StripGoMarks drops.
func GoMark(line string) bool {
	line = strings.TrimLeft(line, " ")
	if len(line) < 8 {
		return false
	}
	switch line[:8] {
	case "=== RUN ", "=== PAUS", "=== CONT", "=== NAME", "--- PASS", "--- FAIL", "--- SKIP":
		return true
	}
	return false
}
