package compat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/weir-ci/weir/internal/farm/compat"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// badges serves /badge/PROJECT.svg and /badge/PROJECT.json. Whoever embeds them
// wants a picture whatever happens, so what the farm does not know is a badge, too.
type badges struct {
	routes *page.Routes
	reader Reader
}

// badgeTime is for how long others may keep a badge, in seconds.
const badgeTime = 60

func (b badges) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	project, svg := strings.CutSuffix(r.PathValue("file"), ".svg")
	project = strings.TrimSuffix(project, ".json") // the routes have taken it off already if pages have twins
	badge, err := b.reader.Badge(r.Context(), askOf(project, r.URL.Query()))
	if err != nil {
		b.routes.Fail(w, r, err)
		return
	}
	badge.Label, badge.Message = page.OneLine(badge.Label, 80), page.OneLine(badge.Message, 80)
	var body []byte
	h := w.Header()
	if svg {
		h.Set("Content-Type", "image/svg+xml; charset=utf-8")
		body = []byte(drawBadge(badge))
	} else {
		h.Set("Content-Type", "application/json")
		if body, err = json.Marshal(endpoint{1, badge.Label, badge.Message, colourOf(badge).name, badgeTime}); err != nil {
			b.routes.Fail(w, r, err)
			return
		}
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	h.Set("ETag", tag)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(badgeTime))
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // it is made to be shown elsewhere
	if strings.Contains(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if _, err := w.Write(body); err != nil {
		b.routes.Log().DebugContext(r.Context(), "badge not sent", "error", err)
	}
}

// endpoint is what shields.io reads: https://shields.io/badges/endpoint-badge.
type endpoint struct {
	SchemaVersion int    `json:"schemaVersion"`
	Label         string `json:"label"`
	Message       string `json:"message"`
	Color         string `json:"color"`
	CacheSeconds  int    `json:"cacheSeconds"`
}

type colour struct{ name, fill string }

// colourOf is the colour of a badge: what is too old is not known.
func colourOf(b compat.Badge) colour {
	if b.Old {
		return colours[compat.Unknown]
	}
	return colours[b.Answer]
}

// colours are those of badges: for shields, and of ours, all dark enough for white text.
var colours = map[compat.Verdict]colour{
	compat.Yes:     {"brightgreen", "#1d7a3a"},
	compat.No:      {"red", "#bb2530"},
	compat.Unknown: {"lightgrey", "#59626b"},
}

// drawBadge draws a badge that needs no font, no script and no other file.
func drawBadge(b compat.Badge) string {
	label, message := textWidth(b.Label), textWidth(b.Message)
	left, right := label+12, message+12
	text := html.EscapeString(b.Label + ": " + b.Message)
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" viewBox="0 0 %d 20" role="img" aria-label="%s">`, left+right, left+right, text)
	fmt.Fprintf(&s, `<title>%s</title>`, text)
	fmt.Fprintf(&s, `<clipPath id="r"><rect width="%d" height="20" rx="4"/></clipPath>`, left+right)
	fmt.Fprintf(&s, `<g clip-path="url(#r)"><rect width="%d" height="20" fill="#3a4249"/><rect x="%d" width="%d" height="20" fill="%s"/></g>`, left, left, right, colourOf(b).fill)
	s.WriteString(`<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle">`)
	fmt.Fprintf(&s, `<text x="%g" y="14" textLength="%d">%s</text>`, float64(left)/2, label, html.EscapeString(b.Label))
	fmt.Fprintf(&s, `<text x="%g" y="14" textLength="%d">%s</text></g></svg>`+"\n", float64(left)+float64(right)/2, message, html.EscapeString(b.Message))
	return s.String()
}

// textWidth is about how wide a text is in Verdana of 11 pixels. textLength makes
// other fonts fit.
func textWidth(s string) int {
	width := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("ijlI.,:;'|!·", r):
			width += 4
		case strings.ContainsRune(" frt()[]-/", r):
			width += 4.8
		case strings.ContainsRune("mwMW%@", r):
			width += 10.4
		case r >= 'A' && r <= 'Z':
			width += 7.8
		case r >= '0' && r <= '9':
			width += 7
		case r < 0x2000:
			width += 6.7
		default:
			width += 11
		}
	}
	return int(width + .5)
}
