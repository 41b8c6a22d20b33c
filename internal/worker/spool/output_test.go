package spool_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/patience"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/spool"
)

// TestFlush is about when output becomes visible.
func TestFlush(t *testing.T) {
	t.Parallel()
	dir := create(t)
	synctest.Test(t, func(t *testing.T) {
		w := attach(t, dir, spool.Options{Flush: time.Second})
		r := open(t, dir)
		defer r.Close()
		s := newServer(t)
		defer s.zstd.Close()
		expect := func(what, log string) {
			t.Helper()
			synctest.Wait()
			must(t, s.drain(t, r))
			if string(s.logs[0]) != log {
				t.Errorf("%s: %q", what, s.logs[0])
			}
		}
		say := func(text string) {
			_, err := io.WriteString(w.Output(0), text)
			must(t, err)
		}
		pass := func(d time.Duration) { <-time.After(d) }
		say("a\nb")
		expect("the first line is there at once", "a\n")
		pass(900 * time.Millisecond)
		say("c\nd\n")
		expect("what follows waits", "a\n")
		pass(100 * time.Millisecond)
		expect("but not for longer than a second", "a\nbc\nd\n")
		pass(time.Hour)
		say("name: ")
		expect("a line without end, after a silence", "a\nbc\nd\nname: ")
		say("x")
		say("\ny")
		pass(time.Second)
		expect("up to the line end", "a\nbc\nd\nname: x\n")
		pass(time.Second)
		expect("and then the rest", "a\nbc\nd\nname: x\ny")
		say("z")
		w.Step(weir.StepRecord{Index: 0, State: weir.StepPassed})
		expect("the end of a step", "a\nbc\nd\nname: x\nyz")
		say(strings.Repeat("0123456789abcd\n", weir.MaxFrame/15+9))
		synctest.Wait() // a full frame does not wait, and is cut behind a line
		if frames, err := r.Frames(10, 1<<20); len(frames) != 1 || frames[0].Size != weir.MaxFrame/15*15 || err != nil {
			t.Errorf("%d frames, %v", len(frames), err)
		}
		must(t, w.Close(nil))
	})
}

// said finds what a spool says in a log.
var (
	saidLimit = regexp.MustCompile(`\[weir: the log has reached its limit of \d+ bytes; from here on only its end is kept\]\n`)
	saidLeft  = regexp.MustCompile(`\[weir: (\d+) bytes in (\d+) lines were left out here\]\n`)
)

// check holds a log against what was written: the same, or its beginning and
// end, and the right count between them. Line ends that the spool puts before
// its own lines may look like those of the step, so there are several readings.
func check(log, written string) error {
	if log == written {
		return nil
	}
	at := saidLimit.FindStringIndex(log)
	if at == nil {
		return fmt.Errorf("%d bytes were written, %d arrived", len(written), len(log))
	}
	head, rest := log[:at[0]], log[at[1]:]
	count := saidLeft.FindStringSubmatchIndex(rest)
	if count == nil {
		if rest == "" || strings.TrimSuffix(head, "\n")+rest == written || head+rest == written {
			return nil
		}
		return fmt.Errorf("something was left out and not counted: %d bytes were written, %d and %d arrived", len(written), len(head), len(rest))
	}
	if count[0] != 0 {
		return fmt.Errorf("something stands between the lines of the spool: %q", rest[:count[0]])
	}
	end := rest[count[1]:]
	left, _ := strconv.Atoi(rest[count[2]:count[3]])
	lines, _ := strconv.Atoi(rest[count[4]:count[5]])
	for _, head := range []string{head, strings.TrimSuffix(head, "\n")} {
		if !strings.HasPrefix(written, head) || !strings.HasSuffix(written, end) || len(head)+left+len(end) != len(written) {
			continue
		}
		if strings.Count(written[len(head):len(written)-len(end)], "\n") == lines {
			return nil
		}
	}
	return fmt.Errorf("%d bytes were written; head %d, left out %d in %d lines, end %d", len(written), len(head), left, lines, len(end))
}

func TestLimit(t *testing.T) {
	t.Parallel()
	dir := create(t)
	w := attach(t, dir, spool.Options{Limit: 1000, Tail: 100})
	written := map[int]string{}
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		written[0] += line
		_, err := io.WriteString(w.Output(0), line)
		must(t, err)
	}
	must(t, w.Flush())
	r := open(t, dir)
	defer r.Close()
	s := newServer(t)
	must(t, s.drain(t, r))
	// 644 are left for the beginning: 10 lines of 7 bytes, and 71 of 8.
	head := strings.Split(written[0], "line 81\n")[0]
	head += "[weir: the log has reached its limit of 1000 bytes; from here on only its end is kept]\n"
	if string(s.logs[0]) != head {
		t.Errorf("at the limit: %q", s.logs[0])
	}
	w.Step(weir.StepRecord{Index: 0, State: weir.StepFailed})
	must(t, w.Flush())
	must(t, s.drain(t, r))
	want := head + "[weir: 8153 bytes in 908 lines were left out here]\n" + written[0][len(written[0])-99:]
	if got := string(s.logs[0]); got != want || check(got, written[0]) != nil || len(got) > 1000 {
		t.Errorf("at the end: %q\nwanted %q", got, want)
	}
	// Another step has room nonetheless, and its line may be a long one.
	written[1] = strings.Repeat("x", 5000)
	_, err := io.WriteString(w.Output(1), written[1])
	must(t, err)
	_, err = io.WriteString(w.Output(2), "short") // and a third
	must(t, err)
	must(t, w.Close([]byte("report")))
	must(t, s.drain(t, r))
	if err := check(string(s.logs[1]), written[1]); err != nil || !strings.HasPrefix(string(s.logs[1]), strings.Repeat("x", 644)+"\n[weir") {
		t.Errorf("second step: %v: %q", err, s.logs[1])
	}
	if string(s.logs[2]) != "short" {
		t.Errorf("third step: %q", s.logs[2])
	}
}

// TestArrives writes anything, in any way, and lets a forgetful server and a
// worker program that is started again and again pick it up.
func TestArrives(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	n := 0
	s := newServer(t)
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprintf("%d.1", n))
		must(t, put(dir, nil))
		limit := rapid.SampledFrom([]int64{0, 2000, 70_000, 1 << 20}).Draw(t, "limit")
		tail := rapid.SampledFrom([]int64{0, 1, 100, 5000}).Draw(t, "tail")
		w := attach(t, dir, spool.Options{Limit: limit, Tail: tail, Flush: rapid.SampledFrom([]time.Duration{1, time.Hour}).Draw(t, "flush")})
		r := open(t, dir)
		clear(s.logs)
		clear(s.steps)
		written := map[int]*strings.Builder{0: {}, 1: {}, 2: {}}
		borders := map[int][]int64{}
		sync := func(t *rapid.T) {
			frames, err := r.Frames(rapid.IntRange(1, 5).Draw(t, "frames"), rapid.Int64Range(0, 100_000).Draw(t, "bytes"))
			must(t, err)
			s.take(t, frames)
			for _, f := range frames {
				borders[f.Step] = append(borders[f.Step], f.Offset)
			}
			must(t, r.Acknowledge(s.offsets()))
		}
		step := rapid.IntRange(0, 2)
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				size := rapid.SampledFrom([]int{1, 10, 80, 500, 1000, 5000, 30_000, 100_000, weir.MaxFrame + 1, 600_000}).Draw(t, "size")
				every := rapid.SampledFrom([]int{2, 7, 80, 3000, 1 << 30}).Draw(t, "line")
				p := bytes.Repeat([]byte("abcdefg "), size/8+1)[:size]
				for i := every - 1; i < size; i += every {
					p[i] = '\n'
				}
				i := step.Draw(t, "step")
				written[i].Write(p)
				_, err := w.Output(i).Write(p)
				must(t, err)
			},
			"step": func(t *rapid.T) {
				w.Step(weir.StepRecord{Index: step.Draw(t, "step"), State: weir.StepRunning})
			},
			"flush": func(t *rapid.T) { must(t, w.Flush()) },
			"sync":  sync,
			"forget": func(t *rapid.T) { // a server whose database is an old one
				i := step.Draw(t, "step")
				if len(borders[i]) > 0 {
					back := rapid.IntRange(0, len(borders[i])-1).Draw(t, "back")
					s.logs[i] = s.logs[i][:borders[i][back]]
					borders[i] = borders[i][:back]
					must(t, r.Acknowledge(s.offsets()))
				}
			},
			"open": func(t *rapid.T) {
				must(t, r.Close())
				r = open(t, dir)
				if rapid.Bool().Draw(t, "ask") {
					must(t, r.Acknowledge(s.offsets()))
				} else {
					clear(s.logs)
					clear(borders)
				}
			},
		})
		must(t, w.Close([]byte("report")))
		must(t, s.drain(t, r))
		total := 0
		for i, b := range written {
			total += len(s.logs[i])
			if err := check(string(s.logs[i]), b.String()); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
		if limit > 0 && total > int(limit)+2*130<<10 {
			t.Fatalf("%d bytes of logs, the limit is %d", total, limit)
		}
		if pending, err := r.Pending(); pending != 0 || err != nil {
			t.Fatalf("%d bytes are pending, %v", pending, err)
		}
		must(t, r.Remove())
	})
}

// TestTogether uses everything at the same time.
func TestTogether(t *testing.T) {
	t.Parallel()
	dir := create(t)
	news := make(chan struct{}, 1)
	w := attach(t, dir, spool.Options{Flush: time.Millisecond, Notify: func() {
		select {
		case news <- struct{}{}:
		default:
		}
	}})
	r := open(t, dir)
	defer r.Close()
	var writers sync.WaitGroup
	want := map[int]string{}
	for step := range 4 {
		for i := range 3000 {
			want[step] += fmt.Sprintf("step %d, line %d\n", step, i)
		}
		text := want[step]
		writers.Go(func() {
			w.Step(weir.StepRecord{Index: step, State: weir.StepRunning})
			for rest := text; rest != ""; {
				n := min(len(rest), 1000)
				if _, err := io.WriteString(w.Output(step), rest[:n]); err != nil {
					t.Error(err)
				}
				rest = rest[n:]
				_ = w.Err()
			}
			w.Step(weir.StepRecord{Index: step, State: weir.StepPassed})
		})
	}
	closed := make(chan error, 1)
	go func() {
		writers.Wait()
		closed <- w.Close([]byte("report"))
	}()
	s := newServer(t)
	for ok := false; !ok; {
		patience.Receive(t, "news", news)
		must(t, s.drain(t, r))
		var err error
		_, ok, err = r.Report()
		must(t, err)
	}
	must(t, s.drain(t, r))
	for step, log := range want {
		if string(s.logs[step]) != log || s.steps[step].State != weir.StepPassed {
			t.Errorf("step %d is %s, its log has %d bytes of %d", step, s.steps[step].State, len(s.logs[step]), len(log))
		}
	}
	must(t, patience.Receive(t, "the end", closed))
}

// fullDisk takes some bytes and then no more, except for what little there is
// room for once something was removed.
type fullDisk struct {
	*os.File
	left    int
	reserve string
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if _, err := os.Stat(d.reserve); err != nil {
		return d.File.Write(p)
	}
	n, err := d.File.Write(p[:min(len(p), d.left)])
	d.left -= n
	if err == nil && n < len(p) {
		err = &os.PathError{Op: "write", Path: d.Name(), Err: syscall.ENOSPC}
	}
	return n, err
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := create(t)
	w, err := spool.AttachWith(dir, spool.Options{}, func(f *os.File) interface {
		Write(p []byte) (int, error)
		Close() error
		Truncate(size int64) error
	} {
		return &fullDisk{f, 3000, filepath.Join(dir, "reserve")}
	})
	must(t, err)
	var want string
	for i := 0; err == nil; i++ {
		line := fmt.Sprintf("line %d\n", i)
		want += line
		if _, err = io.WriteString(w.Output(0), line); err == nil {
			err = w.Flush()
		}
	}
	if !disk.IsFull(err) || !disk.IsFull(w.Err()) {
		t.Errorf("a full disk: %v", err)
	}
	must(t, w.Close([]byte("the disk is full")))
	r := open(t, dir)
	defer r.Close()
	s := newServer(t)
	must(t, s.drain(t, r))
	report, ok, err := r.Report()
	if string(report) != "the disk is full" || !ok || err != nil {
		t.Errorf("report %q, %v", report, err)
	}
	if log := string(s.logs[0]); log == "" || !strings.HasPrefix(want, log) || log == want {
		t.Errorf("log %q", log)
	}
}

// TestMemory is not parallel to others, whose memory it would count.
//
//nolint:paralleltest // see above
func TestMemory(t *testing.T) {
	const size, bound = 200 << 20, 48 << 20
	dir := create(t)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	piece := bytes.Repeat([]byte("what a step says again and again, and never gets tired of saying\n"), 16<<10)
	runtime.GC()
	before, most := heap(), int64(0)
	w := attach(t, dir, spool.Options{})
	for range size/len(piece) + 1 {
		write(t, w.Output(0), piece)
		most = max(most, heap()-before)
	}
	must(t, w.Close([]byte("report")))
	r := open(t, dir)
	defer r.Close()
	var got int64
	for {
		frames, err := r.Frames(64, 4<<20)
		must(t, err)
		if len(frames) == 0 {
			break
		}
		last := frames[len(frames)-1]
		got = last.Offset + int64(last.Size)
		must(t, r.Acknowledge(map[int]int64{0: got}))
		most = max(most, heap()-before)
	}
	if got < size || most > bound {
		t.Errorf("%d bytes arrived, the heap grew by %d MB", got, most>>20)
	}
	t.Logf("the heap grew by %d MB", most>>20)
}
