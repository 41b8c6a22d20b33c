package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"unicode"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// Find reads the result of one test from a blob in the canonical form; found is
// false if the test did not report. It decodes little more than that result. The
// errors are those of Decode.
func Find(r io.Reader, test weir.TestID) (result weir.Result, found bool, err error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(decoderMemory), zstd.WithDecoderMaxWindow(decoderMemory/2))
	if err != nil {
		return result, false, damaged(err)
	}
	defer z.Close()
	lines := bufio.NewScanner(io.LimitReader(z, MaxDecoded))
	lines.Buffer(make([]byte, 0, 64<<10), MaxDecodedLine)
	var h header
	if err := decodeLine(lines, &h); err != nil {
		return result, false, err
	}
	if err := h.check(); err != nil {
		return result, false, err
	}
	word := plainest(test.Name)
	for range h.Results {
		if !lines.Scan() {
			return result, false, damaged(lines.Err())
		}
		if !bytes.Contains(lines.Bytes(), word) {
			continue
		}
		var one weir.Result
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return result, false, damaged(err)
		}
		if one.Test == test {
			return one, true, nil
		}
	}
	return result, false, nil
}

// plainest is the longest part of a name that JSON writes as it is.
func plainest(name string) []byte {
	best, start := "", -1
	for i, c := range name + " " {
		plain := c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_')
		switch {
		case plain && start < 0:
			start = i
		case !plain && start >= 0:
			if i-start > len(best) {
				best = name[start:i]
			}
			start = -1
		}
	}
	return []byte(best)
}
