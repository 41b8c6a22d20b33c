package page

import (
	"context"
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"github.com/weir-ci/weir"
)

// Events knows the newest event.
type Events interface {
	// LastEvent is the number of the newest event.
	LastEvent(ctx context.Context) (int64, error)
}

// Route is a page: where it is, and what all requests for it have in common.
type Route struct {
	Pattern string // its path, with wildcards as in http.ServeMux: "/builds/{id}"
	// Twin is the path of the operation below /api/v1/ that says the same, with
	// the same wildcards; empty: a form, which says nothing.
	Twin string
	// Live: events change it. Which ones, each answer says; see Shown.
	Live bool
	// Tagged: nothing but events changes it, and time every fifteen seconds, so that
	// browsers are told when theirs is still current, before anything is read. Only for
	// what is Live.
	Tagged bool
	// Inside: only who has signed in may see it, and browsers do not keep it.
	Inside bool
	// Params are what its address may ask for. One with a wrong value is refused before
	// anything is read; what is not among them is passed over.
	Params []Param
	// Twinned changes what an address asks for into what its twin is asked where both
	// are not the same without a parameter; nil: they are.
	Twinned func(in url.Values)
}

// Shown is what a page shows.
type Shown struct {
	Title   string
	Section string // which link of the header is current; empty: none
	// Topics are the kinds of events on which the page is fetched again, as in
	// "build:41,regression"; empty: it does not follow events (any more).
	Topics  string
	Status  int // 0: 200
	Content templ.Component
	Part    bool   // a script asked for the content alone
	Goto    string // in place of all that: the address where it is shown
	// What differs from what requests and the farm say: the address of the page, by
	// which it is fetched again, and the name of the farm. Empty: nothing.
	URL, Farm string
	// Head sets headers; nil: there are none but the usual ones.
	Head func(w http.ResponseWriter)
}

// Show adds a page. Read reads what it shows; an error becomes a page, too.
func (s *Routes) Show(route Route, read func(req *http.Request) (Shown, error)) {
	s.list = append(s.list, route)
	s.mux.HandleFunc("GET "+route.Pattern, func(w http.ResponseWriter, req *http.Request) {
		if instead, err := route.wrong(req); err != nil {
			s.fail(w, req, err, instead)
			return
		}
		if route.Twin != "" && s.api != nil {
			target := route.target(req)
			if asJSON(req) {
				s.twin(w, req, target)
				return
			}
			req = req.WithContext(context.WithValue(req.Context(), twinKey{}, &asked{twin: target.String()}))
		}
		if err := s.show(w, req, route, read); err != nil {
			s.Fail(w, req, err)
		}
	})
}

// show answers with a page.
func (s *Routes) show(w http.ResponseWriter, req *http.Request, route Route, read func(req *http.Request) (Shown, error)) error {
	if route.Inside {
		if s.Who(req) == "" {
			s.NeedSignIn(w, req, Back(req), "Only somebody who has signed in may see this page.")
			return nil
		}
		w.Header().Set("Cache-Control", "no-store")
	}
	last := int64(0)
	if route.Live {
		var err error
		if last, err = s.o.Events.LastEvent(req.Context()); err != nil {
			return err
		}
	}
	from := s.point(last) // before reading, so that nothing is missed
	if route.Live && route.Tagged && s.unchanged(w, req, from) {
		return nil
	}
	v, err := read(req)
	if err != nil {
		return err
	}
	s.answer(w, req, from, v)
	return nil
}

// never is for where nothing happens.
type never struct{}

// LastEvent is 0: there was none.
func (never) LastEvent(context.Context) (int64, error) { return 0, nil }

// ID reads a number from a wildcard of a page's path, which what names; NotFound if
// it is none.
func ID(req *http.Request, wildcard, what string) (int64, error) {
	text := req.PathValue(wildcard)
	id, ok := Number(text)
	if !ok {
		return 0, weir.Errorf(weir.NotFound, "there is no %s %.40q", what, text)
	}
	return id, nil
}
