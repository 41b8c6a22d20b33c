package page

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/web/static"
)

// site is a site of one page with a twin and one act.
func site(t *testing.T, deeds *[]Deed) *Routes {
	t.Helper()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	r := NewRenderer(Options{Assets: files, SignedIn: func(_ context.Context, session string) (string, error) {
		if session != "secret" {
			return "", weir.Errorf(weir.Unauthenticated, "nobody")
		}
		return "ann", nil
	}})
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "%s %s", r.Method, r.URL.RequestURI())
	})
	s := NewRoutes(r, api, func(_ context.Context, d Deed) { *deeds = append(*deeds, d) })
	text := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, "a page")
		return err
	})
	show := func(*http.Request) (Shown, error) { return Shown{Title: "A page", Content: text}, nil }
	s.Show(Route{Pattern: "/{$}", Twin: "overview"}, show)
	s.Show(Route{Pattern: "/things", Twin: "things"}, show)
	s.Show(Route{Pattern: "/things/{name}", Twin: "things/{name}/detail"}, show)
	s.Show(Route{Pattern: "/form"}, show)
	s.Act("/things/{name}/cut", "cut", func(r *http.Request, who string) (string, error) {
		if r.PathValue("name") == "stone" {
			return "", weir.Errorf(weir.Conflict, "stone cannot be cut")
		}
		return "/things/" + r.PathValue("name"), nil
	})
	return s
}

func TestTwins(t *testing.T) {
	t.Parallel()
	s := site(t, new([]Deed))
	const twin = "GET /api/v1/"
	for _, c := range []struct{ path, accept, want string }{
		{"/", "application/json", twin + "overview"},
		{"/index.json", "", twin + "overview"},
		{"/things?q=a+b", "application/json", twin + "things?q=a+b"},
		{"/things.json?q=a+b", "text/html", twin + "things?q=a+b"},
		{"/things/41.json", "*/*", twin + "things/41/detail"},
		{"/things/a%2Fb%20c", "application/json", twin + "things/a%2Fb%20c/detail"},
		{"/things/..%2f..%2fadmin", "application/json", twin + "things/..%2F..%2Fadmin/detail"},
		{"/things", "text/html, application/json;q=0.9", ""},
		{"/things", "*/*", ""},
		{"/form", "application/json", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.Header.Set("Accept", c.accept)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		body := w.Body.String()
		if !strings.Contains(w.Header().Get("Vary"), "Accept") {
			t.Errorf("%s does not vary with Accept: %v", c.path, w.Header())
		}
		if c.want == "" {
			if !strings.Contains(body, "a page") || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("%s (%s) is no page: %s", c.path, c.accept, body)
			}
			continue
		}
		if body != c.want {
			t.Errorf("%s (%s) gets %q, want %q", c.path, c.accept, body, c.want)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/things/a%2Fb?tab=%22x", nil))
	if want := `href="/api/v1/things/a%2Fb/detail?tab=%22x"`; strings.Count(w.Body.String(), want) != 2 {
		t.Errorf("the page does not name its twin, %s", want)
	}
	if list := s.List(); len(list) != 4 || list[2].Pattern != "/things/{name}" || list[2].Twin != "things/{name}/detail" {
		t.Errorf("the pages are %v", list)
	}
}

func TestFailuresAsJSON(t *testing.T) {
	t.Parallel()
	s := site(t, new([]Deed))
	s.Handle("GET /", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Fail(w, r, weir.Errorf(weir.NotFound, "there is no page %s", r.URL.Path))
	}))
	for _, c := range []struct{ path, accept, kind string }{
		{"/nothing", "", "text/html; charset=utf-8"},
		{"/nothing", "text/html,application/json", "text/html; charset=utf-8"},
		{"/nothing", "application/json", "application/problem+json"},
		{"/nothing.json", "", "application/problem+json"},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.Header.Set("Accept", c.accept)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != c.kind || !strings.Contains(w.Body.String(), "there is no page /nothing") {
			t.Errorf("%s as %q: %d, %s: %.200s", c.path, c.accept, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
}

func TestActs(t *testing.T) {
	t.Parallel()
	var deeds []Deed
	s := site(t, &deeds)
	post := func(path, session, form string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = "192.0.2.7:4711"
		if session != "" {
			r.AddCookie(&http.Cookie{Name: SessionCookie, Value: session})
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		path, session, form string
		status              int
		who                 string
		code                weir.Code
	}{
		{"/things/wood/cut", "", "", http.StatusUnauthorized, "", weir.Unauthenticated},
		{"/things/wood/cut", "guess", "", http.StatusUnauthorized, "", weir.Unauthenticated},
		{"/things/wood/cut", strings.Repeat("x", 1000), "", http.StatusUnauthorized, "", weir.Unauthenticated},
		{"/things/wood/cut", "secret", "reason=winter", http.StatusSeeOther, "ann", ""},
		{"/things/stone/cut", "secret", "", http.StatusConflict, "ann", weir.Conflict},
		{"/things/wood/cut", "secret", url.Values{"x": {strings.Repeat("y", maxForm)}}.Encode(), http.StatusUnprocessableEntity, "ann", weir.Invalid},
	} {
		deeds = nil
		w := post(c.path, c.session, c.form)
		if w.Code != c.status {
			t.Errorf("%s by %q: status %d, want %d", c.path, c.session, w.Code, c.status)
		}
		if c.code == weir.Conflict && !strings.Contains(w.Body.String(), "This cannot be done now") {
			t.Errorf("a conflict is told as %s", w.Body)
		}
		if len(deeds) != 1 {
			t.Fatalf("%s by %q: %d deeds", c.path, c.session, len(deeds))
		}
		d := deeds[0]
		if d.Who != c.who || d.Verb != "cut" || d.On != c.path || d.From != "192.0.2.7" || weir.CodeOf(d.Err) != c.code {
			t.Errorf("%s by %q is noted as %+v", c.path, c.session, d)
		}
		if c.form == "reason=winter" && d.Note != "winter" {
			t.Errorf("the reason is noted as %q", d.Note)
		}
	}
	if w := httptest.NewRecorder(); true {
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/things/wood/cut", nil))
		if w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusNotFound {
			t.Errorf("an act with GET: %d", w.Code)
		}
	}
}
