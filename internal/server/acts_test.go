package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"log/slog"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// visitor posts forms and keeps cookies, and follows no redirects.
type visitor struct {
	t       *testing.T
	handler http.Handler
	cookies []*http.Cookie
	acts    *servertest.Acts
}

func newVisitor(t *testing.T, f *servertest.Farm) *visitor {
	acts := &servertest.Acts{}
	h, err := server.New(server.Options{Farm: f, Views: f.Views(acts), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, handler: h, acts: acts}
}

func (b *visitor) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies = slices.DeleteFunc(b.cookies, func(old *http.Cookie) bool { return old.Name == c.Name })
		if c.MaxAge >= 0 {
			b.cookies = append(b.cookies, c)
		}
	}
	return w
}

func (b *visitor) signIn() {
	b.t.Helper()
	w := b.ask(http.MethodPost, "/signin", url.Values{"code": {servertest.SignInCode}, "next": {"/starts"}}.Encode())
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/starts" || len(b.cookies) != 1 {
		b.t.Fatalf("signing in answers %d, goes to %q, leaves %v", w.Code, w.Header().Get("Location"), b.cookies)
	}
	if c := b.cookies[0]; !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" {
		b.t.Errorf("the cookie is %+v", c)
	}
}

// deeds are all forms that change something.
var deeds = [][2]string{{"/projects/mill/force", "job=test&reason=why"}, {"/runs/7/rerun", "failed=yes"}, {"/builds/41/cancel", ""}, {"/pulls/3/approve", "head=abc"}}

func TestOnlyWhoSignedInMayAct(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	b := newVisitor(t, f)
	for _, d := range deeds {
		if w := b.ask(http.MethodPost, d[0], d[1]); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "weir signin") {
			t.Errorf("%s answers %d to nobody", d[0], w.Code)
		}
	}
	for _, wrong := range []string{"nonsense", "", servertest.SignInCode, servertest.AdminToken, servertest.Token} {
		b.cookies = []*http.Cookie{{Name: "weir_session", Value: wrong}}
		if w := b.ask(http.MethodPost, deeds[0][0], deeds[0][1]); w.Code != http.StatusUnauthorized {
			t.Errorf("with the cookie %q it answers %d", wrong, w.Code)
		}
	}
	b.cookies = nil
	if w := b.ask(http.MethodPost, "/signin", "code=wrong"); w.Code != http.StatusUnauthorized || len(b.cookies) != 0 {
		t.Errorf("a wrong code answers %d", w.Code)
	}
	if len(f.Done) != 0 {
		t.Fatalf("the farm did %q", f.Done)
	}
	b.signIn()
	for _, d := range deeds {
		if w := b.ask(http.MethodPost, d[0], d[1], "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
			t.Errorf("%s from another site answers %d", d[0], w.Code)
		}
		if w := b.ask(http.MethodPost, d[0], d[1], "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusSeeOther {
			t.Errorf("%s answers %d: %s", d[0], w.Code, w.Body)
		}
	}
	want := []string{"force {Project:mill Job:test Reason:why Count:0 By:otter Params:[]}", "rerun 7, failed true, builds [], by otter",
		`cancel 41 "" otter`, "decide pull 3 at abc: true, by otter"}
	if !slices.Equal(f.Done, want) {
		t.Errorf("the farm did %q", f.Done)
	}
	if w := b.ask(http.MethodPost, "/api/v1/runs", `{"project":"mill"}`, "Content-Type", "application/json"); w.Code != http.StatusUnauthorized {
		t.Errorf("a cookie opens the API: %d", w.Code)
	}
	if w := b.ask(http.MethodGet, "/", ""); !strings.Contains(w.Body.String(), "Sign out") || !strings.Contains(w.Body.String(), servertest.Visitor) {
		t.Error("the overview does not say who is signed in")
	}
	if w := b.ask(http.MethodPost, "/signout", ""); w.Code != http.StatusSeeOther || len(b.cookies) != 0 {
		t.Errorf("signing out answers %d, leaves %v", w.Code, b.cookies)
	}
}

func TestForceForm(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	b := newVisitor(t, f)
	w := b.ask(http.MethodGet, "/projects/mill/force", "")
	for _, want := range []string{"<select name=\"param.deploy.target\"", "&lt;b&gt;production", "Sign in</a> to start builds", "disabled", `value="2"`, `type="checkbox"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the form lacks %q", want)
		}
	}
	if strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), "<b>production") {
		t.Error("a parameter becomes part of the page")
	}
	if w := b.ask(http.MethodGet, "/projects/nothing/force", ""); w.Code != http.StatusNotFound {
		t.Errorf("no such project answers %d", w.Code)
	}
	b.signIn()
	if w := b.ask(http.MethodGet, "/projects/mill/force", ""); strings.Contains(w.Body.String(), "disabled") {
		t.Error("whoever is signed in cannot press the button")
	}
	form := url.Values{"job": {"deploy"}, "param.deploy.target": {"staging"}, "param.deploy.dry": {"false", "true"}, "param.test.other": {"x"}, "param.deploy.note": {""}}
	if w := b.ask(http.MethodPost, "/projects/mill/force", form.Encode()); w.Header().Get("Location") != "/runs/7" {
		t.Errorf("it goes to %q: %s", w.Header().Get("Location"), w.Body)
	}
	if want := "force {Project:mill Job:deploy Reason: Count:0 By:otter Params:[{Name:dry Value:true} {Name:target Value:staging}]}"; len(f.Done) != 1 || f.Done[0] != want {
		t.Errorf("the farm did %q, want %q", f.Done, want)
	}
	f.Fail = weir.Errorf(weir.Invalid, "job deploy needs the parameter target")
	if w := b.ask(http.MethodPost, "/projects/mill/force", "job=deploy"); w.Code != http.StatusUnprocessableEntity && w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "needs the parameter target") {
		t.Errorf("what is wrong answers %d", w.Code)
	}
	if w := b.ask(http.MethodPost, "/projects/mill/force", "note="+strings.Repeat("x", 1<<20)); w.Code >= 500 || w.Code < 400 {
		t.Errorf("a form that is too large answers %d", w.Code)
	}
}

func TestSignInPage(t *testing.T) {
	t.Parallel()
	b := newVisitor(t, servertest.Demo())
	w := b.ask(http.MethodGet, "/signin?code="+servertest.SignInCode+"&next=/builds", "")
	if !strings.Contains(w.Body.String(), servertest.SignInCode) || len(b.cookies) != 1 || b.cookies[0].Name != "weir_next" || w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("looking at the link: %v, %v", w.Header(), b.cookies)
	}
	for _, next := range []string{"//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "evil", "/a\r\nSet-Cookie: x=y", "/\t/evil.example"} {
		w := b.ask(http.MethodPost, "/signin", url.Values{"code": {servertest.SignInCode}, "next": {next}}.Encode())
		if to := w.Header().Get("Location"); to != "/" && !strings.HasPrefix(to, "/%") {
			t.Errorf("%q leads to %q", next, to)
		}
	}
	if w := b.ask(http.MethodGet, "/starts", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "/projects/mill/force") {
		t.Errorf("the page of starts answers %d", w.Code)
	}
}
