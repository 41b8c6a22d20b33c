package compat

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/compat"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/web/static"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// oracle says the same to everybody.
type oracle struct {
	compat.Answer
	err   error
	asked compat.Ask
	said  string
}

func (o *oracle) Say(_ context.Context, s string) (compat.Answer, error) {
	o.said = s
	return o.Answer, o.err
}

func (o *oracle) Ask(_ context.Context, a compat.Ask) (compat.Answer, error) {
	o.asked = a
	return o.Answer, o.err
}

func (o *oracle) Badge(_ context.Context, a compat.Ask) (compat.Badge, error) {
	o.asked = a
	return o.Answer.Badge, o.err
}

func (o *oracle) LastEvent(context.Context) (int64, error) { return 7, nil }

func site(t *testing.T, o *oracle) *page.Routes {
	t.Helper()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	routes := page.NewRoutes(page.NewRenderer(page.Options{Assets: files, Events: o, Now: func() time.Time { return noon }}), nil, nil)
	Register(routes, o)
	return routes
}

func get(t *testing.T, h http.Handler, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

// TestBadges holds what badges look like against files.
func TestBadges(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]compat.Badge{
		"passing": {Label: "cpython 3.14 · windows", Message: "passing", Answer: compat.Yes},
		"failing": {Label: "cpython 3.14", Message: "12 failing", Answer: compat.No},
		"old":     {Label: "cpython 3.14", Message: "passing, 4 months ago", Answer: compat.Yes, Old: true},
		"unknown": {Label: "weir", Message: "unknown", Answer: compat.Unknown},
		"hostile": {Label: servertest.Nasty, Message: `"><script>alert(1)</script>`, Answer: compat.No},
	} {
		_, got := get(t, site(t, &oracle{Answer: compat.Answer{Badge: b}}), "/badge/twisted.svg")
		file := filepath.Join("testdata", name+".svg")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != got {
			t.Errorf("%s is not as it was (go test -update writes it): %v\n%s", file, err, got)
		}
		elements := map[string]int{}
		for d := xml.NewDecoder(strings.NewReader(got)); ; {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s is not XML: %v", name, err)
			}
			if start, ok := token.(xml.StartElement); ok {
				elements[start.Name.Local]++
			}
		}
		if elements["script"]+elements["img"] != 0 || elements["text"] != 2 || elements["title"] != 1 {
			t.Errorf("%s has %v", name, elements)
		}
	}
}

func TestBadgesAreCached(t *testing.T) {
	t.Parallel()
	o := &oracle{Answer: compat.Answer{Badge: compat.Badge{Label: "cpython 3.14", Message: "passing", Answer: compat.Yes}}}
	s := site(t, o)
	r, body := get(t, s, "/badge/twisted.svg?upstream=cpython&version=3.14&platform=windows")
	if o.asked != (compat.Ask{Project: "twisted", Upstream: "cpython", Version: "3.14", Platform: "windows"}) {
		t.Errorf("asked was %+v", o.asked)
	}
	tag := r.Header.Get("ETag")
	if r.StatusCode != 200 || tag == "" || r.Header.Get("Cache-Control") != "public, max-age=60" || !strings.HasPrefix(r.Header.Get("Content-Type"), "image/svg+xml") ||
		!strings.Contains(body, `aria-label="cpython 3.14: passing"`) {
		t.Errorf("%d %v\n%s", r.StatusCode, r.Header, body)
	}
	if r, body := get(t, s, "/badge/twisted.svg", "If-None-Match", tag); r.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("to who has it: %d %q", r.StatusCode, body)
	}
	o.Answer.Badge.Message, o.Answer.Badge.Answer = "3 failing", compat.No
	if r, _ := get(t, s, "/badge/twisted.svg", "If-None-Match", tag); r.StatusCode != 200 || r.Header.Get("ETag") == tag {
		t.Errorf("when it has changed: %d", r.StatusCode)
	}
	for _, path := range []string{"/badge/twisted.json", "/badge/twisted"} { // the routes of a whole site take .json off
		r, body := get(t, s, path)
		var e map[string]any
		if err := json.Unmarshal([]byte(body), &e); err != nil || r.Header.Get("Content-Type") != "application/json" || e["schemaVersion"] != 1.0 || e["label"] != "cpython 3.14" ||
			e["message"] != "3 failing" || e["color"] != "red" || o.asked.Project != "twisted" {
			t.Errorf("%s: %v, %s", path, err, body)
		}
	}
	o.err = weir.Errorf(weir.Internal, "the disk is gone")
	if r, body := get(t, s, "/badge/twisted.svg"); r.StatusCode != 500 || strings.Contains(body, "the disk is gone") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

// known is an answer with everything in it; text is all that comes from outside.
func known(text string) compat.Answer {
	b := weir.Builder{ID: 3, BuilderKey: weir.BuilderKey{Project: text, Job: text, Cell: text, Platform: weir.Platform(text)}}
	e := compat.Evidence{Builder: b, Answer: compat.No, Why: "3 of 1204 tests fail, newly", Version: text, Newer: 42}
	e.Build.ID, e.Build.Worker, e.Build.Finished = 41, text, noon.Add(-time.Hour)
	e.Build.Counts, e.Build.Ledger = weir.Counts{Pass: 1201, Fail: 3}, weir.Ledger{Executed: 1204, Hidden: 10}
	e.Failed, e.MoreFailed = []weir.TestID{{Suite: text, Name: text}, {Name: "TestUpper"}}, 1200
	culprit := weir.Culprit{Project: text, Revision: weir.Revision{ID: text, Message: text}, Confidence: 0.97}
	return compat.Answer{Ask: compat.Ask{Project: text, Upstream: text, Version: text}, Sentence: text, Strange: []string{text}, Answer: compat.No, Text: text, Needed: text, Near: text,
		Evidence: []compat.Evidence{e}, Cases: []compat.Case{{ID: 9, State: weir.Located, Since: noon, Culprit: culprit}},
		Files: []compat.File{{Build: 41, Platform: weir.Platform(text), Artifact: weir.Artifact{Path: text, Size: 1 << 20}}},
		Matrix: compat.Matrix{Platforms: []weir.Platform{weir.Platform(text)}, Rows: []compat.Row{{Upstream: text, Version: text, Cell: text,
			Cells: []compat.Cell{{Answer: compat.Yes, Build: 40, Executed: 5, Expected: 6, At: noon}}}}},
		Badge: compat.Badge{Label: text, Message: text, Answer: compat.No}, Projects: []string{text}, Example: text}
}

func TestPage(t *testing.T) {
	t.Parallel()
	o := &oracle{Answer: known("twisted")}
	o.Answer.Example = "loom on brook"
	s := site(t, o)
	r, body := get(t, s, "/compat?q=twisted+on+cpython")
	for _, want := range []string{"1,204/1,214", "/builds/41", "/builds/42", "/regressions/9", "5/6", "/badge/twisted.svg?upstream=twisted&amp;version=twisted", "[![twisted](http://example.com/badge/",
		"Not understood", "Did you mean", "TestUpper</bdi>", "1,200 more", "97 % sure", `href="/api/v1/builds/41/artifact?path=twisted"`, "1.0 MiB"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if r.StatusCode != 200 || o.said != "twisted on cpython" {
		t.Errorf("%d, said was %q", r.StatusCode, o.said)
	}
	get(t, s, "/compat?project=twisted&upstream=cpython&version=3.14")
	if o.asked.Version != "3.14" || o.asked.Project != "twisted" {
		t.Errorf("asked was %+v", o.asked)
	}
	if !strings.Contains(body, `placeholder="loom on brook"`) || strings.Contains(body, "windows") {
		t.Error("the form does not name what this farm has")
	}
	o.Answer = compat.Answer{Answer: compat.Unknown}
	if _, body := get(t, s, "/compat"); !strings.Contains(body, `placeholder="a project, what it is to work with, a platform"`) {
		t.Error("the form of an empty farm is not plain")
	}
	if _, body := get(t, s, "/compat"); !strings.Contains(body, "No project of this farm is built against another one") {
		t.Error("an empty farm does not say what to do")
	}
}

// TestHostileText: what comes from outside stays text.
func TestHostileText(t *testing.T) {
	t.Parallel()
	_, body := get(t, site(t, &oracle{Answer: known(servertest.Nasty)}), "/compat?q="+strings.Repeat("x", 5000))
	for _, bad := range []string{"<script>window", "<img src=x", "\x1b", "\x00", "\u202e", "\xff"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if len(body) > 60_000 {
		t.Errorf("the page has %d bytes", len(body))
	}
}
