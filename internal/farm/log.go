package farm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sort"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/steplog"
	"github.com/weir-ci/weir/internal/store"
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

// ReadLog reads a stretch of a step's log, at most ask.Bytes of it. It ends
// with a line if it can. A line that is longer is cut, and NextLine is the one
// behind it, NextOffset its rest. Lines beyond the end give an empty piece. The
// cost does not depend on the log's length.
func (f *Farm) ReadLog(ctx context.Context, id weir.AttemptID, step int, ask LogAsk) (LogPiece, error) {
	l, err := f.openLog(ctx, id, step)
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

// OpenLog opens the whole log of a step; reading ends with ctx. A log that
// nothing was recorded of is empty.
func (f *Farm) OpenLog(ctx context.Context, id weir.AttemptID, step int) (LogText, error) {
	l, err := f.openLog(ctx, id, step)
	if err != nil {
		return LogText{}, err
	}
	return LogText{ReadSeeker: steplog.NewReader(ctx, l), Closer: l, Size: l.extent.Bytes,
		Tag: fmt.Sprintf("%s-%d-%d", id, step, l.extent.Bytes)}, nil
}

// CopyLog writes the whole log of a step to w, with constant memory.
func (f *Farm) CopyLog(ctx context.Context, w io.Writer, id weir.AttemptID, step int) error {
	l, err := f.openLog(ctx, id, step)
	if err != nil {
		return err
	}
	defer l.Close()
	_, err = steplog.NewReader(ctx, l).WriteTo(w)
	return err
}

// searchTime is how long one search, or one look for sections, may take.
const searchTime = 5 * time.Second

// SearchLog looks for lines of a step's log. After five seconds it answers
// with what it has found so far, and where to go on. Invalid if the query cannot be.
func (f *Farm) SearchLog(ctx context.Context, id weir.AttemptID, step int, q steplog.Query) (steplog.Found, error) {
	l, err := f.openLog(ctx, id, step)
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

// LogSections finds the sections of a step's log. It looks for five seconds at most.
func (f *Farm) LogSections(ctx context.Context, id weir.AttemptID, step int) (LogSections, error) {
	l, err := f.openLog(ctx, id, step)
	if err != nil {
		return LogSections{}, err
	}
	defer l.Close()
	key := fmt.Sprintf("%s-%d-%d", id, step, l.extent.Bytes)
	if known, ok := f.logs.sections.get(key); ok {
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
		f.logs.sections.put(key, s, 1+len(s.Sections), cachedSections)
	}
	return s, nil
}

// Bounds of what is remembered of logs.
const (
	cachedSections = 20_000
	cachedBlocks   = 100_000 // index entries, each about 40 bytes
	cachedSegments = 20_000  // entries of lists, each about 200 bytes
)

// logReading is what reading logs needs and remembers.
type logReading struct {
	codec    *steplog.Codec
	indexes  recent[weir.Digest, *steplog.Index]
	segments recent[string, []store.LogSegment] // by where they end: see listKey
	sections recent[string, LogSections]
}

// stepLog is one step's log, segments and frames, as far as it was recorded
// when it was opened. Segments are read first, then frames: what is sealed in
// between is missing from the frames, and then the segments are read again.
type stepLog struct {
	f        *Farm
	id       weir.AttemptID
	step     int
	extent   steplog.Extent
	segments []store.LogSegment
	rows     *steplog.Rows
	open     *steplog.Segment // the one that was read last
	number   int              // its place in segments
	content  blob.Content     // what it is read from; nil if it is inline
}

// openLog finds out where a log lies.
func (f *Farm) openLog(ctx context.Context, id weir.AttemptID, step int) (*stepLog, error) {
	sizes, err := f.store.LogSizes(ctx, id)
	if err != nil {
		return nil, err
	}
	l := &stepLog{f: f, id: id, step: step}
	sealed := int64(0)
	for _, s := range sizes {
		if s.Step == step {
			l.extent, sealed = steplog.Extent{Bytes: s.Bytes, Lines: s.Lines}, s.Sealed
		}
	}
	known := true
	if sealed > 0 {
		l.segments, known = f.logs.segments.get(l.listKey(sealed))
	}
	if !known {
		return l, l.look(ctx)
	}
	l.split()
	return l, nil
}

// listKey names the list of the segments of the log's first bytes, so many:
// they never change.
func (l *stepLog) listKey(sealed int64) string { return fmt.Sprintf("%s-%d-%d", l.id, l.step, sealed) }

// look reads which part of the log is sealed.
func (l *stepLog) look(ctx context.Context) (err error) {
	if l.segments, err = l.f.store.LogSegments(ctx, l.id, l.step); err != nil {
		return err
	}
	inline := slices.ContainsFunc(l.segments, func(g store.LogSegment) bool { return g.Digest == "" })
	if n := len(l.segments); n > 0 && !inline {
		l.f.logs.segments.put(l.listKey(l.segments[n-1].Offset+l.segments[n-1].Bytes), l.segments, n, cachedSegments)
	}
	l.split()
	return nil
}

// split finds out what is left for the frames.
func (l *stepLog) split() {
	rest := l.extent
	if n := len(l.segments); n > 0 {
		last := l.segments[n-1]
		rest.Offset, rest.FirstLine = last.Offset+last.Bytes, last.FirstLine+last.Lines
		rest.Bytes, rest.Lines = l.extent.End()-rest.Offset, l.extent.EndLine()-rest.FirstLine
	}
	l.rows = steplog.NewRows(l.f.logs.codec, rest, func(ctx context.Context, offset int64, limit int) ([]weir.LogFrame, error) {
		return l.f.store.LogFrames(ctx, l.id, l.step, offset, limit)
	})
}

// Close lets go of what is open.
func (l *stepLog) Close() error {
	content := l.content
	l.open, l.content = nil, nil
	if content == nil {
		return nil
	}
	return content.Close()
}

// Extent says what the log holds.
func (l *stepLog) Extent() steplog.Extent { return l.extent }

// ByteBlock reads the block with a byte.
func (l *stepLog) ByteBlock(ctx context.Context, offset int64) (steplog.Block, error) {
	return l.block(ctx, func() (steplog.Block, error) {
		i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].Offset+l.segments[i].Bytes > offset })
		if i == len(l.segments) {
			return l.rows.ByteBlock(ctx, offset)
		}
		s, err := l.segment(ctx, i)
		if err != nil {
			return steplog.Block{}, err
		}
		return s.ByteBlock(ctx, offset)
	})
}

// LineBlock reads the block with the newline before a line.
func (l *stepLog) LineBlock(ctx context.Context, line int64) (steplog.Block, error) {
	return l.block(ctx, func() (steplog.Block, error) {
		i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].FirstLine+l.segments[i].Lines >= line })
		if i == len(l.segments) {
			return l.rows.LineBlock(ctx, line)
		}
		s, err := l.segment(ctx, i)
		if err != nil {
			return steplog.Block{}, err
		}
		return s.LineBlock(ctx, line)
	})
}

// block reads, and again if something was sealed meanwhile. It cuts off what
// came after the log was opened.
func (l *stepLog) block(ctx context.Context, read func() (steplog.Block, error)) (steplog.Block, error) {
	b, err := read()
	for weir.CodeOf(err) == weir.Conflict {
		known := len(l.segments)
		if err := l.look(ctx); err != nil {
			return b, err
		}
		if len(l.segments) == known {
			return b, weir.Errorf(weir.Internal, "a part of the log of step %d of attempt %s is missing", l.step, l.id).WithCause(err)
		}
		b, err = read()
	}
	if over := b.Offset + int64(len(b.Text)) - l.extent.End(); err == nil && over > 0 {
		b.Text = b.Text[:int64(len(b.Text))-over]
		b.Lines = int64(bytes.Count(b.Text, []byte{'\n'}))
	}
	return b, err
}

// segment opens a segment.
func (l *stepLog) segment(ctx context.Context, i int) (*steplog.Segment, error) {
	if l.open != nil && l.number == i {
		return l.open, nil
	}
	if err := l.Close(); err != nil {
		return nil, err
	}
	g := l.segments[i]
	index, r, err := l.index(ctx, g)
	if err != nil {
		return nil, err
	}
	if index.Bytes() != g.Bytes || index.Lines() != g.Lines {
		return nil, weir.Errorf(weir.Internal, "the sealed log at byte %d of step %d of attempt %s is another one", g.Offset, l.step, l.id)
	}
	l.open, l.number = index.Open(l.f.logs.codec, r, g.Offset, g.FirstLine), i
	return l.open, nil
}

func (l *stepLog) index(ctx context.Context, g store.LogSegment) (*steplog.Index, io.ReaderAt, error) {
	if g.Digest == "" {
		r := bytes.NewReader(g.Data)
		index, err := steplog.ReadIndex(r, r.Size())
		return index, r, err
	}
	content, err := l.f.blobs.Open(ctx, g.Digest)
	if err != nil {
		return nil, nil, err
	}
	l.content = content
	r, ok := content.(io.ReaderAt)
	if !ok {
		r = seeker{content}
	}
	if index, ok := l.f.logs.indexes.get(g.Digest); ok {
		return index, r, nil
	}
	index, err := steplog.ReadIndex(r, content.Size())
	if err == nil {
		l.f.logs.indexes.put(g.Digest, index, 1+index.Blocks(), cachedBlocks)
	}
	return index, r, err
}

// seeker makes a blob readable at any place, for one goroutine.
type seeker struct{ io.ReadSeeker }

// ReadAt reads at a place.
func (s seeker) ReadAt(p []byte, at int64) (int, error) {
	if _, err := s.Seek(at, io.SeekStart); err != nil {
		return 0, err
	}
	return io.ReadFull(s, p)
}
