package mirror

import (
	"bufio"
	"errors"
	"strings"
	"time"
)

// MaxAuthor limits an author's name and address, in bytes.
const MaxAuthor = 500

// lastSecond is the last second of the year 9999, behind which times cannot be
// written as JSON.
const lastSecond = 253402300799

// Field reads up to the next NUL and keeps limit bytes of it, as valid UTF-8.
// The error is that of r: io.EOF too if the NUL is missing.
func Field(r *bufio.Reader, limit int) (string, error) {
	var kept []byte
	for {
		part, err := r.ReadSlice(0)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
		kept = append(kept, part[:min(len(part), limit+1-len(kept))]...)
		if err == nil {
			break
		}
	}
	if n := len(kept); n > 0 && kept[n-1] == 0 {
		kept = kept[:n-1]
	}
	return Text(string(kept), limit), nil
}

// Text makes valid UTF-8 of at most limit bytes out of s.
func Text(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// Second is the time that is s seconds after the start of 1970; zero if s lies
// before that or behind what can be written as JSON.
func Second(s int64) time.Time {
	if s < 0 || s > lastSecond {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
