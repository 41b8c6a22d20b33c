package session

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestBehind(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	ask := func(trusted []netip.Prefix, remote string, forwarded ...string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		r.Header["X-Forwarded-For"] = forwarded
		var got string
		Behind(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = From(r.RemoteAddr) })).ServeHTTP(httptest.NewRecorder(), r)
		return got
	}
	for _, c := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"127.0.0.1:1", []string{"192.0.2.7"}, "192.0.2.7"},
		{"127.0.0.1:1", nil, "127.0.0.1"},
		{"127.0.0.1:1", []string{""}, "127.0.0.1"},
		{"192.0.2.9:1", []string{"192.0.2.7"}, "192.0.2.9"},               // not a proxy of ours
		{"127.0.0.1:1", []string{"198.51.100.1, 192.0.2.7"}, "192.0.2.7"}, // the first one is made up
		{"127.0.0.1:1", []string{"198.51.100.1", "192.0.2.7, 10.1.2.3"}, "192.0.2.7"},
		{"127.0.0.1:1", []string{"10.1.2.3, 10.1.2.4"}, "10.1.2.3"}, // all are ours
		{"127.0.0.1:1", []string{"nonsense"}, "127.0.0.1"},
		{"127.0.0.1:1", []string{"192.0.2.7, nonsense, 10.1.2.3"}, "10.1.2.3"},
		{"127.0.0.1:1", []string{"192.0.2.7:4711"}, "192.0.2.7"},
		{"127.0.0.1:1", []string{"[2001:db9::7]:4711"}, "2001:db9::7"},
		{"[2001:db8::1]:1", []string{"2001:db9::7"}, "2001:db9::7"},
		{"[::ffff:127.0.0.1]:1", []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		{"127.0.0.1:1", []string{"192.0.2.7" + strings.Repeat(", 10.1.2.3", 1000)}, "10.1.2.3"},
		{"@", []string{"192.0.2.7"}, ""},
	} {
		if got := ask(trusted, c.remote, c.forwarded...); got != c.want {
			t.Errorf("from %s with %.60q: %q, want %q", c.remote, c.forwarded, got, c.want)
		}
	}
	if got := ask(nil, "127.0.0.1:1", "192.0.2.7"); got != "127.0.0.1" {
		t.Errorf("without trusted proxies: %q", got)
	}
}
