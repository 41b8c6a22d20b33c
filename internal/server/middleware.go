package server

import (
	"compress/gzip"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/rest"
	"github.com/weir-ci/weir/internal/server/web"
	"github.com/weir-ci/weir/internal/server/workerapi"
)

// contentPolicy lets pages load the farm's own files and nothing else:
// nothing inline, nothing evaluated, no frames.
const contentPolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// secured sets the headers that keep a browser from being used against its reader.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}

// patient gives pages their deadlines; the event stream sets its own.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, rest.Patience(w, r, pageRead, pageWrite))
	})
}

// watched notes what a handler answers.
type watched struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader notes the status.
func (w *watched) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts bytes.
func (w *watched) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logged writes a line for each request. Tokens are in headers and bodies,
// which are not logged.
func logged(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		seen := &watched{ResponseWriter: w}
		defer func() {
			level := slog.LevelDebug
			if seen.status >= http.StatusInternalServerError {
				level = slog.LevelWarn
			}
			log.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", seen.status,
				"bytes", seen.bytes, "took", time.Since(start))
		}()
		next.ServeHTTP(seen, r)
	})
}

// recovered turns a panic into an answer, if it is not too late for one.
func recovered(log *slog.Logger, site *web.Site, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &watched{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler) // meant for the server, which breaks the connection
			}
			log.ErrorContext(r.Context(), "handler panicked", "path", r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
			if seen.status != 0 {
				panic(http.ErrAbortHandler)
			}
			w.Header().Del("Content-Encoding")
			w.Header().Del("Content-Length")
			err := weir.Errorf(weir.Internal, "the server hit an unexpected error; its log says more")
			if strings.HasPrefix(r.URL.Path, api.Prefix) || strings.HasPrefix(r.URL.Path, workerapi.Prefix) {
				rest.WriteError(w, r, log, err)
				return
			}
			site.Fail(w, r, err)
		}()
		next.ServeHTTP(seen, r)
	})
}

// compressible lists content types worth compressing; static files bring
// their own compressed form, and streams must not be held back.
var compressible = []string{"text/html", "application/json", "application/problem+json", "application/openapi+json", "text/plain"}

// smallAnswer is how long an answer may be, in bytes, to be sent as it is: it
// fits into one packet anyway, and a compressor is large.
const smallAnswer = 1024

// compress answers with gzip where the browser takes it and the answer is worth it.
func compress(next http.Handler) http.Handler {
	spare := &sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		z := &zipper{ResponseWriter: w, spare: spare}
		next.ServeHTTP(z, r)
		// Not deferred: after a panic the answer must stay open, so that it
		// is not taken for complete.
		z.close()
	})
}

// zipper decides at the first byte whether an answer could be compressed, and
// then holds it back until it is long enough for that.
type zipper struct {
	http.ResponseWriter
	spare  *sync.Pool
	status int    // 0: not decided
	held   []byte // of an answer that could be compressed
	holds  bool
	gz     *gzip.Writer
}

// WriteHeader decides.
func (z *zipper) WriteHeader(status int) {
	if z.status != 0 {
		return
	}
	z.status = status
	h := z.Header()
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	// What is offered in byte ranges must be the same bytes for everybody.
	z.holds = h.Get("Content-Encoding") == "" && h.Get("Accept-Ranges") == "" && status != http.StatusNoContent &&
		status != http.StatusNotModified && slices.Contains(compressible, kind)
	if !z.holds {
		z.ResponseWriter.WriteHeader(status)
		return
	}
	h.Add("Vary", "Accept-Encoding")
}

// Write compresses, holds back or passes on.
func (z *zipper) Write(p []byte) (int, error) {
	if z.status == 0 {
		z.WriteHeader(http.StatusOK)
	}
	if z.holds {
		if len(z.held)+len(p) <= smallAnswer {
			z.held = append(z.held, p...)
			return len(p), nil
		}
		if err := z.begin(); err != nil {
			return 0, err
		}
	}
	if z.gz != nil {
		return z.gz.Write(p)
	}
	return z.ResponseWriter.Write(p)
}

// begin compresses what was held back, and all that follows.
func (z *zipper) begin() error {
	z.holds = false
	z.Header().Set("Content-Encoding", "gzip")
	z.Header().Del("Content-Length")
	z.ResponseWriter.WriteHeader(z.status)
	z.gz, _ = z.spare.Get().(*gzip.Writer)
	z.gz.Reset(z.ResponseWriter)
	if len(z.held) == 0 {
		return nil
	}
	_, err := z.gz.Write(z.held)
	return err
}

func (z *zipper) close() {
	switch { // where it fails the browser went away; nobody is left to tell
	case z.gz != nil:
		_ = z.gz.Close()
		z.gz.Reset(nil)
		z.spare.Put(z.gz)
	case z.holds:
		z.ResponseWriter.WriteHeader(z.status)
		_, _ = z.ResponseWriter.Write(z.held)
	}
}

// FlushError sends what has been written so far.
func (z *zipper) FlushError() error {
	if z.holds {
		if err := z.begin(); err != nil {
			return err
		}
	}
	if z.gz != nil {
		if err := z.gz.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(z.ResponseWriter).Flush()
}
