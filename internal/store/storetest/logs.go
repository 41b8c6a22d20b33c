package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func logTests() []subtest {
	return []subtest{
		{"frames from an offset on", testLogFrames},
		{"sizes", testLogSizes},
		{"not found", testLogMissing},
		{"what can be sealed", testSealable},
		{"a live log in pieces", testSealLive},
		{"only exact frames are sealed", testSealExact},
		{"a segment goes into a row or a blob", testSealCheck},
		{"two seal, one appends, one reads", testSealRace},
		{"sealed as it comes", testDirect},
		{"what comes sealed and does not fit", testDirectMisfit},
		{"sealed as it comes, doubled and delayed", testDirectProperty},
		{"segments are packed", testPack},
		{"only exact segments are packed", testPackExact},
		{"several pack one log", testPackRace},
	}
}

// log reads a step's whole log, as readers do: how long it is, then segments,
// then frames, and again if something was sealed in between. It checks that
// all fit together.
func (f *fixture) log(id weir.AttemptID, step int) string {
	f.Helper()
	text, err := readLog(f.ctx, f.Store, id, step)
	f.ok(err)
	return text
}

func readLog(ctx context.Context, s store.Store, id weir.AttemptID, step int) (string, error) {
	const some = 7
	var text bytes.Buffer
	var lines, size int64
	sizes, err := s.LogSizes(ctx, id)
	if err != nil {
		return "", err
	}
	for _, l := range sizes {
		if l.Step == step {
			size = l.Bytes
		}
	}
	take := func(what string, offset, line, size int64, data []byte) error {
		data, ok := bytes.CutPrefix(data, []byte(dataMark))
		if offset != int64(text.Len()) || line != lines || !ok || int64(len(data)) != size {
			return fmt.Errorf("%s of %d bytes at %d, line %d, with %d bytes of data; %d bytes and %d lines lie before it",
				what, size, offset, line, len(data), text.Len(), lines)
		}
		text.Write(data)
		lines += int64(bytes.Count(data, []byte("\n")))
		return nil
	}
	for int64(text.Len()) < size {
		segments, err := s.LogSegments(ctx, id, step)
		if err != nil {
			return "", err
		}
		for _, g := range segments {
			known := int64(text.Len()) - g.Offset // read as frames before they were sealed
			if known >= g.Bytes {
				continue
			}
			if known > 0 {
				seen := int64(bytes.Count(g.Data[:int64(len(dataMark))+known], []byte("\n")))
				g.Data = append([]byte(dataMark), g.Data[int64(len(dataMark))+known:]...)
				g.Offset, g.Bytes, g.FirstLine = g.Offset+known, g.Bytes-known, g.FirstLine+seen
			}
			if err := take("segment", g.Offset, g.FirstLine, g.Bytes, g.Data); err != nil {
				return "", err
			}
		}
		for {
			frames, err := s.LogFrames(ctx, id, step, int64(text.Len()), some)
			if err != nil {
				return "", err
			}
			if len(frames) == 0 || frames[0].Offset > int64(text.Len()) {
				break // the end, or sealed meanwhile
			}
			for _, fr := range frames {
				if fr.Step != step {
					return "", fmt.Errorf("a frame of step %d", fr.Step)
				}
				if err := take("frame", fr.Offset, fr.FirstLine, int64(fr.Size), fr.Data); err != nil {
					return "", err
				}
			}
		}
	}
	return text.String(), nil
}

// logged leases a build and sends it frames, 10 a sync.
func (f *fixture) logged(n int, fs []weir.LogFrame) store.Leased {
	f.Helper()
	l := f.leaseBuild(f.change(f.builder("a"), n))
	seq := int64(1)
	for chunk := range slices.Chunk(fs, 10) {
		f.send(f.sync(l, seq, chunk...))
		seq++
	}
	return l
}

func offsets(fs []weir.LogFrame) (out []int64) {
	for _, fr := range fs {
		out = append(out, fr.Offset)
	}
	return out
}

// segmentOf makes a segment of frames; like theirs, its data is not compressed.
func segmentOf(id weir.AttemptID, fs ...weir.LogFrame) store.LogSegment {
	g := store.LogSegment{Attempt: id, Step: fs[0].Step, Offset: fs[0].Offset, FirstLine: fs[0].FirstLine, Data: []byte(dataMark)}
	for _, fr := range fs {
		g.Bytes += int64(fr.Size)
		g.Lines += int64(fr.Lines)
		g.Data = append(g.Data, fr.Data[len(dataMark):]...)
	}
	return g
}

func someLines(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprintf("line %d\nand li", i), fmt.Sprintf("ne %d\n", i))
	}
	return texts
}

func testLogFrames(f *fixture) {
	all := frames(0, someLines(30)...)
	id := f.logged(1, all).Attempt
	read := func(offset int64, limit int) []weir.LogFrame {
		return must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, offset, limit))
	}
	end := int64(0)
	for i, fr := range all {
		end = fr.Offset + int64(fr.Size)
		for _, offset := range []int64{fr.Offset, fr.Offset + 1, end - 1} {
			equal(f, fmt.Sprint("frames from byte ", offset), offsets(read(offset, 3)), offsets(all[i:min(i+3, len(all))]))
		}
	}
	equal(f, "a frame", read(0, 1), all[:1])
	for _, offset := range []int64{end, end + 1, 1 << 60} {
		equal(f, "frames behind the end", len(read(offset, 9)), 0)
	}
	equal(f, "frames of another step", len(must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 1, 0, 9))), 0)
}

func testLogSizes(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	sizes := func() []store.LogSize { return must[[]store.LogSize](f)(f.LogSizes(f.ctx, l.Attempt)) }
	equal(f, "no log", len(sizes()), 0)
	fs := append(frames(4, "a\nb", "c\n"), frames(1, "no newline")...)
	f.send(f.sync(l, 1, fs...))
	mark := int64(len(dataMark))
	want := []store.LogSize{{Step: 1, Bytes: 10, Pending: mark + 10}, {Step: 4, Bytes: 5, Lines: 2, Pending: 2*mark + 5}}
	equal(f, "sizes", sizes(), want)
	f.ok(f.Seal(f.ctx, segmentOf(l.Attempt, fs[:1]...)))
	want[1].Sealed, want[1].Pending = 3, mark+2
	equal(f, "sizes when a part is sealed", sizes(), want)
	f.finish(l, weir.ReasonNone)
	f.ok(f.Seal(f.ctx, segmentOf(l.Attempt, frames(4, "a\nb", "c\n")[1:]...)))
	want[1].Sealed, want[1].Pending = 5, 0
	equal(f, "sizes after the end", sizes(), want)
	equal(f, "log after the end", f.log(l.Attempt, 4), "a\nbc\n")
}

func testLogMissing(f *fixture) {
	id := f.change(f.builder("a"), 1)
	for _, attempt := range []weir.AttemptID{{Build: id, Number: 1}, {Build: 999, Number: 1}} {
		got, err := f.LogFrames(f.ctx, attempt, 0, 0, 9)
		if c := weir.CodeOf(err); len(got) != 0 || c != "" && c != weir.NotFound {
			f.Errorf("log of no attempt: %v, %v", got, err)
		}
		segments, err := f.LogSegments(f.ctx, attempt, 0)
		if c := weir.CodeOf(err); len(segments) != 0 || c != "" && c != weir.NotFound {
			f.Errorf("segments of no attempt: %v, %v", segments, err)
		}
		steps, err := f.Steps(f.ctx, attempt)
		if c := weir.CodeOf(err); len(steps) != 0 || c != "" && c != weir.NotFound {
			f.Errorf("steps of no attempt: %v, %v", steps, err)
		}
		f.code(f.Seal(f.ctx, segmentOf(attempt, frame(0, 0, 0, "x"))), weir.Conflict)
	}
	equal(f, "attempts", len(must[[]weir.Attempt](f)(f.Attempts(f.ctx, id))), 0)
}

// testSealable lists what is worth sealing: logs of ended attempts, unless
// they are one small frame, and live logs with much in them.
func testSealable(f *fixture) {
	small := f.logged(1, frames(0, "all that it says\n"))
	fs := append(frames(0, "one\n", "two\n"), frames(3, "three\n", "four")...)
	several := f.logged(2, fs)
	big := frame(0, 0, 0, strings.Repeat("x", store.MaxInlineSegment+1))
	single := f.logged(3, []weir.LogFrame{big})
	silent := f.leaseBuild(f.change(f.builder("a"), 4))
	list := func(pending int64, limit int) []store.Sealing {
		return must[[]store.Sealing](f)(f.Sealable(f.ctx, pending, limit))
	}
	equal(f, "while all are live", list(1<<20, 9), nil)
	equal(f, "live ones with much", list(store.MaxInlineSegment, 9), []store.Sealing{
		{Attempt: single.Attempt, Bytes: int64(big.Size), Live: true}})
	for _, l := range []store.Leased{small, several, single, silent} {
		f.finish(l, weir.ReasonNone)
	}
	want := []store.Sealing{{Attempt: several.Attempt, Bytes: 8}, {Attempt: several.Attempt, Step: 3, Bytes: 10},
		{Attempt: single.Attempt, Bytes: int64(big.Size)}}
	equal(f, "when all have ended", list(1<<40, 9), want)
	equal(f, "the first of them", list(1<<40, 1), want[:1])
	f.ok(f.Seal(f.ctx, segmentOf(several.Attempt, fs[:2]...)))
	equal(f, "when one is sealed", list(1<<40, 9), want[1:])
	f.ok(f.Seal(f.ctx, segmentOf(several.Attempt, fs[2:3]...)))
	equal(f, "when one small frame is left", list(1<<40, 9), want[2:])
	equal(f, "log", f.log(several.Attempt, 3), "three\nfour")
}

func testSealLive(f *fixture) {
	all := frames(0, someLines(20)...)
	l := f.logged(1, all[:30])
	id := l.Attempt
	f.ok(f.Seal(f.ctx, segmentOf(id, all[:11]...)))
	f.ok(f.Seal(f.ctx, segmentOf(id, all[11:20]...)))
	equal(f, "frames that are left", offsets(must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, 0, 100))), offsets(all[20:30]))
	equal(f, "segments", must[[]store.LogSegment](f)(f.LogSegments(f.ctx, id, 0)),
		[]store.LogSegment{segmentOf(id, all[:11]...), segmentOf(id, all[11:20]...)})
	want := must[[]store.Sealing](f)(f.Sealable(f.ctx, 0, 9))
	equal(f, "what can be sealed next", want, []store.Sealing{{Attempt: id, Offset: all[20].Offset, Bytes: all[30].Offset - all[20].Offset, Live: true}})

	end := f.send(f.sync(l, 50, all[5:]...))[0] // what is sealed is known
	equal(f, "end of the log", end, all[39].Offset+int64(all[39].Size))
	f.ok(f.Seal(f.ctx, segmentOf(id, all[20:40]...)))
	end = f.send(f.sync(l, 51, frame(0, end, 40, "behind\n")))[0]
	e := f.ending(l, weir.ReasonNone)
	e.Frames = []weir.LogFrame{frame(0, end, 41, "last")}
	_, err := f.Finish(f.ctx, e)
	f.ok(err)
	equal(f, "log", f.log(id, 0), strings.Join(someLines(20), "")+"behind\nlast")
}

func testSealExact(f *fixture) {
	all := frames(0, "one\n", "two\n", "three\n")
	id := f.logged(1, all).Attempt
	right := segmentOf(id, all[:2]...)
	for what, change := range map[string]func(*store.LogSegment){
		"a gap before it":       func(g *store.LogSegment) { *g = segmentOf(id, all[1:2]...) },
		"a part of a frame":     func(g *store.LogSegment) { g.Bytes-- },
		"more than there is":    func(g *store.LogSegment) { g.Bytes = 100 },
		"another line":          func(g *store.LogSegment) { g.FirstLine++ },
		"another count of them": func(g *store.LogSegment) { g.Lines-- },
		"another step":          func(g *store.LogSegment) { g.Step = 1 },
		"another attempt":       func(g *store.LogSegment) { g.Attempt.Number = 2 },
	} {
		g := right
		change(&g)
		if c := weir.CodeOf(f.Seal(f.ctx, g)); c != weir.Conflict {
			f.Errorf("%s: code %q", what, c)
		}
	}
	f.ok(f.Seal(f.ctx, right))
	f.code(f.Seal(f.ctx, right), weir.Conflict)
	f.ok(f.Seal(f.ctx, segmentOf(id, all[2:]...)))
	equal(f, "log", f.log(id, 0), "one\ntwo\nthree\n")
	equal(f, "what can be sealed", must[[]store.Sealing](f)(f.Sealable(f.ctx, 0, 9)), nil)
}

func testSealCheck(f *fixture) {
	all := frames(0, "one\n", "two\n")
	id := f.logged(1, all).Attempt
	right := segmentOf(id, all...)
	for what, change := range map[string]func(*store.LogSegment){
		"neither":          func(g *store.LogSegment) { g.Data = nil },
		"both":             func(g *store.LogSegment) { g.Digest = weir.DigestOf(nil) },
		"too long":         func(g *store.LogSegment) { g.Data = make([]byte, store.MaxInlineSegment+1) },
		"empty":            func(g *store.LogSegment) { g.Bytes, g.Lines = 0, 0 },
		"a negative step":  func(g *store.LogSegment) { g.Step = -1 },
		"before the start": func(g *store.LogSegment) { g.Offset = -1 },
		"impossible lines": func(g *store.LogSegment) { g.Lines = 9 },
	} {
		g := right
		change(&g)
		if c := weir.CodeOf(f.Seal(f.ctx, g)); c != weir.Invalid {
			f.Errorf("%s: code %q", what, c)
		}
	}
	right.Data, right.Digest = nil, weir.DigestOf([]byte("elsewhere"))
	f.ok(f.Seal(f.ctx, right))
	equal(f, "segments", must[[]store.LogSegment](f)(f.LogSegments(f.ctx, id, 0)), []store.LogSegment{right})
}

// testSealRace lets a worker append while two servers seal and readers read:
// every reader sees a beginning of the log, each byte once.
func testSealRace(f *fixture) {
	const rounds = 15
	all := frames(0, someLines(rounds*2)...)
	want := strings.Join(someLines(rounds*2), "")
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	var mu sync.Mutex
	ended := false
	over := func(set bool) bool {
		mu.Lock()
		defer mu.Unlock()
		ended = ended || set
		return ended
	}
	var syncs []store.Sync
	for i := range rounds {
		syncs = append(syncs, f.sync(l, int64(i+1), all[4*i:4*i+4]...))
	}
	f.together(4, func(i int) {
		switch i {
		case 0:
			defer over(true)
			for i, s := range syncs {
				if i%3 == 2 { // fits if nobody has sealed what is before it
					s.Sealed = []store.LogSegment{segmentOf(l.Attempt, all[4*i-4:4*i+4]...)}
				}
				if _, err := f.Sync(f.ctx, s); err != nil {
					f.Errorf("Sync: %v", err)
					return
				}
			}
		case 1, 2:
			for !over(false) {
				f.sealSome(l.Attempt)
			}
		case 3:
			before := 0
			for !over(false) {
				got, err := readLog(f.ctx, f.Store, l.Attempt, 0)
				if err != nil || !strings.HasPrefix(want, got) || len(got) < before {
					f.Errorf("a reader has %d bytes after %d, %v", len(got), before, err)
					return
				}
				before = len(got)
			}
		}
	})
	f.sealSome(l.Attempt)
	equal(f, "log", f.log(l.Attempt, 0), want)
	sizes := must[[]store.LogSize](f)(f.LogSizes(f.ctx, l.Attempt))
	sizes[0].Sealed, sizes[0].Pending = 0, 0
	equal(f, "size", sizes, []store.LogSize{{Bytes: int64(len(want)), Lines: rounds * 4}})
}

// sealSome seals some frames as a server does; another one may be faster.
func (f *fixture) sealSome(id weir.AttemptID) {
	list, err := f.Sealable(f.ctx, 20, 9)
	if err != nil {
		f.Errorf("Sealable: %v", err)
		return
	}
	for _, s := range list {
		frames, err := f.LogFrames(f.ctx, id, s.Step, s.Offset, 5)
		if err != nil {
			f.Errorf("LogFrames: %v", err)
			return
		}
		if len(frames) == 0 || frames[0].Offset != s.Offset {
			continue
		}
		if err := f.Seal(f.ctx, segmentOf(id, frames...)); err != nil && weir.CodeOf(err) != weir.Conflict {
			f.Errorf("Seal: %v", err)
		}
	}
}
