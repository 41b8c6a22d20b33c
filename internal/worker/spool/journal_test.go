package spool_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/filelock"
	"github.com/weir-ci/weir/internal/worker/spool"
)

// sample writes a short attempt, and returns its journal, where its records
// begin and end, and what a server should have of it.
func sample(t testing.TB) (journal []byte, borders []int, want *server) {
	t.Helper()
	dir := create(t)
	w := attach(t, dir, spool.Options{})
	for step := range 2 {
		w.Step(weir.StepRecord{Index: step, Name: fmt.Sprint("step ", step), State: weir.StepRunning})
		for i := range 2 {
			_, err := fmt.Fprintf(w.Output(step), "line %d of step %d\n%d", i, step, i)
			must(t, err)
			must(t, w.Flush())
		}
		w.Step(weir.StepRecord{Index: step, Name: fmt.Sprint("step ", step), State: weir.StepPassed})
	}
	must(t, w.Close([]byte("report")))
	r := open(t, dir)
	defer r.Close()
	want = newServer(t)
	must(t, want.drain(t, r))
	journal, err := os.ReadFile(filepath.Join(dir, "journal"))
	must(t, err)
	for at := 8; ; at += 9 + int(binary.BigEndian.Uint32(journal[at+1:])) {
		if borders = append(borders, at); at >= len(journal) {
			break
		}
	}
	if borders[len(borders)-1] != len(journal) || len(want.logs) != 2 || len(want.steps) != 2 {
		t.Fatalf("borders %v of %d bytes, %d logs", borders, len(journal), len(want.logs))
	}
	return journal, borders, want
}

// replay lets a reader read a journal to its end, and checks that what it
// finds is a beginning of what was written. It reports whether there was a report.
func replay(t *testing.T, dir string, journal []byte, want *server) (ok bool, err error) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, "journal"), journal, 0o600))
	r := open(t, dir)
	defer r.Close()
	s := &server{map[int][]byte{}, map[int]weir.StepRecord{}, want.zstd}
	err = s.drain(t, r)
	for step, log := range s.logs {
		if !bytes.HasPrefix(want.logs[step], log) {
			t.Fatalf("log of step %d: %q", step, log)
		}
	}
	for step, rec := range s.steps {
		if rec.Name != want.steps[step].Name || rec.State != weir.StepRunning && rec.State != weir.StepPassed {
			t.Fatalf("step %d: %+v", step, rec)
		}
		if got := s.logs[step]; rec.State == weir.StepPassed && !bytes.Equal(got, want.logs[step]) {
			t.Fatalf("step %d has ended, and its log is %q", step, got)
		}
	}
	report, ok, rerr := r.Report()
	if ok && string(report) != "report" || fmt.Sprint(rerr) != fmt.Sprint(err) {
		t.Fatalf("report %q, %v, before it %v", report, rerr, err)
	}
	if err != nil && weir.CodeOf(err) != weir.Internal {
		t.Fatalf("the code of %v is %s", err, weir.CodeOf(err))
	}
	return ok, err
}

func TestTornAnywhere(t *testing.T) {
	t.Parallel()
	journal, borders, want := sample(t)
	dir := create(t)
	for n := range len(journal) + 1 {
		ok, err := replay(t, dir, journal[:n], want)
		if whole := slices.Contains(borders, n); ok != (n == len(journal)) || (err == nil) != whole {
			t.Fatalf("of %d bytes the first %d: report %v, error %v", len(journal), n, ok, err)
		}
	}
	lock, err := filelock.Try(filepath.Join(dir, "assignment"), filelock.Exclusive) // the supervisor lives
	must(t, err)
	defer lock.Release()
	for n := range len(journal) + 1 {
		if ok, err := replay(t, dir, journal[:n], want); ok != (n == len(journal)) || err != nil {
			t.Fatalf("of %d bytes the first %d, while it is written: report %v, error %v", len(journal), n, ok, err)
		}
	}
}

func TestFlippedAnywhere(t *testing.T) {
	t.Parallel()
	journal, _, want := sample(t)
	dead, alive := create(t), create(t)
	lock, err := filelock.Try(filepath.Join(alive, "assignment"), filelock.Exclusive)
	must(t, err)
	defer lock.Release()
	for i := range journal {
		for _, flip := range []byte{0x01, 0xc4} {
			wrong := bytes.Clone(journal)
			wrong[i] ^= flip
			if ok, err := replay(t, dead, wrong, want); ok || err == nil {
				t.Fatalf("byte %d of %d is wrong: report %v, error %v", i, len(journal), ok, err)
			}
			if ok, _ := replay(t, alive, wrong, want); ok {
				t.Fatalf("byte %d of %d is wrong: there is a report", i, len(journal))
			}
		}
	}
}

// TestMixedUp puts whole records where they do not belong.
func TestMixedUp(t *testing.T) {
	t.Parallel()
	journal, borders, want := sample(t)
	dir := create(t)
	rec := func(i int) []byte { return journal[borders[i]:borders[i+1]] }
	last := len(borders) - 2
	for _, c := range []struct {
		name    string
		journal []byte
	}{
		{"a frame twice", slices.Concat(journal[:borders[3]], rec(2), journal[borders[3]:])},
		{"a frame missing", slices.Concat(journal[:borders[2]], journal[borders[3]:])},
		{"something behind the report", slices.Concat(journal, rec(last-1))},
		{"a byte behind the report", slices.Concat(journal, []byte{'s'})},
		{"another format", slices.Concat([]byte("weirspl\x02"), journal[borders[0]:])},
		{"zeros", slices.Concat(journal[:borders[4]], make([]byte, 4096))},
	} {
		if ok, err := replay(t, dir, c.journal, want); ok || err == nil {
			t.Errorf("%s: report %v, error %v", c.name, ok, err)
		}
	}
}

// TestGrows appends a journal byte by byte, as one reader looks on.
func TestGrows(t *testing.T) {
	t.Parallel()
	journal, _, want := sample(t)
	dir := create(t)
	lock, err := filelock.Try(filepath.Join(dir, "assignment"), filelock.Exclusive)
	must(t, err)
	defer lock.Release()
	f, err := os.Create(filepath.Join(dir, "journal"))
	must(t, err)
	defer f.Close()
	r := open(t, dir)
	defer r.Close()
	s := newServer(t)
	for i := range journal {
		if _, ok, err := r.Report(); ok || err != nil {
			t.Fatalf("a report at byte %d: %v", i, err)
		}
		_, err := f.Write(journal[i : i+1])
		must(t, err)
		must(t, s.drain(t, r))
	}
	for step, log := range want.logs {
		if !bytes.Equal(s.logs[step], log) {
			t.Errorf("log of step %d: %q", step, s.logs[step])
		}
	}
	if _, ok, err := r.Report(); !ok || err != nil {
		t.Errorf("no report: %v", err)
	}
}

func TestNotAFile(t *testing.T) {
	t.Parallel()
	dir := create(t)
	must(t, os.Mkdir(filepath.Join(dir, "journal"), 0o700))
	r := open(t, dir)
	defer r.Close()
	if _, err := r.Frames(1, 1); weir.CodeOf(err) != weir.Internal {
		t.Errorf("read a directory: %v", err)
	}
}

// FuzzJournal lets a reader read anything. With sealed set, data is cut into
// payloads, which become records with a checksum that fits: a kind, a length
// of two bytes, and the payload.
func FuzzJournal(f *testing.F) {
	journal, borders, _ := sample(f)
	f.Add(journal[borders[0]:], false)
	f.Add([]byte{}, false)
	var payloads []byte
	for i := range borders[:len(borders)-1] {
		p := journal[borders[i]+9 : borders[i+1]]
		payloads = append(payloads, journal[borders[i]], byte(len(p)>>8), byte(len(p)))
		payloads = append(payloads, p...)
	}
	f.Add(payloads, true)
	f.Add([]byte("f\x00\x07\x01\x00\x00\x01\x01\x00x"), true)
	dir := create(f)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		journal := []byte("weirspl\x01")
		if sealed {
			for len(data) >= 3 {
				n := min(int(data[1])<<8|int(data[2]), len(data)-3)
				journal = append(journal, spool.Sealed(data[0], data[3:3+n])...)
				data = data[3+n:]
			}
		}
		journal = append(journal, data...)
		must(t, os.WriteFile(filepath.Join(dir, "journal"), journal, 0o600))
		r := open(t, dir)
		defer r.Close()
		ends := map[int]int64{}
		for {
			frames, err := r.Frames(3, 100)
			if err != nil && weir.CodeOf(err) != weir.Internal {
				t.Fatalf("error %v", err)
			}
			if len(frames) == 0 {
				break
			}
			for _, f := range frames {
				if f.Offset != ends[f.Step] || f.Size < 1 || f.Size > weir.MaxFrame {
					t.Fatalf("a frame at %d, the log ends at %d", f.Offset, ends[f.Step])
				}
				ends[f.Step] += int64(f.Size)
			}
			must(t, r.Acknowledge(ends))
		}
		if n, err := r.Pending(); n != 0 {
			t.Fatalf("%d bytes are pending, %v", n, err)
		}
		_, _ = r.Steps()
		_, _, _ = r.Report()
	})
}

// TestReport is about reports that are too large, and those made too early.
func TestReport(t *testing.T) {
	t.Parallel()
	dir := create(t)
	w := attach(t, dir, spool.Options{})
	if err := w.Close(make([]byte, spool.MaxReport+1)); weir.CodeOf(err) != weir.TooLarge {
		t.Errorf("a large report: %v", err)
	}
	r := open(t, dir)
	defer r.Close()
	if _, ok, err := r.Report(); ok || err != nil || r.Alive() {
		t.Errorf("report %v, %v, alive %v", ok, err, r.Alive())
	}
	for _, told := range []bool{false, true} {
		dir := create(t)
		w := attach(t, dir, spool.Options{})
		_, err := io.WriteString(w.Output(-1), "x")
		if weir.CodeOf(err) != weir.Invalid {
			t.Errorf("output of step -1: %v", err)
		}
		w.Step(weir.StepRecord{Index: 1000})
		if told && weir.CodeOf(w.Err()) != weir.Invalid {
			t.Errorf("step 1000: %v", w.Err())
		}
		if err := w.Close([]byte("bad news")); (err == nil) != told {
			t.Errorf("told %v, closed with %v", told, err)
		}
		r := open(t, dir)
		if _, ok, err := r.Report(); ok != told || err != nil {
			t.Errorf("told %v, report %v, %v", told, ok, err)
		}
		must(t, r.Close())
	}
}
