package results

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// MaxLine is how many bytes of one line a line-based reader sees; the rest of
// the line is skipped.
const MaxLine = 1 << 20

// Input is a results file as readers see it: bounded, without byte order
// mark, UTF-16 (as PowerShell's redirection writes it) turned into UTF-8.
type Input struct {
	*bufio.Reader
	limited *io.LimitedReader
	max     int64
}

// NewInput prepares r. Its error has code Invalid when r is empty or holds
// only white space; what names the expected content.
func NewInput(r io.Reader, limits Limits, what string) (*Input, error) {
	in := &Input{max: limits.filled().Input}
	in.limited = &io.LimitedReader{R: r, N: in.max + 1}
	raw := bufio.NewReaderSize(in.limited, 64<<10)
	mark, _ := raw.Peek(3)
	switch {
	case bytes.HasPrefix(mark, []byte{0xff, 0xfe}), bytes.HasPrefix(mark, []byte{0xfe, 0xff}):
		wide := &utf16Reader{r: raw, big: mark[0] == 0xfe}
		_, _ = raw.Discard(2)
		in.Reader = bufio.NewReaderSize(wide, 64<<10)
	case bytes.HasPrefix(mark, []byte{0xef, 0xbb, 0xbf}):
		_, _ = raw.Discard(3)
		in.Reader = raw
	default:
		in.Reader = raw
	}
	for {
		c, err := in.Peek(1)
		if errors.Is(err, io.EOF) {
			return nil, weir.Errorf(weir.Invalid, "the %s file is empty", what).
				WithHint("the tests ended before they wrote results; the log says why")
		}
		if err != nil {
			return nil, err
		}
		// Indentation means something in some formats: it goes only when the
		// whole line is blank, or so long that no format means it.
		window, _ := in.Peek(256)
		if len(bytes.TrimLeft(firstLine(window), " \t\r")) > 0 {
			return in, nil
		}
		_, _ = in.Discard(len(c))
	}
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte{'\n'})
	return line
}

// Capped reports whether the file is longer than what was read of it.
func (in *Input) Capped() bool { return in.limited.N <= 0 }

// CappedIncident is the incident that tells of a capped input.
func (in *Input) CappedIncident() weir.Incident {
	return weir.Incident{Kind: weir.Truncated, Message: "the results file is too large: its end was not read"}
}

// Line returns the next line without its end, cut to MaxLine, and whether it
// had an end; the last line of a file that was cut short has none. At the end
// of the input the error is io.EOF. The line is valid until the next call.
func (in *Input) Line() (line []byte, whole bool, err error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(long) < MaxLine {
				long = append(long, part[:min(len(part), MaxLine-len(long))]...)
			}
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, false, err
		case err != nil && len(part) == 0 && long == nil:
			return nil, false, io.EOF
		}
		whole = err == nil
		if long != nil {
			part = append(long, part[:min(len(part), MaxLine-len(long))]...)
		}
		return bytes.TrimRight(part, "\r\n"), whole, nil
	}
}

// utf16Reader turns UTF-16 into UTF-8.
type utf16Reader struct {
	r       *bufio.Reader
	big     bool
	pending []byte
	high    rune // first half of a pair, or 0
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.pending) == 0 {
		var two [2]byte
		if _, err := io.ReadFull(u.r, two[:]); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.EOF
			}
			return 0, err
		}
		r := rune(two[0]) | rune(two[1])<<8
		if u.big {
			r = rune(two[1]) | rune(two[0])<<8
		}
		if u.high != 0 {
			r, u.high = utf16.DecodeRune(u.high, r), 0
		} else if utf16.IsSurrogate(r) {
			u.high = r
			continue
		}
		u.pending = utf8.AppendRune(u.pending[:0], r)
	}
	n := copy(p, u.pending)
	u.pending = u.pending[n:]
	return n, nil
}
