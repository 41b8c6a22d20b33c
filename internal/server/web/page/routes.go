package page

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/session"
)

// Routes are the pages of a site and what can be done on them. Make them with
// NewRoutes.
//
// Every page has a twin in the REST API, which answers with the same as JSON.
// Who asks for a page with "Accept: application/json", or with ".json" behind
// its path, gets what the twin says.
type Routes struct {
	*Renderer
	mux   *http.ServeMux
	list  []Route
	verbs []string     // of acts
	api   http.Handler // nil: twins are not there
	deeds func(context.Context, Deed)
}

// APIPrefix stands before the paths of twins.
const APIPrefix = "/api/v1/"

// NewRoutes makes an empty set of routes. Api answers for twins; nil: nobody
// does. Deeds is told what was done, or refused; nil: nobody is.
func NewRoutes(r *Renderer, api http.Handler, deeds func(context.Context, Deed)) *Routes {
	if deeds == nil {
		deeds = func(context.Context, Deed) {}
	}
	return &Routes{Renderer: r, mux: http.NewServeMux(), api: api, deeds: deeds}
}

// List lists the pages, in the order in which they were added.
func (s *Routes) List() []Route { return s.list }

// Verbs lists what can be done on the pages, by the ids of the operations that do
// the same, in the order in which they were added.
func (s *Routes) Verbs() []string { return s.verbs }

type twinKey struct{}

// asked is what a request for a page is about beside its address.
type asked struct {
	suffix bool   // the path had .json behind it
	twin   string // where the same is as JSON; empty: nowhere
}

// twinOf is the address of the page's JSON; empty if it has none.
func twinOf(req *http.Request) string {
	a, _ := req.Context().Value(twinKey{}).(*asked)
	if a == nil {
		return ""
	}
	return a.twin
}

// twin has the API answer a request for a page.
func (s *Routes) twin(w http.ResponseWriter, req *http.Request, target *url.URL) {
	w.Header().Set("Vary", vary)
	r := req.Clone(req.Context())
	r.URL = target
	r.RequestURI = r.URL.RequestURI()
	s.api.ServeHTTP(w, r)
}

// target is the address at which the twin of a page says what a request asks for.
func (r Route) target(req *http.Request) *url.URL {
	path := APIPrefix + fill(r.Twin, req)
	u := &url.URL{Path: path, RawQuery: req.URL.RawQuery}
	if plain, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = plain, path
	}
	if r.Twinned != nil {
		in := req.URL.Query()
		r.Twinned(in)
		u.RawQuery = in.Encode()
	}
	return u
}

// fill puts what the wildcards of a path stand for in their places.
func fill(twin string, req *http.Request) string {
	var b strings.Builder
	for i, part := range strings.Split(twin, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		if name, ok := strings.CutPrefix(part, "{"); ok {
			part = url.PathEscape(req.PathValue(strings.TrimSuffix(name, "}")))
		}
		b.WriteString(part)
	}
	return b.String()
}

// asJSON reports whether JSON is asked for in place of a page.
func asJSON(req *http.Request) bool {
	a, _ := req.Context().Value(twinKey{}).(*asked)
	return a != nil && a.suffix || wantsJSON(req.Header.Get("Accept"))
}

// wantsJSON reports whether an Accept header asks for JSON rather than a page.
func wantsJSON(accept string) bool {
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// Handle adds what is neither a page nor an act: events, files, badges.
func (s *Routes) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Deed is something that somebody did on a page, or tried to.
type Deed struct {
	Who  string // empty: nobody is signed in
	From string // address of the client, without port
	Verb string // what was done: the id of the operation that does the same
	On   string // what it was done to: the escaped path to which its form is posted
	Note string // the reason that was given; may be empty
	Err  error  // why it was refused or did not work; nil: it was done
}

// Act adds what only somebody may do who is signed in: a form that is posted to
// pattern. Verb is the id of the operation that does the same. Do gets who it
// is, and returns where to go then.
func (s *Routes) Act(pattern, verb string, do func(req *http.Request, who string) (next string, err error)) {
	s.verbs = append(s.verbs, verb)
	s.mux.HandleFunc("POST "+pattern, func(w http.ResponseWriter, req *http.Request) {
		who := s.Who(req)
		next, err := "", error(nil)
		switch {
		case who == "":
			err = weir.Errorf(weir.Unauthenticated, "nobody is signed in with this browser, so it may change nothing").
				WithHint("on the server, weir signin makes a link with which to sign in")
		case !Form(w, req):
			err = weir.Errorf(weir.Invalid, "the form cannot be read")
		default:
			next, err = do(req, who)
		}
		s.Tell(req.Context(), Deed{Who: who, From: From(req), Verb: verb, On: req.URL.EscapedPath(), Note: OneLine(req.PostForm.Get("reason"), MaxMessage), Err: err})
		if who == "" {
			s.NeedSignIn(w, req, Back(req), "Only somebody who has signed in may do that, so it was not done.")
			return
		}
		if err != nil {
			s.Fail(w, req, err)
			return
		}
		http.Redirect(w, req, next, http.StatusSeeOther)
	})
}

// Tell tells what was done on a page, or refused, where Act does not.
func (s *Routes) Tell(ctx context.Context, d Deed) { s.deeds(ctx, d) }

// maxForm limits a form, in bytes.
const maxForm = 256 << 10

// Form reads a form, and reports whether it could.
func Form(w http.ResponseWriter, req *http.Request) bool {
	req.Body = http.MaxBytesReader(w, req.Body, maxForm)
	return req.ParseForm() == nil
}

// From is the address that a request came from, without its port.
func From(req *http.Request) string {
	return session.From(req.RemoteAddr)
}

// ServeHTTP serves a page.
func (s *Routes) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if path, ok := strings.CutSuffix(req.URL.Path, ".json"); ok && s.api != nil && (req.Method == http.MethodGet || req.Method == http.MethodHead) {
		if path == "/index" {
			path = "/"
		}
		r := req.Clone(context.WithValue(req.Context(), twinKey{}, &asked{suffix: true}))
		r.URL.Path, r.URL.RawPath = path, strings.TrimSuffix(req.URL.RawPath, ".json")
		req = r
	}
	s.mux.ServeHTTP(w, req)
}
