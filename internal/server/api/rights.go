package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/server/rest"
	"github.com/weir-ci/weir/internal/server/session"
)

// Callers knows who asks.
type Callers interface {
	// Caller finds who may use the API with a token, and for what; Unauthenticated if
	// there is none or it has expired, Forbidden if it is for something else.
	Caller(ctx context.Context, secret string) (access.Caller, error)
	// Visitor finds who has signed in with a browser; Unauthenticated if nobody has.
	Visitor(ctx context.Context, session string) (access.Caller, error)
}

// maxToken limits the length of a bearer token, in bytes.
const maxToken = 512

// asker is who asks, or why that is nobody.
type asker struct {
	access.Caller
	err error
}

type askerKey struct{}

// callerOf is who asks; the zero value if nobody in particular does.
func callerOf(ctx context.Context) access.Caller {
	a, _ := ctx.Value(askerKey{}).(asker)
	return a.Caller
}

// adminOf is the name of who asks; empty if nobody in particular does.
func adminOf(ctx context.Context) string { return callerOf(ctx).Name }

// identified finds out who asks. It is told by the header alone, which no other
// site can make a browser send. The cookie of a session lets people read what their
// pages show, and change nothing.
func (h *handler) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a asker
		secret := session.Of(r)
		switch {
		case r.Header.Get("Authorization") != "" || !reads(r.Method):
			a.Caller, a.err = h.bearer(r)
		case secret != "":
			a.Caller, a.err = h.farm.Visitor(r.Context(), secret)
		default:
			a.err = noToken()
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), askerKey{}, a)))
	})
}

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func noToken() error {
	return weir.Errorf(weir.Unauthenticated, "this needs a token with the right for it, and the request carries none").
		WithHint("make one on the server with: weir token add NAME --right RIGHT, or --admin for all rights; then set WEIR_ADMIN_TOKEN or --token-file")
}

func (h *handler) bearer(r *http.Request) (access.Caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return access.Caller{}, noToken()
	}
	return h.farm.Caller(r.Context(), token)
}

// unknown answers for paths that the API does not have. Who may change nothing
// does not learn which those are.
func (h *handler) unknown() http.Handler {
	notFound := rest.NotFound(h.log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, _ := r.Context().Value(askerKey{}).(asker); a.err != nil && !reads(r.Method) {
			w.Header().Set("Connection", "close")
			rest.WriteError(w, r, h.log, a.err)
			return
		}
		notFound.ServeHTTP(w, r)
	})
}

// RightOf is the right that an operation needs; empty: none, everybody may.
func RightOf(op *huma.Operation) access.Right {
	for _, need := range op.Security {
		for _, right := range need[rest.TokenScheme] {
			return access.Right(right)
		}
	}
	return ""
}

// authorized stands in front of all operations: it refuses what the caller has no
// right for before the request's body is read, and has written down who did what.
func (h *handler) authorized(a *rest.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		op := ctx.Operation()
		right := RightOf(op)
		if right == "" && reads(op.Method) { // what everybody may read, a bad token does not forbid
			next(ctx)
			return
		}
		who, _ := ctx.Context().Value(askerKey{}).(asker)
		err := who.may(op, right)
		deed := &rest.Deed{Err: err}
		if err != nil {
			a.Refuse(ctx, err)
		} else {
			next(huma.WithContext(ctx, rest.Noted(ctx.Context(), deed)))
			if !deed.Ran { // the request could not be read
				deed.Err = weir.Errorf(weir.Invalid, "the request cannot be read")
			}
		}
		if reads(op.Method) || err == nil && slices.Contains(op.Tags, onlyLooks) {
			return
		}
		h.record(ctx, op, who.Name, deed)
	}
}

// onlyLooks is the tag of operations that are asked with a body, and change nothing.
const onlyLooks = "looks"

// may tells why a caller may not use an operation; nil if they may.
func (a asker) may(op *huma.Operation, right access.Right) error {
	switch {
	case a.err != nil:
		return a.err
	case right == "":
		return weir.Errorf(weir.Forbidden, "nobody may %s: it does not say which right it needs", op.OperationID)
	case a.Person && !reads(op.Method):
		return noToken()
	case !a.May(right):
		return weir.Errorf(weir.Forbidden, "the token of %s lacks the right %s, which %s needs", a.Name, right, op.OperationID).
			WithHint("make one on the server with: weir token add NAME --right %s", right)
	}
	return nil
}

// record writes down what somebody did, or was refused.
func (h *handler) record(ctx huma.Context, op *huma.Operation, who string, deed *rest.Deed) {
	if h.views == nil {
		return
	}
	on, at := deed.On, ctx.URL()
	if on == "" {
		on = audit.Subject(at.EscapedPath())
	}
	h.views.Audit.Record(ctx.Context(), audit.Act{Who: who, Via: audit.ViaAPI, From: session.From(ctx.RemoteAddr()), Verb: op.OperationID, On: on,
		Note: deed.Note, Code: audit.Code(deed.Err)})
}
