package server_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/server/servertest"
)

var hrefs = regexp.MustCompile(`href="(/[^"#]*)"`)

// TestTwoClicks walks from the overview to what somebody needs whose tests
// broke: the culprit's commit and the command that shows it are at most two
// clicks away, and above the evidence on their page.
func TestTwoClicks(t *testing.T) {
	t.Parallel()
	b := newVisitor(t, servertest.Demo())
	front := b.ask(http.MethodGet, "/", "").Body.String()
	_, front, _ = strings.Cut(front, "<main")
	seen := map[string]bool{}
	var found []string
	for _, m := range hrefs.FindAllStringSubmatch(front, -1) {
		address := strings.ReplaceAll(m[1], "&amp;", "&")
		if seen[address] {
			continue
		}
		seen[address] = true
		w := b.ask(http.MethodGet, address, "")
		body := w.Body.String()
		if w.Code == http.StatusOK && strings.Contains(body, "upper: fold sharp s") && strings.Contains(body, ">weir repro http://example.com/regressions/3</pre>") {
			found = append(found, address)
			repro, culprit, evidence := strings.Index(body, ">weir repro http://example.com/regressions/3</pre>"), strings.Index(body, ">Culprit</h2>"), strings.Index(body, `id="h-path"`)
			if culprit < 0 || culprit > evidence || repro > evidence {
				t.Errorf("%s: the culprit is at %d and the command at %d, behind the evidence at %d", address, culprit, repro, evidence)
			}
		}
	}
	if !slices.Contains(found, "/regressions/3") {
		t.Errorf("one click from the overview are %d pages; those with commit and command: %q", len(seen), found)
	}
}

// TestSayings: what people say on the page of a regression reaches the farm, with
// their names, and nobody says anything who is not signed in.
func TestSayings(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	b := newVisitor(t, f)
	if page := b.ask(http.MethodGet, "/regressions/3", "").Body.String(); !strings.Contains(page, "/signin?next=%2Fregressions%2F3") || strings.Contains(page, "/regressions/3/merge") {
		t.Error("somebody who is not signed in is not told where to")
	}
	if w := b.ask(http.MethodPost, "/regressions/3/assign", "to=bea"); w.Code != http.StatusUnauthorized || len(f.Done) != 0 {
		t.Errorf("assigned by nobody: %d, %q", w.Code, f.Done)
	}
	b.signIn()
	page := b.ask(http.MethodGet, "/regressions/3", "").Body.String()
	for _, want := range []string{`action="/regressions/3/acknowledge"`, `action="/regressions/3/assign"`, `action="/regressions/3/dismiss"`, `action="/regressions/3/merge"`,
		`<option value="4">4: 1 test of marsh broke</option>`, "weir regressions split 3 TEST...", `value="7" selected`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	for _, c := range []struct{ verb, form, did string }{
		{"acknowledge", "days=7&reason=on+it", `acknowledge 3 for 168h0m0s "on it" otter`},
		{"unacknowledge", "", `unacknowledge 3 "" otter`},
		{"assign", "to=bea&reason=hers", `assign 3 to "bea" "hers" otter`},
		{"dismiss", "reason=intended", `dismiss 3 "intended" otter`},
		{"merge", "into=4&reason=alike", `merge 3 into 4 "alike" otter`},
		{"reopen", "reason=no+flake", `reopen 3 "no flake" otter`},
	} {
		f.Done = nil
		w := b.ask(http.MethodPost, "/regressions/3/"+c.verb, c.form)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/regressions/3" || !slices.Equal(f.Done, []string{c.did}) {
			t.Errorf("%s: %d to %s, did %q", c.verb, w.Code, w.Header().Get("Location"), f.Done)
		}
	}
	f.Done = nil
	for _, c := range []struct{ path, form string }{
		{"/regressions/3/merge", "into=x"}, {"/regressions/3/acknowledge", "days=-1"}, {"/regressions/x/assign", "to=a"}, {"/regressions/3/acknowledge", ""},
	} {
		if w := b.ask(http.MethodPost, c.path, c.form); w.Code < 400 || w.Code >= 500 || len(f.Done) != 0 {
			t.Errorf("%s %s: %d, did %q", c.path, c.form, w.Code, f.Done)
		}
	}
}

// TestFindingsOfHostile: foreign text runs nowhere and hides nothing, and the
// pages stay small.
func TestFindingsOfHostile(t *testing.T) {
	t.Parallel()
	f := servertest.Hostile()
	b := newVisitor(t, f)
	b.signIn()
	test := url.Values{"project": {"mill"}, "job": {"test"}, "suite": {servertest.DemoTest().Suite}, "name": {servertest.DemoTest().Name}}
	for _, address := range []string{"/regressions", "/regressions?state=" + url.QueryEscape(servertest.Nasty), "/regressions?assignee=" + url.QueryEscape(servertest.Nasty) + "&project=%00%ff",
		"/regressions/3", "/regressions/4", "/regressions/5", "/tests?" + test.Encode(), "/flaky", "/flaky?q=" + url.QueryEscape(servertest.Nasty)} {
		w := b.ask(http.MethodGet, address, "")
		body := w.Body.String()
		want := http.StatusOK
		if strings.Contains(address, "state=") { // which is one of some words
			want = http.StatusUnprocessableEntity
		}
		if w.Code != want || len(body) > 300<<10 {
			t.Errorf("%.60s: %d, %d bytes", address, w.Code, len(body))
		}
		for _, bad := range []string{"<script>window", "<img", "\x00", "\x1b", "\u202e", `href="javascript`} {
			if strings.Contains(body, bad) {
				t.Errorf("%.60s: the page has %q", address, bad)
			}
		}
	}
}
