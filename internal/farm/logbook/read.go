package logbook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/steplog"
)

// LogAsk says which stretch of a log somebody wants.
type LogAsk struct {
	// Line is the number of the first line; negative: counted from the end.
	Line int64
	// Tail, if positive, asks for the last lines, or as many of them as fit.
	Tail int64
	// ByOffset asks for what begins at byte Offset.
	ByOffset bool
	Offset   int64
	Bytes    int  // at most so much text; 0: none
	Times    bool // also when the lines were printed
}

// LogPiece is a stretch of one step's log.
type LogPiece struct {
	FirstLine  int64  `json:"first_line"`  // number of the line that Text begins in, from 0
	Offset     int64  `json:"offset"`      // of the first byte of Text, from 0
	Text       string `json:"text"`        // raw: escape sequences, any bytes
	NextLine   int64  `json:"next_line"`   // where to read on by lines
	NextOffset int64  `json:"next_offset"` // where to read on by bytes: before NextLine, if Text is part of a very long line
	Lines      int64  `json:"lines"`       // newlines recorded so far in the whole log
	Bytes      int64  `json:"bytes"`       // bytes recorded so far in the whole log
	// Times says when lines were printed, if asked for. They are exact to about 200 ms.
	Times []steplog.LineTime `json:"times,omitempty"`
}

// Read reads a stretch of a step's log, at most ask.Bytes of it. It ends
// with a line if it can. A line that is longer is cut, and NextLine is the one
// behind it, NextOffset its rest. Lines beyond the end give an empty piece. The
// cost does not depend on the log's length.
func (b *Book) Read(ctx context.Context, id weir.AttemptID, step int, ask LogAsk) (LogPiece, error) {
	l, err := b.open(ctx, id, step)
	if err != nil {
		return LogPiece{}, err
	}
	defer l.Close()
	p := LogPiece{Lines: l.extent.Lines, Bytes: l.extent.Bytes}
	at := ask.Offset
	switch {
	case ask.ByOffset:
	case ask.Tail > 0:
		at, err = steplog.TailStart(ctx, l, ask.Tail, ask.Bytes)
	case ask.Line < 0:
		at, err = steplog.LineStart(ctx, l, max(0, p.Lines+ask.Line))
	default:
		at, err = steplog.LineStart(ctx, l, ask.Line)
	}
	if err != nil {
		return p, err
	}
	if !ask.ByOffset && ask.Tail <= 0 && ask.Line > p.Lines { // beyond the end
		p.FirstLine, p.NextLine, p.Offset, p.NextOffset = ask.Line, ask.Line, at, at
		return p, nil
	}
	piece, err := steplog.Read(ctx, l, at, ask.Bytes, ask.Times)
	if err != nil {
		return p, err
	}
	p.FirstLine, p.Offset, p.Text, p.NextOffset, p.Times = piece.FirstLine, piece.Offset, string(piece.Text), piece.Next, piece.Times
	p.NextLine = p.FirstLine + int64(bytes.Count(piece.Text, []byte{'\n'}))
	if p.NextLine == p.FirstLine && len(piece.Text) > 0 && p.FirstLine < p.Lines {
		p.NextLine++ // a line longer than the piece: its rest is passed over
	}
	return p, nil
}

// LogText is the whole text of a log as far as it was recorded when it was
// opened. It is for one goroutine; close it.
type LogText struct {
	io.ReadSeeker
	io.Closer
	Size int64  // bytes
	Tag  string // changes when the text does
}

// Open opens the whole log of a step; reading ends with ctx. A log that
// nothing was recorded of is empty.
func (b *Book) Open(ctx context.Context, id weir.AttemptID, step int) (LogText, error) {
	l, err := b.open(ctx, id, step)
	if err != nil {
		return LogText{}, err
	}
	return LogText{ReadSeeker: steplog.NewReader(ctx, l), Closer: l, Size: l.extent.Bytes,
		Tag: fmt.Sprintf("%s-%d-%d", id, step, l.extent.Bytes)}, nil
}

// Copy writes the whole log of a step to w, with constant memory.
func (b *Book) Copy(ctx context.Context, w io.Writer, id weir.AttemptID, step int) error {
	l, err := b.open(ctx, id, step)
	if err != nil {
		return err
	}
	defer l.Close()
	_, err = steplog.NewReader(ctx, l).WriteTo(w)
	return err
}

// searchTime is how long one search, or one look for sections, may take.
const searchTime = 5 * time.Second

// Search looks for lines of a step's log. After five seconds it answers
// with what it has found so far, and where to go on. Invalid if the query cannot be.
func (b *Book) Search(ctx context.Context, id weir.AttemptID, step int, q steplog.Query) (steplog.Found, error) {
	l, err := b.open(ctx, id, step)
	if err != nil {
		return steplog.Found{}, err
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	return steplog.Search(ctx, l, q)
}

// LogSections is what a log can be folded by.
type LogSections struct {
	Sections []steplog.Section `json:"sections"` // by first line
	Complete bool              `json:"complete"` // false: there may be more
}

// Sections finds the sections of a step's log. It looks for five seconds at most.
func (b *Book) Sections(ctx context.Context, id weir.AttemptID, step int) (LogSections, error) {
	l, err := b.open(ctx, id, step)
	if err != nil {
		return LogSections{}, err
	}
	defer l.Close()
	key := fmt.Sprintf("%s-%d-%d", id, step, l.extent.Bytes)
	if known, ok := b.sections.get(key); ok {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	list, complete, err := steplog.Sections(ctx, l)
	if err != nil {
		return LogSections{}, err
	}
	s := LogSections{Sections: append([]steplog.Section{}, list...), Complete: complete}
	if ctx.Err() == nil {
		b.sections.put(key, s, 1+len(s.Sections), cachedSections)
	}
	return s, nil
}
