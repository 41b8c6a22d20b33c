package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestAdminPages(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	b := newVisitor(t, f)
	for _, path := range []string{"/admin", "/admin/audit?who=otter", "/admin/reload"} {
		w := b.ask(http.MethodGet, path, "")
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "weir signin") || !strings.Contains(w.Body.String(), `value="`+path+`"`) || strings.Contains(w.Body.String(), "heron") {
			t.Errorf("%s answers %d to nobody", path, w.Code)
		}
		if w := b.ask(http.MethodGet, path, "", "Accept", "application/json"); path != "/admin/reload" && (w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "heron")) {
			t.Errorf("%s as JSON answers %d to nobody", path, w.Code)
		}
	}
	for _, path := range []string{"/admin/reload", "/admin/tokens/finch/revoke"} {
		if w := b.ask(http.MethodPost, path, ""); w.Code != http.StatusUnauthorized {
			t.Errorf("%s answers %d to nobody", path, w.Code)
		}
	}
	if len(f.Done) != 0 {
		t.Fatalf("the farm did %q", f.Done)
	}
	b.signIn()
	for path, wants := range map[string][]string{
		"/admin": {"123.0 MiB", "2,000,000", "0123456789ab", "finch", "build, change", "ada@kern.example", "otter.web-abcdefgh", ">you<", "400 days", "for ever",
			"farm.name", "/admin/tokens/finch/revoke", "1.2.3", `href="/api/v1/admin"`, "unauthenticated"},
		"/admin/audit":            {"signin", "api 192.0.2.1", "/admin/audit?who=otter", `href="/api/v1/audit"`},
		"/admin/audit?verb=force": {"Nothing of that kind was done."},
		"/admin/reload":           {"added", "project mill", "brook/test", "steps", "Put it in force", "listen"},
	} {
		if path == "/admin/audit" {
			f.Views(b.acts).Audit.Record(t.Context(), audit.Act{Who: "otter", Via: audit.ViaAPI, From: "192.0.2.1", Verb: "cancel", On: "build 41"})
		}
		w := b.ask(http.MethodGet, path, "")
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s answers %d, %v", path, w.Code, w.Header())
		}
		for _, want := range wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
	}
	for _, path := range []string{"/admin", "/admin/audit"} {
		if w := b.ask(http.MethodGet, path+".json", ""); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s.json answers %d", path, w.Code)
		}
	}
	f.Done = nil
	b.ask(http.MethodPost, "/admin/tokens/finch/revoke", "")
	b.ask(http.MethodPost, "/admin/reload", "")
	if want := []string{"revoke finch", "reload otter"}; !slices.Equal(f.Done, want) {
		t.Errorf("the farm did %q, want %q", f.Done, want)
	}
	list, err := b.acts.Acts(t.Context(), audit.Filter{Limit: 2})
	if err != nil || list[0].Verb != "reload" || list[1].Verb != "revoke" || list[1].On != "token finch" || list[1].Who != "otter" {
		t.Errorf("recorded are %+v, %v", list, err)
	}
}

// TestAuditPages reads a long audit to its end, and one that is hostile.
func TestAuditPages(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	b := newVisitor(t, f)
	b.signIn()
	record := f.Views(b.acts).Audit.Record
	hostile := `<script>alert(1)</script>"'><img src=x onerror=alert(1)>` + "\x1b[31m\u202e\x00\xff"
	for range 250 {
		record(t.Context(), audit.Act{Who: hostile, Via: audit.ViaAPI, From: "2001:db8::7", Verb: hostile, On: "build " + hostile, Note: hostile, Code: hostile})
	}
	seen, path := 0, "/admin/audit"
	for path != "" {
		body := b.ask(http.MethodGet, path, "").Body.String()
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") || strings.ContainsAny(body, "\x00\x1b\u202e") {
			t.Fatalf("%s lets text through", path)
		}
		if len(body) > 300<<10 {
			t.Errorf("%s has %d bytes", path, len(body))
		}
		seen += strings.Count(body, "<tr data-row>")
		path = ""
		if _, rest, ok := strings.Cut(body, `<a href="/admin/audit?before=`); ok {
			number, _, _ := strings.Cut(rest, `"`)
			if strings.Contains(rest, `rel="next"`) {
				path = "/admin/audit?before=" + strings.TrimSuffix(number, "&")
			}
		}
	}
	if seen != 251 {
		t.Errorf("%d acts are shown, want 251", seen)
	}
	f.Change("config", "", func() {
		f.State.Config = setup.Status{Version: "0123456789ab", File: hostile, Errors: 3, Problems: []setup.Problem{{Line: 3, Message: hostile, Hint: hostile}}, Restart: []string{hostile}, By: hostile}
	})
	if body := b.ask(http.MethodGet, "/admin", "").Body.String(); strings.Contains(body, "<script>alert") || strings.ContainsAny(body, "\x00\x1b\u202e") || !strings.Contains(body, "3 mistakes, not in force") {
		t.Error("the page lets text of the farm file through, or does not say that it is bad")
	}
}
