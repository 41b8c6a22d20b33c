// Package steplog reads the output of one step, however long, and keeps it in
// a form that never has to be read as a whole.
//
// A log is text of any bytes. While its step runs it arrives in frames
// (weir.LogFrame); later frames are sealed into segments. Both are read in
// blocks of at most MaxBlock bytes through Source, and everything else
// stands on that interface: pieces by byte or by line, the last lines, a
// seekable reader of the whole, times, search, sections. None of it holds more
// than a block and a line at once, so a log of a gigabyte costs what a small
// one does.
//
// # Segments
//
// A segment is a stretch of a log that will not change any more:
//
//	"WEIRLOG1"                      8 bytes; the digit is the version
//	block ...                       times, then one zstd frame
//	index                           one entry per block
//	footer                          48 bytes
//
// An index entry is five unsigned varints: the length of the block's times,
// the length of its zstd frame, the bytes and the newlines of its text, and the
// CRC-32C of times and frame. The times of a block are pairs of varints: an
// unsigned one, how many bytes of text follow the stretch before, and a signed
// one, how many microseconds later than the stretch before (than 1970, for the
// first) they were read. The footer has fixed places, little endian: where the
// index begins (8 bytes), how long it is (4), how many blocks there are (4),
// bytes and newlines of the text (8 each), the CRC-32C of the index (4), that of
// whose log it is (4, "BUILD.ATTEMPT/STEP"; nobody reads it), "WEIREND1".
//
// A block has at most weir.MaxFrame bytes of text. Those of a dense segment, which
// is made of others when nobody waits for it, have up to MaxBlock; the digits
// are "2" then, so that programs which do not know such blocks say so.
//
// A reader fetches the footer and the index, then single blocks. A segment does
// not know where in the log it lies: whoever keeps it does.
//
// # Lines
//
// Lines and bytes are counted from 0. Line n > 0 begins behind newline n-1. What
// stands behind the last newline is a line too if it is not empty.
package steplog

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// Extent says which part of a log something is.
type Extent struct {
	Offset    int64 // of its first byte
	FirstLine int64 // number of the line that its first byte belongs to
	Bytes     int64
	Lines     int64 // newlines
}

// End is the offset of the first byte behind it.
func (e Extent) End() int64 { return e.Offset + e.Bytes }

// EndLine is the number of the line that the first byte behind it belongs to.
func (e Extent) EndLine() int64 { return e.FirstLine + e.Lines }

// Source is a log, or a part of one. It is for one goroutine at a time.
type Source interface {
	// Extent says what it holds.
	Extent() Extent
	// ByteBlock reads the block that holds a byte of the extent.
	ByteBlock(ctx context.Context, offset int64) (Block, error)
	// LineBlock reads the block with the newline before a line, for
	// FirstLine < line <= EndLine: the line begins in it or right behind it.
	LineBlock(ctx context.Context, line int64) (Block, error)
}

// Block is a piece of a log, at most MaxBlock bytes.
type Block struct {
	Offset    int64
	FirstLine int64
	Lines     int64  // newlines
	Text      []byte // valid until the next call of its source
	Marks     []Mark // in order
}

// Mark is the time of a stretch of a block.
type Mark struct {
	End int // the stretch ends before this byte of the block's text
	At  time.Time
}

func (b Block) end() int64 { return b.Offset + int64(len(b.Text)) }

// Codec compresses and decompresses. It is safe for concurrent use.
type Codec struct {
	unzip   *zstd.Decoder
	zip     *zstd.Encoder
	buffers sync.Pool // for Count
}

// decodeMemory bounds what decompressing one block may use, in bytes. It is
// more than a block, because zstd programs ask for windows of some megabytes
// however small their input is.
const decodeMemory = 8 << 20

// decodeSlack is how much longer than its text a buffer should be, in bytes: the
// decoder is faster when it may write a little too far.
const decodeSlack = 64

// NewCodec makes a codec.
func NewCodec() *Codec {
	// Options are constants, so neither can go wrong.
	unzip, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(decodeMemory), zstd.WithDecodeAllCapLimit(true))
	zip, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	return &Codec{unzip: unzip, zip: zip}
}

// Decode decompresses data that must be size bytes of text into a buffer, which
// it makes longer if it must. Its error is Internal.
func (c *Codec) Decode(data, buffer []byte, size int) ([]byte, error) {
	if size < 0 || size > MaxBlock {
		return nil, weir.Errorf(weir.Internal, "a piece of the log claims %d bytes, %d are the most", size, MaxBlock)
	}
	if cap(buffer) < size {
		buffer = make([]byte, 0, max(size, min(2*cap(buffer), MaxBlock)))
	}
	text, err := c.unzip.DecodeAll(data, buffer[:0:min(cap(buffer), size+decodeSlack)])
	if err != nil {
		return nil, weir.Errorf(weir.Internal, "a piece of the log is damaged").WithCause(err)
	}
	if len(text) != size {
		return nil, weir.Errorf(weir.Internal, "a piece of the log has %d bytes in place of %d", len(text), size)
	}
	return text[:size:size], nil
}

// Count decompresses data that must be size bytes of text, and counts the
// newlines. Its error is Internal.
func (c *Codec) Count(data []byte, size int) (lines int, err error) {
	buffer, _ := c.buffers.Get().(*[weir.MaxFrame + decodeSlack]byte)
	if buffer == nil {
		buffer = new([weir.MaxFrame + decodeSlack]byte)
	}
	defer c.buffers.Put(buffer)
	text, err := c.Decode(data, buffer[:0], size)
	if err != nil {
		return 0, err
	}
	return bytes.Count(text, newline), nil
}

// Rows is the part of a log that is still frames.
type Rows struct {
	codec  *Codec
	extent Extent
	read   func(ctx context.Context, offset int64, limit int) ([]weir.LogFrame, error)
	batch  []weir.LogFrame
	buffer []byte
}

// rowsAhead is how many frames are read at once by who reads on.
const rowsAhead = 16

// NewRows makes a source of frames, which read yields from the one with the
// byte at the offset on, at most limit. What read does not yield although the
// extent says so is Conflict: somebody has sealed it.
func NewRows(c *Codec, e Extent, read func(ctx context.Context, offset int64, limit int) ([]weir.LogFrame, error)) *Rows {
	return &Rows{codec: c, extent: e, read: read}
}

// Extent says what it holds.
func (r *Rows) Extent() Extent { return r.extent }

// frame finds the frame with a byte.
func (r *Rows) frame(ctx context.Context, offset int64) (weir.LogFrame, error) {
	holds := func(f weir.LogFrame) bool { return f.Offset <= offset && offset < f.Offset+int64(f.Size) }
	for _, f := range r.batch {
		if holds(f) {
			return f, nil
		}
	}
	limit := 1
	if n := len(r.batch); n > 0 && r.batch[n-1].Offset+int64(r.batch[n-1].Size) == offset || offset == r.extent.Offset {
		limit = rowsAhead
	}
	batch, err := r.read(ctx, offset, limit)
	if err != nil {
		return weir.LogFrame{}, err
	}
	if len(batch) == 0 || !holds(batch[0]) {
		return weir.LogFrame{}, weir.Errorf(weir.Conflict, "byte %d of the log is not among its frames", offset)
	}
	r.batch = batch
	return batch[0], nil
}

func (r *Rows) block(f weir.LogFrame) (Block, error) {
	text, err := r.codec.Decode(f.Data, r.buffer, f.Size)
	if err != nil {
		return Block{}, err
	}
	r.buffer = text
	return Block{Offset: f.Offset, FirstLine: f.FirstLine, Lines: int64(f.Lines), Text: text,
		Marks: []Mark{{End: len(text), At: f.At}}}, nil
}

// ByteBlock reads the frame that holds a byte.
func (r *Rows) ByteBlock(ctx context.Context, offset int64) (Block, error) {
	f, err := r.frame(ctx, offset)
	if err != nil {
		return Block{}, err
	}
	return r.block(f)
}

// LineBlock looks for the frame where the line should be if all were equally
// long, and halves what is left every other time.
func (r *Rows) LineBlock(ctx context.Context, line int64) (Block, error) {
	low, high := r.extent.Offset, r.extent.End()
	lowLine, highLine := r.extent.FirstLine, r.extent.EndLine()
	for try := 0; low < high && lowLine < line && line <= highLine; try++ {
		guess := low + (high-low)/2
		if try%2 == 0 {
			share := float64(line-lowLine) / float64(highLine-lowLine+1)
			guess = min(high-1, low+int64(share*float64(high-low)))
		}
		f, err := r.frame(ctx, guess)
		switch {
		case err != nil:
			return Block{}, err
		case line <= f.FirstLine:
			high, highLine = f.Offset, f.FirstLine
		case line > f.FirstLine+int64(f.Lines):
			low, lowLine = f.Offset+int64(f.Size), f.FirstLine+int64(f.Lines)
		default:
			return r.block(f)
		}
	}
	return Block{}, weir.Errorf(weir.Conflict, "line %d of the log is not among its frames", line)
}

// countLines counts newlines.
func countLines(text []byte) int64 { return int64(bytes.Count(text, newline)) }

var newline = []byte{'\n'}
