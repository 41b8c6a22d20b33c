package page

import (
	"net/http"

	"github.com/weir-ci/weir/internal/server/session"
)

// SignInView is the page where people sign in, or learn how.
type SignInView struct {
	Code    string // of the link that was opened; empty: there was none
	Next    string // where to go then
	Refused string // what may not be done without, as a sentence; may be empty
	Wrong   string // why a code was not taken; may be empty
	Who     string // is signed in already
}

// NeedSignIn answers with status 401: how to sign in, after which the browser comes
// back to next. Refused says what was refused, as a sentence.
func (r *Renderer) NeedSignIn(w http.ResponseWriter, req *http.Request, next, refused string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	session.KeepNext(w, req, next)
	r.send(w, req, http.StatusUnauthorized, r.frame(req, "Sign in", "", "", r.point(0)), SignInPage(SignInView{Next: next, Refused: refused}))
}

// Back is where a request for something that may not be done was made from, so
// that it can be done after signing in; the overview if the browser does not say.
func Back(req *http.Request) string {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return req.URL.RequestURI()
	}
	if came := session.Came(req); came != "" {
		return came
	}
	return "/"
}
