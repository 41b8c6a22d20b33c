package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/weir-ci/weir"
)

// nameless leaves the mail addresses of authors out of JSON for whoever is neither
// signed in nor has a token: programs that collect addresses read public farms, too.
// The field stays, with the name in it.
func (h *handler) nameless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Authorization, Cookie")
		if known(r.Context()) {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(&scrubber{ResponseWriter: w}, r)
	})
}

// known reports whether it is known who asks.
func known(ctx context.Context) bool {
	a, ok := ctx.Value(askerKey{}).(asker)
	return ok && a.err == nil
}

// authorKey is how an author begins in JSON. It cannot be within a text, whose quotes
// are escaped.
const authorKey = `"author":"`

// maxAuthor limits an author that is looked at, in bytes; what is longer is left out.
const maxAuthor = 2000

// scrubber passes JSON on as it is written, but for the addresses of authors.
type scrubber struct {
	http.ResponseWriter
	decided, json bool
	matched       int // bytes of authorKey that came last
	in            bool
	escaped       bool         // the byte before was a backslash
	value         bytes.Buffer // of an author, as far as it has come
}

// WriteHeader sees whether the answer is JSON.
func (s *scrubber) WriteHeader(status int) {
	if !s.decided {
		kind, _, _ := strings.Cut(s.Header().Get("Content-Type"), ";")
		s.decided, s.json = true, kind == "application/json"
		if s.json {
			s.Header().Del("Content-Length")
		}
	}
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController what is behind.
func (s *scrubber) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Write takes a part of the answer, which may end within an author.
func (s *scrubber) Write(p []byte) (int, error) {
	if !s.decided {
		s.WriteHeader(http.StatusOK)
	}
	if !s.json {
		return s.ResponseWriter.Write(p)
	}
	var out bytes.Buffer
	for _, c := range p {
		if s.in {
			s.author(&out, c)
			continue
		}
		out.WriteByte(c)
		switch {
		case c == authorKey[s.matched]:
			s.matched++
		case c == authorKey[0]:
			s.matched = 1
		default:
			s.matched = 0
		}
		if s.matched == len(authorKey) {
			s.in, s.matched = true, 0
		}
	}
	if _, err := s.ResponseWriter.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// author takes a byte of an author.
func (s *scrubber) author(out *bytes.Buffer, c byte) {
	if c == '"' && !s.escaped {
		if s.value.Len() < maxAuthor {
			// Only quotes, backslashes and control characters are escaped, or < as \u003c.
			out.WriteString(weir.AuthorName(strings.ReplaceAll(s.value.String(), `\u003c`, "<")))
		}
		out.WriteByte(c)
		s.value.Reset()
		s.in = false
		return
	}
	s.escaped = c == '\\' && !s.escaped
	if s.value.Len() < maxAuthor {
		s.value.WriteByte(c)
	}
}
