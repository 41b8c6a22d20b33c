package spool

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// magic begins a journal. Its last byte is the format's version.
const magic = "weirspl\x01"

// headSize is the length of what stands before a record's payload.
const headSize = 1 + 4 + 4

// kind is what a record holds.
type kind byte

const (
	stepKind   kind = 's'
	frameKind  kind = 'f'
	reportKind kind = 'r'
)

// Limits of payloads, in bytes.
const (
	maxStepRecord = 64 << 10
	maxFrameHead  = 6 * binary.MaxVarintLen64
	// maxFrameRecord leaves room for what zstd adds to data that it cannot
	// compress: a few bytes per block.
	maxFrameRecord = maxFrameHead + weir.MaxFrame + 1<<10
)

// limit is the greatest payload of a kind; negative if there is no such kind.
func (k kind) limit() int {
	switch k {
	case stepKind:
		return maxStepRecord
	case frameKind:
		return maxFrameRecord
	case reportKind:
		return MaxReport
	}
	return -1
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of a record with this head and payload.
func checksum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:5], castagnoli), castagnoli, payload)
}

// seal fills in the head of a record whose payload stands behind headSize
// bytes. TooLarge if the payload is over its kind's limit.
func seal(k kind, record []byte) error {
	payload := record[headSize:]
	if len(payload) > k.limit() {
		return weir.Errorf(weir.TooLarge, "a record of kind %q has %d bytes, at most %d fit into a spool", k, len(payload), k.limit())
	}
	record[0] = byte(k)
	binary.BigEndian.PutUint32(record[1:], uint32(len(payload))) //nolint:gosec // within the limit
	binary.BigEndian.PutUint32(record[5:], checksum(record, payload))
	return nil
}

// newRecord makes a sealed record.
func newRecord(k kind, payload []byte) ([]byte, error) {
	record := append(make([]byte, headSize, headSize+len(payload)), payload...)
	return record, seal(k, record)
}

// parseHead reads the head of a record; ok is false if no record begins so.
func parseHead(head []byte) (k kind, size int, sum uint32, ok bool) {
	k = kind(head[0])
	length := int64(binary.BigEndian.Uint32(head[1:]))
	return k, int(length), binary.BigEndian.Uint32(head[5:]), length <= int64(k.limit())
}

// appendFrameHead appends what stands before a frame's data.
func appendFrameHead(b []byte, f weir.LogFrame) []byte {
	for _, v := range [...]int64{int64(f.Step), f.Offset, f.FirstLine, int64(f.Size), int64(f.Lines)} {
		b = binary.AppendUvarint(b, uint64(v)) //nolint:gosec // never negative
	}
	return binary.AppendVarint(b, f.At.UnixNano())
}

// parseFrame reads the payload of a frame's record; the data is part of it.
func parseFrame(payload []byte) (f weir.LogFrame, ok bool) {
	var v [5]int64
	for i := range v {
		u, n := binary.Uvarint(payload)
		if n <= 0 || u > math.MaxInt64/2 {
			return f, false
		}
		v[i], payload = int64(u), payload[n:]
	}
	at, n := binary.Varint(payload)
	if n <= 0 || v[0] >= protocol.MaxSteps || v[3] < 1 || v[3] > weir.MaxFrame || v[4] > v[3] {
		return f, false
	}
	return weir.LogFrame{Step: int(v[0]), Offset: v[1], FirstLine: v[2], Size: int(v[3]), Lines: int(v[4]),
		At: time.Unix(0, at).UTC(), Data: payload[n:]}, true
}
