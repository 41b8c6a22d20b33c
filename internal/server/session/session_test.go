package session

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestCookie(t *testing.T) {
	t.Parallel()
	plain := httptest.NewRequest(http.MethodGet, "/", nil)
	direct := httptest.NewRequest(http.MethodGet, "/", nil)
	direct.TLS = &tls.ConnectionState{}
	behind := httptest.NewRequest(http.MethodGet, "/", nil)
	behind.Header.Set("X-Forwarded-Proto", "https")
	for _, c := range []struct {
		r    *http.Request
		want string
	}{{plain, Plain}, {direct, Secure}, {behind, Secure}} {
		w := httptest.NewRecorder()
		Keep(w, c.r, "asecret")
		got := w.Result().Cookies()[0]
		if got.Name != c.want || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Path != "/" || got.Domain != "" || got.Secure != (c.want == Secure) || got.MaxAge != maxAge {
			t.Errorf("the cookie is %+v, want %s", got, c.want)
		}
		c.r.AddCookie(got)
		if Of(c.r) != "asecret" {
			t.Errorf("%s is not found again", c.want)
		}
		w = httptest.NewRecorder()
		if Keep(w, c.r, ""); w.Result().Cookies()[0].MaxAge >= 0 {
			t.Errorf("%s stays", c.want)
		}
	}
	// A neighbour of the domain, or somebody on the way before there was encryption,
	// can put the plain cookie there. It is not taken over an encrypted connection.
	forged := httptest.NewRequest(http.MethodGet, "/", nil)
	forged.TLS = &tls.ConnectionState{}
	forged.AddCookie(&http.Cookie{Name: Plain, Value: "asecret"})
	if Of(forged) != "" {
		t.Error("a plain cookie is taken over an encrypted connection")
	}
	long := httptest.NewRequest(http.MethodGet, "/", nil)
	long.AddCookie(&http.Cookie{Name: Plain, Value: strings.Repeat("x", maxSecret+1)})
	if Of(long) != "" {
		t.Error("a cookie without end is taken")
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{"/builds?run=7": "/builds?run=7", "/a b": "/a%20b", "": "", "//evil.example": "", "https://evil.example/": "",
		`/\evil.example`: "", "javascript:alert(1)": "", "evil": "", "/a\r\nSet-Cookie: x=y": "", "/\t/evil.example": "", "/" + strings.Repeat("x", 5000): ""} {
		w := httptest.NewRecorder()
		KeepNext(w, httptest.NewRequest(http.MethodGet, "/signin", nil), next)
		r := httptest.NewRequest(http.MethodGet, "/signin", nil)
		r.AddCookie(w.Result().Cookies()[0])
		if got := Next(r); got != want {
			t.Errorf("%.40q comes back as %.40q", next, got)
		}
	}
	for referer, want := range map[string]string{"http://farm.example/builds/41?x=1#tests": "/builds/41?x=1", "https://farm.example": "/", "http://evil.example/builds": "",
		"": "", "::": "", "file:///etc": ""} {
		r := httptest.NewRequest(http.MethodPost, "http://farm.example/builds/41/cancel", nil)
		r.Header.Set("Referer", referer)
		if got := Came(r); got != want {
			t.Errorf("from %q: %q", referer, got)
		}
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{"192.0.2.7:1234": "192.0.2.7", "[2001:db8::7]:1": "2001:db8::7", "[::ffff:192.0.2.7]:1": "192.0.2.7",
		"[fe80::1%eth0]:1": "fe80::1", "": "", "@": "", "heron:80": ""} {
		if got := From(remote); got != want {
			t.Errorf("%q is %q", remote, got)
		}
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	var l Limiter
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for i := range PerAddress {
		if l.Wait("2001:db8::1", now) != 0 {
			t.Fatalf("attempt %d has to wait", i+1)
		}
		l.Failed(fmt.Sprintf("2001:db8::%x", i+1), now) // of one network
	}
	if wait := l.Wait("2001:db8::ffff", now.Add(time.Minute)); wait != AddressTime-time.Minute {
		t.Errorf("the next one has to wait for %s", wait)
	}
	if l.Wait("2001:db8:0:1::1", now) != 0 || l.Wait("192.0.2.7", now) != 0 || l.Wait("2001:db8::1", now.Add(AddressTime)) != 0 {
		t.Error("others have to wait, or for too long")
	}
	for i := range 3 * maxAddresses {
		l.Failed(fmt.Sprintf("10.%d.%d.1", i/256, i%256), now)
	}
	if len(l.by) > maxAddresses {
		t.Errorf("%d addresses are remembered", len(l.by))
	}
	if wait := l.Wait("192.0.2.7", now); wait != AllTime {
		t.Errorf("after a flood an address has to wait for %s", wait)
	}
	if l.Wait("192.0.2.7", now.Add(AllTime)) != 0 {
		t.Error("a minute later it still has to")
	}
	l.Failed("192.0.2.8", now.Add(AddressTime))
	if len(l.by) != 1 {
		t.Errorf("later %d are remembered", len(l.by))
	}
}
