package logbook

import (
	"context"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/steplog"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// packLogs is how many logs a book chooses from: few take the same.
	packLogs = 16
	// packPause is how long packing rests after something went wrong, such as a
	// full disk.
	packPause = time.Minute
	// packTime is for how long a look goes on before the book looks again for
	// logs to be sealed, which are not to wait.
	packTime = time.Second
	// packRest is how long packing rests after each block, in parts of the time
	// that the block took, when nothing else is to do; packYield is the same
	// while workers send logs.
	packRest  = 1
	packYield = 9
	// takeQuiet is how long ago workers must have sent the last frame for
	// there to be nothing else to do.
	takeQuiet = time.Second
)

// pack puts segments of logs that have ended together into dense ones, a block
// at a time, and reports whether there is more to do. It takes one segment's
// worth of memory, and wherever it is stopped, nothing is half done: the blob
// comes first, then its row takes the place of the old ones, then their blobs go.
// Several servers may be at it: whoever comes second finds a Conflict, and leaves
// the work to the other for a while.
func (b *Book) pack(ctx context.Context) (more bool, err error) {
	var dense *steplog.Denser
	for begin := time.Now(); time.Since(begin) < packTime; {
		logs, err := b.store.Loose(ctx, packLogs)
		if err != nil || len(logs) == 0 {
			return false, err
		}
		if dense == nil {
			dense = steplog.NewDenser(b.codec)
		}
		err = b.packLog(ctx, dense, logs[rand.IntN(len(logs))])
		if weir.CodeOf(err) == weir.Conflict {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// packLog makes the next dense segment of a log.
func (b *Book) packLog(ctx context.Context, dense *steplog.Denser, p store.Packing) error {
	segments, err := b.store.LogSegments(ctx, p.Attempt, p.Step)
	if err != nil {
		return err
	}
	first := sort.Search(len(segments), func(i int) bool { return segments[i].Offset >= p.Offset })
	if first == len(segments) || segments[first].Offset != p.Offset {
		return weir.Errorf(weir.Conflict, "byte %d of step %d of attempt %s was packed by somebody else", p.Offset, p.Step, p.Attempt)
	}
	segments = segments[first:]
	made, n, before, err := b.packed(ctx, dense, segments)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if code := weir.CodeOf(err); code == weir.Internal || code == weir.NotFound || code == weir.Unsupported {
		// It was damaged, and is not going to be better: what can be read of
		// it stays readable where it is.
		b.log.Warn("a part of a log cannot be packed, and stays as it is", "attempt", p.Attempt, "step", p.Step, "err", err)
		made, n = nil, max(n, 1)
	} else if err != nil {
		return err
	}
	old := segments[:n]
	g := store.LogSegment{Attempt: p.Attempt, Step: p.Step, Offset: p.Offset, FirstLine: old[0].FirstLine}
	for _, o := range old {
		g.Bytes, g.Lines = g.Bytes+o.Bytes, g.Lines+o.Lines
	}
	if made == nil {
		_, err := b.store.Pack(ctx, old, g)
		return err
	}
	if made.Bytes() != g.Bytes || made.Lines() != g.Lines {
		return weir.Errorf(weir.Internal, "the sealed log at byte %d of step %d of attempt %s is another one", p.Offset, p.Step, p.Attempt)
	}
	if result := made.Finish(); int64(result.Len()) < before {
		if g.Digest, err = blob.Add(ctx, b.blobs, result.Reader, int64(result.Len())); err != nil {
			return err
		}
	}
	unused, err := b.store.Pack(ctx, old, g)
	if err != nil {
		return err
	}
	for _, d := range unused {
		if d == g.Digest {
			continue
		}
		if err := b.blobs.Remove(ctx, d); err != nil {
			b.log.Warn("what a log was before it was packed cannot be removed", "blob", d, "err", err)
		}
	}
	return nil
}

// packed reads segments until they make a dense one, and returns that, how many
// they were, and how many bytes they have as they are.
func (b *Book) packed(ctx context.Context, dense *steplog.Denser, segments []store.LogSegment) (made *steplog.Builder, n int, before int64, err error) {
	made = dense.Begin().Of(segments[0].Attempt, segments[0].Step)
	for _, g := range segments {
		if n > 0 && (made.Len() >= b.packSize || made.Full()) {
			break
		}
		n++
		size, err := b.packSegment(ctx, made, g)
		if err != nil {
			return nil, max(1, n), 0, err
		}
		before += size
	}
	return made, n, before, nil
}

// packSegment puts one segment into a dense one, and returns how many bytes it
// has as it is.
func (b *Book) packSegment(ctx context.Context, made *steplog.Builder, g store.LogSegment) (size int64, err error) {
	l := &stepLog{book: b, id: g.Attempt, step: g.Step, segments: []store.LogSegment{g}}
	defer l.Close()
	s, err := l.segment(ctx, 0)
	if err != nil {
		return 0, err
	}
	size = int64(len(g.Data))
	if l.content != nil {
		size = l.content.Size()
	}
	for at := g.Offset; at < g.Offset+g.Bytes; {
		begin := time.Now()
		block, err := s.ByteBlock(ctx, at)
		if err != nil {
			return 0, err
		}
		at += int64(len(block.Text))
		if err := made.AddBlock(block); err != nil {
			return 0, err
		}
		if err := b.rest(ctx, time.Since(begin)); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// breathe rests after so much work.
func (b *Book) breathe(ctx context.Context, worked time.Duration) error {
	parts := time.Duration(packRest)
	if time.Since(time.Unix(0, b.taken.Load())) < takeQuiet {
		parts = packYield
	}
	select {
	case <-time.After(parts * worked):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
