package steplog

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"sort"
	"time"

	"github.com/weir-ci/weir"
)

// Marks at both ends of a segment, but for the version, and the length of its
// last part, in bytes.
const (
	headMagic  = "WEIRLOG"
	footMagic  = "WEIREND"
	footerSize = 48
)

// format is the version of a segment, as its marks have it. It says how much
// text a block may have.
type format byte

const (
	plain format = '1' // weir.MaxFrame
	dense format = '2' // MaxBlock
)

func (f format) head() []byte { return append([]byte(headMagic), byte(f)) }
func (f format) foot() []byte { return append([]byte(footMagic), byte(f)) }

// block is how long the text of a block may be, in bytes.
func (f format) block() uint64 {
	if f == dense {
		return MaxBlock
	}
	return weir.MaxFrame
}

// Limits of a segment. A writer keeps within them, a reader insists on them.
const (
	maxBlocks     = 1 << 16
	maxEntry      = 5 * binary.MaxVarintLen32 // bytes of an index entry
	maxBlockMarks = 1024
	maxMarkBytes  = maxBlockMarks * (binary.MaxVarintLen32 + binary.MaxVarintLen64)
	zipSlack      = 4096 // zstd adds little to what it cannot shrink
)

// Index is what a segment says about itself. It does not change.
type Index struct {
	bytes, lines int64
	blocks       []entry // and one more, where the last one ends
}

// entry is a block of a segment; positions are relative to the segment.
type entry struct {
	at           int64 // in the file
	offset, line int64
	marks        uint32 // bytes of times; the rest up to the next entry is zstd
	sum          uint32
}

func damaged(format string, args ...any) error {
	return weir.Errorf(weir.Internal, "a sealed log is damaged: "+format, args...)
}

// checksums returns the polynomial's table; the library makes it once.
func checksums() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// ReadIndex reads the index of the segment that is the first size bytes of r.
// It is Internal if they are no segment, Unsupported if they are of another version.
func ReadIndex(r io.ReaderAt, size int64) (*Index, error) {
	if size < int64(len(plain.head())+footerSize) {
		return nil, damaged("it has %d bytes", size)
	}
	var foot [footerSize]byte
	if err := readAt(r, foot[:], size-footerSize); err != nil {
		return nil, err
	}
	if string(foot[40:47]) != footMagic {
		return nil, damaged("its end is missing")
	}
	f := format(foot[47])
	if f != plain && f != dense {
		return nil, weir.Errorf(weir.Unsupported, "a sealed log has version %q; this program knows versions 1 and 2", string(foot[47:])).
			WithHint("run the newer version of weir that wrote it")
	}
	le := binary.LittleEndian
	at, length, blocks := le.Uint64(foot[0:]), le.Uint32(foot[8:]), le.Uint32(foot[12:])
	if blocks > maxBlocks || length > blocks*maxEntry || at != uint64(size)-footerSize-uint64(length) {
		return nil, damaged("its index is not where it should be")
	}
	data := make([]byte, length)
	if err := readAt(r, data, int64(at)); err != nil {
		return nil, err
	}
	if crc32.Checksum(data, checksums()) != le.Uint32(foot[32:]) {
		return nil, damaged("its index was changed")
	}
	x, err := parseIndex(data, int(blocks), f)
	if err != nil {
		return nil, err
	}
	if x.blocks[blocks].at != int64(at) || uint64(x.bytes) != le.Uint64(foot[16:]) || uint64(x.lines) != le.Uint64(foot[24:]) {
		return nil, damaged("its index does not add up")
	}
	return x, nil
}

func parseIndex(data []byte, blocks int, f format) (*Index, error) {
	x := &Index{blocks: make([]entry, 0, blocks+1)}
	next := entry{at: int64(len(f.head()))}
	for range blocks {
		var field [5]uint64
		for i := range field {
			v, n := binary.Uvarint(data)
			if n <= 0 {
				return nil, damaged("its index ends too early")
			}
			field[i], data = v, data[n:]
		}
		marks, zipped, size, lines, sum := field[0], field[1], field[2], field[3], field[4]
		if marks > maxMarkBytes || zipped > f.block()+zipSlack || size < 1 || size > f.block() || lines > size || sum > 1<<32-1 {
			return nil, damaged("a block of it has impossible sizes")
		}
		next.marks, next.sum = uint32(marks), uint32(sum)
		x.blocks = append(x.blocks, next)
		next = entry{at: next.at + int64(marks+zipped), offset: next.offset + int64(size), line: next.line + int64(lines)}
	}
	if len(data) > 0 {
		return nil, damaged("its index is too long")
	}
	x.blocks = append(x.blocks, next)
	x.bytes, x.lines = next.offset, next.line
	return x, nil
}

func readAt(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	var known *weir.Error
	switch {
	case n == len(p):
		return nil
	case errors.As(err, &known):
		return err
	}
	return weir.Errorf(weir.Internal, "%d bytes at %d of a sealed log cannot be read", len(p), at).WithCause(err)
}

// Bytes is how long the segment's text is.
func (x *Index) Bytes() int64 { return x.bytes }

// Lines is how many newlines the segment's text has.
func (x *Index) Lines() int64 { return x.lines }

// Blocks is how many blocks the segment has.
func (x *Index) Blocks() int { return len(x.blocks) - 1 }

// Segment is a sealed part of a log.
type Segment struct {
	index  *Index
	r      io.ReaderAt
	codec  *Codec
	extent Extent
	packed []byte
	buffer []byte
	number int   // of the block that was read last
	last   Block // that one; who looks for a line and then reads wants it twice
}

// Open makes a source of a segment that lies in a log at the place given.
func (x *Index) Open(c *Codec, r io.ReaderAt, offset, firstLine int64) *Segment {
	return &Segment{index: x, r: r, codec: c, extent: Extent{Offset: offset, FirstLine: firstLine, Bytes: x.bytes, Lines: x.lines}}
}

// Extent says what it holds.
func (s *Segment) Extent() Extent { return s.extent }

// ByteBlock reads the block that holds a byte.
func (s *Segment) ByteBlock(_ context.Context, offset int64) (Block, error) {
	inside := offset - s.extent.Offset
	if inside < 0 || inside >= s.extent.Bytes {
		return Block{}, weir.Errorf(weir.Internal, "byte %d is not in this part of the log", offset)
	}
	ends := s.index.blocks[1:]
	return s.block(sort.Search(len(ends), func(i int) bool { return ends[i].offset > inside }))
}

// LineBlock reads the block with the newline before a line.
func (s *Segment) LineBlock(_ context.Context, line int64) (Block, error) {
	inside := line - s.extent.FirstLine
	if inside < 1 || inside > s.extent.Lines {
		return Block{}, weir.Errorf(weir.Internal, "line %d is not in this part of the log", line)
	}
	ends := s.index.blocks[1:]
	return s.block(sort.Search(len(ends), func(i int) bool { return ends[i].line >= inside }))
}

func (s *Segment) block(i int) (Block, error) {
	if i == s.number && s.last.Text != nil {
		return s.last, nil
	}
	s.last = Block{} // its text is about to be overwritten
	e, next := s.index.blocks[i], s.index.blocks[i+1]
	length := int(next.at - e.at)
	if cap(s.packed) < length {
		s.packed = make([]byte, length)
	}
	packed := s.packed[:length]
	if err := readAt(s.r, packed, e.at); err != nil {
		return Block{}, err
	}
	if crc32.Checksum(packed, checksums()) != e.sum {
		return Block{}, damaged("the block at byte %d was changed", e.at)
	}
	text, err := s.codec.Decode(packed[e.marks:], s.buffer, int(next.offset-e.offset))
	if err != nil {
		return Block{}, err
	}
	s.buffer = text
	b := Block{Offset: s.extent.Offset + e.offset, FirstLine: s.extent.FirstLine + e.line, Lines: next.line - e.line, Text: text}
	if b.Marks, err = readMarks(packed[:e.marks], len(text)); err != nil {
		return Block{}, err
	}
	s.number, s.last = i, b
	return b, nil
}

func readMarks(data []byte, size int) ([]Mark, error) {
	var marks []Mark
	end, at := uint64(0), int64(0)
	for len(data) > 0 {
		more, n := binary.Uvarint(data)
		if n <= 0 || more > uint64(size)-end || len(marks) == maxBlockMarks {
			return nil, damaged("the times of a block cannot be read")
		}
		later, k := binary.Varint(data[n:])
		if k <= 0 {
			return nil, damaged("the times of a block cannot be read")
		}
		data = data[n+k:]
		end, at = end+more, at+later
		m := Mark{End: int(end)}
		if at != 0 {
			m.At = time.UnixMicro(at).UTC()
		}
		marks = append(marks, m)
	}
	return marks, nil
}
