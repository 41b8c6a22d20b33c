package page

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/web/static"
)

// TestConfiguredWhileRead changes the farm's configuration while a page is read, of
// which the page may show anything: it is news to the page.
func TestConfiguredWhileRead(t *testing.T) {
	t.Parallel()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	turn := int64(41)
	s := NewRoutes(NewRenderer(Options{Assets: files, Events: &bell{}, Around: func(time.Time) Around { return Around{Turn: turn} }}), nil, nil)
	s.Show(Route{Pattern: "/live", Live: true, Tagged: true}, func(*http.Request) (Shown, error) {
		turn++
		return Shown{Title: "A page", Topics: "build", Content: templ.NopComponent}, nil
	})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/live", nil))
	if !strings.Contains(w.Body.String(), "&amp;turn=41\"") {
		t.Errorf("the page follows from elsewhere: %s", w.Body)
	}
	again := httptest.NewRequest(http.MethodGet, "/live", nil)
	again.Header.Set("If-None-Match", w.Header().Get("ETag"))
	w = httptest.NewRecorder()
	if s.ServeHTTP(w, again); w.Code != http.StatusOK {
		t.Errorf("the page is taken for current: %d", w.Code)
	}
}

// bell counts how often it was asked for the newest event.
type bell struct {
	asked int
	err   error
}

func (b *bell) LastEvent(context.Context) (int64, error) {
	b.asked++
	return 7, b.err
}

func TestShow(t *testing.T) {
	t.Parallel()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	events, reads := &bell{}, 0
	now := time.Now() // stands still: with time, a page is not current any more
	s := NewRoutes(NewRenderer(Options{Assets: files, Events: events, Now: func() time.Time { return now }}), nil, nil)
	text := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, "what it shows")
		return err
	})
	shown := Shown{Title: "A page", Topics: "build", Content: text}
	read := func(req *http.Request) (Shown, error) {
		if reads++; events.asked == 0 && req.URL.Path != "/still" {
			t.Error("it is read before anybody asks for the newest event")
		}
		return shown, nil
	}
	s.Show(Route{Pattern: "/still"}, read)
	s.Show(Route{Pattern: "/live", Live: true}, read)
	s.Show(Route{Pattern: "/tagged", Live: true, Tagged: true}, read)
	s.Show(Route{Pattern: "/inside", Inside: true}, read)
	s.Show(Route{Pattern: "/things/{id}"}, func(req *http.Request) (Shown, error) {
		_, err := ID(req, "id", "thing")
		return shown, err
	})
	get := func(path, tag string) *httptest.ResponseRecorder {
		t.Helper()
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
		req.Header.Set("If-None-Match", tag)
		s.ServeHTTP(w, req)
		return w
	}
	if w := get("/still", ""); w.Code != http.StatusOK || events.asked != 0 || !strings.Contains(w.Body.String(), "what it shows") {
		t.Errorf("a page that nothing changes: %d, %d questions", w.Code, events.asked)
	}
	if w := get("/live", ""); w.Code != http.StatusOK || events.asked != 1 || !strings.Contains(w.Body.String(), "/events?after=7&amp;topics=build%2Cconfig") || w.Header().Get("ETag") != "" {
		t.Errorf("a page that follows events: %d, %d questions, %v", w.Code, events.asked, w.Header())
	}
	tag := get("/tagged", "").Header().Get("ETag")
	before := reads
	if w := get("/tagged", tag); tag == "" || w.Code != http.StatusNotModified || reads != before {
		t.Errorf("a page that the browser has, %q: %d, it was read %d times", tag, w.Code, reads-before)
	}
	if w := get("/inside", ""); w.Code != http.StatusUnauthorized || w.Header().Get("Cache-Control") != "no-store" || strings.Contains(w.Body.String(), "what it shows") {
		t.Errorf("a page for those who have signed in: %d", w.Code)
	}
	for path, want := range map[string]int{"/things/3": http.StatusOK, "/things/0": http.StatusNotFound, "/things/x": http.StatusNotFound} {
		if w := get(path, ""); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	shown = Shown{Goto: "/elsewhere"}
	if w := get("/still", ""); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/elsewhere" {
		t.Errorf("what is shown elsewhere: %d, %v", w.Code, w.Header())
	}
	shown = Shown{Part: true, Content: text}
	if w := get("/still", ""); w.Body.String() != "what it shows" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a part of a page: %q, %v", w.Body, w.Header())
	}
	shown = Shown{Title: "Strange", Status: http.StatusTeapot, URL: "/other", Farm: "Lakeside", Content: text, Head: func(w http.ResponseWriter) { w.Header().Set("X-Mill", "1") }}
	if w := get("/still", ""); w.Code != http.StatusTeapot || w.Header().Get("X-Mill") != "1" || !strings.Contains(w.Body.String(), `data-url="/other"`) || !strings.Contains(w.Body.String(), "Strange · Lakeside") {
		t.Errorf("a page with a head: %d, %v", w.Code, w.Header())
	}
	events.err = weir.Errorf(weir.Unavailable, "the store does not answer")
	if w := get("/live", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a store: %d", w.Code)
	}
}
