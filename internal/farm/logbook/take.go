package logbook

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/steplog"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// directSize is how much of a log, in compressed bytes, makes a segment at
	// once, so that it never goes through the database.
	directSize = 512 << 10
	// directShare is how much of it has to be new: below that, to look what
	// there is already would cost more than it saves.
	directShare = directSize / 4
)

// Check holds steps and frames that a worker sends against the limits.
func (b *Book) Check(id weir.AttemptID, steps []weir.StepRecord, frames []weir.LogFrame) error {
	size := 0
	for _, frame := range frames {
		size += len(frame.Data)
	}
	if len(frames) > protocol.MaxSyncFrames || len(steps) > protocol.MaxSteps || size > protocol.MaxSyncBytes {
		return weir.Errorf(weir.TooLarge, "a message of attempt %s has %d frames with %d bytes and %d steps, allowed are %d, %d and %d",
			id, len(frames), size, len(steps), protocol.MaxSyncFrames, protocol.MaxSyncBytes, protocol.MaxSteps)
	}
	if len(frames) > 0 {
		b.taken.Store(time.Now().UnixNano())
	}
	for _, frame := range frames {
		if err := b.checkFrame(frame); err != nil {
			return err
		}
	}
	return nil
}

// checkFrame makes sure that a frame is what it says, so that nobody who
// seals or reads the log later has to doubt it.
func (b *Book) checkFrame(frame weir.LogFrame) error {
	invalid := weir.Errorf(weir.Invalid, "log frame at byte %d of step %d is not what it says", frame.Offset, frame.Step)
	if frame.Size <= 0 || frame.Size > weir.MaxFrame || frame.Step < 0 || frame.Step >= protocol.MaxSteps ||
		frame.Offset < 0 || frame.Offset > protocol.MaxLogBytes {
		return invalid
	}
	// The decoder stops at the size that the frame says it has.
	if lines, err := b.codec.Count(frame.Data, frame.Size); err != nil || lines != frame.Lines {
		return invalid
	}
	return nil
}

// Direct makes segments of logs of which a message brings much. The blobs lie
// in their store when it returns, the rows that name them do not: should the
// message be refused, nobody will ever ask for them. What cannot be sealed now
// is recorded as frames, and sealed later.
func (b *Book) Direct(ctx context.Context, id weir.AttemptID, frames []weir.LogFrame) (segments []store.LogSegment) {
	fresh := map[int]int64{}
	for _, frame := range frames {
		fresh[frame.Step] += int64(len(frame.Data))
	}
	var sizes []store.LogSize
	for step, size := range fresh {
		if size < directShare {
			continue
		}
		if sizes == nil {
			var err error
			if sizes, err = b.store.LogSizes(ctx, id); err != nil {
				return nil // the database will say so again
			}
		}
		known := store.LogSize{Step: step}
		for _, s := range sizes {
			if s.Step == step {
				known = s
			}
		}
		size = known.Pending
		for _, frame := range frames {
			if frame.Step == step && frame.Offset >= known.Bytes { // not sent before
				size += int64(len(frame.Data))
			}
		}
		if size < directSize || size < known.Pending+directShare || known.Pending > sealSize {
			continue
		}
		g, err := b.directSegment(ctx, id, known, frames)
		if err == nil && g.Digest != "" {
			segments = append(segments, g)
		}
		if err != nil && weir.CodeOf(err) != weir.Conflict && ctx.Err() == nil {
			b.log.Warn("a log is kept in the database for now", "attempt", id, "step", step, "err", err)
		}
	}
	return segments
}

// directSegment makes a segment of all frames that a log has and those of a
// message that follow them. Without any of the latter it has no digest.
func (b *Book) directSegment(ctx context.Context, id weir.AttemptID, known store.LogSize, frames []weir.LogFrame) (store.LogSegment, error) {
	made := steplog.NewBuilder(b.codec).Of(id, known.Step)
	g := store.LogSegment{Attempt: id, Step: known.Step, Offset: known.Sealed, FirstLine: known.Lines}
	if err := b.addRows(ctx, made, &g, known.Bytes); err != nil {
		return g, err
	}
	at := known.Bytes
	for _, frame := range frames {
		if frame.Step != known.Step || frame.Offset != at || made.Full() {
			continue
		}
		if err := made.Add(frame); err != nil {
			return g, err
		}
		at += int64(frame.Size)
	}
	if at == known.Bytes {
		return g, nil
	}
	g.Bytes, g.Lines = made.Bytes(), made.Lines()
	packed := made.Finish()
	var err error
	g.Digest, err = blob.Add(ctx, b.blobs, packed.Reader, int64(packed.Len()))
	return g, err
}
