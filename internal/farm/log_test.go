package farm

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// TestLineLongerThanARead checks that a line of several megabytes hides
// nothing behind it: the whole log is copied, and reading by lines goes on.
func TestLineLongerThanARead(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	f := New(Options{Store: db})
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
	leased, err := f.Lease(ctx, w, protocol.Lease{Free: 1, Wait: time.Minute})
	if err != nil || len(leased.Attempts) != 1 {
		t.Fatalf("leased %+v, %v", leased, err)
	}
	a := leased.Attempts[0]
	log := []byte("before\n" + strings.Repeat("x", 5<<20) + "\nbehind\n")
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zip.Close()
	line := int64(0)
	for at := 0; at < len(log); at += weir.MaxFrame {
		piece := log[at:min(at+weir.MaxFrame, len(log))]
		frame := weir.LogFrame{Offset: int64(at), FirstLine: line, Size: len(piece), Lines: bytes.Count(piece, []byte("\n")),
			At: time.Now(), Data: zip.EncodeAll(piece, nil)}
		if _, err := f.Sync(ctx, a.Attempt, protocol.Sync{Token: a.Token, Frames: []weir.LogFrame{frame}}); err != nil {
			t.Fatal(err)
		}
		line += int64(frame.Lines)
	}
	var whole bytes.Buffer
	if err := f.CopyLog(ctx, &whole, a.Attempt, 0); err != nil || !bytes.Equal(whole.Bytes(), log) {
		t.Errorf("copied %d of %d bytes, %v", whole.Len(), len(log), err)
	}
	var seen []string
	for next := int64(0); next < 3; {
		p, err := f.ReadLog(ctx, a.Attempt, 0, LogAsk{Line: next, Bytes: 64 << 10})
		if err != nil || p.NextLine <= next {
			t.Fatalf("reading from line %d leads to line %d, %v", next, p.NextLine, err)
		}
		seen = append(seen, p.Text[:min(len(p.Text), 7)])
		next = p.NextLine
	}
	if got := strings.Join(seen, "|"); got != "before\n|xxxxxxx|behind\n" {
		t.Errorf("the lines begin with %q", got)
	}
}
