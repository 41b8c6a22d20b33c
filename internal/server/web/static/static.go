// Package static serves the files that pages load: the style, the scripts and
// the logo. They are part of the program, packed in advance, and named after
// their content, so that browsers never ask twice.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed *.css *.js *.svg vendor/*.js
var content embed.FS

// URLs names the files that pages load. Each name holds a hash of the
// content, so browsers may keep the files for ever.
type URLs struct {
	Style, Htmx, SSE, Live, Log, Logo string
}

type file struct {
	kind       string // content type
	plain, zip []byte
}

// Files serves the files by their hashed names, below /static/.
type Files struct {
	files map[string]file // by URL path
	URLs
}

// New packs the files.
func New() (*Files, error) {
	a := &Files{files: make(map[string]file)}
	for _, f := range []struct {
		name string
		url  *string
	}{
		{"style.css", &a.Style}, {"vendor/htmx.min.js", &a.Htmx}, {"vendor/hx-sse.min.js", &a.SSE},
		{"live.js", &a.Live}, {"log.js", &a.Log}, {"weir.svg", &a.Logo},
	} {
		text, err := content.ReadFile(f.name)
		if err != nil {
			return nil, fmt.Errorf("static file %s: %w", f.name, err)
		}
		sum := sha256.Sum256(text)
		ext := path.Ext(f.name)
		*f.url = fmt.Sprintf("/static/%s-%s%s", strings.TrimSuffix(path.Base(f.name), ext), hex.EncodeToString(sum[:6]), ext)
		a.files[*f.url] = file{kind: mime.TypeByExtension(ext), plain: text, zip: zip(text)}
	}
	return a, nil
}

func zip(text []byte) []byte {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil { // cannot happen: the level is valid
		return nil
	}
	if _, err := w.Write(text); err != nil || w.Close() != nil {
		return nil
	}
	return buf.Bytes()
}

// ServeHTTP sends a file, and 404 for names that are not there or outdated.
func (a *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	text := f.plain
	if f.zip != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		text = f.zip
	}
	h.Set("Content-Length", fmt.Sprint(len(text)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // a browser that went away needs no answer
	}
}
