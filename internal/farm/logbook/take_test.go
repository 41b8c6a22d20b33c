package logbook

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/store"
)

// noise is text that zstd can do little about, in lines.
func noise(rnd *rand.Rand, size int) []byte {
	text := make([]byte, size)
	for i := range text {
		text[i] = byte('!' + rnd.IntN(90))
		if rnd.IntN(80) == 0 {
			text[i] = '\n'
		}
	}
	return text
}

// cut makes the frames of a text, of at most so many bytes.
func (l *desk) cut(text []byte, most int) (frames []weir.LogFrame) {
	for len(text) > 0 {
		n := min(most, len(text))
		frames = append(frames, l.frame(text[:n], l.zip.EncodeAll(text[:n], nil)))
		text = text[n:]
	}
	return frames
}

// send syncs through one of several servers, and returns where the log ends.
func (l *desk) send(server *server, seq int64, frames []weir.LogFrame) int64 {
	l.t.Helper()
	answer, err := server.Sync(l.t.Context(), l.at.Attempt, protocol.Sync{Token: l.at.Token, Seq: seq, Frames: frames})
	if err != nil {
		l.t.Fatal(err)
	}
	return answer.Offsets[0]
}

// kept is how many segments and frames a log has.
func (l *desk) kept() (segments []store.LogSegment, frames []weir.LogFrame) {
	l.t.Helper()
	segments, err := l.store.LogSegments(l.t.Context(), l.at.Attempt, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	if frames, err = l.store.LogFrames(l.t.Context(), l.at.Attempt, 0, 0, 1000); err != nil {
		l.t.Fatal(err)
	}
	return segments, frames
}

func TestBigLogsBecomeSegmentsAtOnce(t *testing.T) {
	t.Parallel()
	l := newDesk(t)
	text := noise(rand.New(rand.NewPCG(1, 1)), 6<<20)
	small, big := l.cut(text[:100], 10), l.cut(text[100:3<<20], weir.MaxFrame)
	l.send(l.server, 1, small)
	if segments, frames := l.kept(); len(segments) != 0 || len(frames) != 10 {
		t.Fatalf("a little log is %d segments and %d frames", len(segments), len(frames))
	}
	l.send(l.server, 2, big)
	segments, frames := l.kept()
	if len(segments) != 1 || segments[0].Bytes != 3<<20 || len(frames) != 0 {
		t.Fatalf("a big log is the segments %+v and %d frames", segments, len(frames))
	}
	if got := l.whole(); got != string(text[:3<<20]) {
		t.Error("the log is another one")
	}
	last := l.cut(text[3<<20:], weir.MaxFrame)
	l.send(l.server, 2, big) // again
	if err := l.Finish(t.Context(), l.at.Attempt, protocol.Finish{Token: l.at.Token, Outcome: weir.Passed, Frames: last}); err != nil {
		t.Fatal(err)
	}
	if segments, frames := l.kept(); len(segments) != 2 || len(frames) != 0 {
		t.Errorf("at the end there are %d segments and %d frames", len(segments), len(frames))
	}
	if l.whole() != string(text) {
		t.Error("the whole log is another one")
	}
}

// TestDirectAmongServers sends a log through two servers, doubled, late and
// cut anew, while both seal and somebody reads.
func TestDirectAmongServers(t *testing.T) {
	t.Parallel()
	l := newDesk(t)
	servers := []*server{l.server, newServer(l.state, l.blobs)}
	rnd := rand.New(rand.NewPCG(2, 3))
	text := noise(rnd, 7<<20)
	all := l.cut(text, weir.MaxFrame)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var others sync.WaitGroup
	others.Go(func() {
		for ctx.Err() == nil {
			logs, _ := l.store.Sealable(ctx, 200<<10, 9)
			for _, s := range logs {
				if err := servers[1].sealLog(ctx, s); err != nil && weir.CodeOf(err) != weir.Conflict && ctx.Err() == nil {
					t.Errorf("sealing: %v", err)
				}
			}
			var got bytes.Buffer
			if err := servers[1].Copy(ctx, &got, l.at.Attempt, 0); ctx.Err() == nil && (err != nil || !bytes.HasPrefix(text, got.Bytes())) {
				t.Errorf("a reader has %d bytes, %v", got.Len(), err)
			}
		}
	})
	end := int64(0)
	for seq := int64(1); end < int64(len(text)); seq++ {
		from := max(0, int(end/weir.MaxFrame)-rnd.IntN(3))
		frames := all[from:min(len(all), from+1+rnd.IntN(16))]
		var both sync.WaitGroup
		var reached atomic.Int64
		for i := range 1 + rnd.IntN(2) {
			both.Go(func() {
				answer, err := servers[i].Sync(ctx, l.at.Attempt, protocol.Sync{Token: l.at.Token, Seq: seq, Frames: frames})
				if err != nil {
					t.Errorf("Sync: %v", err)
				}
				reached.Store(answer.Offsets[0])
			})
		}
		both.Wait()
		if t.Failed() || reached.Load() < end {
			t.Fatalf("the log ends at %d, before at %d", reached.Load(), end)
		}
		end = reached.Load()
	}
	stop()
	others.Wait()
	l.end()
	l.sealAll()
	if l.whole() != string(text) {
		t.Error("the log is another one")
	}
}

// fullBlobs is a blob store that takes nothing for a while.
type fullBlobs struct {
	blob.Store
	full atomic.Bool
	puts atomic.Int64
}

func (b *fullBlobs) Put(ctx context.Context, d weir.Digest, content io.Reader, limit int64) error {
	if b.full.Load() {
		return weir.Errorf(weir.Exhausted, "no room for blob %s", d.Short())
	}
	b.puts.Add(1)
	return b.Store.Put(ctx, d, content, limit)
}

// TestDirectFallsBack keeps logs as rows when blobs cannot be stored, and
// leaves nothing but a blob when the message is refused.
func TestDirectFallsBack(t *testing.T) {
	t.Parallel()
	l := newDesk(t)
	blobs := &fullBlobs{Store: l.blobs}
	l.Book.blobs = blobs
	text := noise(rand.New(rand.NewPCG(5, 5)), 4<<20)
	first, second := l.cut(text[:2<<20], weir.MaxFrame), l.cut(text[2<<20:], weir.MaxFrame)
	blobs.full.Store(true)
	l.send(l.server, 1, first)
	if segments, frames := l.kept(); len(segments) != 0 || len(frames) != len(first) {
		t.Fatalf("without room for blobs there are %d segments and %d frames", len(segments), len(frames))
	}
	blobs.full.Store(false)
	_, err := l.Sync(t.Context(), l.at.Attempt, protocol.Sync{Token: "another", Seq: 2, Frames: second})
	if weir.CodeOf(err) != weir.Fenced {
		t.Errorf("a stranger's sync: %v", err)
	}
	if segments, frames := l.kept(); len(segments) != 0 || len(frames) != len(first) || blobs.puts.Load() != 1 {
		t.Errorf("a refused message made %d segments, %d frames, %d blobs", len(segments), len(frames), blobs.puts.Load())
	}
	if got := l.whole(); got != string(text[:2<<20]) {
		t.Error("the log is another one after a refused message")
	}
	l.send(l.server, 3, second)
	if segments, frames := l.kept(); len(segments) != 1 || len(frames) != 0 {
		t.Errorf("later there are %d segments and %d frames", len(segments), len(frames))
	}
	if l.whole() != string(text) {
		t.Error("the log is another one")
	}
}

// TestDirectKeepsSteps sends two steps' logs in one message, with a gap in one.
func TestDirectKeepsSteps(t *testing.T) {
	t.Parallel()
	l := newDesk(t)
	text := noise(rand.New(rand.NewPCG(6, 6)), 2<<20)
	frames := l.cut(text, weir.MaxFrame)
	other := l.frame([]byte("of step 1\n"), l.zip.EncodeAll([]byte("of step 1\n"), nil))
	other.Step, other.Offset, other.FirstLine = 1, 0, 0
	gap := append(append(frames[:3:3], other), frames[4:]...)
	if end := l.send(l.server, 1, gap); end != 3*weir.MaxFrame {
		t.Errorf("with a gap the log ends at %d", end)
	}
	if end := l.send(l.server, 2, frames); end != int64(len(text)) {
		t.Errorf("the log ends at %d", end)
	}
	var b strings.Builder
	if err := l.Copy(t.Context(), &b, l.at.Attempt, 1); err != nil || b.String() != "of step 1\n" || l.whole() != string(text) {
		t.Errorf("the logs are others: %q, %v", b.String(), err)
	}
}
