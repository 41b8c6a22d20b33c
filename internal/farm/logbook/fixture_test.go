package logbook

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// server is a book and what a farm does around it.
type server struct {
	*Book
	state store.Store
}

func newServer(state store.Store, blobs blob.Store) *server {
	return &server{New(Options{Store: state, Blobs: blobs}), state}
}

func (s *server) Sync(ctx context.Context, id weir.AttemptID, p protocol.Sync) (store.SyncAnswer, error) {
	if err := s.Check(id, p.Steps, p.Frames); err != nil {
		return store.SyncAnswer{}, err
	}
	return s.state.Sync(ctx, store.Sync{Attempt: id, Token: p.Token, Seq: p.Seq, Now: time.Now(), Deadline: time.Now().Add(weir.LeaseTime),
		Frames: p.Frames, Sealed: s.Direct(ctx, id, p.Frames)})
}

func (s *server) Finish(ctx context.Context, id weir.AttemptID, p protocol.Finish) error {
	if err := s.Check(id, p.Steps, p.Frames); err != nil {
		return err
	}
	_, err := s.state.Finish(ctx, store.Finish{Attempt: id, Token: p.Token, Now: time.Now(), Outcome: p.Outcome,
		Frames: p.Frames, Sealed: s.Direct(ctx, id, p.Frames)})
	return err
}

// desk is a server with one attempt, whose log a test writes.
type desk struct {
	*server
	t      testing.TB
	at     store.Leased
	zip    *zstd.Encoder
	offset int64
	line   int64
	clock  time.Time
}

func newDesk(t testing.TB) *desk {
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
	l := &desk{server: newServer(db, blobs), t: t, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	builders, err := db.EnsureBuilders(ctx, []weir.BuilderKey{{Project: "p", Job: "test", Platform: "linux/amd64"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.CreateRun(ctx, store.NewRun{Cause: weir.CauseForce, Project: "p", Now: time.Now(),
		Builds: []store.NewBuild{{Builder: builders[0].ID, Pins: weir.Pins{"p": "1"}}}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Hello(ctx, weir.Worker{Name: "w", Platform: "linux/amd64", Slots: 1, Seen: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
	leased, err := db.Lease(ctx, store.LeaseAsk{Worker: "w", Platform: "linux/amd64", Now: time.Now(), Deadline: time.Now().Add(weir.LeaseTime),
		Tokens: []string{"token"}}, func(q store.Queue) []weir.BuildID { return []weir.BuildID{q.Candidates[0].Build} })
	if err != nil || len(leased) != 1 {
		t.Fatalf("leased %+v, %v", leased, err)
	}
	l.at = leased[0]
	if l.zip, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.zip.Close() })
	return l
}

// frame makes the frame that comes next.
func (l *desk) frame(text, packed []byte) weir.LogFrame {
	l.clock = l.clock.Add(time.Second)
	f := weir.LogFrame{Offset: l.offset, FirstLine: l.line, Size: len(text), Lines: bytes.Count(text, []byte("\n")), At: l.clock, Data: packed}
	l.offset += int64(f.Size)
	l.line += int64(f.Lines)
	return f
}

// print sends text, cut into frames of at most so many bytes.
func (l *desk) print(text []byte, most int) {
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

func (l *desk) end() {
	l.t.Helper()
	if err := l.Finish(l.t.Context(), l.at.Attempt, protocol.Finish{Token: l.at.Token, Outcome: weir.Passed}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *desk) sealAll() {
	l.t.Helper()
	for more := true; more; {
		var err error
		if more, err = l.seal(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *desk) whole() string {
	l.t.Helper()
	var b strings.Builder
	if err := l.Copy(l.t.Context(), &b, l.at.Attempt, 0); err != nil {
		l.t.Fatal(err)
	}
	return b.String()
}
