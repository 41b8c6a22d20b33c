package spool_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/patience"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/spool"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(superviseEnv); dir != "" {
		os.Exit(supervise(dir))
	}
	goleak.VerifyTestMain(m)
}

func must(t patience.Ender, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// create makes a spool in a new directory.
func create(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "41.2")
	must(t, put(dir, []byte(`{"attempt":"41.2"}`)))
	return dir
}

func attach(t patience.Ender, dir string, o spool.Options) *spool.Writer {
	t.Helper()
	w, err := spool.Attach(dir, o)
	must(t, err)
	return w
}

func open(t patience.Ender, dir string) *spool.Reader {
	t.Helper()
	r, err := spool.Open(dir)
	must(t, err)
	return r
}

// server keeps what it is sent, as a real one would.
type server struct {
	logs  map[int][]byte
	steps map[int]weir.StepRecord
	zstd  *zstd.Decoder
}

func newServer(t patience.Ender) *server {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	must(t, err)
	return &server{map[int][]byte{}, map[int]weir.StepRecord{}, dec}
}

// take checks frames, and records those that begin where the log ends.
func (s *server) take(t patience.Ender, frames []weir.LogFrame) {
	t.Helper()
	for _, f := range frames {
		data, err := s.zstd.DecodeAll(f.Data, nil)
		if err != nil || len(data) != f.Size || f.Size == 0 || f.Size > weir.MaxFrame || bytes.Count(data, []byte("\n")) != f.Lines || f.At.IsZero() {
			t.Fatalf("frame %d+%d of step %d: %v", f.Offset, f.Size, f.Step, err)
		}
		log := s.logs[f.Step]
		if f.Offset != int64(len(log)) {
			t.Fatalf("step %d: frame at %d, log ends at %d", f.Step, f.Offset, len(log))
		}
		if lines := bytes.Count(log, []byte("\n")); f.FirstLine != int64(lines) {
			t.Fatalf("step %d: frame begins at line %d, not %d", f.Step, f.FirstLine, lines)
		}
		s.logs[f.Step] = append(log, data...)
	}
}

func (s *server) offsets() map[int]int64 {
	m := map[int]int64{}
	for step, log := range s.logs {
		m[step] = int64(len(log))
	}
	return m
}

// sync takes one message's worth, and reports whether there was anything.
func (s *server) sync(t patience.Ender, r *spool.Reader) (any bool, err error) {
	t.Helper()
	steps, err := r.Steps()
	if err != nil {
		return false, err
	}
	for _, rec := range steps {
		s.steps[rec.Index] = rec
	}
	frames, err := r.Frames(protocol.MaxSyncFrames, protocol.MaxSyncBytes)
	if err != nil {
		return len(steps) > 0, err
	}
	s.take(t, frames)
	must(t, r.Acknowledge(s.offsets()))
	return len(steps)+len(frames) > 0, nil
}

// drain syncs until there is nothing more, or an error.
func (s *server) drain(t patience.Ender, r *spool.Reader) error {
	t.Helper()
	for {
		if any, err := s.sync(t, r); !any || err != nil {
			return err
		}
	}
}

// put makes a spool, and nothing more.
func put(dir string, assignment []byte) error {
	r, err := spool.Create(dir, assignment, nil)
	if err != nil {
		return err
	}
	return r.Close()
}
