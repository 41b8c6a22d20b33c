package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// Assets names the files that pages load. Each name holds a hash of the
// content, so browsers may keep the files for ever.
type Assets struct {
	Style, Htmx, SSE, Live, Log, Logo string
}

type asset struct {
	kind       string // content type
	plain, zip []byte
}

// assets serves static files by their hashed names.
type assets struct {
	files map[string]asset // by URL path
	Assets
}

func newAssets() (*assets, error) {
	a := &assets{files: make(map[string]asset)}
	for _, f := range []struct {
		name string
		url  *string
	}{
		{"style.css", &a.Style}, {"vendor/htmx.min.js", &a.Htmx}, {"vendor/hx-sse.min.js", &a.SSE},
		{"live.js", &a.Live}, {"log.js", &a.Log}, {"weir.svg", &a.Logo},
	} {
		content, err := fs.ReadFile(staticFiles, "static/"+f.name)
		if err != nil {
			return nil, fmt.Errorf("static file %s: %w", f.name, err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(f.name)
		*f.url = fmt.Sprintf("/static/%s-%s%s", strings.TrimSuffix(path.Base(f.name), ext), hex.EncodeToString(sum[:6]), ext)
		a.files[*f.url] = asset{kind: mime.TypeByExtension(ext), plain: content, zip: zip(content)}
	}
	return a, nil
}

func zip(content []byte) []byte {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil { // cannot happen: the level is valid
		return nil
	}
	if _, err := w.Write(content); err != nil || w.Close() != nil {
		return nil
	}
	return buf.Bytes()
}

// ServeHTTP sends a file, and 404 for names that are not there or outdated.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	content := file.plain
	if file.zip != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		content = file.zip
	}
	h.Set("Content-Length", fmt.Sprint(len(content)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // a browser that went away needs no answer
	}
}
