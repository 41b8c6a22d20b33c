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
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed css/*.css *.js *.svg vendor/*.js
var content embed.FS

// URLs names the files that pages load. Each name holds a hash of the
// content, so browsers may keep the files for ever.
type URLs struct {
	Style, Htmx, SSE, Live, Log, Keys, Charts, Logo string
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
		{style, &a.Style}, {"vendor/htmx.min.js", &a.Htmx}, {"vendor/hx-sse.min.js", &a.SSE},
		{"live.js", &a.Live}, {"log.js", &a.Log}, {"keys.js", &a.Keys}, {"charts.js", &a.Charts}, {"weir.svg", &a.Logo},
	} {
		text, err := read(f.name)
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

// read reads a file. The style is made of all in css, by name: the base first,
// then what areas of pages add.
func read(name string) ([]byte, error) {
	if name != style {
		return content.ReadFile(name)
	}
	parts, err := fs.Glob(content, "css/*.css")
	if err != nil {
		return nil, err
	}
	var text []byte
	for _, part := range parts { // sorted
		one, err := content.ReadFile(part)
		if err != nil {
			return nil, err
		}
		text = append(text, one...)
	}
	return text, nil
}

// Style is the text of the one style sheet.
func Style() ([]byte, error) { return read(style) }

// style is the name of the one style sheet.
const style = "style.css"

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
