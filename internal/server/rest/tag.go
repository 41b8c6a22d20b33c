package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// maxTagged limits how much of an answer is held back to tag it, in bytes;
// what is larger is sent without a tag.
const maxTagged = 4 << 20

// Tagged gives JSON answers of next to GET an entity tag, and answers 304 to
// who has them already. Other answers pass through as they are written.
func Tagged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		t := &tagger{ResponseWriter: w, r: r}
		next.ServeHTTP(t, r)
		t.finish()
	})
}

// tagger holds an answer back until it is whole, or known not to be tagged.
type tagger struct {
	http.ResponseWriter
	r      *http.Request
	status int
	held   bytes.Buffer
	passes bool // it has been decided that nothing is held back
}

// WriteHeader decides what becomes of the answer.
func (t *tagger) WriteHeader(status int) {
	if t.status != 0 {
		return
	}
	t.status = status
	kind, _, _ := strings.Cut(t.Header().Get("Content-Type"), ";")
	if status != http.StatusOK || kind != "application/json" || t.Header().Get("ETag") != "" {
		t.pass()
	}
}

// Write takes a part of the answer.
func (t *tagger) Write(p []byte) (int, error) {
	if t.status == 0 {
		t.WriteHeader(http.StatusOK)
	}
	if !t.passes && t.held.Len()+len(p) > maxTagged {
		t.pass()
	}
	if t.passes {
		return t.ResponseWriter.Write(p)
	}
	return t.held.Write(p)
}

// Unwrap gives http.ResponseController what is behind.
func (t *tagger) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// pass sends what was held back, and from now on everything at once.
func (t *tagger) pass() {
	t.passes = true
	t.ResponseWriter.WriteHeader(t.status)
	if t.held.Len() > 0 {
		// The connection says soon enough that it is gone.
		_, _ = t.ResponseWriter.Write(t.held.Bytes())
		t.held = bytes.Buffer{}
	}
}

// finish sends what is still held back.
func (t *tagger) finish() {
	if t.passes || t.status == 0 {
		return
	}
	sum := sha256.Sum256(t.held.Bytes())
	tag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h := t.Header()
	h.Set("ETag", tag)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	if strings.Contains(t.r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Length")
		h.Del("Content-Type")
		t.ResponseWriter.WriteHeader(http.StatusNotModified)
		t.passes = true
		return
	}
	t.pass()
}
