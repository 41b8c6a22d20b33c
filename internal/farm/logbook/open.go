package logbook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/steplog"
	"github.com/weir-ci/weir/internal/store"
)

// stepLog is one step's log, segments and frames, as far as it was recorded
// when it was opened. Segments are read first, then frames: what is sealed in
// between is missing from the frames, and what is packed in between is missing
// from the blobs; then the segments are read again.
type stepLog struct {
	book     *Book
	id       weir.AttemptID
	step     int
	extent   steplog.Extent
	segments []store.LogSegment
	rows     *steplog.Rows
	open     *steplog.Segment // the one that was read last
	number   int              // its place in segments
	content  blob.Content     // what it is read from; nil if it is inline
}

// open finds out where a log lies.
func (b *Book) open(ctx context.Context, id weir.AttemptID, step int) (*stepLog, error) {
	sizes, err := b.store.LogSizes(ctx, id)
	if err != nil {
		return nil, err
	}
	l := &stepLog{book: b, id: id, step: step}
	sealed := int64(0)
	for _, s := range sizes {
		if s.Step == step {
			l.extent, sealed = steplog.Extent{Bytes: s.Bytes, Lines: s.Lines}, s.Sealed
		}
	}
	known := true
	if sealed > 0 {
		l.segments, known = b.segments.get(l.listKey(sealed))
	}
	if !known {
		return l, l.look(ctx)
	}
	l.split()
	return l, nil
}

// listKey names the list of the segments of the log's first bytes, so many.
// Until they are packed they never change.
func (l *stepLog) listKey(sealed int64) string { return fmt.Sprintf("%s-%d-%d", l.id, l.step, sealed) }

// look reads which part of the log is sealed.
func (l *stepLog) look(ctx context.Context) (err error) {
	if err := l.Close(); err != nil {
		return err
	}
	if l.segments, err = l.book.store.LogSegments(ctx, l.id, l.step); err != nil {
		return err
	}
	inline := slices.ContainsFunc(l.segments, func(g store.LogSegment) bool { return g.Digest == "" })
	if n := len(l.segments); n > 0 && !inline {
		l.book.segments.put(l.listKey(l.segments[n-1].Offset+l.segments[n-1].Bytes), l.segments, n, cachedSegments)
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
	l.rows = steplog.NewRows(l.book.codec, rest, func(ctx context.Context, offset int64, limit int) ([]weir.LogFrame, error) {
		return l.book.store.LogFrames(ctx, l.id, l.step, offset, limit)
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

// block reads, and again if something was sealed or packed meanwhile. It cuts
// off what came after the log was opened.
func (l *stepLog) block(ctx context.Context, read func() (steplog.Block, error)) (steplog.Block, error) {
	b, err := read()
	for code := weir.CodeOf(err); code == weir.Conflict || code == weir.NotFound; code = weir.CodeOf(err) {
		known := l.segments
		if err := l.look(ctx); err != nil {
			return b, err
		}
		if slices.EqualFunc(known, l.segments, sameSegment) {
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

func sameSegment(a, b store.LogSegment) bool {
	return a.Offset == b.Offset && a.Bytes == b.Bytes && a.Digest == b.Digest
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
	l.open, l.number = index.Open(l.book.codec, r, g.Offset, g.FirstLine), i
	return l.open, nil
}

func (l *stepLog) index(ctx context.Context, g store.LogSegment) (*steplog.Index, io.ReaderAt, error) {
	if g.Digest == "" {
		r := bytes.NewReader(g.Data)
		index, err := steplog.ReadIndex(r, r.Size())
		return index, r, err
	}
	content, err := l.book.blobs.Open(ctx, g.Digest)
	if err != nil {
		return nil, nil, err
	}
	l.content = content
	r, ok := content.(io.ReaderAt)
	if !ok {
		r = seeker{content}
	}
	if index, ok := l.book.indexes.get(g.Digest); ok {
		return index, r, nil
	}
	index, err := steplog.ReadIndex(r, content.Size())
	if err == nil {
		l.book.indexes.put(g.Digest, index, 1+index.Blocks(), cachedBlocks)
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
