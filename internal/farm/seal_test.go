package farm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/steplog"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// logFarm is a farm with one attempt, whose log a test writes.
type logFarm struct {
	*Farm
	t      *testing.T
	at     protocol.Assignment
	zip    *zstd.Encoder
	offset int64
	line   int64
	clock  time.Time
}

func newLogFarm(t *testing.T) *logFarm {
	t.Helper()
	ctx := t.Context()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.NewDir(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	l := &logFarm{Farm: New(Options{Store: db, Blobs: blobs}), t: t, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	builders, err := db.EnsureBuilders(ctx, []weir.BuilderKey{{Project: "p", Job: "test", Platform: "linux/amd64"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.CreateRun(ctx, store.NewRun{Cause: weir.CauseForce, Project: "p", Now: time.Now(),
		Builds: []store.NewBuild{{Builder: builders[0].ID, Pins: weir.Pins{"p": "1"}}}}); err != nil {
		t.Fatal(err)
	}
	w := weir.Worker{Name: "w", Platform: "linux/amd64", Slots: 1, Seen: time.Now()}
	if _, _, err := db.Hello(ctx, w, nil); err != nil {
		t.Fatal(err)
	}
	leased, err := l.Lease(ctx, w, protocol.Lease{Free: 1, Wait: time.Minute})
	if err != nil || len(leased.Attempts) != 1 {
		t.Fatalf("leased %+v, %v", leased, err)
	}
	l.at = leased.Attempts[0]
	if l.zip, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.zip.Close() })
	return l
}

// frame makes the frame that comes next.
func (l *logFarm) frame(text, packed []byte) weir.LogFrame {
	l.clock = l.clock.Add(time.Second)
	f := weir.LogFrame{Offset: l.offset, FirstLine: l.line, Size: len(text), Lines: bytes.Count(text, []byte("\n")), At: l.clock, Data: packed}
	l.offset += int64(f.Size)
	l.line += int64(f.Lines)
	return f
}

// print sends text, cut into frames of at most so many bytes.
func (l *logFarm) print(text []byte, most int) {
	l.t.Helper()
	for len(text) > 0 {
		n := min(most, len(text))
		f := l.frame(text[:n], l.zip.EncodeAll(text[:n], nil))
		if _, err := l.Sync(l.t.Context(), l.at.Attempt, protocol.Sync{Token: l.at.Token, Frames: []weir.LogFrame{f}}); err != nil {
			l.t.Fatal(err)
		}
		text = text[n:]
	}
}

func (l *logFarm) end() {
	l.t.Helper()
	if err := l.Finish(l.t.Context(), l.at.Attempt, protocol.Finish{Token: l.at.Token, Outcome: weir.Passed}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *logFarm) sealAll() {
	l.t.Helper()
	for more := true; more; {
		var err error
		if more, err = l.seal(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *logFarm) whole() string {
	l.t.Helper()
	var b strings.Builder
	if err := l.CopyLog(l.t.Context(), &b, l.at.Attempt, 0); err != nil {
		l.t.Fatal(err)
	}
	return b.String()
}

// reading is all that readers can learn of a log of some lines.
func (l *logFarm) reading() string {
	l.t.Helper()
	ctx, id := l.t.Context(), l.at.Attempt
	var b strings.Builder
	for _, ask := range []LogAsk{{Line: 3, Bytes: 100, Times: true}, {Line: -2, Bytes: 1000}, {Tail: 5, Bytes: 1 << 20, Times: true},
		{ByOffset: true, Offset: 77, Bytes: 50}, {Line: 1 << 40, Bytes: 10}, {Tail: 1 << 40, Bytes: 30}} {
		p, err := l.ReadLog(ctx, id, 0, ask)
		fmt.Fprintf(&b, "%+v: %+v %v\n", ask, p, err)
	}
	found, err := l.SearchLog(ctx, id, 0, steplog.Query{Pattern: "7", Limit: 3, Count: true})
	fmt.Fprintf(&b, "%+v %v\n", found, err)
	sections, err := l.LogSections(ctx, id, 0)
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
			l := newLogFarm(t)
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
	l := newLogFarm(t)
	other := New(Options{Store: l.store, Blobs: l.blobs})
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
	for _, f := range []*Farm{l.Farm, other} {
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
				err := other.CopyLog(ctx, &got, l.at.Attempt, 0)
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
	l := newLogFarm(t)
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
	all.Go(func() { _ = l.sealLoop(ctx) })
	for n := 1; l.offset < total; n++ {
		if n%80 == 0 {
			if err := l.CopyLog(ctx, io.Discard, l.at.Attempt, 0); err != nil {
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
	if err := l.CopyLog(t.Context(), io.Discard, l.at.Attempt, 0); err != nil {
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
