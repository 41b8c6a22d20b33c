package steplog

import (
	"bytes"
	"context"
	"strings"
	"unicode/utf8"
)

// Marker says what a line means for the folding of the lines around it.
type Marker int

// The markers. Those of GitHub begin and end a group; those of Buildkite are
// headlines of what follows, up to the next one.
const (
	NoMarker     Marker = iota
	BeginGroup          // ::group::NAME
	EndGroup            // ::endgroup::
	Headline            // --- NAME
	OpenHeadline        // +++ NAME: not folded
	MutedLine           // ~~~ NAME: not worth a look
	OpenPrevious        // ^^^ +++: the section before is not folded after all
)

// Limits of sections.
const (
	MaxSections = 2000
	maxTitle    = 200     // bytes
	markerLine  = 1 << 10 // bytes of a line that are looked at
)

// ParseMarker tells what a line means, and the title it gives. Escape
// sequences do not count. The lines with which go test tells results look like
// headlines and are none.
func ParseMarker(line []byte) (Marker, string) {
	if !mayMark(line) {
		return NoMarker, ""
	}
	line = bytes.TrimRight(line[:min(len(line), markerLine)], "\r\n")
	if bytes.IndexByte(line, escape) >= 0 {
		line = Strip(nil, line)
	}
	for _, m := range markers {
		rest, ok := strings.CutPrefix(string(line), m.prefix)
		if !ok {
			continue
		}
		title := cleanTitle(rest)
		if m.kind == Headline && (title == "" || isGoResult(title)) || m.kind == OpenHeadline && title == "" {
			return NoMarker, ""
		}
		return m.kind, title
	}
	return NoMarker, ""
}

var markers = [...]struct {
	prefix string
	kind   Marker
}{
	{"::group::", BeginGroup}, {"::endgroup::", EndGroup}, {"##[group]", BeginGroup}, {"##[endgroup]", EndGroup},
	{"--- ", Headline}, {"+++ ", OpenHeadline}, {"~~~ ", MutedLine}, {"^^^ +++", OpenPrevious},
}

// mayMark rules most lines out quickly.
func mayMark(line []byte) bool {
	if len(line) < 4 {
		return false
	}
	switch line[0] {
	case ':', '#', '-', '+', '~', '^', escape:
		return true
	}
	return false
}

func isGoResult(title string) bool {
	for _, word := range []string{"FAIL: ", "PASS: ", "SKIP: ", "BENCH: "} {
		if strings.HasPrefix(title, word) {
			return true
		}
	}
	return false
}

func cleanTitle(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.TrimSpace(s)
	if len(s) > maxTitle {
		s = strings.ToValidUTF8(s[:maxTitle], "")
	}
	return s
}

// Section is a stretch of lines that can be folded away below its first one.
type Section struct {
	FirstLine int64  `json:"first_line"` // the one with the marker
	LastLine  int64  `json:"last_line"`
	Title     string `json:"title"`
	Open      bool   `json:"open"`            // to be shown unfolded
	Muted     bool   `json:"muted,omitempty"` // not worth a look
}

// Sectioner makes sections out of lines. The zero value is ready.
type Sectioner struct {
	sections []Section
	group    int // index of the open group, plus 1
	head     int // index of the open headline, plus 1
	waiting  *Section
	full     bool
}

// Add looks at a line; lines come in order.
func (c *Sectioner) Add(number int64, line []byte) {
	kind, title := ParseMarker(line)
	if c.waiting != nil {
		// "--- a" and right below it "+++ b" is a difference of two files.
		w := *c.waiting
		c.waiting = nil
		if kind == OpenHeadline && number == w.FirstLine+1 {
			return
		}
		c.headline(w)
	}
	switch kind {
	case NoMarker:
	case BeginGroup:
		c.endGroup(number - 1)
		if c.add(Section{FirstLine: number, Title: title}) {
			c.group = len(c.sections)
		}
	case EndGroup:
		c.endGroup(number)
	case OpenPrevious:
		if c.group == 0 && c.head > 0 {
			c.sections[c.head-1].Open = true
		}
	case Headline:
		if c.group == 0 {
			c.waiting = &Section{FirstLine: number, Title: title}
		}
	default:
		if c.group == 0 {
			c.headline(Section{FirstLine: number, Title: title, Open: kind == OpenHeadline, Muted: kind == MutedLine})
		}
	}
}

func (c *Sectioner) headline(s Section) {
	c.endHead(s.FirstLine - 1)
	if c.add(s) {
		c.head = len(c.sections)
	}
}

func (c *Sectioner) add(s Section) bool {
	if len(c.sections) == MaxSections {
		c.full = true
		return false
	}
	s.LastLine = s.FirstLine
	c.sections = append(c.sections, s)
	return true
}

func (c *Sectioner) endGroup(last int64) {
	if c.group > 0 {
		c.sections[c.group-1].LastLine = max(last, c.sections[c.group-1].FirstLine)
	}
	c.group = 0
}

func (c *Sectioner) endHead(last int64) {
	if c.head > 0 {
		c.sections[c.head-1].LastLine = max(last, c.sections[c.head-1].FirstLine)
	}
	c.head = 0
}

// Sections ends what is open at the last line, and lists all, by first line.
// Complete is false if there were more than MaxSections.
func (c *Sectioner) Sections(last int64) (list []Section, complete bool) {
	if c.waiting != nil {
		w := *c.waiting
		c.waiting = nil
		c.headline(w)
	}
	c.endGroup(last)
	c.endHead(last)
	return c.sections, !c.full
}

// Sections finds the sections of a log. Complete is false if there are too
// many, or if ctx ended before all of the log was seen.
func Sections(ctx context.Context, s Source) (list []Section, complete bool, err error) {
	var c Sectioner
	last := max(0, s.Extent().FirstLine-1)
	err = walk(ctx, s, s.Extent().Offset, 2*overlap, func(st stretch) bool {
		number := st.line
		for text, begins := st.text, st.begins; len(text) > 0; begins = true {
			line := text
			i := bytes.IndexByte(text, '\n')
			if i >= 0 {
				line = text[:i]
			}
			if begins && (c.waiting != nil || mayMark(line)) {
				c.Add(number, line)
			}
			last = number
			if i < 0 {
				break
			}
			text, number = text[i+1:], number+1
		}
		return !c.full
	})
	if ctx.Err() != nil {
		list, _ = c.Sections(last)
		return list, false, nil
	}
	list, complete = c.Sections(last)
	return list, complete, err
}
