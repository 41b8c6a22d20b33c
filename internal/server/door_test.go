package server_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/session"
)

// done lists what was recorded, oldest first.
func (b *visitor) done() []string {
	b.t.Helper()
	list, err := b.acts.Acts(b.t.Context(), audit.Filter{})
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, a := range slices.Backward(list) {
		if a.From != "192.0.2.1" || a.Via != audit.ViaPage {
			b.t.Errorf("recorded is %+v", a)
		}
		out = append(out, strings.Join([]string{a.Who, a.Verb, a.On, a.Note, a.Code}, "|"))
	}
	return out
}

// TestRefusedActsLeadToTheDoor follows somebody who presses a button, is sent to
// sign in, opens the link in another tab, and comes back.
func TestRefusedActsLeadToTheDoor(t *testing.T) {
	t.Parallel()
	b := newVisitor(t, servertest.Demo())
	w := b.ask(http.MethodPost, "/builds/41/cancel", "reason=secret+plan", "Referer", "http://example.com/builds/41?tests=all")
	body := w.Body.String()
	for _, want := range []string{"Only somebody who has signed in may do that, so it was not done.", "weir signin YOUR-NAME", `name="code"`, `value="/builds/41?tests=all"`, "You come back to"} {
		if !strings.Contains(body, want) {
			t.Errorf("the answer lacks %q", want)
		}
	}
	if w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("it is %d, %v", w.Code, w.Header())
	}
	if w := b.ask(http.MethodPost, "/builds/41/cancel", "", "Referer", "https://evil.example/x"); strings.Contains(w.Body.String(), "evil") {
		t.Error("another site says where to go then")
	}
	if w := b.ask(http.MethodGet, "/signin?next=/builds/41", ""); !strings.Contains(w.Body.String(), "Everybody may read this farm") {
		t.Error("the page does not explain")
	}
	link := "http://example.com/signin?code=" + servertest.SignInCode
	if w := b.ask(http.MethodGet, link, ""); !strings.Contains(w.Body.String(), `value="/builds/41"`) || strings.Count(w.Body.String(), servertest.SignInCode) != 1 {
		t.Error("the link in another tab does not lead back, or its code is all over the page")
	}
	if w := b.ask(http.MethodPost, "/signin", "code=nonsense&next=/builds/41"); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), `value="/builds/41"`) ||
		!strings.Contains(w.Body.String(), "This link does not work any more.") || strings.Contains(w.Body.String(), "nonsense") {
		t.Errorf("a code that does not work: %d %s", w.Code, w.Body)
	}
	if w := b.ask(http.MethodPost, "/signin", url.Values{"code": {" " + link + " "}, "next": {"/builds/41"}}.Encode()); w.Header().Get("Location") != "/builds/41" || len(b.cookies) != 1 {
		t.Fatalf("signing in with the whole link: %d, goes to %q, leaves %v", w.Code, w.Header().Get("Location"), b.cookies)
	}
	if w := b.ask(http.MethodGet, "/signin", ""); !strings.Contains(w.Body.String(), "You are signed in as") {
		t.Error("the page does not say who is signed in")
	}
	b.ask(http.MethodPost, "/builds/41/cancel", "")
	b.ask(http.MethodPost, "/projects/mill/force", "job=test&reason=why+not")
	b.ask(http.MethodPost, "/signout/everywhere", "")
	b.ask(http.MethodPost, "/signout", "")
	want := []string{"|cancel|build 41||unauthenticated", "|cancel|build 41||unauthenticated", "|signin|||unauthenticated", "otter|signin|||",
		"otter|cancel|build 41||", "otter|force|project mill|why not|", "otter|signout.everywhere|||", "otter|signout|||"}
	if got := b.done(); !slices.Equal(got, want) {
		t.Errorf("recorded are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestOldBrowsers posts as browsers do that say nothing of fetch sites, but where
// the form is from.
func TestOldBrowsers(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	b := newVisitor(t, f)
	b.signIn()
	posts := append([][2]string{{"/signin", "code=" + servertest.SignInCode}, {"/signout", ""}, {"/signout/everywhere", ""}}, deeds...)
	for _, d := range posts {
		for _, origin := range []string{"http://evil.example", "http://example.com.evil.example", "https://example.com:8443", "null"} {
			if w := b.ask(http.MethodPost, d[0], d[1], "Origin", origin); w.Code != http.StatusForbidden {
				t.Errorf("%s from %s: %d", d[0], origin, w.Code)
			}
		}
		for _, site := range []string{"cross-site", "same-site"} {
			if w := b.ask(http.MethodPost, d[0], d[1], "Sec-Fetch-Site", site, "Origin", "http://example.com"); w.Code != http.StatusForbidden {
				t.Errorf("%s from a %s page: %d", d[0], site, w.Code)
			}
		}
	}
	if len(f.Done) != 0 {
		t.Fatalf("the farm did %q", f.Done)
	}
	if w := b.ask(http.MethodPost, deeds[0][0], deeds[0][1], "Origin", "http://example.com"); w.Code != http.StatusSeeOther {
		t.Errorf("from the farm itself: %d", w.Code)
	}
}

func TestTooManyCodes(t *testing.T) {
	t.Parallel()
	b := newVisitor(t, servertest.Demo())
	for range session.PerAddress {
		if w := b.ask(http.MethodPost, "/signin", "code=guess"); w.Code != http.StatusUnauthorized {
			t.Fatalf("a wrong code answers %d", w.Code)
		}
	}
	w := b.ask(http.MethodPost, "/signin", "code="+servertest.SignInCode)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || len(b.cookies) != 0 || !strings.Contains(w.Body.String(), "Too many codes") {
		t.Errorf("after %d wrong ones even a good one answers %d, want 429", session.PerAddress, w.Code)
	}
}

func TestSignInFails(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	b := newVisitor(t, f)
	b.signIn()
	f.Fail = weir.Errorf(weir.Unavailable, "the database is away")
	if w := b.ask(http.MethodPost, "/signout", ""); w.Code != http.StatusServiceUnavailable || len(b.cookies) != 1 {
		t.Errorf("a sign-out that failed answers %d, leaves %v", w.Code, b.cookies)
	}
}
