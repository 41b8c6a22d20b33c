package steplog

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/weir-ci/weir"
)

// LineTime says when lines were read.
type LineTime struct {
	Line int64     `json:"line"` // this one, and those behind it up to the next entry
	At   time.Time `json:"at"`
}

// Piece is a stretch of a log.
type Piece struct {
	Offset    int64 // of its first byte
	FirstLine int64 // number of the line that its first byte belongs to
	Text      []byte
	Next      int64 // offset of what follows
	Times     []LineTime
}

// Read reads text from an offset on, at most limit bytes. If more follows, the
// piece ends behind a newline, unless it is within one long line.
func Read(ctx context.Context, s Source, offset int64, limit int, times bool) (Piece, error) {
	e := s.Extent()
	offset = max(e.Offset, min(offset, e.End()))
	p := Piece{Offset: offset, Next: offset, FirstLine: e.EndLine()}
	if limit <= 0 {
		return p, nil
	}
	line := int64(-1)
	starts := true // a line begins at the next byte
	for p.Next < e.End() && len(p.Text) < limit {
		b, err := s.ByteBlock(ctx, p.Next)
		if err != nil {
			return p, err
		}
		from := int(p.Next - b.Offset)
		if line < 0 {
			line = b.FirstLine + countLines(b.Text[:from])
			p.FirstLine = line
		}
		text := b.Text[from:min(len(b.Text), from+limit-len(p.Text))]
		if times {
			p.Times = appendTimes(p.Times, b, from, from+len(text), line, starts)
		}
		line += countLines(text)
		starts = text[len(text)-1] == '\n'
		p.Text = append(p.Text, text...)
		p.Next += int64(len(text))
	}
	if p.Next < e.End() {
		if cut := bytes.LastIndexByte(p.Text, '\n') + 1; cut > 0 {
			p.Next -= int64(len(p.Text) - cut)
			p.Text = p.Text[:cut]
			for n := len(p.Times); n > 0 && p.Times[n-1].Line > p.FirstLine+countLines(p.Text)-1; n-- {
				p.Times = p.Times[:n-1]
			}
		}
	}
	return p, nil
}

// appendTimes adds when the lines were read that begin in the text of a block
// between two places. A line's time is that of its first byte.
func appendTimes(times []LineTime, b Block, from, to int, line int64, starts bool) []LineTime {
	add := func(line int64, at time.Time) {
		if n := len(times); !at.IsZero() && (n == 0 || !times[n-1].At.Equal(at)) {
			times = append(times, LineTime{Line: line, At: at})
		}
	}
	at := from
	if !starts {
		i := bytes.IndexByte(b.Text[at:to], '\n')
		if i < 0 {
			return times
		}
		at, line = at+i+1, line+1
	}
	for _, m := range b.Marks {
		if m.End <= at {
			continue
		}
		if at >= to {
			break
		}
		add(line, m.At)
		// On to the first line that begins behind the stretch.
		for at < to && at < m.End {
			stop := min(to, m.End)
			i := bytes.LastIndexByte(b.Text[at:stop], '\n')
			if i < 0 { // this line goes on behind the stretch
				if i = bytes.IndexByte(b.Text[stop:to], '\n'); i < 0 {
					return times
				}
				at, line = stop+i+1, line+1
				break
			}
			line += countLines(b.Text[at : at+i+1])
			at += i + 1
		}
	}
	return times
}

// LineStart finds the offset at which a line begins; the end of the log if it
// has no such line.
func LineStart(ctx context.Context, s Source, line int64) (int64, error) {
	e := s.Extent()
	if line <= e.FirstLine {
		return e.Offset, nil
	}
	if line > e.EndLine() {
		return e.End(), nil
	}
	b, err := s.LineBlock(ctx, line)
	if err != nil {
		return 0, err
	}
	at := 0
	for range line - b.FirstLine {
		i := bytes.IndexByte(b.Text[at:], '\n')
		if i < 0 {
			return 0, weir.Errorf(weir.Internal, "line %d is not where the log says it is", line)
		}
		at += i + 1
	}
	return b.Offset + int64(at), nil
}

// Total is how many lines the log has; one that has no newline yet counts.
func Total(ctx context.Context, s Source) (int64, error) {
	e := s.Extent()
	if e.Bytes == 0 {
		return 0, nil
	}
	b, err := s.ByteBlock(ctx, e.End()-1)
	if err != nil {
		return 0, err
	}
	if b.Text[e.End()-1-b.Offset] == '\n' {
		return e.Lines, nil
	}
	return e.Lines + 1, nil
}

// TailStart finds where the last n lines begin, or as many of them as limit
// bytes hold; within a line if not even one does.
func TailStart(ctx context.Context, s Source, n int64, limit int) (int64, error) {
	e := s.Extent()
	total, err := Total(ctx, s)
	if err != nil || n <= 0 {
		return e.End(), err
	}
	start, err := LineStart(ctx, s, e.FirstLine+max(0, total-n))
	if err != nil || e.End()-start <= int64(limit) {
		return start, err
	}
	least := e.End() - int64(limit)
	for at := max(e.Offset, least-1); at < e.End()-1; {
		b, err := s.ByteBlock(ctx, at)
		if err != nil {
			return 0, err
		}
		if i := bytes.IndexByte(b.Text[at-b.Offset:], '\n'); i >= 0 && at+int64(i)+1 < e.End() {
			return at + int64(i) + 1, nil
		}
		at = b.end()
	}
	return least, nil
}

// Reader reads the whole text of a source, seekable, for one goroutine.
type Reader struct {
	ctx   context.Context
	s     Source
	at    int64 // relative to the extent
	block Block
}

// NewReader makes a reader; reading ends with ctx.
func NewReader(ctx context.Context, s Source) *Reader { return &Reader{ctx: ctx, s: s} }

// Size is how long the text is, in bytes.
func (r *Reader) Size() int64 { return r.s.Extent().Bytes }

// next is what can be read without another block.
func (r *Reader) next() ([]byte, error) {
	e := r.s.Extent()
	if r.at >= e.Bytes {
		return nil, io.EOF
	}
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	at := e.Offset + r.at
	if at < r.block.Offset || at >= r.block.end() {
		b, err := r.s.ByteBlock(r.ctx, at)
		if err != nil {
			return nil, err
		}
		r.block = b
	}
	text := r.block.Text[at-r.block.Offset:]
	return text[:min(int64(len(text)), e.Bytes-r.at)], nil
}

// Read reads text.
func (r *Reader) Read(p []byte) (int, error) {
	text, err := r.next()
	if err != nil {
		return 0, err
	}
	n := copy(p, text)
	r.at += int64(n)
	return n, nil
}

// WriteTo writes what follows to w, a block at a time.
func (r *Reader) WriteTo(w io.Writer) (written int64, err error) {
	for {
		text, err := r.next()
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		n, err := w.Write(text)
		r.at += int64(n)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
}

// Seek moves to another place.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.Size()
	}
	if offset < 0 {
		return 0, weir.Errorf(weir.Invalid, "a log has no byte %d", offset)
	}
	r.at = offset
	return offset, nil
}
