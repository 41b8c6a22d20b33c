package session

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops limits how many addresses of X-Forwarded-For are looked at.
const maxHops = 32

// Behind makes requests that come through trusted proxies carry the address of
// whoever sent them, as the proxies tell it in X-Forwarded-For. Of that header, which
// anybody can begin, only what trusted proxies have added is believed: it is read
// from its end, up to the first address that is no trusted proxy's.
func Behind(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from, ok := sender(trusted, r); ok {
			r = r.WithContext(r.Context())
			r.RemoteAddr = netip.AddrPortFrom(from, 0).String()
		}
		next.ServeHTTP(w, r)
	})
}

// sender finds who sent a request; ok is false if it did not come through a trusted
// proxy, or that does not say.
func sender(trusted []netip.Prefix, r *http.Request) (from netip.Addr, ok bool) {
	proxy := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !proxy(at.Addr().Unmap().WithZone("")) {
		return from, false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops[max(0, len(hops)-maxHops):]) {
		a, valid := hopOf(hop)
		if !valid {
			return from, ok
		}
		from, ok = a, true
		if !proxy(a) {
			return from, ok
		}
	}
	return from, ok
}

// hopOf reads one address, which may have a port.
func hopOf(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		var at netip.AddrPort
		if at, err = netip.ParseAddrPort(text); err == nil {
			a = at.Addr()
		}
	}
	return a.Unmap().WithZone(""), err == nil
}
