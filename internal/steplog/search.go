package steplog

import (
	"bytes"
	"context"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// Limits of a search.
const (
	MaxPattern   = 500      // bytes of a pattern
	MaxMatches   = 10_000   // of one search
	MaxMatchText = 400      // bytes of a match's text
	maxLine      = 1 << 20  // bytes; longer lines are looked at in pieces
	maxRegexp    = 64 << 10 // the same, for regular expressions
	overlap      = 2 << 10  // bytes that two pieces of a line have in common
	maxProgram   = 2000     // instructions of a regular expression
	beforeMatch  = 100      // bytes of context before a match in its text
)

// Query says what to look for.
type Query struct {
	Pattern    string
	Regexp     bool // RE2; it is matched against single lines
	IgnoreCase bool
	From       int64 // offset to begin at: 0, or Found.Next of an earlier search
	Limit      int   // of matches; 0: 100, at most MaxMatches
	Count      bool  // go on counting matches behind the limit
}

// Match is a line that matches.
type Match struct {
	Line   int64 `json:"line"`   // from 0
	Offset int64 `json:"offset"` // of the line; in a very long one, of the piece that matches
	// Text is the line around its first match, without escape sequences, at
	// most MaxMatchText bytes of valid UTF-8; Start and End are where in it
	// the match is.
	Text  string `json:"text"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Found is the answer to a query.
type Found struct {
	Matches []Match `json:"matches"`
	// Total is how many lines match in what was searched.
	Total int64 `json:"total"`
	// Next is where to go on; Done says that the end was reached, so that
	// there is nothing behind Total.
	Next int64 `json:"next"`
	Done bool  `json:"done"`
}

// matcher finds a pattern in text without escape sequences.
type matcher struct {
	literal []byte // in lower case if fold
	fold    bool
	re      *regexp.Regexp
	prefix  []byte // that every match of re begins with
	folded  []byte
}

func newMatcher(q Query) (*matcher, error) {
	switch {
	case q.Pattern == "":
		return nil, weir.Errorf(weir.Invalid, "there is nothing to search for")
	case len(q.Pattern) > MaxPattern:
		return nil, weir.Errorf(weir.Invalid, "the pattern has %d bytes, %d are the most", len(q.Pattern), MaxPattern)
	case strings.ContainsAny(q.Pattern, "\n"):
		return nil, weir.Errorf(weir.Invalid, "the pattern has a line break; lines are searched one by one")
	}
	if !q.Regexp {
		if !q.IgnoreCase {
			return &matcher{literal: []byte(q.Pattern)}, nil
		}
		if isASCII(q.Pattern) {
			return &matcher{literal: []byte(strings.ToLower(q.Pattern)), fold: true}, nil
		}
	}
	pattern := q.Pattern
	if !q.Regexp {
		pattern = regexp.QuoteMeta(pattern)
	}
	if q.IgnoreCase {
		pattern = "(?i)" + pattern
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err == nil {
		var program *syntax.Prog
		if program, err = syntax.Compile(parsed.Simplify()); err == nil && len(program.Inst) > maxProgram {
			return nil, weir.Errorf(weir.Invalid, "the regular expression is too large").WithHint("use smaller repetitions")
		}
	}
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "%.200q is no regular expression: %s", q.Pattern, strings.TrimPrefix(err.Error(), "error parsing regexp: ")).
			WithHint("the syntax is that of RE2; search for plain text otherwise")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "%.200q is no regular expression", q.Pattern).WithCause(err)
	}
	m := &matcher{re: re}
	if prefix, _ := re.LiteralPrefix(); prefix != "" {
		m.prefix = []byte(prefix)
	}
	return m, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// prepare looks at a text once, before find is called on it.
func (m *matcher) prepare(text []byte) {
	if !m.fold {
		m.folded = text
		return
	}
	m.folded = append(m.folded[:0], text...)
	for i, c := range m.folded {
		if 'A' <= c && c <= 'Z' {
			m.folded[i] = c + 'a' - 'A'
		}
	}
}

// find finds the first line at or behind from, which begins a line, that
// matches: the line's borders, and the match's.
func (m *matcher) find(text []byte, from int) (line, lineEnd, start, end int, ok bool) {
	for from < len(text) {
		at := from
		switch {
		case m.re == nil:
			i := bytes.Index(m.folded[from:], m.literal)
			if i < 0 {
				return 0, 0, 0, 0, false
			}
			at = from + i
		case m.prefix != nil:
			i := bytes.Index(text[from:], m.prefix)
			if i < 0 {
				return 0, 0, 0, 0, false
			}
			at = from + i
		}
		line = from + bytes.LastIndexByte(text[from:at], '\n') + 1
		lineEnd = len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			lineEnd = at + i
		}
		if m.re == nil {
			return line, lineEnd, at, at + len(m.literal), true
		}
		// Pieces, so that no line takes for ever.
		for a := line; ; a += maxRegexp - overlap {
			z := min(lineEnd, a+maxRegexp)
			if found := m.re.FindIndex(bytes.TrimSuffix(text[a:z], []byte{'\r'})); found != nil {
				return line, lineEnd, a + found[0], a + found[1], true
			}
			if z == lineEnd {
				break
			}
		}
		from = lineEnd + 1
	}
	return 0, 0, 0, 0, false
}

// Search looks for lines, from q.From on. When ctx ends it answers with what it
// has found so far. Its error is Invalid if the query cannot be.
func Search(ctx context.Context, s Source, q Query) (Found, error) {
	m, err := newMatcher(q)
	if err != nil {
		return Found{}, err
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	sr := searcher{q: q, m: m, limit: min(q.Limit, MaxMatches), last: -1}
	sr.found.Matches = []Match{}
	e := s.Extent()
	from := max(e.Offset, min(q.From, e.End()))
	sr.found.Next = from
	err = walk(ctx, s, from, maxLine, sr.look)
	switch {
	case ctx.Err() != nil: // as far as it came
		err = nil
	case err == nil && !sr.stopped:
		sr.found.Done = true
		if !sr.full {
			sr.found.Next = e.End()
		}
	}
	return sr.found, err
}

type searcher struct {
	q        Query
	m        *matcher
	limit    int
	last     int64 // line that was found last
	full     bool  // the limit was reached
	stopped  bool
	stripped []byte
	found    Found
}

// look searches a stretch; false ends the walk.
func (sr *searcher) look(st stretch) bool {
	text := st.text
	plain := bytes.IndexByte(text, escape) < 0
	if !plain {
		sr.stripped = Strip(sr.stripped[:0], text)
		text = sr.stripped
	}
	sr.m.prepare(text)
	at, raw, number := 0, 0, st.line // the same place in text and in st.text, and its line
	for {
		line, lineEnd, start, end, ok := sr.m.find(text, at)
		if !ok {
			break
		}
		skipped := countLines(text[at:line])
		number += skipped
		if plain {
			raw = line
		} else {
			raw += skip(st.text[raw:], skipped)
		}
		if number != sr.last {
			sr.last = number
			sr.found.Total++
			if len(sr.found.Matches) < sr.limit {
				sr.found.Matches = append(sr.found.Matches, clip(number, st.offset+int64(raw), text[line:lineEnd], start-line, end-line))
			}
			if len(sr.found.Matches) == sr.limit && !sr.full {
				sr.full = true
				sr.found.Next = st.offset + int64(raw+skip(st.text[raw:], 1))
				if !sr.q.Count {
					sr.stopped = true
					return false
				}
			}
		}
		if lineEnd >= len(text) {
			break
		}
		at, number = lineEnd+1, number+1
		if !plain {
			raw += skip(st.text[raw:], 1)
		}
	}
	if !sr.full {
		sr.found.Next = st.next
	}
	return true
}

// skip is how many bytes hold n newlines; all, if there are fewer.
func skip(text []byte, n int64) int {
	at := 0
	for ; n > 0; n-- {
		i := bytes.IndexByte(text[at:], '\n')
		if i < 0 {
			return len(text)
		}
		at += i + 1
	}
	return at
}

func clip(line, offset int64, text []byte, start, end int) Match {
	m := Match{Line: line, Offset: offset}
	from := 0
	if len(text) > MaxMatchText && start > beforeMatch {
		from = start - beforeMatch
		for from < start && !utf8.RuneStart(text[from]) {
			from++
		}
	}
	to := min(len(text), from+MaxMatchText)
	for to > from && to < len(text) && !utf8.RuneStart(text[to]) {
		to--
	}
	start, end = min(start, to), min(end, to)
	before := strings.ToValidUTF8(string(text[from:start]), "?")
	match := strings.ToValidUTF8(string(text[start:end]), "?")
	m.Text = before + match + strings.ToValidUTF8(strings.TrimRight(string(text[end:to]), "\r"), "?")
	m.Start, m.End = len(before), len(before)+len(match)
	return m
}

// stretch is whole lines, or a piece of one that is very long.
type stretch struct {
	text   []byte // valid during the call
	offset int64
	line   int64 // number of the first
	begins bool  // the first line begins with the text
	next   int64 // where a walk that begins anew leaves nothing out
}

// walk calls look with stretches that together are the log from an offset on.
// Pieces of lines longer than limit overlap.
func walk(ctx context.Context, s Source, from int64, limit int, look func(stretch) bool) error {
	e := s.Extent()
	var carry []byte // the line that has not ended yet
	begins := true
	line := int64(-1)
	at := from
	emit := func(text []byte, end int64) bool {
		more := look(stretch{text: text, offset: end - int64(len(text)), line: line, begins: begins, next: end})
		line += countLines(text)
		begins = true
		return more
	}
	for at < e.End() {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := s.ByteBlock(ctx, at)
		if err != nil {
			return err
		}
		text := b.Text[at-b.Offset:]
		if line < 0 {
			line = b.FirstLine + countLines(b.Text[:at-b.Offset])
		}
		at = b.end()
		if len(carry) > 0 {
			i := bytes.IndexByte(text, '\n') + 1
			if i == 0 {
				carry = append(carry, text...)
				if len(carry) > limit {
					end := at
					look := look(stretch{text: carry, offset: end - int64(len(carry)), line: line, begins: begins, next: end - overlap})
					if !look {
						return nil
					}
					begins = false
					carry = append(carry[:0], carry[len(carry)-overlap:]...)
				}
				continue
			}
			carry = append(carry, text[:i]...)
			text = text[i:]
			if !emit(carry, at-int64(len(text))) {
				return nil
			}
			carry = carry[:0]
		}
		i := bytes.LastIndexByte(text, '\n') + 1
		if i > 0 && !emit(text[:i], at-int64(len(text)-i)) {
			return nil
		}
		carry = append(carry, text[i:]...)
	}
	if len(carry) > 0 {
		emit(carry, at)
	}
	return nil
}
