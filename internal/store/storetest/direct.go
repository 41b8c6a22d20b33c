package storetest

import (
	"math/rand/v2"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// sealedSync is a sync of some frames, with a segment of others.
func (f *fixture) sealedSync(l store.Leased, seq int64, fs []weir.LogFrame, sealed ...weir.LogFrame) store.Sync {
	s := f.sync(l, seq, fs...)
	s.Sealed = []store.LogSegment{segmentOf(l.Attempt, sealed...)}
	return s
}

// testDirect lets big messages bring their own segments: at the beginning of a
// log, behind frames that they take in, and at its end.
func testDirect(f *fixture) {
	all := frames(0, someLines(20)...)
	ends := func(i int) int64 { return all[i-1].Offset + int64(all[i-1].Size) }
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	id := l.Attempt
	var want []store.LogSegment
	check := func(what string, rows []weir.LogFrame) {
		f.Helper()
		equal(f, what+": segments", must[[]store.LogSegment](f)(f.LogSegments(f.ctx, id, 0)), want)
		equal(f, what+": frames", offsets(must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, 0, 100))), offsets(rows))
	}
	equal(f, "end", f.send(f.sealedSync(l, 1, all[:4], all[:4]...))[0], ends(4))
	want = append(want, segmentOf(id, all[:4]...))
	check("the first", nil)
	equal(f, "end", f.send(f.sync(l, 2, all[4:6]...))[0], ends(6))
	check("frames", all[4:6])
	equal(f, "end", f.send(f.sealedSync(l, 3, all[4:10], all[4:9]...))[0], ends(10))
	want = append(want, segmentOf(id, all[4:9]...))
	check("with frames before and behind", all[9:10])
	equal(f, "end of the same again", f.send(f.sealedSync(l, 3, all[4:10], all[4:9]...))[0], ends(10))
	check("the same again", all[9:10])
	equal(f, "what can be sealed", must[[]store.Sealing](f)(f.Sealable(f.ctx, 0, 9)), nil)

	apart := frames(3, "of another step\n")
	both := f.sealedSync(l, 4, append(all[10:12:12], apart...), all[9:12]...)
	both.Sealed = append(both.Sealed, segmentOf(id, apart...))
	f.send(both)
	want = append(want, segmentOf(id, all[9:12]...))
	check("two steps", nil)
	equal(f, "log of the other step", f.log(id, 3), "of another step\n")

	e := f.ending(l, weir.ReasonNone)
	e.Frames, e.Sealed = all[12:15], []store.LogSegment{segmentOf(id, all[12:14]...)}
	_, err := f.Finish(f.ctx, e)
	f.ok(err)
	want = append(want, segmentOf(id, all[12:14]...))
	check("the end", all[14:15])
	equal(f, "log", f.log(id, 0), strings.Join(someLines(20)[:15], ""))
}

// testDirectMisfit sends segments that do not belong where the log ends: the
// frames count, and they do not.
func testDirectMisfit(f *fixture) {
	all := frames(0, someLines(5)...)
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	id := l.Attempt
	f.send(f.sync(l, 1, all[:3]...))
	f.ok(f.Seal(f.ctx, segmentOf(id, all[:1]...)))
	seq := int64(2)
	for what, g := range map[string]store.LogSegment{
		"what is sealed, too":     segmentOf(id, all[:4]...),
		"without the rows":        segmentOf(id, all[3:4]...),
		"only the rows":           segmentOf(id, all[1:3]...),
		"with a part of the rows": segmentOf(id, all[2:4]...),
		"more than the message":   segmentOf(id, all[1:6]...),
	} {
		s := f.sync(l, seq, all[:4]...)
		s.Sealed = []store.LogSegment{g}
		seq++
		if end := f.send(s)[0]; end != all[4].Offset {
			f.Errorf("%s: the log ends at %d, want %d", what, end, all[4].Offset)
		}
		equal(f, what, offsets(must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, 0, 9))), offsets(all[1:4]))
	}
	lines := segmentOf(id, all[1:5]...)
	lines.Lines--
	s := f.sync(l, seq, all[:5]...)
	s.Sealed = []store.LogSegment{lines}
	f.send(s)
	equal(f, "other lines", offsets(must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, 0, 9))), offsets(all[1:5]))

	right := segmentOf(id, all[1:6]...)
	for what, change := range map[string]func(s *store.Sync){
		"another attempt's": func(s *store.Sync) { s.Sealed[0].Attempt.Number++ },
		"two of a step":     func(s *store.Sync) { s.Sealed = append(s.Sealed, right) },
		"an empty one":      func(s *store.Sync) { s.Sealed[0].Bytes = 0 },
	} {
		s := f.sync(l, 50, all...)
		s.Sealed = []store.LogSegment{right}
		change(&s)
		if _, err := f.Sync(f.ctx, s); weir.CodeOf(err) != weir.Invalid {
			f.Errorf("%s: %v", what, err)
		}
	}
	s = f.sealedSync(l, 60, all, all[1:]...)
	s.Token = "another"
	_, err := f.Sync(f.ctx, s)
	f.code(err, weir.Fenced)
	f.send(f.sealedSync(l, 61, all, all[1:]...))
	equal(f, "log", f.log(id, 0), strings.Join(someLines(5), ""))
	equal(f, "rows at last", len(must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, 0, 9))), 0)
}

// testDirectProperty is a worker whose messages are doubled, delayed and lost,
// and two servers that make segments of what they knew when a message came.
func testDirectProperty(f *fixture) {
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		all := frames(0, someLines(40)...)
		l := f.leaseBuild(f.change(f.builder("a"), int(seed)+1))
		var late []store.Sync
		acked, seq := int64(0), int64(0)
		for end := all[len(all)-1].Offset + int64(all[len(all)-1].Size); acked < end; {
			from := 0
			for all[from].Offset < acked {
				from++
			}
			seq++
			fs := all[from:min(len(all), from+1+rnd.IntN(9))]
			s := f.sync(l, seq, fs...)
			size := must[[]store.LogSize](f)(f.LogSizes(f.ctx, l.Attempt))
			begin := 0
			for len(size) > 0 && all[begin].Offset < size[0].Sealed {
				begin++
			}
			if to := from + rnd.IntN(len(fs)+1); to > begin && rnd.IntN(3) > 0 {
				s.Sealed = []store.LogSegment{segmentOf(l.Attempt, all[begin:to]...)}
			}
			late = append(late, s)
			for range rnd.IntN(4) {
				acked = max(acked, f.send(late[max(0, len(late)-1-rnd.IntN(4))])[0])
			}
			if rnd.IntN(5) == 0 {
				f.sealSome(l.Attempt)
			}
		}
		equal(f, "log", f.log(l.Attempt, 0), strings.Join(someLines(40), ""))
		f.finish(l, weir.ReasonNone)
	}
}
