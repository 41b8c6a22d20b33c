// Package door is where people sign in and out of the pages.
package door

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/session"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Visitors are people with a browser.
type Visitors interface {
	// SignIn takes a code that works once, and gives the secret of a session;
	// Unauthenticated if it works no more.
	SignIn(ctx context.Context, code string) (session string, err error)
	// SignedIn tells who has a session; Unauthenticated if nobody has.
	SignedIn(ctx context.Context, session string) (name string, err error)
	// SignOut ends a session.
	SignOut(ctx context.Context, session string) error
	// SignOutEverywhere ends all sessions of a person, and says how many.
	SignOutEverywhere(ctx context.Context, person string) (ended int, err error)
}

type site struct {
	*page.Routes
	people  Visitors
	limiter session.Limiter
}

// Register adds the pages.
func Register(routes *page.Routes, people Visitors) {
	s := &site{Routes: routes, people: people}
	s.Show(page.Route{Pattern: "/signin", Params: []page.Param{page.TextParam("code").Draws(), page.TextParam("next").Draws()}}, s.show)
	s.Handle("POST /signin", http.HandlerFunc(s.signIn))
	s.Handle("POST /signout", http.HandlerFunc(s.signOut))
	s.Act("/signout/everywhere", "signout.everywhere", func(req *http.Request, who string) (string, error) {
		_, err := s.people.SignOutEverywhere(req.Context(), who)
		return "/signin", err
	})
}

// show asks before it lets somebody in: a program that only looks at links must
// not use one up.
func (s *site) show(r *http.Request) (page.Shown, error) {
	q := r.URL.Query()
	next := session.Local(q.Get("next"))
	v := page.SignInView{Code: page.OneLine(codeOf(q.Get("code")), maxCode), Next: cmp.Or(next, session.Next(r), "/")}
	if v.Code == "" {
		v.Who = page.OneLine(s.Who(r), page.MaxName)
	}
	out := shown(http.StatusOK, v)
	head := out.Head
	out.Head = func(w http.ResponseWriter) {
		if head(w); next != "" {
			session.KeepNext(w, r, next) // the link may be opened elsewhere
		}
	}
	return out, nil
}

// shown is the page where people sign in.
func shown(status int, v page.SignInView) page.Shown {
	return page.Shown{Title: "Sign in", Status: status, Content: page.SignInPage(v), URL: "/signin", // nor may the code get into what the page links to
		Head: func(w http.ResponseWriter) {
			w.Header().Set("Referrer-Policy", "no-referrer") // the code may be in the address
			w.Header().Set("Cache-Control", "no-store")
		}}
}

// maxCode limits the code of a link, in characters.
const maxCode = 100

// codeOf is the code in what somebody pasted: a whole link, or the code alone.
func codeOf(text string) string {
	text = strings.TrimSpace(text)
	if u, err := url.Parse(text); err == nil && u.Query().Get("code") != "" {
		return u.Query().Get("code")
	}
	return text
}

func (s *site) signIn(w http.ResponseWriter, r *http.Request) {
	if !page.Form(w, r) {
		s.Fail(w, r, weir.Errorf(weir.Invalid, "the form cannot be read"))
		return
	}
	from, now := page.From(r), time.Now()
	next := cmp.Or(session.Local(r.PostForm.Get("next")), "/")
	if wait := s.limiter.Wait(from, now); wait > 0 {
		s.wait(w, r, wait)
		return
	}
	secret, err := s.people.SignIn(r.Context(), codeOf(r.PostForm.Get("code")))
	if err != nil {
		s.Tell(r.Context(), page.Deed{From: from, Verb: "signin", Err: err})
		if weir.CodeOf(err) != weir.Unauthenticated {
			s.Fail(w, r, err)
			return
		}
		s.limiter.Failed(from, now)
		s.Answer(w, r, shown(http.StatusUnauthorized, page.SignInView{Next: next, Wrong: sentence(err)}))
		return
	}
	who, err := s.people.SignedIn(r.Context(), secret)
	s.Tell(r.Context(), page.Deed{Who: who, From: from, Verb: "signin", Err: err})
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	session.Keep(w, r, secret)
	session.KeepNext(w, r, "")
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// sentence is what went wrong, and what to do.
func sentence(err error) string {
	p := protocol.ProblemOf(err)
	text := page.UpperFirst(p.Detail) + "."
	if p.Hint != "" {
		text += " " + page.UpperFirst(p.Hint) + "."
	}
	return page.OneLine(text, page.MaxMessage)
}

// wait sends somebody away who has failed too often. The code, which may be good,
// is not looked at.
func (s *site) wait(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	s.Answer(w, r, shown(http.StatusTooManyRequests, page.SignInView{Next: "/",
		Wrong: fmt.Sprintf("Too many codes that do not work came from your address, or from all together. Try again in %s.", page.Duration(wait))}))
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request) {
	who := s.Who(r)
	err := s.people.SignOut(r.Context(), session.Of(r))
	if who != "" {
		s.Tell(r.Context(), page.Deed{Who: who, From: page.From(r), Verb: "signout", Err: err})
	}
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	session.Keep(w, r, "")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
