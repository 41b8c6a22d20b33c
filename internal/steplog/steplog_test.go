package steplog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/weir-ci/weir"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// cut makes frames of random sizes, each read a while after the one before.
func cut(c *Codec, text []byte, offset, line int64, most int, rnd *rand.Rand) (frames []weir.LogFrame) {
	at := epoch
	for len(text) > 0 {
		n := min(len(text), 1+rnd.IntN(most))
		at = at.Add(time.Duration(rnd.IntN(500)) * time.Millisecond)
		f := weir.LogFrame{Offset: offset, FirstLine: line, Size: n, Lines: bytes.Count(text[:n], newline), At: at, Data: c.zip.EncodeAll(text[:n], nil)}
		frames = append(frames, f)
		text, offset, line = text[n:], offset+int64(n), line+int64(f.Lines)
	}
	return frames
}

// rows makes a source of frames.
func rows(c *Codec, frames []weir.LogFrame) *Rows {
	e := Extent{Offset: frames[0].Offset, FirstLine: frames[0].FirstLine}
	for _, f := range frames {
		e.Bytes += int64(f.Size)
		e.Lines += int64(f.Lines)
	}
	return NewRows(c, e, func(_ context.Context, offset int64, limit int) ([]weir.LogFrame, error) {
		for i, f := range frames {
			if offset < f.Offset+int64(f.Size) {
				return frames[i:min(len(frames), i+limit)], nil
			}
		}
		return nil, nil
	})
}

func segment(t testing.TB, c *Codec, frames []weir.LogFrame) *Segment {
	t.Helper()
	b := NewBuilder(c)
	for _, f := range frames {
		if err := b.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	packed := b.Finish()
	data := packed.Bytes()
	if len(data) < 1<<12 {
		if err := iotest.TestReader(packed.Reader(), data); err != nil || packed.Len() != len(data) {
			t.Fatalf("a segment of %d bytes, read %d: %v", packed.Len(), len(data), err)
		}
	}
	x, err := ReadIndex(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return x.Open(c, bytes.NewReader(data), frames[0].Offset, frames[0].FirstLine)
}

// densed makes a dense segment of another source.
func densed(t testing.TB, c *Codec, s Source) *Segment {
	t.Helper()
	b := NewDenser(c).Begin()
	for e, at := s.Extent(), s.Extent().Offset; at < e.End(); {
		block, err := s.ByteBlock(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.AddBlock(block); err != nil {
			t.Fatal(err)
		}
		at = block.end()
	}
	data := b.Finish().Bytes()
	x, err := ReadIndex(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return x.Open(c, bytes.NewReader(data), s.Extent().Offset, s.Extent().FirstLine)
}

// TestDenseBlocks makes larger blocks of others, and loses no time, however
// many there are.
func TestDenseBlocks(t *testing.T) {
	t.Parallel()
	c := NewCodec()
	var frames []weir.LogFrame
	for i := range 3 * maxBlockMarks {
		text := fmt.Appendf(nil, "line %d\n", i)
		frames = append(frames, weir.LogFrame{Offset: int64(100 + 10*i), FirstLine: int64(i), Size: 10, Lines: 1, At: epoch.Add(time.Duration(i) * time.Second),
			Data: c.zip.EncodeAll(append(text, "         "...)[:10], nil)})
	}
	times := func(s Source) []LineTime {
		p, err := Read(t.Context(), s, 0, 1<<20, true)
		if err != nil {
			t.Fatal(err)
		}
		return p.Times
	}
	if got, want := times(densed(t, c, rows(c, frames))), times(rows(c, frames)); !slices.Equal(got, want) {
		t.Errorf("%d times became %d", len(want), len(got))
	}
	text := randomLog(rand.New(rand.NewPCG(1, 1)), 3<<20)
	s := segment(t, c, cut(c, text, 0, 0, weir.MaxFrame, rand.New(rand.NewPCG(1, 1))))
	if d := densed(t, c, s); d.index.Blocks() != (len(text)+MaxBlock-1)/MaxBlock {
		t.Errorf("%d blocks of %d bytes became %d", s.index.Blocks(), len(text), d.index.Blocks())
	} else if p, err := Read(t.Context(), d, 0, len(text), false); err != nil || !bytes.Equal(p.Text, text) {
		t.Errorf("the dense segment is another one, %v", err)
	}
}

func randomLog(rnd *rand.Rand, size int) []byte {
	var b bytes.Buffer
	words := []string{"alpha", "Beta", "\x1b[31mred\x1b[0m", "ÄÖ", "needle", "NEEDLE", "\x1b]8;;u\x07link", "\xff\xfe", "--- x", ""}
	for b.Len() < size {
		switch rnd.IntN(12) {
		case 0:
			b.WriteString(strings.Repeat("long ", rnd.IntN(size/8+1)))
		case 1, 2, 3:
			b.WriteByte('\n')
		default:
			b.WriteString(words[rnd.IntN(len(words))])
		}
	}
	return b.Bytes()
}

// TestSourcesAgree reads the same log as frames and as a segment in every way.
func TestSourcesAgree(t *testing.T) {
	t.Parallel()
	c := NewCodec()
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		text := randomLog(rnd, 1+rnd.IntN(1<<18))
		frames := cut(c, text, 0, 0, []int{100, 5000, weir.MaxFrame}[seed%3], rnd)
		for name, s := range map[string]Source{"rows": rows(c, frames), "segment": segment(t, c, frames), "dense": densed(t, c, segment(t, c, frames))} {
			t.Run(fmt.Sprint(seed, name), func(t *testing.T) { checkSource(t, s, text, rand.New(rand.NewPCG(seed, 2))) })
		}
	}
}

func checkSource(t *testing.T, s Source, text []byte, rnd *rand.Rand) {
	ctx := t.Context()
	if e := s.Extent(); e.Bytes != int64(len(text)) || e.Lines != countLines(text) {
		t.Fatalf("extent %+v of %d bytes", e, len(text))
	}
	if len(text) < 1<<13 {
		if err := iotest.TestReader(NewReader(ctx, s), text); err != nil {
			t.Error(err)
		}
	}
	var whole bytes.Buffer
	if n, err := NewReader(ctx, s).WriteTo(&whole); err != nil || n != int64(len(text)) || !bytes.Equal(whole.Bytes(), text) {
		t.Errorf("copied %d bytes, %v", n, err)
	}
	starts := []int64{0}
	for i, b := range text {
		if b == '\n' {
			starts = append(starts, int64(i+1))
		}
	}
	for range 15 {
		line := rnd.Int64N(int64(len(starts)))
		if got, err := LineStart(ctx, s, line); err != nil || got != starts[line] {
			t.Fatalf("line %d begins at %d, %v; want %d", line, got, err, starts[line])
		}
		at, limit := rnd.Int64N(int64(len(text))), 1+rnd.IntN(1<<17)
		p, err := Read(ctx, s, at, limit, true)
		if err != nil || !bytes.Equal(p.Text, text[at:p.Next]) || len(p.Text) == 0 || len(p.Text) > limit || p.FirstLine != countLines(text[:at]) {
			t.Fatalf("Read(%d, %d): %d bytes from line %d, next %d, %v", at, limit, len(p.Text), p.FirstLine, p.Next, err)
		}
		if p.Next < int64(len(text)) && p.Text[len(p.Text)-1] != '\n' && (len(p.Text) < limit || bytes.Contains(p.Text, newline)) {
			t.Fatalf("Read(%d, %d) ends within a line", at, limit)
		}
		checkTimes(t, s, p)
		n := 1 + rnd.Int64N(50)
		start, err := TailStart(ctx, s, n, 1<<30)
		total, _ := Total(ctx, s)
		if want := starts[max(0, total-n)]; err != nil || start != want {
			t.Fatalf("the last %d of %d lines begin at %d, %v; want %d", n, total, start, err, want)
		}
		if start, err := TailStart(ctx, s, 1<<40, limit); err != nil || int64(len(text))-start > int64(limit) {
			t.Fatalf("a tail of %d bytes begins at %d of %d, %v", limit, start, len(text), err)
		}
	}
	past, err := LineStart(ctx, s, int64(len(starts))+5)
	if err != nil || past != int64(len(text)) {
		t.Errorf("a line behind the end begins at %d, %v", past, err)
	}
	checkSearch(t, s, text)
}

// timeAt is when the byte at a position of the text was read; zero if unknown.
func (b Block) timeAt(position int) time.Time {
	for _, m := range b.Marks {
		if position < m.End {
			return m.At
		}
	}
	return time.Time{}
}

// checkTimes holds the times of a piece against the blocks that it is from.
func checkTimes(t *testing.T, s Source, p Piece) {
	t.Helper()
	line, at := p.FirstLine, p.Offset
	i := -1
	for _, text := range bytes.SplitAfter(p.Text, newline) {
		if len(text) == 0 {
			break
		}
		for i+1 < len(p.Times) && p.Times[i+1].Line <= line {
			i++
		}
		b, err := s.ByteBlock(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if want := b.timeAt(int(at - b.Offset)); i < 0 || !p.Times[i].At.Equal(want) {
			t.Fatalf("line %d: entry %d of %v, want %v", line, i, p.Times, want)
		}
		line, at = line+1, at+int64(len(text))
		if line > p.FirstLine+12 {
			break
		}
	}
}

var sequences = regexp.MustCompile(`\x1b\[[0-9;]*m|\x1b\]8;;u\x07`)

func checkSearch(t *testing.T, s Source, text []byte) {
	t.Helper()
	for _, q := range []Query{{Pattern: "needle"}, {Pattern: "needle", IgnoreCase: true}, {Pattern: "äö", IgnoreCase: true},
		{Pattern: "redneedle"}, {Pattern: "^(alpha|Beta)+$", Regexp: true}, {Pattern: "need.{0,40}red", Regexp: true, IgnoreCase: true}, {Pattern: "nowhere"}} {
		pattern := q.Pattern
		if !q.Regexp {
			pattern = regexp.QuoteMeta(pattern)
		}
		if q.IgnoreCase {
			pattern = "(?i)" + pattern
		}
		re := regexp.MustCompile(pattern)
		var want []string
		offset := 0
		for n, line := range bytes.SplitAfter(text, newline) {
			plain := sequences.ReplaceAll(bytes.TrimSuffix(line, newline), nil)
			if len(line) > 0 && re.Match(plain) {
				want = append(want, fmt.Sprintf("%d at %d", n, offset))
			}
			offset += len(line)
		}
		var got []string
		for from, rounds := int64(0), 0; ; rounds++ {
			q.From, q.Limit = from, 7
			found, err := Search(t.Context(), s, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range found.Matches {
				got = append(got, fmt.Sprintf("%d at %d", m.Line, m.Offset))
				if hit := m.Text[m.Start:m.End]; !re.MatchString(hit) && !q.Regexp || len(m.Text) > 3*MaxMatchText {
					t.Errorf("%q: the match is %q of %q", q.Pattern, hit, m.Text)
				}
			}
			if from = found.Next; found.Done || rounds > len(want) {
				break
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q: %d matches, want %d", q.Pattern, len(got), len(want))
		}
		q.From, q.Limit, q.Count = 0, 3, true
		if found, err := Search(t.Context(), s, q); err != nil || found.Total != int64(len(want)) || !found.Done || len(found.Matches) != min(3, len(want)) {
			t.Errorf("%q: counted %d, done %t, %v; want %d", q.Pattern, found.Total, found.Done, err, len(want))
		}
	}
}

func TestVeryLongLine(t *testing.T) {
	t.Parallel()
	c := NewCodec()
	text := []byte("first\n" + strings.Repeat("x", 3<<20) + "here" + strings.Repeat("y", 3<<20) + "here\nlast here")
	s := segment(t, c, cut(c, text, 0, 0, weir.MaxFrame, rand.New(rand.NewPCG(1, 1))))
	for _, q := range []Query{{Pattern: "here"}, {Pattern: "h[e]re", Regexp: true}, {Pattern: "HERE", IgnoreCase: true}} {
		found, err := Search(t.Context(), s, q)
		if err != nil || len(found.Matches) != 2 || found.Matches[0].Line != 1 || found.Matches[1].Line != 2 || !found.Done {
			t.Errorf("%q: %+v, %v", q.Pattern, found, err)
		}
	}
	p, err := Read(t.Context(), s, 6, 1000, false)
	if err != nil || len(p.Text) != 1000 || p.Next != 1006 || p.FirstLine != 1 {
		t.Errorf("a piece of the long line: %d bytes, next %d, %v", len(p.Text), p.Next, err)
	}
}

func TestSearchLimits(t *testing.T) {
	t.Parallel()
	c := NewCodec()
	s := segment(t, c, cut(c, []byte("a\nb\n"), 0, 0, 10, rand.New(rand.NewPCG(1, 1))))
	for _, q := range []Query{{}, {Pattern: strings.Repeat("a", MaxPattern+1)}, {Pattern: "a\nb"}, {Pattern: "(", Regexp: true},
		{Pattern: `\pL{900}\pL{900}\pL{900}`, Regexp: true}, {Pattern: `((a{100}){100}){100}`, Regexp: true}} {
		if _, err := Search(t.Context(), s, q); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%.30q: %v", q.Pattern, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	found, err := Search(ctx, s, Query{Pattern: "b"})
	if err != nil || found.Done || found.Next != 0 || len(found.Matches) != 0 {
		t.Errorf("a search without time: %+v, %v", found, err)
	}
}

func TestSections(t *testing.T) {
	t.Parallel()
	c := NewCodec()
	lines := []string{
		"begin", "::group::Install", "--- not one", "apt", "::endgroup::", "::group::Two", "x", "\x1b[32m::group::Three\x1b[0m", "y", // 0-8
		"::endgroup::", "--- build", "cc", "+++ test", "ok", "~~~ tidy", "z", "^^^ +++", "--- FAIL: TestX (0.1s)", // 9-17
		"--- a/file", "+++ b/file", " same", "--- last"} // 18-21
	want := `1-4 "Install" false false
5-6 "Two" false false
7-9 "Three" false false
10-11 "build" false false
12-13 "test" true false
14-20 "tidy" true true
21-21 "last" false false
`
	for _, end := range []string{"", "\n"} {
		s := segment(t, c, cut(c, []byte(strings.Join(lines, "\n")+end), 0, 0, 5, rand.New(rand.NewPCG(1, 1))))
		list, complete, err := Sections(t.Context(), s)
		if err != nil || !complete {
			t.Fatal(complete, err)
		}
		var got strings.Builder
		for _, s := range list {
			fmt.Fprintf(&got, "%d-%d %q %t %t\n", s.FirstLine, s.LastLine, s.Title, s.Open, s.Muted)
		}
		if got.String() != want {
			t.Errorf("sections:\n%s\nwant:\n%s", &got, want)
		}
	}
	many := []byte(strings.Repeat("::group::x\n", MaxSections+5))
	list, complete, err := Sections(t.Context(), segment(t, c, cut(c, many, 0, 0, weir.MaxFrame, rand.New(rand.NewPCG(1, 1)))))
	if len(list) != MaxSections || complete || err != nil {
		t.Errorf("%d sections, complete %t, %v", len(list), complete, err)
	}
}

// TestSegmentsOfTwoLogsDiffer: a segment is removed when its own log has no use
// for it, so no other log may have the same.
func TestSegmentsOfTwoLogsDiffer(t *testing.T) {
	t.Parallel()
	c := NewCodec()
	seen := map[string]string{}
	for _, of := range []struct {
		id   weir.AttemptID
		step int
	}{{weir.AttemptID{Build: 1, Number: 1}, 0}, {weir.AttemptID{Build: 1, Number: 1}, 1},
		{weir.AttemptID{Build: 1, Number: 2}, 0}, {weir.AttemptID{Build: 11, Number: 1}, 0}} {
		b := NewBuilder(c).Of(of.id, of.step)
		for _, f := range cut(c, []byte("one\ntwo\nthree\n"), 0, 0, 4, rand.New(rand.NewPCG(1, 1))) {
			if err := b.Add(f); err != nil {
				t.Fatal(err)
			}
		}
		is, data := fmt.Sprint(of), b.Finish().Bytes()
		if _, err := ReadIndex(bytes.NewReader(data), int64(len(data))); err != nil {
			t.Errorf("%s: %v", is, err)
		}
		if other, known := seen[string(data)]; known {
			t.Errorf("%s and %s have the same segment", is, other)
		}
		seen[string(data)] = is
	}
}

func TestBuilderKeepsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	c := NewCodec()
	frames := cut(c, []byte("one\ntwo\nthree\n"), 0, 0, 4, rand.New(rand.NewPCG(1, 1)))
	frames[1].Data = []byte("rubbish")
	s := segment(t, c, frames)
	if _, err := s.ByteBlock(t.Context(), frames[1].Offset); weir.CodeOf(err) != weir.Internal {
		t.Errorf("reading rubbish: %v", err)
	}
	if b, err := s.ByteBlock(t.Context(), frames[2].Offset); err != nil || b.FirstLine != frames[2].FirstLine {
		t.Errorf("reading behind rubbish: %+v, %v", b, err)
	}
	b := NewBuilder(c)
	if err := b.Add(frames[0]); err != nil {
		t.Fatal(err)
	}
	if err := b.Add(frames[2]); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("a gap: %v", err)
	}
}

func TestMergingPays(t *testing.T) {
	t.Parallel()
	c := NewCodec()
	var text []byte
	for i := range 20_000 {
		text = fmt.Appendf(text, "%06d: compiling something with a name\n", i)
	}
	frames := cut(c, text, 0, 0, 300, rand.New(rand.NewPCG(1, 1)))
	packed := 0
	for _, f := range frames {
		packed += len(f.Data)
	}
	b := NewBuilder(c)
	for _, f := range frames {
		if err := b.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.Finish().Len(); n > packed/3 {
		t.Errorf("%d bytes of frames became a segment of %d", packed, n)
	}
}

func TestStrip(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "\x1b[1;31mred\x1b[0m!": "red!", "\x1b]0;title\x07x": "x", "\x1b]8;;http://x\x1b\\link": "link",
		"cut \x1b": "cut ", "cut \x1b[3": "cut ", "\x1b(Bx": "Bx", "\x1b[3\nnext": "\nnext", "\x1b]0;open\nnext": "\nnext", "\x1b\nx": "\nx",
	} {
		if got := string(Strip(nil, []byte(in))); got != want {
			t.Errorf("Strip(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzSegment(f *testing.F) {
	c := NewCodec()
	for _, text := range []string{"a\n", "some lines\nof a log\nwithout an end", strings.Repeat("x", 5000)} {
		b := NewBuilder(c)
		for _, fr := range cut(c, []byte(text), 0, 0, 2000, rand.New(rand.NewPCG(1, 1))) {
			if err := b.Add(fr); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b.Finish().Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := ReadIndex(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		s := x.Open(c, bytes.NewReader(data), 100, 10)
		n, err := io.Copy(io.Discard, NewReader(t.Context(), s))
		if err == nil && n != x.Bytes() {
			t.Errorf("%d bytes of %d", n, x.Bytes())
		}
		_, _ = LineStart(t.Context(), s, 10+x.Lines())
		_, _ = TailStart(t.Context(), s, 3, 100)
		_, _ = Search(t.Context(), s, Query{Pattern: "a"})
		_, _, _ = Sections(t.Context(), s)
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte("::group::x\n\x1b[1mneedle"), "needle", false)
	f.Add([]byte("--- a\n+++ b\n"), "^a", true)
	c := NewCodec()
	f.Fuzz(func(t *testing.T, text []byte, pattern string, re bool) {
		if len(text) == 0 || len(text) > 1<<16 {
			return
		}
		s := segment(t, c, cut(c, text, 0, 0, 1+len(text)/3, rand.New(rand.NewPCG(1, 1))))
		if _, err := Search(t.Context(), s, Query{Pattern: pattern, Regexp: re}); err != nil && weir.CodeOf(err) != weir.Invalid {
			t.Error(err)
		}
		list, _, err := Sections(t.Context(), s)
		if err != nil {
			t.Error(err)
		}
		for i, s := range list {
			if s.LastLine < s.FirstLine || i > 0 && s.FirstLine <= list[i-1].FirstLine {
				t.Errorf("section %d: %+v", i, s)
			}
		}
	})
}
