package spool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/patience"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/product"
	"github.com/weir-ci/weir/internal/worker/spool"
)

var (
	_ execute.Observer = (*spool.Writer)(nil)
	_ product.Fetch    = (*spool.Writer)(nil).Fetch
)

func TestLife(t *testing.T) {
	t.Parallel()
	dir := create(t)
	r := open(t, dir)
	defer r.Close()
	if string(r.Assignment()) != `{"attempt":"41.2"}` || r.Begun() || r.Alive() {
		t.Errorf("assignment %q, begun %v, alive %v", r.Assignment(), r.Begun(), r.Alive())
	}
	if steps, err := r.Steps(); steps != nil || err != nil {
		t.Errorf("steps of a new spool: %v, %v", steps, err)
	}
	w := attach(t, dir, spool.Options{})
	if string(w.Assignment()) != `{"attempt":"41.2"}` || !r.Begun() || !r.Alive() {
		t.Errorf("assignment %q, begun %v, alive %v", w.Assignment(), r.Begun(), r.Alive())
	}
	if _, err := spool.Attach(dir, spool.Options{}); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("a second writer: %v", err)
	}
	if err := r.Bar(); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("barred what runs: %v", err)
	}
	w.Step(weir.StepRecord{Index: 0, Name: "checkout", State: weir.StepRunning})
	w.Step(weir.StepRecord{Index: 1, Name: "test", State: weir.StepWaiting})
	_, err := io.WriteString(w.Output(0), "one\ntwo")
	must(t, err)
	w.Step(weir.StepRecord{Index: 0, Name: "checkout", State: weir.StepPassed})
	must(t, w.Flush())
	if n, err := r.Pending(); n != 7 || err != nil {
		t.Errorf("%d bytes are pending, %v", n, err)
	}
	s := newServer(t)
	must(t, s.drain(t, r))
	if string(s.logs[0]) != "one\ntwo" || s.steps[0].State != weir.StepPassed || s.steps[1].State != weir.StepWaiting {
		t.Errorf("log %q, steps %v", s.logs[0], s.steps)
	}
	if _, ok, err := r.Report(); ok || err != nil {
		t.Errorf("a report before the end: %v", err)
	}
	must(t, w.Close([]byte("fine")))
	must(t, w.Close([]byte("again")))
	if report, ok, err := r.Report(); string(report) != "fine" || !ok || err != nil || r.Alive() {
		t.Errorf("report %q, %v, %v, alive %v", report, ok, err, r.Alive())
	}
	if _, err := w.Output(0).Write([]byte("late")); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("wrote after the end: %v", err)
	}
	if _, err := spool.Attach(dir, spool.Options{}); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("ran twice: %v", err)
	}
	must(t, r.Remove())
	must(t, r.Remove())
	if _, err := spool.Open(dir); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("opened what was removed: %v", err)
	}
}

func TestDeath(t *testing.T) {
	t.Parallel()
	dir := create(t)
	w := attach(t, dir, spool.Options{})
	r := open(t, dir)
	defer r.Close()
	_, err := io.WriteString(w.Output(3), "last words\n")
	must(t, err)
	must(t, w.Close(nil))
	s := newServer(t)
	must(t, s.drain(t, r))
	if _, ok, err := r.Report(); ok || err != nil || r.Alive() || !r.Begun() {
		t.Errorf("report %v, %v, alive %v, begun %v", ok, err, r.Alive(), r.Begun())
	}
	if string(s.logs[3]) != "last words\n" {
		t.Errorf("log %q", s.logs[3])
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	dir := create(t)
	r := open(t, dir)
	defer r.Close()
	must(t, r.Bar())
	if _, err := spool.Attach(dir, spool.Options{}); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("attached to a barred spool: %v", err)
	}
	if _, ok, err := r.Report(); ok || err != nil || r.Alive() || !r.Begun() {
		t.Errorf("report %v, %v, alive %v, begun %v", ok, err, r.Alive(), r.Begun())
	}
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "spools")
	if names, err := spool.List(root); len(names) != 0 || err != nil {
		t.Errorf("below nothing: %v, %v", names, err)
	}
	for _, name := range []string{"1.1", "20.3"} {
		must(t, put(filepath.Join(root, name), nil))
	}
	if err := put(filepath.Join(root, "1.1"), nil); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("made twice: %v", err)
	}
	for _, name := range []string{"x", "..", "1.0"} {
		if err := put(filepath.Join(root, "a", name), nil); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("made %q: %v", name, err)
		}
	}
	if err := put(filepath.Join(root, "2.2"), make([]byte, spool.MaxAssignment+1)); weir.CodeOf(err) != weir.TooLarge {
		t.Errorf("a large assignment: %v", err)
	}
	for _, name := range []string{"5.5", "6.6", "other"} { // as if killed
		must(t, os.Mkdir(filepath.Join(root, name), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(root, "6.6", "assignment"), []byte(`{"attempt"`), 0o600))
	for _, name := range []string{"5.5", "6.6"} {
		if _, err := spool.Open(filepath.Join(root, name)); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("a half made spool: %v", err)
		}
	}
	must(t, os.WriteFile(filepath.Join(root, "7.7"), nil, 0o600))
	must(t, put(filepath.Join(root, "5.5"), nil))
	must(t, put(filepath.Join(root, "6.6"), nil))
	names, err := spool.List(root)
	if err != nil || !slices.Equal(names, []string{"1.1", "20.3", "5.5", "6.6"}) {
		t.Errorf("found %v, %v", names, err)
	}
}

func TestSeq(t *testing.T) {
	t.Parallel()
	dir := create(t)
	last := int64(0)
	for range 3 {
		r := open(t, dir)
		for range 3 {
			n, err := r.Seq()
			if err != nil || n <= last {
				t.Fatalf("%d after %d, %v", n, last, err)
			}
			last = n
		}
		must(t, r.Close())
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	dir := create(t)
	r := open(t, dir)
	defer r.Close()
	w := attach(t, dir, spool.Options{})
	select {
	case <-w.Cancelled():
		t.Error("cancelled by nobody")
	default:
	}
	must(t, r.Cancel())
	must(t, r.Cancel())
	w.Nudge()
	patience.Receive(t, "the cancellation", w.Cancelled())
	must(t, w.Close(nil))
}

func TestFetch(t *testing.T) {
	t.Parallel()
	dir := create(t)
	asked := make(chan struct{}, 100)
	w := attach(t, dir, spool.Options{Notify: func() { asked <- struct{}{} }})
	r := open(t, dir)
	defer r.Close()
	good, bad := weir.DigestOf([]byte("blob")), weir.DigestOf([]byte("none"))
	type answer struct {
		body string
		err  error
	}
	answers := make(chan answer)
	fetch := func(ctx context.Context, d weir.Digest) {
		body, err := w.Fetch(ctx, d)
		if err != nil {
			answers <- answer{err: err}
			return
		}
		data, err := io.ReadAll(body)
		answers <- answer{string(data), errors.Join(err, body.Close())}
	}
	for range 2 { // at the same time, and each gets its own
		go fetch(t.Context(), good)
	}
	for range 2 {
		for {
			patience.Receive(t, "a question", asked)
			if wanted, err := r.Wanted(); err != nil || slices.Equal(wanted, []weir.Digest{good}) {
				must(t, err)
				break
			}
		}
		file := filepath.Join(r.Dir(), "tmp-1")
		must(t, os.WriteFile(file, []byte("blob"), 0o600))
		must(t, r.Fulfil(good, file))
		w.Nudge()
		if a := patience.Receive(t, "an answer", answers); a.body != "blob" || a.err != nil {
			t.Errorf("fetched %+v", a)
		}
	}
	go fetch(t.Context(), bad)
	patience.Receive(t, "a question", asked)
	must(t, r.Refuse(bad, weir.Errorf(weir.NotFound, "there is no such blob").WithHint("build it")))
	w.Nudge()
	var e *weir.Error
	if a := patience.Receive(t, "an answer", answers); !errors.As(a.err, &e) || e.Code != weir.NotFound || e.Message != "there is no such blob" || e.Hint != "build it" {
		t.Errorf("refused with %v", a.err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	go fetch(ctx, bad)
	patience.Receive(t, "a question", asked)
	cause := errors.New("enough")
	cancel(cause)
	if a := patience.Receive(t, "an answer", answers); !errors.Is(a.err, cause) {
		t.Errorf("cancelled with %v", a.err)
	}
	if _, err := w.Fetch(t.Context(), "../x"); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("fetched no digest: %v", err)
	}
	must(t, w.Close(nil))
	left, err := filepath.Glob(filepath.Join(dir, "*-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAcknowledge(t *testing.T) {
	t.Parallel()
	dir := create(t)
	w := attach(t, dir, spool.Options{})
	for i := range 5 {
		for step := range 2 {
			_, err := fmt.Fprintf(w.Output(step), "line %d\n", i)
			must(t, err)
		}
		must(t, w.Flush())
	}
	must(t, w.Close([]byte("report")))
	r := open(t, dir)
	defer r.Close()
	for _, c := range []struct {
		name    string
		offsets map[int]int64
		code    weir.Code
		pending int64
	}{
		{"nothing", nil, "", 70},
		{"unknown steps with nothing", map[int]int64{9: 0}, "", 70},
		{"a frame", map[int]int64{0: 7}, "", 63},
		{"within a frame", map[int]int64{0: 8}, weir.Invalid, 63},
		{"too much", map[int]int64{0: 36}, weir.Invalid, 63},
		{"an unknown step", map[int]int64{2: 7}, weir.Invalid, 63},
		{"less than nothing", map[int]int64{0: -7}, weir.Invalid, 63},
		{"one step is ahead", map[int]int64{0: 7, 1: 35}, "", 28},
		{"fewer", map[int]int64{1: 14}, "", 49},
		{"fewer, within a frame", map[int]int64{1: 6}, weir.Invalid, 49},
		{"one fewer, one more", map[int]int64{0: 28, 1: 7}, "", 35},
		{"none", map[int]int64{0: 0, 1: 0}, "", 70},
		{"all", map[int]int64{0: 35, 1: 35}, "", 0},
		{"none again", map[int]int64{0: 0, 1: 0}, "", 70},
	} {
		if err := r.Acknowledge(c.offsets); weir.CodeOf(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
		if n, err := r.Pending(); n != c.pending || err != nil {
			t.Errorf("%s: %d bytes are pending, %v", c.name, n, err)
		}
		s := newServer(t)
		for _, step := range []int{0, 1} { // what it has
			s.logs[step] = []byte("line 0\nline 1\nline 2\nline 3\nline 4\n")
		}
		frames, err := r.Frames(100, 1)
		if len(frames) > 1 || err != nil {
			t.Errorf("%s: %d frames of one byte, %v", c.name, len(frames), err)
		}
		frames, err = r.Frames(100, 1<<20)
		must(t, err)
		begins := map[int]int64{0: 35, 1: 35}
		for _, f := range frames {
			begins[f.Step] = min(begins[f.Step], f.Offset)
		}
		for step, begin := range begins {
			s.logs[step] = s.logs[step][:begin]
		}
		if left := begins[0] + begins[1]; 70-left != c.pending {
			t.Errorf("%s: frames begin at %v", c.name, slices.Collect(maps.Values(begins)))
		}
		s.take(t, frames)
		if !bytes.Equal(s.logs[0], s.logs[1]) || len(s.logs[0]) != 35 {
			t.Errorf("%s: logs %q and %q", c.name, s.logs[0], s.logs[1])
		}
	}
}
