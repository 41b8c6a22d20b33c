package page

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/session"
	"github.com/weir-ci/weir/internal/server/web/static"
)

// Around is what every page says of the farm around its content.
type Around struct {
	Farm   string // its name; empty: that of the Renderer
	Banner Banner
	Turn   int64 // grows whenever Farm or Banner may have changed
}

// point is where the farm stood when a page was begun. What comes behind it is news
// to the page, whether the page shows it already or not.
type point struct {
	event  int64 // number of the newest event; 0 will do for a page that is not live
	around Around
}

// point is where the farm stands now.
func (r *Renderer) point(event int64) point {
	return point{event: event, around: r.o.Around(r.Now())}
}

// Options is what a Renderer is made of.
type Options struct {
	Name   string // of the farm; empty: "Weir"
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
	Assets *static.Files
	// SignedIn tells who has a session; Unauthenticated if nobody has.
	SignedIn func(ctx context.Context, session string) (name string, err error)
	// Events are those that pages follow; nil: nothing ever happens.
	Events Events
	// Around is asked once for each page; nil: there is nothing to say.
	Around func(now time.Time) Around
	// Dev shows pages for those who work on the pages.
	Dev bool
}

// Renderer makes answers of views: the frame, the headers, the errors, who is
// signed in. All packages of pages share one. Make it with NewRenderer.
type Renderer struct {
	o Options
	// started is different for each start of each server.
	started string
}

// NewRenderer makes a Renderer.
func NewRenderer(o Options) *Renderer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Name == "" {
		o.Name = "Weir"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SignedIn == nil {
		o.SignedIn = func(context.Context, string) (string, error) {
			return "", weir.Errorf(weir.Unauthenticated, "nobody can sign in here")
		}
	}
	if o.Events == nil {
		o.Events = never{}
	}
	if o.Around == nil {
		o.Around = func(time.Time) Around { return Around{} }
	}
	o.Name = OneLine(o.Name, maxFarm)
	return &Renderer{o: o, started: rand.Text()[:10]}
}

// maxFarm limits the name of a farm, in characters.
const maxFarm = 60

// Now is the time that pages go by.
func (r *Renderer) Now() time.Time { return r.o.Now() }

// Log is where what pages do not show goes.
func (r *Renderer) Log() *slog.Logger { return r.o.Log }

// Static is where the files are that pages load.
func (r *Renderer) Static() static.URLs { return r.o.Assets.URLs }

// Dev reports whether pages for those who work on them are shown.
func (r *Renderer) Dev() bool { return r.o.Dev }

// frame prepares the frame of a page: its title, the link of the header that is
// current, and the events that concern it, which are followed from a point on;
// without topics the page is not live.
func (r *Renderer) frame(req *http.Request, title, section, topics string, from point) Frame {
	now, around := r.Now(), from.around
	p := Frame{Title: title, Farm: r.o.Name, Section: section, URL: req.URL.RequestURI(), Twin: twinOf(req),
		Who: OneLine(r.Who(req), MaxName), Now: At(now, now), URLs: r.o.Assets.URLs, Banner: around.Banner}
	if around.Farm != "" {
		p.Farm = OneLine(around.Farm, maxFarm)
	}
	if topics != "" {
		topics += ",config"
		p.Events = "/events?" + url.Values{"topics": {topics}, "after": {strconv.FormatInt(from.event, 10)},
			"turn": {strconv.FormatInt(around.Turn, 10)}}.Encode()
	}
	return p
}

// Answer sends what a page shows that is not live; Show does that by itself.
func (r *Renderer) Answer(w http.ResponseWriter, req *http.Request, v Shown) {
	r.answer(w, req, r.point(0), v)
}

func (r *Renderer) answer(w http.ResponseWriter, req *http.Request, from point, v Shown) {
	if v.Head != nil {
		v.Head(w)
	}
	if v.Goto != "" {
		http.Redirect(w, req, v.Goto, http.StatusSeeOther)
		return
	}
	if v.Part {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		r.render(w, req, v.Content)
		return
	}
	p := r.frame(req, v.Title, v.Section, v.Topics, from)
	p.URL, p.Farm = cmp.Or(v.URL, p.URL), cmp.Or(v.Farm, p.Farm)
	r.send(w, req, cmp.Or(v.Status, http.StatusOK), p, v.Content)
}

func (r *Renderer) render(w http.ResponseWriter, req *http.Request, c templ.Component) {
	if err := c.Render(req.Context(), w); err != nil {
		r.o.Log.DebugContext(req.Context(), "page not sent", "page", req.URL.Path, "error", err)
	}
}

// send sends a page, or only its content if htmx asks for it.
func (r *Renderer) send(w http.ResponseWriter, req *http.Request, status int, p Frame, content templ.Component) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Vary", vary)
	w.WriteHeader(status)
	component := Layout(p, content)
	if contentOnly(req) {
		component = Content(p, content)
	}
	r.render(w, req, component)
}

// vary names what an answer depends on beside its address.
const vary = "HX-Request, Cookie, Accept"

// contentOnly reports whether only the content of a page is asked for.
func contentOnly(req *http.Request) bool { return req.Header.Get("HX-Request") == "true" }

// Fail answers with an error page, or with a problem where JSON is asked for. Of an
// internal error it shows nothing; the log has it.
func (r *Renderer) Fail(w http.ResponseWriter, req *http.Request, err error) { r.fail(w, req, err, "") }

// fail is Fail. Instead is the address of a page to look at in place of this one;
// empty: there is none but the overview.
func (r *Renderer) fail(w http.ResponseWriter, req *http.Request, err error, instead string) {
	problem := protocol.ProblemOf(err)
	if problem.Status >= http.StatusInternalServerError && req.Context().Err() == nil {
		r.o.Log.ErrorContext(req.Context(), "page failed", "page", req.URL.Path, "error", err, "cause", unwrap(err))
	}
	v := ErrorView{Status: problem.Status, Title: "Something went wrong", Detail: OneLine(problem.Detail, MaxMessage),
		Hint: OneLine(problem.Hint, MaxMessage), Instead: instead}
	switch problem.Code {
	case weir.NotFound:
		v.Title = "Not found"
	case weir.Invalid:
		v.Title = "This cannot be asked"
	case weir.Conflict:
		v.Title = "This cannot be done now"
	case weir.Internal:
		v.Detail = "The farm hit an error while it made this page. Its log says what happened."
	}
	w.Header().Del("ETag")
	if asJSON(req) {
		problem.Detail, problem.Hint = v.Detail, v.Hint
		w.Header().Set("Vary", vary)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(problem.Status)
		_ = json.NewEncoder(w).Encode(problem) // a reader that is gone misses nothing
		return
	}
	r.send(w, req, problem.Status, r.frame(req, v.Title, "", "", r.point(0)), ErrorPage(v))
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

// calm is how long a page is taken for current if nothing happens: what ages
// without an event, such as a worker that stays away, shows after that.
const calm = 15 * time.Second

// unchanged marks a page with where the farm stood before it was read, and
// answers 304 to a browser that has it of the same point. The mark
// also tells servers, starts of a server, who is signed in, whole pages and
// contents apart.
func (r *Renderer) unchanged(w http.ResponseWriter, req *http.Request, from point) bool {
	part := "page"
	if contentOnly(req) {
		part = "content"
	}
	if who := r.Who(req); who != "" {
		part += "-" + strings.Map(inTag, who)
	}
	tag := fmt.Sprintf(`W/"%s-%s-%d-%d-%d"`, r.started, part, from.event, from.around.Turn, r.Now().UnixNano()/int64(calm))
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", vary)
	if !strings.Contains(req.Header.Get("If-None-Match"), tag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// inTag leaves out what may not stand in an entity tag.
func inTag(c rune) rune {
	if c <= ' ' || c == '"' || c >= 0x7f {
		return '_'
	}
	return c
}

// SessionCookie holds the secret of a session where there is no encryption; see
// package session.
const SessionCookie = session.Plain

// Who is signed in with this browser; empty if nobody is.
func (r *Renderer) Who(req *http.Request) string {
	secret := session.Of(req)
	if secret == "" {
		return ""
	}
	name, err := r.o.SignedIn(req.Context(), secret)
	if err != nil {
		return ""
	}
	return name
}

// Number reads a positive number from a path or a query; ok is false if it is none.
func Number(text string) (n int64, ok bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0 && !strings.HasPrefix(text, "+")
}
