package junit

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits on what one piece of markup may hold. What lies behind them is left
// out, so that the XML decoder, which holds a whole tag or text in memory,
// holds little.
const (
	maxTag   = 128 << 10 // bytes of a start tag with its attributes
	maxValue = 32 << 10  // bytes of one attribute
	maxText  = 64 << 10  // bytes of text handed over in one piece; longer text comes in pieces
	// maxEntity is the longest character reference that is looked at, from & to ;.
	maxEntity = 12
)

// filter makes well-behaved XML of what tools write. The decoder of the
// standard library stops at much that occurs in practice, so the filter
//   - leaves out the XML declaration (1.1 is refused), comments, processing
//     instructions and the document type with all that it declares,
//   - replaces invalid UTF-8 and characters that XML forbids, written out or
//     as a reference, by U+FFFD,
//   - escapes &, < and ]]> where they stand for themselves,
//   - breaks long texts into pieces and cuts long tags.
type filter struct {
	in    *bufio.Reader
	out   bytes.Buffer
	err   error
	run   int  // bytes of the present text
	cdata bool // within a CDATA section
	wide  bool // the file is in ISO 8859-1
}

func newFilter(in *bufio.Reader) *filter {
	f := &filter{in: in}
	start, _ := in.Peek(256)
	if bytes.HasPrefix(bytes.TrimSpace(start), []byte("<?xml")) {
		decl, _, _ := bytes.Cut(bytes.ToLower(start), []byte("?>"))
		f.wide = bytes.Contains(decl, []byte("8859-1")) || bytes.Contains(decl, []byte("windows-1252"))
	}
	return f
}

// Read implements io.Reader.
func (f *filter) Read(p []byte) (int, error) {
	for f.out.Len() == 0 {
		if f.err != nil {
			return 0, f.err
		}
		f.step()
	}
	return f.out.Read(p)
}

// step handles one character of text or one whole piece of markup.
func (f *filter) step() {
	for f.out.Len() < 4096 && f.err == nil {
		f.copyPlain()
		c, ok := f.next()
		switch {
		case !ok:
			return
		case f.cdata:
			f.cdataChar(c)
		case c == '<':
			f.markup()
			f.run = 0
		default:
			f.text(c)
		}
	}
}

// copyPlain copies the text up to the next character that needs a look.
func (f *filter) copyPlain() {
	ahead, _ := f.in.Peek(min(f.in.Buffered(), 4096))
	n := 0
	for n < len(ahead) && !special[ahead[n]] {
		n++
	}
	if n == 0 {
		return
	}
	if f.run > maxText {
		f.out.WriteString("<!---->") // the decoder hands over what it has
		f.run = 0
	}
	f.out.Write(ahead[:n])
	_, _ = f.in.Discard(n)
	f.run += n
}

// special are the bytes that text does not hold as they are.
var special = func() (t [256]bool) {
	for c := range t {
		t[c] = c < 0x20 && c != '\n' && c != '\t' || c >= utf8.RuneSelf || strings.ContainsRune("&<>]", rune(c))
	}
	return t
}()

func (f *filter) next() (byte, bool) {
	c, err := f.in.ReadByte()
	if err != nil {
		f.err = err
		return 0, false
	}
	return c, true
}

// text writes one character of text outside of tags.
func (f *filter) text(c byte) {
	if f.run > maxText && c < 0x80 {
		f.out.WriteString("<!---->") // the decoder hands over what it has
		f.run = 0
	}
	f.char(c)
}

// char writes the character that starts with c, escaped.
func (f *filter) char(c byte) {
	f.run++
	switch {
	case c == '&':
		f.entity()
	case c == '<':
		f.out.WriteString("&lt;")
	case c == '>':
		f.out.WriteString("&gt;")
	default:
		f.plain(c)
	}
}

// plain writes the character that starts with c as it is, if XML allows it.
func (f *filter) plain(c byte) {
	switch {
	case c < 0x20 && c != '\n' && c != '\t' && c != '\r':
		f.out.WriteRune(utf8.RuneError)
	case c < utf8.RuneSelf:
		f.out.WriteByte(c)
	case f.wide:
		f.out.WriteRune(rune(c))
	default:
		// The decoder takes what UTF-8 can say, but for surrogates and
		// non-characters.
		rest, _ := f.in.Peek(utf8.UTFMax - 1)
		var seq [utf8.UTFMax]byte
		seq[0] = c
		n := copy(seq[1:], rest)
		r, size := utf8.DecodeRune(seq[:1+n])
		if r != utf8.RuneError {
			_, _ = f.in.Discard(size - 1)
		}
		if r == 0xfffe || r == 0xffff {
			r = utf8.RuneError
		}
		f.out.WriteRune(r)
		f.run += size - 1
	}
}

// entity writes the reference that starts with the & just read.
func (f *filter) entity() {
	rest, _ := f.in.Peek(maxEntity)
	end := bytes.IndexByte(rest, ';')
	if end < 0 {
		f.out.WriteString("&amp;")
		return
	}
	name := string(rest[:end])
	switch name {
	case "amp", "lt", "gt", "quot", "apos":
		f.out.WriteString("&" + name + ";")
	default:
		r, ok := reference(name)
		if !ok {
			f.out.WriteString("&amp;") // the rest comes as text
			return
		}
		// Written as a reference again, since a bare line break in an
		// attribute would turn into a space.
		f.out.WriteString("&#" + strconv.Itoa(int(r)) + ";")
	}
	_, _ = f.in.Discard(end + 1)
	f.run += end
}

// reference reads the number of a character reference. A character that XML
// forbids becomes U+FFFD.
func reference(name string) (rune, bool) {
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0, false
	}
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(digits), "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 31)
	if err != nil {
		return 0, false
	}
	r := rune(n)
	if r < 0x20 && r != '\n' && r != '\t' && r != '\r' || !utf8.ValidRune(r) || r == 0xfffe || r == 0xffff {
		r = utf8.RuneError
	}
	return r, true
}

// markup handles what follows a <.
func (f *filter) markup() {
	rest, _ := f.in.Peek(8)
	switch {
	case bytes.HasPrefix(rest, []byte("!--")):
		_, _ = f.in.Discard(3)
		f.skipTo("-->")
	case bytes.HasPrefix(rest, []byte("![CDATA[")):
		_, _ = f.in.Discard(8)
		f.cdata = true
	case bytes.HasPrefix(rest, []byte("?")):
		f.skipTo("?>")
	case bytes.HasPrefix(rest, []byte("!")):
		f.docType()
	case len(rest) > 0 && (rest[0] == '/' || nameStart(rest[0])):
		f.tag()
	default:
		f.out.WriteString("&lt;")
	}
}

func nameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' || c >= 0x80
}

// skipTo leaves out everything up to and including end.
func (f *filter) skipTo(end string) {
	matched := 0
	for matched < len(end) {
		c, ok := f.next()
		switch {
		case !ok:
			return
		case c == end[matched]:
			matched++
		case c == '-' && end == "-->" && matched == 2:
			// A third dash: the last two may still be the end.
		case c == end[0]:
			matched = 1
		default:
			matched = 0
		}
	}
}

// docType leaves out a <! declaration with its internal subset.
func (f *filter) docType() {
	depth := 1
	var quote byte
	for depth > 0 {
		c, ok := f.next()
		switch {
		case !ok:
			return
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '<':
			depth++
		case c == '>':
			depth--
		}
	}
}

// cdataChar writes one character of a CDATA section as escaped text.
func (f *filter) cdataChar(c byte) {
	if c == ']' {
		if rest, _ := f.in.Peek(2); string(rest) == "]>" {
			_, _ = f.in.Discard(2)
			f.cdata = false
			return
		}
	}
	if c == '&' {
		f.run++
		f.out.WriteString("&amp;")
		return
	}
	f.text(c)
}

// tag writes a start or end tag: attribute values cut to maxValue, and
// attributes that go beyond maxTag left out.
func (f *filter) tag() {
	start := f.out.Len()
	whole := start // where the last attribute that fits ends
	var quote, last byte
	value := 0 // length of out at the start of the present value
	f.out.WriteByte('<')
	for {
		c, ok := f.next()
		if !ok {
			return
		}
		over := f.out.Len()-start > maxTag
		switch {
		case quote != 0 && c == quote:
			quote = 0
			if !over {
				f.out.WriteByte(c)
				whole = f.out.Len()
			}
		case quote != 0:
			if !over && f.out.Len()-value < maxValue {
				f.char(c)
			}
		case c == '>':
			f.endTag(start, whole, over, last == '/')
			return
		default:
			if c == '"' || c == '\'' {
				quote, value = c, f.out.Len()
			}
			if !over {
				f.plain(max(c, ' '))
			}
		}
		last = c
	}
}

// endTag closes the tag that was written from start on.
func (f *filter) endTag(start, whole int, over, selfClosing bool) {
	if over {
		f.out.Truncate(whole)
		if whole == start {
			return // a name longer than any tag: nothing to keep
		}
		if selfClosing {
			f.out.WriteByte('/')
		}
	}
	f.out.WriteByte('>')
}

// broken reports whether err is of the reader below rather than of the XML.
func (f *filter) broken() error {
	if f.err != nil && !errors.Is(f.err, io.EOF) {
		return f.err
	}
	return nil
}
