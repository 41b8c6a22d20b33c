package server

import (
	"compress/gzip"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
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
		rest.Patience(w, pageRead, pageWrite)
		next.ServeHTTP(w, r)
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

// compress answers with gzip where the browser takes it and the type is worth it.
func compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		z := &zipper{ResponseWriter: w}
		next.ServeHTTP(z, r)
		// Not deferred: after a panic the answer must stay open, so that it
		// is not taken for complete.
		z.close()
	})
}

// zipper decides at the first byte whether to compress.
type zipper struct {
	http.ResponseWriter
	decided bool
	gz      *gzip.Writer
}

// WriteHeader decides.
func (z *zipper) WriteHeader(status int) {
	z.decide(status)
	z.ResponseWriter.WriteHeader(status)
}

func (z *zipper) decide(status int) {
	if z.decided {
		return
	}
	z.decided = true
	h := z.Header()
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	// What is offered in byte ranges must be the same bytes for everybody.
	if h.Get("Content-Encoding") != "" || h.Get("Accept-Ranges") != "" || status == http.StatusNoContent || status == http.StatusNotModified {
		return
	}
	for _, c := range compressible {
		if kind == c {
			h.Set("Content-Encoding", "gzip")
			h.Add("Vary", "Accept-Encoding")
			h.Del("Content-Length")
			z.gz = gzip.NewWriter(z.ResponseWriter)
			return
		}
	}
}

// Write compresses, or passes on.
func (z *zipper) Write(p []byte) (int, error) {
	if !z.decided {
		z.WriteHeader(http.StatusOK)
	}
	if z.gz != nil {
		return z.gz.Write(p)
	}
	return z.ResponseWriter.Write(p)
}

func (z *zipper) close() {
	if z.gz != nil {
		_ = z.gz.Close() // the browser went away; nobody is left to tell
	}
}

// FlushError sends what has been written so far.
func (z *zipper) FlushError() error {
	if z.gz != nil {
		if err := z.gz.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(z.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (z *zipper) Unwrap() http.ResponseWriter { return z.ResponseWriter }
