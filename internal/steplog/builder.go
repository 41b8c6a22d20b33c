package steplog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// mergeBelow is the size, in bytes of text, below which frames are put together.
const mergeBelow = weir.MaxFrame / 2

// markEvery is how far apart the times within a block are at least.
const markEvery = 200 * time.Millisecond

// MaxBlock is how much text a block of a dense segment has at most, in bytes.
// Larger blocks compress better still, but whoever wants a line reads a whole one.
const MaxBlock = 1 << 20

// Builder makes a segment out of frames. Small ones are put together, which
// compresses better and makes searching faster; large ones are kept as they
// are, and not even copied: their data must not change before the segment is
// written. Make one with NewBuilder, or with a Denser, for one that takes blocks
// and compresses all of them anew.
type Builder struct {
	codec  *Codec
	zip    *zstd.Encoder
	format format
	parts  [][]byte // what the segment is made of so far
	size   int      // bytes in parts
	index  []byte
	blocks uint32
	bytes  int64
	lines  int64
	owner  uint32
	next   int64 // offset in the log of the frame to come

	text     []byte // of small frames that are not written yet
	whole    weir.LogFrame
	held     int // how many
	marks    []Mark
	newlines int64 // newlines in text
	buffer   []byte
	space    []byte // to compress into
}

// NewBuilder begins a segment.
func NewBuilder(c *Codec) *Builder {
	return newBuilder(c, c.zip, plain)
}

// Denser makes dense segments, one after the other. It has some ten megabytes of
// memory, and is for one goroutine. Make one with NewDenser.
type Denser struct {
	codec *Codec
	zip   *zstd.Encoder
	text  []byte
	space []byte
}

// NewDenser makes a maker of dense segments. Its encoder is slower than that of
// a codec, but about 100 MB a second are enough when nobody waits.
func NewDenser(c *Codec) *Denser {
	// Options are constants, so nothing can go wrong.
	zip, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(MaxBlock), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	return &Denser{codec: c, zip: zip, text: make([]byte, 0, MaxBlock), space: make([]byte, 0, MaxBlock+zipSlack)}
}

// Begin begins a dense segment: it takes blocks, and makes blocks of up to
// MaxBlock bytes of them. The one begun before must be finished.
func (d *Denser) Begin() *Builder {
	b := newBuilder(d.codec, d.zip, dense)
	b.text, b.space = d.text[:0], d.space
	return b
}

func newBuilder(c *Codec, zip *zstd.Encoder, f format) *Builder {
	head := f.head()
	return &Builder{codec: c, zip: zip, format: f, parts: [][]byte{head}, size: len(head), next: -1}
}

// Of notes whose log it is. Two logs never have the same segment then, even if
// they say the same at the same time, so that a segment that its log needs no
// more can be removed without a look at all others.
func (b *Builder) Of(id weir.AttemptID, step int) *Builder {
	b.owner = crc32.Checksum(fmt.Appendf(nil, "%s/%d", id, step), checksums())
	return b
}

// Len is about how many bytes the segment has.
func (b *Builder) Len() int { return b.size + len(b.text)/4 + len(b.index) }

// Bytes is how much text it holds.
func (b *Builder) Bytes() int64 { return b.bytes + int64(len(b.text)) }

// Lines is how many newlines it holds.
func (b *Builder) Lines() int64 { return b.lines + b.newlines }

// Full reports whether it takes no more frames.
func (b *Builder) Full() bool { return b.blocks >= maxBlocks-2 }

// Add appends a frame, which must begin where the last one ended. A frame
// that cannot be read is kept as it is, so that it hides nothing but itself.
func (b *Builder) Add(f weir.LogFrame) error {
	if b.next >= 0 && f.Offset != b.next {
		return weir.Errorf(weir.Conflict, "a frame begins at byte %d, the one before ends at %d", f.Offset, b.next)
	}
	if f.Size < 1 || f.Size > weir.MaxFrame || f.Lines < 0 || f.Lines > f.Size || len(f.Data) > weir.MaxFrame+zipSlack {
		return weir.Errorf(weir.Internal, "the log frame at byte %d has impossible sizes", f.Offset)
	}
	if b.Full() {
		return weir.Errorf(weir.Exhausted, "a sealed piece of a log has %d blocks", maxBlocks)
	}
	b.next = f.Offset + int64(f.Size)
	if f.Size < mergeBelow {
		text, err := b.codec.Decode(f.Data, b.buffer, f.Size)
		if err == nil {
			b.buffer = text
			if len(b.text)+len(text) > weir.MaxFrame {
				b.flush()
			}
			b.text = append(b.text, text...)
			b.newlines += int64(bytes.Count(text, newline))
			b.mark(f.At)
			b.whole = f
			b.held++
			return nil
		}
	}
	b.flush()
	b.block(f.Data, f.Size, int64(f.Lines), []Mark{{End: f.Size, At: f.At}})
	return nil
}

// AddBlock appends a block of another segment or a frame to a dense segment; it
// must begin where the last one ended. Its times stay as they are.
func (b *Builder) AddBlock(t Block) error {
	if b.next >= 0 && t.Offset != b.next {
		return weir.Errorf(weir.Conflict, "a block begins at byte %d, the one before ends at %d", t.Offset, b.next)
	}
	if len(t.Text) < 1 || len(t.Text) > MaxBlock || len(t.Marks) > maxBlockMarks {
		return weir.Errorf(weir.Internal, "the block at byte %d of the log has impossible sizes", t.Offset)
	}
	if b.Full() {
		return weir.Errorf(weir.Exhausted, "a sealed piece of a log has %d blocks", maxBlocks)
	}
	b.next = t.end()
	for at := 0; at < len(t.Text); {
		if len(b.text) == MaxBlock || len(b.marks)+len(t.Marks) >= maxBlockMarks {
			b.flush()
		}
		n := min(len(t.Text)-at, MaxBlock-len(b.text))
		b.part(t, at, at+n)
		at += n
	}
	return nil
}

// part appends a part of a block. It fits.
func (b *Builder) part(t Block, from, to int) {
	base := len(b.text) - from
	b.text = append(b.text, t.Text[from:to]...)
	b.newlines += countLines(t.Text[from:to])
	b.held++
	done := from
	for _, m := range t.Marks {
		if end := min(m.End, to); end > done {
			b.until(base+end, m.At)
			done = end
		}
	}
	if done < to {
		b.until(len(b.text), time.Time{})
	}
}

// until notes that the text up to a place was read at a time.
func (b *Builder) until(end int, at time.Time) {
	if n := len(b.marks); n > 0 && b.marks[n-1].At.Equal(at) || n == maxBlockMarks {
		b.marks[n-1].End = end
		return
	}
	b.marks = append(b.marks, Mark{End: end, At: at})
}

// mark notes when the text up to here was read.
func (b *Builder) mark(at time.Time) {
	if n := len(b.marks); n > 0 {
		last := &b.marks[n-1]
		if since := at.Sub(last.At); since >= 0 && since < markEvery || n == maxBlockMarks {
			last.End = len(b.text)
			return
		}
	}
	b.marks = append(b.marks, Mark{End: len(b.text), At: at})
}

// flush writes the small frames.
func (b *Builder) flush() {
	if b.held == 0 {
		return
	}
	data := b.whole.Data
	if b.held > 1 || b.format == dense {
		data = b.zip.EncodeAll(b.text, b.space[:0])
		if b.space != nil {
			data = bytes.Clone(data)
		}
	}
	size, lines, marks := len(b.text), b.newlines, b.marks
	b.text, b.marks, b.held, b.newlines, b.whole = b.text[:0], nil, 0, 0, weir.LogFrame{}
	b.block(data, size, lines, marks)
}

func (b *Builder) block(data []byte, size int, lines int64, marks []Mark) {
	var times []byte
	end, at := 0, int64(0)
	for _, m := range marks {
		times = binary.AppendUvarint(times, uint64(m.End-end))
		us := int64(0)
		if !m.At.IsZero() {
			us = m.At.UnixMicro()
		}
		times = binary.AppendVarint(times, us-at)
		end, at = m.End, us
	}
	sum := crc32.Update(crc32.Checksum(times, checksums()), checksums(), data)
	for _, v := range []int64{int64(len(times)), int64(len(data)), int64(size), lines, int64(sum)} {
		b.index = binary.AppendUvarint(b.index, uint64(v))
	}
	b.parts = append(b.parts, times, data)
	b.size += len(times) + len(data)
	b.blocks++
	b.bytes += int64(size)
	b.lines += lines
}

// Finish ends the segment and returns it. The builder is not to be used again.
func (b *Builder) Finish() Packed {
	b.flush()
	le := binary.LittleEndian
	end := b.index
	end = le.AppendUint64(end, uint64(b.size))
	end = le.AppendUint32(end, uint32(len(b.index)))
	end = le.AppendUint32(end, b.blocks)
	end = le.AppendUint64(end, uint64(b.bytes))
	end = le.AppendUint64(end, uint64(b.lines))
	end = le.AppendUint32(end, crc32.Checksum(b.index, checksums()))
	end = le.AppendUint32(end, b.owner)
	end = append(end, b.format.foot()...)
	return Packed{parts: append(b.parts, end), size: b.size + len(end)}
}

// Packed is a segment that is not written yet: pieces of memory, most of them
// the data of the frames that it was made of.
type Packed struct {
	parts [][]byte
	size  int
}

// Len is how many bytes it has.
func (p Packed) Len() int { return p.size }

// Bytes puts the pieces together.
func (p Packed) Bytes() []byte { return bytes.Join(p.parts, nil) }

// Reader reads the segment from its beginning.
func (p Packed) Reader() io.Reader { return &packedReader{parts: p.parts} }

// packedReader fills what it is given from as many pieces as it takes: many
// are a few bytes long.
type packedReader struct {
	parts [][]byte // that follow; the first one from at on
	at    int
}

func (r *packedReader) Read(p []byte) (n int, err error) {
	for n < len(p) && len(r.parts) > 0 {
		k := copy(p[n:], r.parts[0][r.at:])
		n += k
		if r.at += k; r.at == len(r.parts[0]) {
			r.parts, r.at = r.parts[1:], 0
		}
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}
