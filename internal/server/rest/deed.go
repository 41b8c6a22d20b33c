package rest

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"net/http"
)

// Deed is what an operation did, for whoever keeps a record of it.
type Deed struct {
	On   string // what it was done to; empty: its path says so
	Note string // the reason that was given
	Ran  bool   // the request could be read, and the operation has ended
	Err  error  // why it did not work
}

// Subject is an input that says what an operation is about, and for what reason.
type Subject interface{ About() (on, note string) }

type deedKey struct{}

// Noted returns a context in which an operation that was added with Register
// writes down what it did.
func Noted(ctx context.Context, d *Deed) context.Context {
	return context.WithValue(ctx, deedKey{}, d)
}

// note writes down what an operation did if somebody wants to know.
func note(ctx context.Context, in any, err error) {
	d, _ := ctx.Value(deedKey{}).(*Deed)
	if d == nil {
		return
	}
	d.Ran, d.Err = true, err
	if s, ok := in.(Subject); ok {
		d.On, d.Note = s.About()
	}
}

// Use puts something in front of all operations that are added from now on. It
// runs before anything of a request is read but its head.
func (a *API) Use(middleware func(ctx huma.Context, next func(huma.Context))) {
	a.huma.UseMiddleware(middleware)
}

// Refuse answers a request with an error, for what Use puts in front. The rest of
// the request is not read.
func (a *API) Refuse(ctx huma.Context, err error) {
	r, w := humago.Unwrap(ctx)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Connection", "close")
	}
	WriteError(w, r, a.log, err)
}
