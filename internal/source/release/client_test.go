package release

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

func client(t *testing.T) *Client {
	t.Helper()
	c := NewClient(Options{Pause: time.Millisecond})
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

func TestRetries(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case 2:
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "breaks off")
		default:
			_, _ = io.WriteString(w, "whole")
		}
	})
	data, _, err := client(t).Document(t.Context(), Request{URL: at}, 1000)
	if err != nil || string(data) != "whole" {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/404":
			http.NotFound(w, r)
		case "/401":
			http.Error(w, "", http.StatusUnauthorized)
		case "/500":
			http.Error(w, "", http.StatusInternalServerError)
		case "/large":
			_, _ = w.Write(make([]byte, 2000))
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		case "/login":
			u := *r.URL
			u.Scheme, u.Host, u.User, u.Path = "http", r.Host, url.UserPassword("a", "b"), "/"
			w.Header().Set("Location", u.String())
			w.WriteHeader(http.StatusFound)
		}
	})
	for path, want := range map[string]struct {
		code  weir.Code
		asked int32
	}{"/404": {weir.NotFound, 1}, "/401": {weir.Unavailable, 1}, "/500": {weir.Unavailable, attempts}, "/large": {weir.TooLarge, 1},
		"/file": {weir.Invalid, 1}, "/loop": {weir.Invalid, maxRedirects + 1}, "/metadata": {weir.Invalid, 1}, "/login": {weir.Invalid, 1}} {
		asked.Store(0)
		_, _, err := client(t).Document(t.Context(), Request{URL: at + path}, 1000)
		if weir.CodeOf(err) != want.code || asked.Load() != want.asked {
			t.Errorf("%s: got %v after %d requests, want %v", path, err, asked.Load(), want)
		}
		if err != nil && strings.Contains(err.Error(), "a:b") {
			t.Errorf("%v shows a password", err)
		}
	}
	for _, bad := range []string{"file:///etc/passwd", "http://", "https://u:p@example.org/", "gopher://x/", "http:opaque", "\x00"} {
		if _, err := client(t).Do(t.Context(), Request{URL: bad}); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]reach{"8.8.8.8": public, "2606:4700::1": public, "10.1.2.3": private, "172.16.0.1": private, "192.168.1.1": private,
		"100.64.0.1": private, "fd00::1": private, "127.0.0.1": loopback, "::1": loopback, "::ffff:127.0.0.1": loopback, "169.254.169.254": special,
		"fe80::1": special, "0.0.0.0": special, "224.0.0.1": special, "::": special} {
		if got := reachOf(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %d, want %d", address, got, want)
		}
	}
}

// What an index on the internet leads to must not be this machine. The name is
// an address of documentation's, which answers nobody: nothing is dialled.
func TestPublicIndexLeadsNowhereInside(t *testing.T) {
	t.Parallel()
	at := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") })
	_, err := client(t).Do(t.Context(), Request{URL: at, Named: "https://203.0.113.1/simple/"})
	if weir.CodeOf(err) != weir.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestDigests(t *testing.T) {
	t.Parallel()
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "not an archive") })
	for _, tc := range []struct{ d, says string }{{"sha256", "is not what the registry says"}, {"", "damaged"}, {"md5", "damaged"}} {
		err := client(t).Tree(t.Context(), Request{URL: at}, Digest{tc.d, strings.Repeat("0", 64)}, 0, t.TempDir(), io.Discard)
		if weir.CodeOf(err) != weir.Invalid || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%q: got %v", tc.d, err)
		}
	}
}
