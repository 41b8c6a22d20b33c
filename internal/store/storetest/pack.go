package storetest

import (
	"strings"
	"sync/atomic"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// blobSegment is a segment of a log that nobody reads, in a blob.
func blobSegment(id weir.AttemptID, name string, fs ...weir.LogFrame) store.LogSegment {
	g := segmentOf(id, fs...)
	g.Data, g.Digest = nil, weir.DigestOf([]byte(name))
	return g
}

// covering is a segment in the place of others.
func covering(name string, old ...store.LogSegment) store.LogSegment {
	g := old[0]
	g.Bytes, g.Lines, g.Data = 0, 0, nil
	for _, o := range old {
		g.Bytes, g.Lines = g.Bytes+o.Bytes, g.Lines+o.Lines
	}
	if g.Digest = ""; name != "" {
		g.Digest = weir.DigestOf([]byte(name))
	}
	return g
}

// longLog is a sealed log of four segments, each a bit longer than a quarter of
// what is worth packing; the last one is another log's too.
func (f *fixture) longLog(n int) (store.Leased, []store.LogSegment) {
	f.Helper()
	line := strings.Repeat("x", store.LooseLog/16) + "\n"
	var texts []string
	for range 16 {
		texts = append(texts, line)
	}
	all := frames(0, texts...)
	l := f.logged(n, all)
	var segments []store.LogSegment
	for i, name := range []string{"one", "two", "three", "shared"} {
		if name != "shared" {
			name += l.Attempt.String()
		}
		g := blobSegment(l.Attempt, name, all[4*i:4*i+4]...)
		f.ok(f.Seal(f.ctx, g))
		segments = append(segments, g)
	}
	return l, segments
}

func (f *fixture) loose() []store.Packing {
	f.Helper()
	return must[[]store.Packing](f)(f.Loose(f.ctx, 9))
}

func testPack(f *fixture) {
	short := f.logged(1, frames(0, "short\n", "log\n"))
	f.ok(f.Seal(f.ctx, blobSegment(short.Attempt, "short", frames(0, "short\n", "log\n")...)))
	f.finish(short, weir.ReasonNone)
	l, g := f.longLog(2)
	equal(f, "while it is live", f.loose(), nil)
	f.finish(l, weir.ReasonNone)
	equal(f, "when it has ended", f.loose(), []store.Packing{{Attempt: l.Attempt}})
	sizes := must[[]store.LogSize](f)(f.LogSizes(f.ctx, l.Attempt))

	first := covering("dense", g[:2]...)
	unused, err := f.Pack(f.ctx, g[:2], first)
	f.ok(err)
	equal(f, "blobs that are not needed", unused, []weir.Digest{g[0].Digest, g[1].Digest})
	equal(f, "segments", must[[]store.LogSegment](f)(f.LogSegments(f.ctx, l.Attempt, 0)), []store.LogSegment{first, g[2], g[3]})
	equal(f, "what is left", f.loose(), []store.Packing{{Attempt: l.Attempt, Offset: g[2].Offset}})
	unused, err = f.Pack(f.ctx, g[2:3], covering("", g[2]))
	f.ok(err)
	equal(f, "blobs that are not needed when one stays", len(unused), 0)

	other, h := f.longLog(3)
	f.finish(other, weir.ReasonNone)
	last := covering("last", g[3])
	unused, err = f.Pack(f.ctx, g[3:], last)
	f.ok(err)
	equal(f, "blobs that are not needed, with one of another log", len(unused), 0)
	equal(f, "segments at last", must[[]store.LogSegment](f)(f.LogSegments(f.ctx, l.Attempt, 0)), []store.LogSegment{first, g[2], last})
	equal(f, "what is left at last", f.loose(), []store.Packing{{Attempt: other.Attempt}})
	equal(f, "sizes", must[[]store.LogSize](f)(f.LogSizes(f.ctx, l.Attempt)), sizes)
	unused, err = f.Pack(f.ctx, h, covering("all", h...))
	f.ok(err)
	equal(f, "blobs that are not needed by anybody", len(unused), 4)
	equal(f, "what is left when all is packed", f.loose(), nil)
}

func testPackExact(f *fixture) {
	l, g := f.longLog(1)
	f.finish(l, weir.ReasonNone)
	for what, ask := range map[string]struct {
		old []store.LogSegment
		new store.LogSegment
	}{
		"not from its beginning": {g[1:2], covering("x", g[1])},
		"fewer than there are":   {g[:1], covering("x", g[:2]...)},
		"more than there are":    {g[:2], covering("x", g[0])},
		"others":                 {[]store.LogSegment{covering("other", g[0])}, covering("x", g[0])},
		"part of one": {g[:1], func() store.LogSegment {
			part := covering("x", g[0])
			part.Bytes--
			return part
		}()},
	} {
		if _, err := f.Pack(f.ctx, ask.old, ask.new); weir.CodeOf(err) != weir.Conflict {
			f.Errorf("%s: %v", what, err)
		}
	}
	if _, err := f.Pack(f.ctx, nil, covering("x", g[0])); weir.CodeOf(err) != weir.Invalid {
		f.Errorf("none: %v", err)
	}
	equal(f, "segments", must[[]store.LogSegment](f)(f.LogSegments(f.ctx, l.Attempt, 0)), g)
}

// testPackRace lets several servers pack one log: each piece is packed once.
func testPackRace(f *fixture) {
	l, g := f.longLog(1)
	f.finish(l, weir.ReasonNone)
	for i := range g {
		var won atomic.Int64
		f.together(4, func(n int) {
			_, err := f.Pack(f.ctx, g[i:i+1], covering(strings.Repeat("n", n+1), g[i]))
			if err == nil {
				won.Add(1)
			} else if weir.CodeOf(err) != weir.Conflict {
				f.Errorf("Pack: %v", err)
			}
		})
		equal(f, "servers that packed a piece", won.Load(), 1)
	}
	equal(f, "what is left", f.loose(), nil)
}
