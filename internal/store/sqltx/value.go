package sqltx

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// Micros encodes a time as microseconds since 1970 in UTC; the zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// TimeOf decodes what Micros encoded.
func TimeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// Clean makes text that both databases take: valid UTF-8 without zero bytes.
// Each byte that cannot stay becomes U+FFFD.
func Clean(s string) string {
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

// Clip cleans text and cuts it at limit bytes, between characters.
func Clip(s string, limit int) string {
	s = Clean(s)
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// Encode renders a value as JSON text; Invalid if it cannot.
func Encode(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", weir.Errorf(weir.Invalid, "a value cannot be written as JSON").WithCause(err)
	}
	return string(data), nil
}

// EncodeNonzero is Encode, but for the zero value it is empty.
func EncodeNonzero[T comparable](v T) (string, error) {
	var zero T
	if v == zero {
		return "", nil
	}
	return Encode(v)
}

// destination is where a column goes that needs decoding.
type destination func(column any) error

// Scan takes a column, for database/sql.
func (d destination) Scan(column any) error { return d(column) }

// Time is where a column goes that Micros encoded.
func Time(into *time.Time) sql.Scanner {
	return destination(func(column any) error {
		us, ok := column.(int64)
		if !ok {
			return fmt.Errorf("a time is stored as %T", column)
		}
		*into = TimeOf(us)
		return nil
	})
}

// JSON is where a column goes that Encode encoded; empty text leaves the value
// alone.
func JSON(into any) sql.Scanner {
	return destination(func(column any) error {
		text, ok := column.(string)
		if !ok {
			return fmt.Errorf("JSON is stored as %T", column)
		}
		if text == "" {
			return nil
		}
		return json.Unmarshal([]byte(text), into)
	})
}

// IDs renders ids as a JSON array, for Conn.In.
func IDs[T ~int64](ids []T) string {
	text, _ := Encode(ids) // integers only
	if text == "null" {
		return "[]"
	}
	return text
}

// HashOf hashes parts for a key: the parts themselves may be too long for an
// index entry of PostgreSQL.
func HashOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Flag encodes a truth value as 1 or 0.
func Flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
