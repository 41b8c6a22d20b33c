// Package hooks is the address to which forges post: POST /hook/DIALECT, and /hook
// for any, which is told by its headers.
//
// Anybody can reach it, so that it is careful with what it has not seen signed
// yet: bodies are limited by what the dialect may send, few are read at once, and
// each has little time to come. The answer is 202 as soon as what came is recorded,
// within milliseconds; forges wait ten seconds and then call it a failure.
package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/audit"
	farmhooks "github.com/weir-ci/weir/internal/farm/hooks"
	"github.com/weir-ci/weir/internal/hook"
	"github.com/weir-ci/weir/internal/server/rest"
	"github.com/weir-ci/weir/internal/server/session"
)

// Path is where it is.
const Path = "/hook"

// Limits.
const (
	atOnce    = 4 // bodies that are read at once; each may have hook.MaxGitHub
	waitTime  = 5 * time.Second
	readTime  = 10 * time.Second
	writeTime = 20 * time.Second
)

// Farm takes what comes.
type Farm interface {
	// Hook takes a delivery; an empty dialect is found out by the headers.
	Hook(ctx context.Context, dialect string, h http.Header, body []byte) (farmhooks.Receipt, error)
}

type handler struct {
	farm   Farm
	log    *slog.Logger
	places chan struct{}
	acts   *audit.Recorder
}

// New makes the handler for Path and everything below it. What a delivery sets off
// is recorded in acts; nil: nowhere.
func New(farm Farm, log *slog.Logger, acts *audit.Recorder) http.Handler {
	h := &handler{farm, log, make(chan struct{}, atOnce), acts}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, h.post)
	mux.HandleFunc("POST "+Path+"/{dialect}", h.post)
	mux.HandleFunc(Path+"/", h.other)
	mux.HandleFunc(Path, h.other)
	return mux
}

// other answers whoever looks here with a browser.
func (h *handler) other(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		rest.NotFound(h.log).ServeHTTP(w, r)
		return
	}
	w.Header().Set("Allow", http.MethodPost)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusMethodNotAllowed)
	_, _ = io.WriteString(w, "Forges post webhooks here. How to set them up: docs/webhooks.md\n")
}

func (h *handler) post(w http.ResponseWriter, r *http.Request) {
	receipt, err := h.take(w, r)
	if err != nil {
		w.Header().Set("Connection", "close") // what is left of the body is not read
		if weir.CodeOf(err) == weir.Unavailable {
			w.Header().Set("Retry-After", "10")
		}
		rest.WriteError(w, r, h.log, err)
		return
	}
	h.record(r, receipt)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	if err := json.NewEncoder(w).Encode(receipt); err != nil {
		h.log.DebugContext(r.Context(), "answer not sent", "error", err)
	}
}

func (h *handler) take(w http.ResponseWriter, r *http.Request) (farmhooks.Receipt, error) {
	r = rest.Patience(w, r, readTime, writeTime)
	dialect := r.PathValue("dialect")
	known := dialect
	if known == "" {
		known = hook.Detect(r.Header)
	}
	limit := hook.MaxBytes(known)
	if r.ContentLength > limit {
		return farmhooks.Receipt{}, tooLarge(limit)
	}
	wait, cancel := context.WithTimeout(r.Context(), waitTime)
	defer cancel()
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	case <-wait.Done():
		return farmhooks.Receipt{}, weir.Errorf(weir.Unavailable, "too many webhooks come at once").WithHint("send it again in a while")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return farmhooks.Receipt{}, tooLarge(limit)
	case err != nil:
		return farmhooks.Receipt{}, weir.Errorf(weir.Invalid, "the body does not come, or breaks off").WithCause(err)
	}
	return h.farm.Hook(r.Context(), dialect, r.Header, body)
}

// record notes a delivery of which something came.
func (h *handler) record(r *http.Request, receipt farmhooks.Receipt) {
	if receipt.Repeated || len(receipt.Projects) == 0 {
		return
	}
	on := "project "
	if len(receipt.Projects) > 1 {
		on = "projects "
	}
	note := string(receipt.Kind)
	if receipt.Number != "" {
		note += " " + receipt.Number
	}
	h.acts.Record(r.Context(), audit.Act{Who: receipt.Dialect, Via: audit.ViaHook, From: session.From(r.RemoteAddr), Verb: "hook",
		On: on + strings.Join(receipt.Projects[:min(len(receipt.Projects), maxNamed)], ", "), Note: note})
}

// maxNamed limits how many projects the record of a delivery names.
const maxNamed = 10

func tooLarge(limit int64) error {
	return weir.Errorf(weir.TooLarge, "the body of this webhook may have at most %d MiB", limit>>20)
}
