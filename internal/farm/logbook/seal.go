package logbook

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/steplog"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// sealSize is about how large a segment gets, in bytes, and how much has to
	// be in the frames of a live log before they are sealed.
	sealSize = 4 << 20
	// sealLogs is how many logs one look takes on.
	sealLogs = 64
	// sealFrames is how many frames are read at once.
	sealFrames = 16
	// sealPause is how long at least lies between two looks, so that logs of
	// short builds are sealed together.
	sealPause = 500 * time.Millisecond
	// idleLook is how often a book looks although nothing woke it, errorPause
	// how long it rests after the store did not answer.
	idleLook   = 5 * time.Second
	errorPause = 2 * time.Second
)

// Run seals and packs logs when builds have changed, and at intervals, until ctx ends.
// Errors of the store are logged and tried again.
func (b *Book) Run(ctx context.Context) error {
	var packFrom time.Time
	for {
		woken := b.wake()
		more, err := b.seal(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil && !more && time.Now().After(packFrom) {
			var failed error
			more, failed = b.pack(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if failed != nil {
				b.log.Error("logs cannot be packed", "err", failed, "cause", errors.Unwrap(failed))
				packFrom = time.Now().Add(packPause)
			}
		}
		pause, next := sealPause, woken
		if err != nil {
			b.log.Error("background work", "loop", "seal", "err", err, "cause", errors.Unwrap(err))
			pause, more = errorPause, true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		if more {
			continue
		}
		select {
		case <-next:
		case <-time.After(idleLook):
		case <-ctx.Done():
			return nil
		}
	}
}

// seal looks once for logs to be sealed, and reports whether there is more to
// do. One query finds them all. Several servers may be at it: each takes them
// in an order of its own, and whoever comes second finds a Conflict and goes on.
func (b *Book) seal(ctx context.Context) (more bool, err error) {
	logs, err := b.store.Sealable(ctx, sealSize, sealLogs)
	if err != nil {
		return false, err
	}
	rand.Shuffle(len(logs), func(i, j int) { logs[i], logs[j] = logs[j], logs[i] })
	var failed error
	for _, l := range logs {
		err := b.sealLog(ctx, l)
		if err == nil && l.Live {
			more = true // its next piece
		}
		if weir.CodeOf(err) != weir.Conflict && err != nil && failed == nil {
			failed = err // the others may do better
		}
		if ctx.Err() != nil {
			return false, failed
		}
	}
	return more || len(logs) == sealLogs, failed
}

// sealLog seals the frames of a log: all of an ended one, of a live one as
// many as make a segment.
func (b *Book) sealLog(ctx context.Context, l store.Sealing) error {
	for offset, end := l.Offset, l.Offset+l.Bytes; offset < end; {
		made := steplog.NewBuilder(b.codec).Of(l.Attempt, l.Step)
		g := store.LogSegment{Attempt: l.Attempt, Step: l.Step, Offset: offset}
		if err := b.addRows(ctx, made, &g, end); err != nil {
			return err
		}
		g.Bytes, g.Lines = made.Bytes(), made.Lines()
		var err error
		if packed := made.Finish(); packed.Len() <= store.MaxInlineSegment {
			g.Data = packed.Bytes()
		} else if g.Digest, err = blob.Add(ctx, b.blobs, packed.Reader, int64(packed.Len())); err != nil {
			return err
		}
		if err := b.store.Seal(ctx, g); err != nil {
			return err
		}
		if l.Live {
			return nil // the next look finds what is left
		}
		offset += g.Bytes
	}
	return nil
}

// addRows puts the frames between the beginning of a segment and end into it,
// or as many of them as make one. Its error is Conflict if they are gone already.
func (b *Book) addRows(ctx context.Context, made *steplog.Builder, g *store.LogSegment, end int64) error {
	for at := g.Offset; at < end && made.Len() < sealSize && !made.Full(); {
		frames, err := b.store.LogFrames(ctx, g.Attempt, g.Step, at, sealFrames)
		if err != nil {
			return err
		}
		if len(frames) == 0 || frames[0].Offset != at {
			return weir.Errorf(weir.Conflict, "byte %d of step %d of attempt %s was sealed by somebody else", at, g.Step, g.Attempt)
		}
		if at == g.Offset {
			g.FirstLine = frames[0].FirstLine
		}
		for _, frame := range frames {
			if at >= end || made.Len() >= sealSize || made.Full() {
				break
			}
			if err := made.Add(frame); err != nil {
				return err
			}
			at = frame.Offset + int64(frame.Size)
		}
	}
	return nil
}
