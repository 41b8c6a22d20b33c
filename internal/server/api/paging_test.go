package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/rest/openapi"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// ask sends a GET request and reads the answer.
func ask(t *testing.T, h http.Handler, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

// next finds the path of the next part of a list.
func next(t *testing.T, answer *http.Response) string {
	t.Helper()
	link := answer.Header.Get("Link")
	if link == "" {
		return ""
	}
	path, rest, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || rest != `; rel="next"` {
		t.Fatalf("not a link to what is next: %q", link)
	}
	return path
}

func TestPaging(t *testing.T) {
	t.Parallel()
	f := servertest.New()
	for id := range weir.BuildID(25) {
		f.Details[id+1] = farm.BuildDetail{Build: weir.Build{ID: id + 1, Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "a b&c"}}}}
	}
	h := api.New(api.Options{Farm: f, Version: "1.2.3"})
	want := weir.BuildID(25)
	parts := 0
	for path := "/api/v1/builds?limit=7&project=a+b%26c"; path != ""; parts++ {
		answer, body := ask(t, h, path)
		var list []weir.Build
		if err := json.Unmarshal([]byte(body), &list); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", path, answer.Status, body)
		}
		for _, b := range list {
			if b.ID != want {
				t.Fatalf("%s: build %d, want %d", path, b.ID, want)
			}
			want--
		}
		path = next(t, answer)
	}
	if want != 0 || parts != 4 {
		t.Errorf("%d parts end before build %d", parts, want)
	}
	for _, cursor := range []string{"nonsense", "LTE", "MA", strings.Repeat("x", 65)} {
		answer, body := ask(t, h, "/api/v1/builds?cursor="+cursor)
		if answer.StatusCode < 400 || answer.StatusCode >= 500 || answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("cursor %s: %s %s", cursor, answer.Status, body)
		}
	}
}

func TestEntityTags(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	h := api.New(api.Options{Farm: f, Version: "1.2.3"})
	answer, body := ask(t, h, "/api/v1/builds")
	tag := answer.Header.Get("ETag")
	if tag == "" || answer.Header.Get("Cache-Control") != "no-cache" || body == "" {
		t.Fatalf("no tag: %v", answer.Header)
	}
	for _, sent := range []string{tag, `"other", ` + tag} {
		if again, body := ask(t, h, "/api/v1/builds", "If-None-Match", sent); again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %s %q %v", sent, again.Status, body, again.Header)
		}
	}
	if other, _ := ask(t, h, "/api/v1/builds?limit=1", "If-None-Match", tag); other.StatusCode != http.StatusOK || other.Header.Get("ETag") == tag {
		t.Errorf("another answer: %s with %s", other.Status, other.Header.Get("ETag"))
	}
	if bad, _ := ask(t, h, "/api/v1/builds/99999", "If-None-Match", tag); bad.StatusCode != http.StatusNotFound || bad.Header.Get("ETag") != "" {
		t.Errorf("an error: %s with %s", bad.Status, bad.Header.Get("ETag"))
	}
}

// TestOperationsAreSaid looks at every operation: each says what it is, who may,
// and what it answers.
func TestOperationsAreSaid(t *testing.T) {
	t.Parallel()
	h := api.New(api.Options{Farm: servertest.New(), Version: "0"})
	_, body := ask(t, h, "/api/openapi.json")
	doc, err := openapi.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, call := range doc.Calls() {
		if call.Summary == "" || ids[call.ID] {
			t.Errorf("%s %s: summary %q, id %s", call.Method, call.Path, call.Summary, call.ID)
		}
		ids[call.ID] = true
		if (call.Method == http.MethodGet) != (len(call.Security) == 0) && call.Method != http.MethodGet {
			t.Errorf("%s %s changes something, and everybody may", call.Method, call.Path)
		}
		for _, p := range call.Parameters {
			if p.In == "query" && p.Description == "" && p.Schema != nil && p.Schema.Description == "" {
				t.Errorf("%s %s does not say what %s is", call.Method, call.Path, p.Name)
			}
		}
	}
}
