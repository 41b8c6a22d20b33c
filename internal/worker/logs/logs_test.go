package logs_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, limit int64) *logs.Spool {
	t.Helper()
	s, err := logs.Open(t.TempDir(), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// server keeps what it is sent, as a real one would.
type server struct {
	logs map[int][]byte
}

type fataler interface{ Fatalf(string, ...any) }

// take checks frames and records those that begin where the log ends.
func (s *server) take(t fataler, frames []weir.LogFrame) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer dec.Close()
	for _, f := range frames {
		data, err := dec.DecodeAll(f.Data, nil)
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
	o := map[int]int64{}
	for step, log := range s.logs {
		o[step] = int64(len(log))
	}
	return o
}

// TestNothingLostOrDoubled writes, sends, loses answers and even loses what
// the server had, in any order.
func TestNothingLostOrDoubled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		spool, err := logs.Open(t.TempDir(), 0)
		if err != nil {
			rt.Fatalf("%v", err)
		}
		defer spool.Close()
		srv := server{map[int][]byte{}}
		want := map[int][]byte{}
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) {
				step := rapid.IntRange(0, 2).Draw(rt, "step")
				text := rapid.SampledFrom([]string{"x", "\n", "line\n", "a\nb", strings.Repeat("long ", 60_000), strings.Repeat("lines\n", 60_000)}).Draw(rt, "text")
				want[step] = append(want[step], text...)
				if _, err := io.WriteString(spool.Writer(step), text); err != nil {
					rt.Fatalf("%v", err)
				}
			},
			"send": func(rt *rapid.T) {
				frames, err := spool.Frames(rapid.IntRange(1, 4).Draw(rt, "frames"))
				if err != nil {
					rt.Fatalf("%v", err)
				}
				if rapid.Bool().Draw(rt, "lost") {
					return
				}
				srv.take(rt, frames)
				if err := spool.Acknowledge(srv.offsets()); err != nil {
					rt.Fatalf("%v", err)
				}
			},
			"lose": func(rt *rapid.T) {
				for step, log := range srv.logs {
					srv.logs[step] = log[:bytes.LastIndexByte(log, '\n')+1]
				}
				if err := spool.Acknowledge(srv.offsets()); err != nil {
					rt.Fatalf("%v", err)
				}
			},
		})
		for spool.Pending() > 0 {
			frames, err := spool.Frames(16)
			if err != nil || len(frames) == 0 {
				rt.Fatalf("%d frames, %v", len(frames), err)
			}
			srv.take(rt, frames)
			if err := spool.Acknowledge(srv.offsets()); err != nil {
				rt.Fatalf("%v", err)
			}
		}
		for step := range want {
			if !bytes.Equal(want[step], srv.logs[step]) {
				rt.Fatalf("step %d arrived as %d bytes, not %d", step, len(srv.logs[step]), len(want[step]))
			}
		}
	})
}

func TestCutsAtLineEnds(t *testing.T) {
	t.Parallel()
	s := open(t, 0)
	fmt.Fprint(s.Writer(0), strings.Repeat("0123456\n", weir.MaxFrame/8), "more\npart")
	frames, err := s.Frames(10)
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, f := range frames {
		sizes = append(sizes, f.Size)
	}
	if fmt.Sprint(sizes) != fmt.Sprint([]int{weir.MaxFrame, 5, 4}) {
		t.Errorf("sizes are %v", sizes)
	}
	select {
	case <-s.Changed():
	default:
		t.Error("nobody was told")
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	s := open(t, 10)
	for range 5 {
		if n, err := io.WriteString(s.Writer(3), "12345678"); n != 8 || err != nil {
			t.Fatal(n, err)
		}
	}
	srv := server{map[int][]byte{}}
	frames, err := s.Frames(10)
	if err != nil {
		t.Fatal(err)
	}
	srv.take(t, frames)
	if log := string(srv.logs[3]); !strings.HasPrefix(log, "1234567812\n[weir: ") || strings.Count(log, "\n") != 2 {
		t.Errorf("log is %q", log)
	}
}

func TestServerThatLies(t *testing.T) {
	t.Parallel()
	s := open(t, 0)
	fmt.Fprint(s.Writer(0), "abc")
	for _, offsets := range []map[int]int64{{0: 4}, {0: -1}, {7: 1}} {
		if err := s.Acknowledge(offsets); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%v: %v", offsets, err)
		}
	}
	if err := s.Acknowledge(map[int]int64{0: 3, 7: 0}); err != nil || s.Pending() != 0 {
		t.Errorf("%v, %d", err, s.Pending())
	}
}

func TestDiskError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := logs.Open(dir+"/missing", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := io.WriteString(s.Writer(0), "x"); err == nil || s.Err() == nil {
		t.Errorf("wrote into nothing: %v, %v", err, s.Err())
	}
}
