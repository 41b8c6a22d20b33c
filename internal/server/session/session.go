// Package session is the cookie with which a browser shows who has signed in.
//
// Scripts cannot read it, and browsers do not send it with what other sites make
// them post. Over an encrypted connection its name begins with __Host-, which
// browsers take from the farm itself only, and never from a neighbour of its domain.
package session

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Names of the cookie.
const (
	Plain  = "weir_session"        // over HTTP
	Secure = "__Host-weir_session" // over HTTPS
)

const (
	maxAge    = 30 * 24 * 60 * 60 // seconds
	maxSecret = 200               // bytes
)

// Encrypted reports whether the browser's connection is encrypted, as far as the
// server can see or its proxy says. Whoever makes that up fools nobody but themselves.
func Encrypted(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

func name(r *http.Request) string {
	if Encrypted(r) {
		return Secure
	}
	return Plain
}

// Of is the secret in the browser's cookie; empty if there is none.
func Of(r *http.Request) string {
	c, err := r.Cookie(name(r))
	if err != nil || len(c.Value) > maxSecret {
		return ""
	}
	return c.Value
}

// Keep puts the secret of a session into the browser; an empty one takes it away.
func Keep(w http.ResponseWriter, r *http.Request, secret string) {
	c := &http.Cookie{Name: name(r), Value: secret, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: Encrypted(r)}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// From is the address of a client, without its port; empty if it is not known.
func From(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	return at.Addr().Unmap().WithZone("").String()
}

const (
	nextName = "weir_next" // holds where to go after signing in
	nextAge  = 60 * 60     // seconds, as long as a link to sign in is good
	maxNext  = 2048        // bytes
)

// KeepNext notes in the browser where to go after signing in, for whoever opens the
// link in another tab. An empty next forgets it.
func KeepNext(w http.ResponseWriter, r *http.Request, next string) {
	c := &http.Cookie{Name: nextName, Value: url.QueryEscape(next), Path: "/signin", MaxAge: nextAge, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: Encrypted(r)}
	if next == "" || len(c.Value) > maxNext {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
}

// Next is what KeepNext noted, if it lies on this site; else empty.
func Next(r *http.Request) string {
	c, err := r.Cookie(nextName)
	if err != nil || len(c.Value) > maxNext {
		return ""
	}
	next, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return Local(next)
}

// Local is an address on this site: next itself, or empty if it leads elsewhere.
func Local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") {
		return ""
	}
	return u.String()
}

// Came is the address on this site that a request was made from, as far as the
// browser says; else empty.
func Came(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return Local(u.RequestURI())
}
