package workerapi

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/rest"
)

// getBlob sends a blob, or the part of it that the Range header asks for. A
// worker that lost its connection goes on where it stopped.
func (h *handler) getBlob(w http.ResponseWriter, r *http.Request) {
	digest, err := weir.ParseDigest(r.PathValue("digest"))
	if err != nil {
		rest.WriteError(w, r, h.log, err)
		return
	}
	if r.Method == http.MethodHead {
		size, err := h.farm.StatBlob(r.Context(), digest)
		if err != nil {
			rest.WriteError(w, r, h.log, err)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Accept-Ranges", "bytes")
		setLength(w, size)
		return
	}
	content, err := h.farm.OpenBlob(r.Context(), digest)
	if err != nil {
		rest.WriteError(w, r, h.log, err)
		return
	}
	defer content.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", `"`+string(digest)+`"`)
	http.ServeContent(slowWriter{w}, r, "", time.Time{}, content)
}

// putBlob keeps what is sent. The digest in the path is checked by the farm
// against what arrives, so a blob that was cut off is never kept.
func (h *handler) putBlob(w http.ResponseWriter, r *http.Request) {
	digest, err := weir.ParseDigest(r.PathValue("digest"))
	if err == nil && r.ContentLength > protocol.MaxProduct {
		err = weir.Errorf(weir.TooLarge, "blob %s has %d bytes, at most %d are taken",
			digest.Short(), r.ContentLength, int64(protocol.MaxProduct))
	}
	if err == nil {
		err = h.farm.PutBlob(r.Context(), digest, slowReader{w, http.MaxBytesReader(w, r.Body, protocol.MaxProduct)})
	}
	if err != nil {
		w.Header().Set("Connection", "close") // the rest of the body is not wanted
		rest.WriteError(w, r, h.log, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// slowReader lets an upload take as long as it needs, provided that it moves.
type slowReader struct {
	w    http.ResponseWriter
	body io.Reader
}

// Read reads the body and puts the deadline off.
func (s slowReader) Read(p []byte) (int, error) {
	rest.Receiving(s.w, blobQuiet)
	rest.Sending(s.w, blobQuiet+answerTime)
	return s.body.Read(p)
}

// slowWriter lets a download take as long as it needs, provided that it moves.
type slowWriter struct{ http.ResponseWriter }

// Write sends p and puts the deadline off.
func (s slowWriter) Write(p []byte) (int, error) {
	rest.Sending(s.ResponseWriter, blobQuiet)
	return s.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (s slowWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func setLength(w http.ResponseWriter, size int64) {
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
}
