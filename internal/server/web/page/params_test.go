package page

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/weir-ci/weir/internal/server/web/static"
)

func TestParams(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p          Param
		good, evil []string
	}{
		{TextParam("q"), []string{"anything", "<b>", "-1"}, nil},
		{NumberParam("before", "the id of a build"), []string{"0", "41"}, []string{"abc", "-1", "+1", "1.5", "99999999999999999999", " 1"}},
		{WordParam("state", "", "open", "closed"), []string{"open", "closed"}, []string{"nonsense", "Open", "open,closed"}},
		{SwitchParam("every"), []string{"1", "true", "0", "false"}, []string{"yes", "2"}},
		{TimeParam("until"), []string{"2026-03-02T15:04:05Z"}, []string{"yesterday", "2026-03-02"}},
	} {
		wrong := func(value string) bool {
			req := httptest.NewRequest(http.MethodGet, "/?"+url.Values{c.p.Name: {value}}.Encode(), nil)
			_, err := Route{Params: []Param{c.p}}.wrong(req)
			return err != nil
		}
		for _, value := range append(c.good, "") {
			if wrong(value) {
				t.Errorf("%s=%s is refused", c.p.Name, value)
			}
		}
		for _, value := range c.evil {
			if !wrong(value) {
				t.Errorf("%s=%s is taken", c.p.Name, value)
			}
		}
	}
}

// TestWrongValues asks a page for what it does not know.
func TestWrongValues(t *testing.T) {
	t.Parallel()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	twin := ""
	api := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { twin = r.URL.RequestURI() })
	s := NewRoutes(NewRenderer(Options{Assets: files}), api, nil)
	s.Show(Route{Pattern: "/things/{name}", Twin: "things/{name}", Params: []Param{WordParam("state", "open", "closed"), TextParam("q"), NumberParam("size", "a size").WhileTyped()},
		Twinned: func(in url.Values) {
			if in.Get("state") == "" {
				in.Set("state", "open")
			}
		}}, func(*http.Request) (Shown, error) { return Shown{Title: "Things", Content: templ.NopComponent}, nil })
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		s.ServeHTTP(w, req)
		return w
	}
	w := get("/things/a%2Fb?q=x&state=" + url.QueryEscape("<script>\n"+strings.Repeat("y", 500)))
	for _, want := range []string{"the parameter state has a value that it cannot have: &lt;script&gt; yyy", "it knows: open, closed", `href="/things/a%2Fb?q=x"`} {
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d, and %s is missing in %s", w.Code, want, w.Body)
		}
	}
	if w := get("/things/a.json?state=" + strings.Repeat("y", 5000)); w.Body.Len() > 500 {
		t.Errorf("a wrong value is repeated whatever its length: %s", w.Body)
	}
	if w := get("/things/a.json?state=nonsense"); w.Code != http.StatusUnprocessableEntity || w.Header().Get("Content-Type") != "application/problem+json" || twin != "" {
		t.Errorf("as JSON: %d %v, the twin was asked %s", w.Code, w.Header(), twin)
	}
	for _, path := range []string{"/things/a?state=&size=", "/things/a?state=open&q=%00", "/things/a?unknown=nonsense"} {
		if w := get(path); w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if get("/things/a?size=1x").Code != http.StatusUnprocessableEntity || get("/things/a?size=1x", "HX-Request", "true").Code != http.StatusOK {
		t.Error("what is being typed is not told apart from what is asked for")
	}
	if get("/things/a.json?q=x"); twin != "/api/v1/things/a?q=x&state=open" {
		t.Errorf("the twin is asked %s", twin)
	}
}
