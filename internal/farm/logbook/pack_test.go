package logbook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bench/generate"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/steplog"
	"github.com/weir-ci/weir/internal/store"
)

// prose is text as builds print it.
func prose(seed uint64, size int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 9))
	var text []byte
	for i := 0; len(text) < size; i++ {
		text = fmt.Appendf(text, "[%d] compiling part_%d of module %x\n", i, rnd.IntN(1000), rnd.Uint32())
	}
	return text[:size]
}

// tireless makes a server pack without a rest, into smaller segments.
func tireless(s *server) *server {
	s.packSize = 1 << 20
	s.rest = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return s
}

// times is when each line of a log was printed, by all that a reader can learn.
func (l *desk) times() []steplog.LineTime {
	l.t.Helper()
	p, err := l.Read(l.t.Context(), l.at.Attempt, 0, LogAsk{Bytes: 64 << 20, Times: true})
	if err != nil {
		l.t.Fatal(err)
	}
	return p.Times
}

func (l *desk) packAll() {
	l.t.Helper()
	for more := true; more; {
		var err error
		if more, err = l.pack(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
	}
	if left, err := l.state.Loose(l.t.Context(), 9); err != nil || len(left) != 0 {
		l.t.Fatalf("left to be packed are %v, %v", left, err)
	}
}

// sealed makes a desk with an ended log of several segments.
func sealed(t testing.TB, text []byte) *desk {
	l := newDesk(t)
	tireless(l.server)
	for seq, at := int64(1), 0; at < len(text); seq++ {
		n := min(3<<20, len(text)-at)
		l.send(l.server, seq, l.cut(text[at:at+n], 200<<10))
		at += n
	}
	l.end()
	l.sealAll()
	return l
}

// stored is how many bytes segments have.
func (l *desk) stored(segments []store.LogSegment) (size int64) {
	l.t.Helper()
	for _, g := range segments {
		if g.Digest == "" {
			size += int64(len(g.Data))
			continue
		}
		n, err := l.blobs.Stat(l.t.Context(), g.Digest)
		if err != nil {
			l.t.Fatal(err)
		}
		size += n
	}
	return size
}

func TestPackedLogReadsTheSame(t *testing.T) {
	t.Parallel()
	text := prose(1, 6<<20)
	l := sealed(t, text)
	before, _ := l.kept()
	size, reading, times := l.stored(before), l.reading(), l.times()
	l.packAll()
	after, frames := l.kept()
	if len(after) >= len(before) || len(frames) != 0 || l.stored(after) >= size {
		t.Errorf("%d segments of %d bytes became %d of %d, with %d frames", len(before), size, len(after), l.stored(after), len(frames))
	}
	if got := l.reading(); got != reading {
		t.Errorf("packed, the log reads\n%s\nbefore it was\n%s", got, reading)
	}
	if got := l.times(); !slices.Equal(got, times) {
		t.Errorf("packed, the log has %d times, before it had %d", len(got), len(times))
	}
	if l.whole() != string(text) {
		t.Error("the packed log is another one")
	}
	for _, g := range before {
		if _, err := l.blobs.Stat(t.Context(), g.Digest); g.Digest != "" && weir.CodeOf(err) != weir.NotFound {
			t.Errorf("blob %s of what was packed is still there: %v", g.Digest.Short(), err)
		}
	}
}

func TestNotWorthPacking(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{"small": prose(2, store.LooseLog/2), "noise": noise(rand.New(rand.NewPCG(3, 3)), 5<<20)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := sealed(t, text)
			before, _ := l.kept()
			size := l.stored(before)
			l.packAll()
			after, _ := l.kept()
			if name == "small" && !slices.EqualFunc(before, after, sameSegment) {
				t.Errorf("the segments %v became %v", before, after)
			}
			if l.stored(after) > size || l.whole() != string(text) {
				t.Error("the log is another one, or larger")
			}
		})
	}
}

// TestPackWhileReading lets two servers pack a log and readers read it: with
// blobs going away under them, each reads all of it.
func TestPackWhileReading(t *testing.T) {
	t.Parallel()
	text := prose(4, 12<<20)
	l := sealed(t, text)
	servers := []*server{l.server, tireless(newServer(l.state, l.blobs))}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var readers, packers sync.WaitGroup
	var started sync.WaitGroup
	for i := range 3 {
		started.Add(1)
		readers.Go(func() {
			for n := 0; n == 0 || ctx.Err() == nil; n++ {
				var got bytes.Buffer
				r, err := servers[i%2].Open(t.Context(), l.at.Attempt, 0)
				if n == 0 {
					started.Done()
				}
				if err == nil {
					_, err = io.Copy(&got, r)
					_ = r.Close()
				}
				if err != nil || !bytes.Equal(got.Bytes(), text) {
					t.Errorf("a reader has %d of %d bytes, %v", got.Len(), len(text), err)
					return
				}
			}
		})
	}
	started.Wait()
	for _, s := range servers {
		packers.Go(func() {
			for {
				if _, err := s.pack(ctx); err != nil {
					t.Errorf("packing: %v", err)
					return
				}
				if left, err := s.state.Loose(ctx, 9); err != nil || len(left) == 0 {
					return
				}
				runtime.Gosched()
			}
		})
	}
	packers.Wait()
	stop()
	readers.Wait()
	if l.whole() != string(text) {
		t.Error("the log is another one")
	}
}

// fragile is what a book keeps, and may break after each step.
type fragile struct {
	store.Logs
	blob.Store
	steps atomic.Int64 // that are left
}

func (f *fragile) step() error {
	if f.steps.Add(-1) < 0 {
		return weir.Errorf(weir.Exhausted, "killed")
	}
	return nil
}

func (f *fragile) Put(ctx context.Context, d weir.Digest, content io.Reader, limit int64) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Store.Put(ctx, d, content, limit)
}

func (f *fragile) Pack(ctx context.Context, old []store.LogSegment, g store.LogSegment) ([]weir.Digest, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	return f.Logs.Pack(ctx, old, g)
}

func (f *fragile) Remove(ctx context.Context, d weir.Digest) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Store.Remove(ctx, d)
}

// TestPackKilled stops the packing of a log after each step that it takes, reads
// the log, and lets another server go on.
func TestPackKilled(t *testing.T) {
	t.Parallel()
	text := prose(5, 9<<20)
	l := sealed(t, text)
	for steps := int64(0); ; steps++ {
		f := &fragile{Logs: l.state, Store: l.blobs}
		f.steps.Store(steps % 3)
		dying := New(Options{Store: f, Blobs: f})
		dying.rest, dying.packSize = l.rest, l.packSize
		_, _ = dying.pack(t.Context())
		if got := l.whole(); got != string(text) {
			t.Fatalf("after %d steps the log has %d bytes of %d", steps%3, len(got), len(text))
		}
		left, err := l.state.Loose(t.Context(), 9)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		if steps > 20 {
			t.Fatalf("what is left is still %v", left)
		}
	}
	var again strings.Builder
	if err := newServer(l.state, l.blobs).Copy(t.Context(), &again, l.at.Attempt, 0); err != nil || again.String() != string(text) {
		t.Errorf("the log is another one: %d bytes, %v", again.Len(), err)
	}
}

// TestPackDamaged keeps what cannot be read as it is, packs what can, and ends.
func TestPackDamaged(t *testing.T) {
	t.Parallel()
	text := prose(6, 12<<20)
	l := sealed(t, text)
	before, _ := l.kept()
	if err := l.blobs.Remove(t.Context(), before[1].Digest); err != nil {
		t.Fatal(err)
	}
	l.packAll()
	after, _ := l.kept()
	if len(after) >= len(before) || !sameSegment(after[1], before[1]) {
		t.Errorf("%d segments became %d", len(before), len(after))
	}
	p, err := l.Read(t.Context(), l.at.Attempt, 0, LogAsk{Tail: 3, Bytes: 1000})
	if err != nil || !strings.HasSuffix(string(text), p.Text) {
		t.Errorf("the end reads %q, %v", p.Text, err)
	}
	if _, err := l.Read(t.Context(), l.at.Attempt, 0, LogAsk{ByOffset: true, Offset: before[1].Offset, Bytes: 9}); weir.CodeOf(err) != weir.Internal {
		t.Errorf("reading what is lost: %v", err)
	}
}

// BenchmarkPack packs a log such as builds print; the bytes are those of its text.
func BenchmarkPack(b *testing.B) {
	path := filepath.Join(b.TempDir(), "log")
	if err := generate.Log(path, 300_000); err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		l := sealed(b, text)
		l.packSize = sealSize
		b.StartTimer()
		l.packAll()
		b.StopTimer()
		segments, _ := l.kept()
		b.ReportMetric(float64(l.stored(segments))/float64(len(text)), "stored/byte")
		b.StartTimer()
	}
}
