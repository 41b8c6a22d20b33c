package workerapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/rest"
)

// sync and finish carry log frames. Their bodies are JSON, or of
// protocol.PackedType, which huma does not know; so they are read here.

func (h *handler) sync(w http.ResponseWriter, r *http.Request) {
	report(h, w, r, protocol.UnpackSync, func(id weir.AttemptID, s protocol.Sync) (protocol.SyncAnswer, error) {
		return h.farm.Sync(r.Context(), id, s)
	})
}

func (h *handler) finish(w http.ResponseWriter, r *http.Request) {
	report(h, w, r, protocol.UnpackFinish, func(id weir.AttemptID, fin protocol.Finish) (protocol.FinishAnswer, error) {
		return protocol.FinishAnswer{}, h.farm.Finish(r.Context(), id, fin)
	})
}

// report reads a message about an attempt, hands it on, and sends the answer.
func report[In, Out any](h *handler, w http.ResponseWriter, r *http.Request,
	unpack func(io.Reader) (In, error), handle func(weir.AttemptID, In) (Out, error)) {
	var answer Out
	id, err := weir.ParseAttemptID(r.PathValue("id"))
	if err == nil {
		var in In
		if in, err = read(w, r, unpack); err != nil {
			w.Header().Set("Connection", "close") // the rest of the body is not wanted
		} else {
			answer, err = handle(id, in)
		}
	}
	var body []byte
	if err == nil {
		body, err = json.Marshal(answer)
	}
	if err != nil {
		rest.WriteError(w, r, h.log, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(body); err != nil {
		h.log.DebugContext(r.Context(), "answer not sent", "error", err)
	}
}

func read[In any](w http.ResponseWriter, r *http.Request, unpack func(io.Reader) (In, error)) (in In, err error) {
	content := http.MaxBytesReader(w, r.Body, protocol.MaxBody)
	kind, _, kindErr := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case kind == protocol.PackedType:
		in, err = unpack(content)
	case kind == "application/json" || kind == "" && kindErr != nil:
		var data []byte
		if data, err = io.ReadAll(content); err == nil {
			if jsonErr := json.Unmarshal(data, &in); jsonErr != nil {
				return in, weir.Errorf(weir.Invalid, "the message is not what it should be: %v", jsonErr)
			}
		}
	default:
		return in, weir.Errorf(weir.Invalid, "a message is JSON or %s, not %.80q", protocol.PackedType, kind)
	}
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return in, weir.Errorf(weir.TooLarge, "the message has more than %d bytes", over.Limit)
	case err != nil && weir.CodeOf(err) == weir.Internal:
		return in, weir.Errorf(weir.Unavailable, "the message broke off").WithCause(err)
	}
	return in, err
}
