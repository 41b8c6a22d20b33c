package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// micros encodes a time; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeOf decodes a time.
func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// clean makes text that both databases take: valid UTF-8 without zero bytes.
// Each byte that cannot stay becomes U+FFFD.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == 0 {
			return utf8.RuneError
		}
		return r // a byte that is no UTF-8 arrives as RuneError
	}, s)
}

// clip cleans text and cuts it at limit bytes, between characters.
func clip(s string, limit int) string {
	s = clean(s)
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// encode renders a value as JSON text.
func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", weir.Errorf(weir.Invalid, "a value cannot be written as JSON").WithCause(err)
	}
	return string(data), nil
}

// encodeNonzero is encode, but for the zero value it is empty.
func encodeNonzero[T comparable](v T) (string, error) {
	var zero T
	if v == zero {
		return "", nil
	}
	return encode(v)
}

// decode reads JSON text; empty text leaves the value alone.
func decode(text string, into any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

// list renders ids as a JSON array, for Dialect.in.
func list[T ~int64](ids []T) string {
	text, _ := encode(ids) // integers only
	if text == "null" {
		return "[]"
	}
	return text
}

// chunkRows is how many rows go into one statement.
const chunkRows = 2000

// hashOf hashes parts for a key: the parts themselves may be too long for an
// index entry of PostgreSQL.
func hashOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

func pinsKey(p weir.Pins) string { return hashOf(p.Key()) }

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// limitOf bounds a wish for rows.
func limitOf(wish, standard, most int) int {
	if wish <= 0 {
		return standard
	}
	return min(wish, most)
}

// placeholders renders $first, $first+1, ... for n parameters.
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(itoa(first + i))
	}
	return b.String()
}
