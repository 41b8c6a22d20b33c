package server_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/rest/openapi"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// TestPagesAndOperations holds the pages against the API: every page has its
// twin there, and whatever can be done on a page a program can do too.
func TestPagesAndOperations(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := servertest.Demo()
	reading := views.New(views.Options{Store: db})
	rest := api.New(api.Options{Farm: f, Views: reading, Version: "1"})
	site, err := web.New(web.Options{Farm: f, Views: reading, API: rest, Document: rest.Document})
	if err != nil {
		t.Fatal(err)
	}
	text, err := rest.Document()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	reads, ids, asks := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, call := range doc.Calls() {
		ids[call.ID] = true
		if call.Method == http.MethodGet {
			reads[call.Path] = true
			for _, p := range call.Parameters {
				asks[call.Path+"?"+p.Name] = p.In == "query"
			}
		}
	}
	forms := map[string]bool{"/signin": true, "/projects/{project}/force": true, "/help/api": true, "/help/keys": true,
		"/admin/reload": true} // asks before it does what the operation reload does
	for _, p := range site.List() {
		switch {
		case p.Twin == "" && !forms[p.Pattern]:
			t.Errorf("page %s has no twin in the API", p.Pattern)
		case p.Twin != "" && !reads[page.APIPrefix+p.Twin]:
			t.Errorf("the twin of page %s, %s, is not in the API", p.Pattern, p.Twin)
		}
		for _, param := range p.Params {
			if p.Twin != "" && !param.Drawing && !asks[page.APIPrefix+p.Twin+"?"+param.Name] {
				t.Errorf("page %s can be asked for %s, and its twin %s cannot", p.Pattern, param.Name, p.Twin)
			}
		}
	}
	if len(site.List()) < 20 {
		t.Errorf("there are only %d pages", len(site.List()))
	}
	for _, verb := range site.Verbs() {
		if verb == "signout.everywhere" { // browsers are signed in, programs have tokens
			continue
		}
		if !ids[verb] {
			t.Errorf("the API has no operation %s, which pages have", verb)
		}
	}
}

// TestWrongParameters asks every page for what it does not know, and for nothing
// with the empty fields of a form.
func TestWrongParameters(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := servertest.Demo()
	reading := views.New(views.Options{Store: db})
	rest := api.New(api.Options{Farm: f, Views: reading, Version: "1"})
	site, err := web.New(web.Options{Farm: f, Views: reading, API: rest})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	asked := 0
	for _, p := range site.List() {
		path := strings.TrimSuffix(strings.NewReplacer("{id}", "41", "{name}", "heron", "{project}", "mill").Replace(p.Pattern), "{$}")
		for _, param := range p.Params {
			if code, _ := get(path + "?" + param.Name + "="); code == http.StatusUnprocessableEntity && path != "/tests" {
				t.Errorf("%s?%s= is refused", path, param.Name)
			}
			if param.Wants == "" { // free text
				continue
			}
			asked++
			code, body := get(path + "?" + param.Name + "=nonsense")
			for _, want := range []string{"the parameter " + param.Name + " ", "nonsense", html.EscapeString(param.Wants), `href="` + path + `"`} {
				if code != http.StatusUnprocessableEntity || !strings.Contains(body, want) {
					t.Errorf("%s?%s=nonsense: %d, or %s is missing", path, param.Name, code, want)
				}
			}
			if p.Twin == "" {
				continue
			}
			name := path
			if path == "/" {
				name = "/index"
			}
			if code, body := get(name + ".json?" + param.Name + "=nonsense"); code != http.StatusUnprocessableEntity || !strings.Contains(body, "the parameter "+param.Name+" ") {
				t.Errorf("%s as JSON, %s=nonsense: %d %s", path, param.Name, code, body)
			}
		}
	}
	// A form sends what somebody types: it is not wrong, but not whole yet.
	typing := httptest.NewRequest(http.MethodGet, "/builds?since=7", nil)
	typing.Header.Set("HX-Request", "true")
	w := httptest.NewRecorder()
	if site.ServeHTTP(w, typing); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "since when: a day such as 2026-03-14") {
		t.Errorf("while a time is typed: %d", w.Code)
	}
	if asked < 30 {
		t.Errorf("only %d parameters were asked for", asked)
	}
}
