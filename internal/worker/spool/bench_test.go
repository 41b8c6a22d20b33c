package spool_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/patience"
	"github.com/weir-ci/weir/internal/worker/spool"
)

// buildLog makes about n bytes of what builds say: compiler calls, tests, and
// times that never repeat.
func buildLog(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	words := []string{"core", "parser", "object", "unicode", "socket", "thread", "buffer", "module", "import", "string", "memory", "signal"}
	word := func() string { return words[rnd.IntN(len(words))] }
	log := make([]byte, 0, n+1000)
	for clock := 0.0; len(log) < n; {
		clock += rnd.Float64()
		switch rnd.IntN(4) {
		case 0:
			log = fmt.Appendf(log, "gcc -c -fno-strict-overflow -Wsign-compare -DNDEBUG -g -O3 -Wall -std=c11 -I./Include/internal -I. -DPy_BUILD_CORE -o %s/%s_%s.o %s/%s_%s.c\n",
				word(), word(), word(), word(), word(), word())
		case 1:
			log = fmt.Appendf(log, "test_%s_%s (test.test_%s.%sTests.test_%s_%d) ... ok\n", word(), word(), word(), word(), word(), rnd.IntN(1000))
		case 2:
			log = fmt.Appendf(log, "%d:%02d:%06.3f load avg: %.2f [%3d/%d] test_%s passed in %.3fs\n",
				int(clock)/3600, int(clock)/60%60, clock-float64(int(clock)/60*60), rnd.Float64()*4, rnd.IntN(491), 491, word(), rnd.Float64()*9)
		default:
			log = fmt.Appendf(log, "%s/%s.c:%d:%d: warning: unused variable '%s_%x' [-Wunused-variable]\n", word(), word(), rnd.IntN(9000), rnd.IntN(80), word(), rnd.Uint32())
		}
	}
	return log
}

// BenchmarkWrite writes 100 MB as a pump does. Besides the time it tells how
// many times that of a plain copy of a file it is, and how large the journal
// is against what zstd's fastest level would make of the same frames.
func BenchmarkWrite(b *testing.B) {
	log := buildLog(100 << 20)
	fast, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	must(b, err)
	defer fast.Close()
	var fastest int
	for rest := log; len(rest) > 0; rest = rest[min(len(rest), weir.MaxFrame):] {
		fastest += len(fast.EncodeAll(rest[:min(len(rest), weir.MaxFrame)], nil))
	}
	var journal int64
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), "1.1")
		must(b, put(dir, nil))
		w := attach(b, dir, spool.Options{})
		write(b, w.Output(0), log)
		must(b, w.Close([]byte("report")))
		info, err := os.Stat(filepath.Join(dir, "journal"))
		must(b, err)
		journal = info.Size()
	}
	spooled := b.Elapsed()
	start := time.Now()
	for i := range b.N {
		f, err := os.Create(filepath.Join(b.TempDir(), fmt.Sprint(i)))
		must(b, err)
		write(b, f, log)
		must(b, f.Close())
	}
	b.ReportMetric(spooled.Seconds()/time.Since(start).Seconds(), "x-copy")
	b.ReportMetric(float64(journal)/float64(len(log)), "size")
	b.ReportMetric(float64(journal)/float64(fastest), "x-fastest")
}

// write writes in pieces of 64 KiB.
func write(t patience.Ender, w io.Writer, p []byte) {
	t.Helper()
	for len(p) > 0 {
		n := min(len(p), 64<<10)
		_, err := w.Write(p[:n])
		must(t, err)
		p = p[n:]
	}
}

// BenchmarkShort is the life of the spool of an attempt that says three lines.
func BenchmarkShort(b *testing.B) {
	root := b.TempDir()
	n := 0
	var encoders spool.Encoders
	b.ReportAllocs()
	for b.Loop() {
		n++
		dir := filepath.Join(root, fmt.Sprintf("%d.1", n))
		must(b, put(dir, nil))
		r := open(b, dir)
		w := attach(b, dir, spool.Options{Encoders: &encoders})
		for step := range 3 {
			w.Step(weir.StepRecord{Index: step, State: weir.StepRunning})
			_, err := io.WriteString(w.Output(step), "something was said here\n")
			must(b, err)
			w.Step(weir.StepRecord{Index: step, State: weir.StepPassed})
		}
		must(b, w.Close([]byte("report")))
		if _, err := r.Steps(); err != nil {
			b.Fatal(err)
		}
		if frames, err := r.Frames(64, 4<<20); len(frames) != 3 {
			b.Fatal(len(frames), err)
		}
		if _, ok, err := r.Report(); !ok {
			b.Fatal(err)
		}
		must(b, r.Remove())
	}
}

// BenchmarkRead drains the spool of a log of 100 MB.
func BenchmarkRead(b *testing.B) {
	dir := create(b)
	w := attach(b, dir, spool.Options{})
	write(b, w.Output(0), buildLog(100<<20))
	must(b, w.Close(nil))
	b.SetBytes(100 << 20)
	for b.Loop() {
		r := open(b, dir)
		for {
			frames, err := r.Frames(64, 4<<20)
			must(b, err)
			if len(frames) == 0 {
				break
			}
			last := frames[len(frames)-1]
			must(b, r.Acknowledge(map[int]int64{0: last.Offset + int64(last.Size)}))
		}
		must(b, r.Close())
	}
}
