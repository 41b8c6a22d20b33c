package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// real is what package app makes a server of.
type real struct {
	*farm.Farm
	*setup.Keeper
}

var _ server.Farm = real{}

func get(t *testing.T, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	for _, path := range []string{"/", "/builds/41", "/nowhere", "/api/v1/overview", "/api/v1/nothing"} {
		answer, _ := get(t, s.URL+path)
		policy := answer.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'self'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") ||
			answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.Header.Get("Referrer-Policy") == "" {
			t.Errorf("%s: headers %v", path, answer.Header)
		}
	}
}

// TestNothingInline holds the pages against their own policy: no script, style
// or handler within the page, nothing from elsewhere.
func TestNothingInline(t *testing.T) {
	t.Parallel()
	values := regexp.MustCompile(`"[^"<>/#][^"<>]*"`) // of attributes, except addresses
	bad := regexp.MustCompile(`(?i)<style|<[a-z][^<>]*\s(?:style|on[a-z]+)=|javascript:|<script(?: [^>]*)?>[^<]|(?:src|href)="(?:[a-z]+:|//)`)
	for _, f := range []*servertest.Farm{servertest.Demo(), servertest.Hostile(), servertest.New()} {
		s := serve(t, f)
		for _, path := range []string{"/", "/builds/41", "/builds/41?tests=all", "/builds/44", "/regressions/3", "/regressions/4", "/regressions/5", demoTest(), "/tests?project=%1b%00%22&name=%3Cscript%3E", "/builds", "/regressions", "/starts", "/signin?code=%3Cscript%3E", "/projects/mill/force", "/x"} {
			_, body := get(t, s.URL+path)
			if i := strings.IndexAny(body, "\x00\x1b\u202e\u2066"); i >= 0 {
				t.Errorf("%s holds a control character: %q", path, body[max(0, i-100):i+20])
			}
			body = values.ReplaceAllString(body, `""`)
			if found := bad.FindString(body); found != "" {
				t.Errorf("%s holds %q", path, found)
			}
			if len(body) > 1<<20 {
				t.Errorf("%s has %d bytes", path, len(body))
			}
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	for _, path := range []string{"/", "/api/v1/overview", "/api/openapi.json", "/builds/41"} {
		_, plain := get(t, s.URL+path)
		answer, zipped := get(t, s.URL+path, "Accept-Encoding", "gzip")
		if answer.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed: %v", path, answer.Header)
			continue
		}
		r, err := gzip.NewReader(strings.NewReader(zipped))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || string(text) != plain {
			t.Errorf("%s differs when compressed: %v", path, err)
		}
	}
	// What is short or offered in byte ranges stays as it is.
	for _, path := range []string{"/api/v1/builds/999999", "/api/v1/builds/41/attempts/2/steps/0/log/raw"} {
		_, plain := get(t, s.URL+path)
		answer, body := get(t, s.URL+path, "Accept-Encoding", "gzip")
		if answer.Header.Get("Content-Encoding") != "" || body != plain {
			t.Errorf("%s is %v: %.80q, not %.80q", path, answer.Header, body, plain)
		}
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	_, body := get(t, s.URL+"/")
	names := regexp.MustCompile(`/static/[^"]+`).FindAllString(body, -1)
	if len(names) != 7 {
		t.Errorf("the page loads %v", names)
	}
	for _, name := range names {
		answer, plain := get(t, s.URL+name)
		if answer.StatusCode != 200 || !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") || plain == "" {
			t.Errorf("%s: %d %v", name, answer.StatusCode, answer.Header)
		}
		if zipped, _ := get(t, s.URL+name, "Accept-Encoding", "gzip"); zipped.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", name)
		}
	}
	for _, path := range []string{"/static/", "/static/style.css", "/static/vendor/VERSIONS", "/static/..%2fweb.go"} {
		if answer, _ := get(t, s.URL+path); answer.StatusCode != 404 {
			t.Errorf("%s answers %d", path, answer.StatusCode)
		}
	}
}

func TestErrorPages(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	var log bytes.Buffer
	h, err := server.New(server.Options{Farm: f, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	for _, path := range []string{"/builds/999", "/builds/0", "/builds/-1", "/builds/+1", "/builds/x", "/regressions/999", "/builds/1/2"} {
		if w := ask(http.MethodGet, path); w.Code != 404 || !strings.Contains(w.Body.String(), "Not found") {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
	if w := ask(http.MethodPost, "/"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST answers %d", w.Code)
	}
	f.Fail = errors.New("password is hunter2")
	for _, path := range []string{"/", "/builds", "/regressions", "/builds/41", "/regressions/3", "/events"} {
		if w := ask(http.MethodGet, path); w.Code != 500 || strings.Contains(w.Body.String(), "hunter2") || !strings.Contains(w.Body.String(), "Something went wrong") {
			t.Errorf("%s answers %d %s", path, w.Code, w.Body)
		}
	}
	if !strings.Contains(log.String(), "hunter2") {
		t.Error("the log does not say what went wrong")
	}
	f.Fail, f.Panic = nil, "at the disco"
	if w := ask(http.MethodGet, "/"); w.Code != 500 || !strings.Contains(w.Body.String(), "Something went wrong") || strings.Contains(w.Body.String(), "disco") {
		t.Errorf("a panic answers %d %s", w.Code, w.Body)
	}
	if w := ask(http.MethodGet, "/api/v1/overview"); w.Code != 500 || !strings.Contains(w.Body.String(), `"internal"`) {
		t.Errorf("a panic of the API answers %d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "disco") {
		t.Error("the log does not say what panicked")
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/worker/v1/hello", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+servertest.Token)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("a request from another site answers %d", answer.StatusCode)
	}
}

// TestEvents reads the stream as a browser does, and comes back to it.
func TestEvents(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	s := serve(t, f)
	for _, e := range []weir.Event{{Kind: weir.EventBuild, Subject: "41"}, {Kind: weir.EventBuild, Subject: "42"}, {Kind: weir.EventLog, Subject: "41"},
		{Kind: weir.EventBuild, Subject: "41"}, {Kind: weir.EventRegression, Subject: "<3\n"}} {
		f.Change(e.Kind, e.Subject, func() {})
	}
	read := func(url, lastID string, want int) []string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Last-Event-ID", lastID)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("content type %q", answer.Header.Get("Content-Type"))
		}
		var events []string
		current := ""
		for lines := bufio.NewScanner(answer.Body); len(events) < want && lines.Scan(); {
			switch line := lines.Text(); {
			case line == "" && current != "":
				events = append(events, current)
				current = ""
			case line != "" && !strings.HasPrefix(line, ":"):
				current += line + ";"
			}
		}
		if len(events) < want {
			t.Fatalf("%s ended after %q", url, events)
		}
		return events
	}
	got := strings.Join(read(s.URL+"/events?after=0&topics=build:41,regression", "", 2), " ")
	if want := `id: 4;event: build;data: "41"; id: 5;event: regression;data: "\u003c3\n";`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := read(s.URL+"/events?after=0", "4", 1); !strings.HasPrefix(got[0], "id: 5;") {
		t.Errorf("after event 4 comes %v", got)
	}
	go f.Change(weir.EventWorker, "heron", func() {})
	if got := read(s.URL+"/events?after=5", "", 1); !strings.HasPrefix(got[0], "id: 6;event: worker") {
		t.Errorf("after event 5 comes %v", got)
	}
}

// TestFragment asks for a page as htmx does and gets its content alone.
func TestFragment(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	_, body := get(t, s.URL+"/builds/41", "HX-Request", "true")
	if !strings.HasPrefix(body, `<main id="content"`) || !strings.HasSuffix(body, "</main>") || strings.Contains(body, "<head") {
		t.Errorf("the fragment is %.200s", body)
	}
}

// TestSchema fetches the schema as an editor does.
func TestSchema(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	answer, body := get(t, s.URL+"/schema/weir.json")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/schema+json" ||
		!strings.Contains(body, `"$schema": "https://json-schema.org/draft/2020-12/schema"`) {
		t.Errorf("%s %s\n%.200s", answer.Status, answer.Header, body)
	}
}
