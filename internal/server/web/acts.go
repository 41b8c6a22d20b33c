package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/starts"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Acts is what the pages need for what people do on them, and for what sets builds
// off.
type Acts interface {
	Visitors
	Left
	// Forceable lists the projects with jobs that people can start, by name.
	Forceable() []farm.Forceable
	// Force builds the tips of a project now.
	Force(ctx context.Context, ask farm.Force) (farm.Forced, error)
	// Rerun repeats builds of a run.
	Rerun(ctx context.Context, ask starts.Rerun) (starts.Started, error)
	// CancelBuild ends an unfinished build; Conflict if it is over.
	CancelBuild(ctx context.Context, id weir.BuildID, reason, by string) error
	// DecidePull approves or refuses the head of a pull request.
	DecidePull(ctx context.Context, id weir.ProposalID, head string, approve bool, by string) error
	// Upcoming lists when jobs start by themselves, by time.
	Upcoming(ctx context.Context) ([]starts.Tick, error)
	// Pulls lists pull requests, those that changed last first.
	Pulls(ctx context.Context, project string, state weir.ProposalState) ([]weir.Proposal, error)
}

// Left is what builds left for people.
type Left interface {
	// Artifacts lists the files that a build keeps, Notes what it says of itself.
	Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error)
	Notes(ctx context.Context, id weir.BuildID) (farm.Notes, error)
}

// Visitors are people with a browser.
type Visitors interface {
	// SignIn takes a code that works once, and gives the secret of a session;
	// Unauthenticated if it works no more.
	SignIn(ctx context.Context, code string) (session string, err error)
	// SignedIn tells who has a session; Unauthenticated if nobody has.
	SignedIn(ctx context.Context, session string) (name string, err error)
	// SignOut ends a session.
	SignOut(ctx context.Context, session string) error
}

const (
	// sessionCookie holds the secret of a session. Scripts cannot read it, and
	// browsers do not send it with what other sites make them post.
	sessionCookie = "weir_session"
	sessionTime   = 30 * 24 * 60 * 60 // seconds
	// maxForm limits a form, in bytes.
	maxForm = 256 << 10
)

// acts registers what changes something, and the pages that lead there.
func (s *Site) acts() {
	s.mux.HandleFunc("GET /signin", s.signInPage)
	s.mux.HandleFunc("POST /signin", s.signIn)
	s.mux.HandleFunc("POST /signout", s.signOut)
	s.mux.HandleFunc("GET /starts", s.starts)
	s.mux.HandleFunc("GET /projects/{project}/force", s.forcePage)
	s.mux.HandleFunc("POST /projects/{project}/force", s.act(s.force))
	s.mux.HandleFunc("POST /runs/{id}/rerun", s.act(s.rerun))
	s.mux.HandleFunc("POST /builds/{id}/cancel", s.act(s.cancel))
	s.mux.HandleFunc("POST /pulls/{id}", s.act(s.decide))
}

// session is the secret in the browser's cookie; empty if there is none.
func session(r *http.Request) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil || len(c.Value) > 200 {
		return ""
	}
	return c.Value
}

// who is signed in with this browser; empty if nobody is.
func (s *Site) who(r *http.Request) string {
	secret := session(r)
	if secret == "" {
		return ""
	}
	name, err := s.farm.SignedIn(r.Context(), secret)
	if err != nil {
		return ""
	}
	return name
}

// keep puts the secret of a session into the browser, or takes it away again.
func keep(w http.ResponseWriter, r *http.Request, secret string) {
	c := &http.Cookie{Name: sessionCookie, Value: secret, Path: "/", MaxAge: sessionTime, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// SignInView is the page where people sign in.
type SignInView struct {
	Code, Next string
}

// signInPage asks before it lets somebody in: a program that only looks at links
// must not use one up.
func (s *Site) signInPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set("Referrer-Policy", "no-referrer") // the code is in the address
	w.Header().Set("Cache-Control", "no-store")
	p := s.page(r, "Sign in", "", "", 0)
	s.render(w, r, http.StatusOK, p, signInPage(SignInView{Code: page.OneLine(q.Get("code"), 100), Next: local(q.Get("next"))}))
}

// local is an address on this site, for after the sign-in; the overview if what is
// asked for lies elsewhere.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n") {
		return "/"
	}
	return u.String()
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	if !form(w, r) {
		s.Fail(w, r, weir.Errorf(weir.Invalid, "the form cannot be read"))
		return
	}
	secret, err := s.farm.SignIn(r.Context(), r.PostForm.Get("code"))
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	keep(w, r, secret)
	http.Redirect(w, r, local(r.PostForm.Get("next")), http.StatusSeeOther)
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	if err := s.farm.SignOut(r.Context(), session(r)); err != nil {
		s.Fail(w, r, err)
		return
	}
	keep(w, r, "")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// form reads a form, and reports whether it could.
func form(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	return r.ParseForm() == nil
}

// act wraps what only somebody may do who is signed in. It gets who that is, and
// returns where to go then.
func (s *Site) act(do func(r *http.Request, who string) (next string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who := s.who(r)
		if who == "" {
			s.Fail(w, r, weir.Errorf(weir.Unauthenticated, "nobody is signed in with this browser, so it may change nothing").
				WithHint("on the server, weir signin makes a link with which to sign in"))
			return
		}
		if !form(w, r) {
			s.Fail(w, r, weir.Errorf(weir.Invalid, "the form cannot be read"))
			return
		}
		next, err := do(r, who)
		if err != nil {
			s.Fail(w, r, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

func runURL(id weir.RunID) string { return "/builds?run=" + strconv.FormatInt(int64(id), 10) }

// paramField is what a parameter's field is called in a form.
const paramField = "param."

func (s *Site) force(r *http.Request, who string) (string, error) {
	f := r.PostForm
	ask := farm.Force{Project: r.PathValue("project"), Job: f.Get("job"), Reason: f.Get("reason"), By: who}
	for name, values := range f {
		param, ok := strings.CutPrefix(name, paramField+ask.Job+".")
		if !ok {
			continue
		}
		// A box that can be ticked comes behind a hidden field that says false.
		if value := values[len(values)-1]; value != "" {
			ask.Params = append(ask.Params, weir.EnvVar{Name: param, Value: value})
		}
	}
	slices.SortFunc(ask.Params, func(a, b weir.EnvVar) int { return strings.Compare(a.Name, b.Name) })
	out, err := s.farm.Force(r.Context(), ask)
	return runURL(out.Run), err
}

func (s *Site) rerun(r *http.Request, who string) (string, error) {
	id, _ := number(r.PathValue("id"))
	ask := starts.Rerun{Run: weir.RunID(id), Failed: r.PostForm.Get("failed") != "", By: who}
	if build, ok := number(r.PostForm.Get("build")); ok {
		ask.Builds = []weir.BuildID{weir.BuildID(build)}
	}
	out, err := s.farm.Rerun(r.Context(), ask)
	return runURL(out.Run), err
}

func (s *Site) cancel(r *http.Request, who string) (string, error) {
	id, _ := number(r.PathValue("id"))
	return "/builds/" + strconv.FormatInt(id, 10), s.farm.CancelBuild(r.Context(), weir.BuildID(id), "", who)
}

func (s *Site) decide(r *http.Request, who string) (string, error) {
	id, _ := number(r.PathValue("id"))
	return "/starts#pulls", s.farm.DecidePull(r.Context(), weir.ProposalID(id), r.PostForm.Get("head"), r.PostForm.Get("decision") == "approve", who)
}
