package show

import (
	"fmt"
	"strings"
	"time"
)

// Plural counts something, for example "1 build is" and "3 builds are".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Safe makes text from the farm harmless for a terminal: control characters,
// line breaks and tabs among them, and direction marks are shown as �.
func Safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200e && r <= 0x200f || r >= 0x202a && r <= 0x202e ||
			r >= 0x2066 && r <= 0x2069 {
			return '�'
		}
		return r
	}, s)
}

// Clip cuts s to n characters at most, n > 0; what is cut ends in an ellipsis.
func Clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// Age says how long before now then was, or "not started" if then is zero.
func Age(now, then time.Time) string {
	if then.IsZero() {
		return "not started"
	}
	d := now.Sub(then)
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// SafeLine is Safe, but for tabs: they stay.
func SafeLine(s string) string {
	parts := strings.Split(s, "\t")
	for i := range parts {
		parts[i] = Safe(parts[i])
	}
	return strings.Join(parts, "\t")
}
