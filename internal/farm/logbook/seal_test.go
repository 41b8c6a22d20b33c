package logbook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/steplog"
)

// reading is all that readers can learn of a log of some lines.
func (l *desk) reading() string {
	l.t.Helper()
	ctx, id := l.t.Context(), l.at.Attempt
	var b strings.Builder
	for _, ask := range []LogAsk{{Line: 3, Bytes: 100, Times: true}, {Line: -2, Bytes: 1000}, {Tail: 5, Bytes: 1 << 20, Times: true},
		{ByOffset: true, Offset: 77, Bytes: 50}, {Line: 1 << 40, Bytes: 10}, {Tail: 1 << 40, Bytes: 30}} {
		p, err := l.Read(ctx, id, 0, ask)
		fmt.Fprintf(&b, "%+v: %+v %v\n", ask, p, err)
	}
	found, err := l.Search(ctx, id, 0, steplog.Query{Pattern: "7", Limit: 3, Count: true})
	fmt.Fprintf(&b, "%+v %v\n", found, err)
	sections, err := l.Sections(ctx, id, 0)
	fmt.Fprintf(&b, "%+v %v\n", sections, err)
	return b.String()
}

func TestSealedLogReadsTheSame(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 300<<10)
	for i := range noise {
		noise[i] = byte('!' + rand.IntN(90))
	}
	for name, extra := range map[string][]byte{"inline": nil, "blob": append(noise, '\n')} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newDesk(t)
			text := append([]byte{}, extra...)
			for i := range 300 {
				if i%100 == 0 {
					text = append(text, "::group::part\n"...)
				}
				text = fmt.Appendf(text, "line %d of the log\n", i)
			}
			text = append(text, "no end"...)
			l.print(text, 1500)
			before := l.reading()
			l.sealAll()
			if segments, _ := l.store.LogSegments(t.Context(), l.at.Attempt, 0); len(segments) != 0 {
				t.Fatal("a short log was sealed while its step runs")
			}
			l.end()
			l.sealAll()
			segments, err := l.store.LogSegments(t.Context(), l.at.Attempt, 0)
			if err != nil || len(segments) != 1 || (segments[0].Digest == "") != (name == "inline") {
				t.Fatalf("segments %+v, %v", segments, err)
			}
			if frames, err := l.store.LogFrames(t.Context(), l.at.Attempt, 0, 0, 9); err != nil || len(frames) != 0 {
				t.Errorf("%d frames are left, %v", len(frames), err)
			}
			if after := l.reading(); after != before {
				t.Errorf("sealed, the log reads\n%s\nbefore it was\n%s", after, before)
			}
			if l.whole() != string(text) {
				t.Error("the sealed log is another one")
			}
		})
	}
}

// TestSealWhileWritingAndReading lets two servers seal a log while it grows
// and readers read it: each sees a beginning of it, every byte once.
func TestSealWhileWritingAndReading(t *testing.T) {
	t.Parallel()
	l := newDesk(t)
	other := newServer(l.state, l.blobs)
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = byte('!' + rand.IntN(90))
		if i%100 == 99 {
			noise[i] = '\n'
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	for _, f := range []*server{l.server, other} {
		all.Go(func() {
			for ctx.Err() == nil {
				logs, err := f.store.Sealable(ctx, 100<<10, 9)
				for _, s := range logs {
					if err = f.sealLog(ctx, s); weir.CodeOf(err) == weir.Conflict {
						err = nil
					}
				}
				if err != nil && ctx.Err() == nil {
					t.Errorf("sealing: %v", err)
				}
				runtime.Gosched()
			}
		})
	}
	for range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				var got bytes.Buffer
				err := other.Copy(ctx, &got, l.at.Attempt, 0)
				if ctx.Err() == nil && (err != nil || !bytes.HasPrefix(noise, got.Bytes())) {
					t.Errorf("a reader has %d bytes, %v", got.Len(), err)
					return
				}
			}
		})
	}
	l.print(noise, 20<<10)
	stop()
	all.Wait()
	l.end()
	l.sealAll()
	if l.whole() != string(noise) {
		t.Error("the log is another one")
	}
}

// memoryBound is what a server may use on top, in bytes, while a log of any
// length goes through it: a batch of frames, a segment, and what the garbage
// collector has not come to yet.
const memoryBound = 60 << 20

// TestMemoryDoesNotGrowWithLogs sends 300 MB of log through a farm and reads
// it meanwhile. It does not run beside other tests: it watches the heap.
func TestMemoryDoesNotGrowWithLogs(t *testing.T) {
	total := int64(300 << 20)
	if raceDetector {
		total /= 10
	}
	l := newDesk(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	piece := make([]byte, 0, weir.MaxFrame)
	for i := 0; len(piece) < weir.MaxFrame-200; i++ {
		piece = fmt.Appendf(piece, "%08x compiling module %d of many, with %x\n", rand.Uint32(), i, rand.Uint64())
	}
	packed := l.zip.EncodeAll(piece, nil)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	first, peak := heap(), uint64(0)
	var all sync.WaitGroup
	all.Go(func() { _ = l.Run(ctx) })
	for n := 1; l.offset < total; n++ {
		if n%80 == 0 {
			if err := l.Copy(ctx, io.Discard, l.at.Attempt, 0); err != nil {
				t.Fatal(err)
			}
		}
		frames := []weir.LogFrame{l.frame(piece, packed), l.frame(piece, packed), l.frame(piece, packed), l.frame(piece, packed)}
		if _, err := l.Sync(ctx, l.at.Attempt, protocol.Sync{Token: l.at.Token, Frames: frames}); err != nil {
			t.Fatal(err)
		}
		peak = max(peak, heap())
	}
	l.end()
	stop()
	all.Wait()
	l.sealAll()
	if err := l.Copy(t.Context(), io.Discard, l.at.Attempt, 0); err != nil {
		t.Fatal(err)
	}
	peak = max(peak, heap())
	segments, err := l.store.LogSegments(t.Context(), l.at.Attempt, 0)
	if err != nil || len(segments) == 0 {
		t.Errorf("%d segments, %v", len(segments), err)
	}
	t.Logf("the heap grew from %d to at most %d MiB, in %d segments", first>>20, peak>>20, len(segments))
	if peak > first+memoryBound {
		t.Errorf("the heap grew from %d to %d bytes", first, peak)
	}
}
