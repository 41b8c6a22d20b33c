// Package rest is what Weir's two JSON interfaces share: the worker protocol
// (package workerapi) and the public API (package api).
//
// Both describe their operations to huma, which decodes requests, encodes
// answers and writes the OpenAPI document. Errors never take huma's own form:
// whatever goes wrong, a handler's error or a body that is not JSON, leaves as
// a protocol.Problem, and what is behind an internal error stays in the log.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// ProblemType is the content type of every error.
const ProblemType = "application/problem+json"

// TokenScheme is what the document calls the way in which callers show who they are.
const TokenScheme = "token"

// API is a set of operations on a mux. Make one with New.
type API struct {
	huma huma.API
	log  *slog.Logger
}

// New makes an API whose operations are served by mux. The OpenAPI document is
// served at openAPI + ".json"; an empty openAPI serves none.
func New(mux *http.ServeMux, title, version, openAPI string, log *slog.Logger) *API {
	config := huma.DefaultConfig(title, version)
	config.OpenAPIPath = openAPI
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.DocsPath = ""     // its page loads scripts from elsewhere
	config.SchemasPath = ""  // the document holds them
	config.CreateHooks = nil // no $schema links in bodies
	config.Transformers = []huma.Transformer{asProblem}
	// Peers of other versions may know more or less than this one; what a
	// message must hold, the farm checks.
	config.AllowAdditionalPropertiesByDefault = true
	config.FieldsOptionalByDefault = true
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		TokenScheme: {Type: "http", Scheme: "bearer", Description: "a token made with: weir token add NAME --right RIGHT, or --admin for all rights; each operation says which right it needs"}}
	return &API{huma: humago.New(mux, config), log: log}
}

// Document is the OpenAPI document, as JSON.
func (a *API) Document() ([]byte, error) { return json.Marshal(a.huma.OpenAPI()) }

// schemaName keeps types apart that have one name in several packages, such as
// Watch: those of the vocabulary have it, the others say where they are from.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch from := path.Base(t.PkgPath()); {
	case t.PkgPath() == "", t == reflect.TypeFor[protocol.Problem](), slices.Contains([]string{"weir", "farm", "api"}, from):
		return name
	default:
		return strings.ToUpper(from[:1]) + from[1:] + name
	}
}

// Register adds an operation. An error of the handler is sent as a problem.
func Register[In, Out any](a *API, op huma.Operation, handle func(context.Context, *In) (*Out, error)) {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[protocol.Problem](), true, "Problem")
	op.Responses = map[string]*huma.Response{"default": {
		Description: "Problem",
		Content:     map[string]*huma.MediaType{ProblemType: {Schema: schema}},
	}}
	huma.Register(a.huma, op, func(ctx context.Context, in *In) (*Out, error) {
		out, err := handle(ctx, in)
		note(ctx, in, err)
		if err != nil {
			return nil, failure{Report(ctx, a.log, err)}
		}
		return out, nil
	})
}

// Report makes the problem of an error and logs what the problem leaves out.
func Report(ctx context.Context, log *slog.Logger, err error) protocol.Problem {
	problem := protocol.ProblemOf(err)
	level := slog.LevelDebug
	if problem.Status >= http.StatusInternalServerError && ctx.Err() == nil {
		level = slog.LevelError
	}
	attrs := []any{"code", problem.Code, "error", err}
	if cause := errors.Unwrap(err); cause != nil {
		attrs = append(attrs, "cause", cause)
	}
	log.Log(ctx, level, "request refused", attrs...)
	return problem
}

// WriteError answers with the problem of err, for handlers that huma does not call.
func WriteError(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	problem := Report(r.Context(), log, err)
	if problem.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="weir"`)
	}
	w.Header().Set("Content-Type", ProblemType)
	w.WriteHeader(problem.Status)
	body, err := json.Marshal(problem)
	if err != nil { // cannot happen: strings and a number
		return
	}
	if _, err := w.Write(body); err != nil {
		log.DebugContext(r.Context(), "answer not sent", "error", err)
	}
}

// NotFound answers requests for paths that the API does not have.
func NotFound(log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		WriteError(w, r, log, weir.Errorf(weir.NotFound, "there is no %s %.200s here", r.Method, r.URL.Path).
			WithHint("what there is: /api/openapi.json"))
	})
}

// Patience gives a request its own time limits in place of the server's: read
// and write are how long reading the rest of its body and writing the answer may
// take from now on.
//
// Behind the body, net/http goes on to read the connection, to learn when the client
// is gone. A limit that passed then would be taken for that: it would cancel the
// request, and all that come behind it on the same connection. So there is none for
// whoever reads the body of the request that is returned, which goes in place of r.
func Patience(w http.ResponseWriter, r *http.Request, read, write time.Duration) *http.Request {
	c := http.NewResponseController(w)
	limit := time.Time{}
	if r.Body != nil && r.Body != http.NoBody {
		limit = time.Now().Add(read)
		body := limited{r.Body, c}
		r = r.WithContext(r.Context()) // the server goes by the body of its own request
		r.Body = body
	}
	// A connection without deadlines (a test's recorder) needs none.
	_ = c.SetReadDeadline(limit)
	Sending(w, write)
	return r
}

// Receiving gives what is still to be read of a body another time limit than Patience
// gave it. It is lifted in the same way: only the body of the request that Patience
// returned may be read.
func Receiving(w http.ResponseWriter, read time.Duration) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(read))
}

// Sending gives what is still to be sent of an answer a time limit of its own.
func Sending(w http.ResponseWriter, write time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(write))
}

// limited is a body that has to be read within some time.
type limited struct {
	io.ReadCloser
	c *http.ResponseController
}

// Read reads the body, and lifts the limit at its end.
func (l limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if err == io.EOF {
		_ = l.c.SetReadDeadline(time.Time{})
	}
	return n, err
}

// failure is a problem in the form that huma sends.
type failure struct{ protocol.Problem }

// GetStatus returns the HTTP status.
func (f failure) GetStatus() int { return f.Status }

// Error returns the detail.
func (f failure) Error() string { return f.Detail }

// ContentType turns huma's choice into the type of problems.
func (f failure) ContentType(string) string { return ProblemType }

// asProblem replaces huma's own errors (a body that is not JSON, a parameter
// out of range) by problems. Values are left out: they may be secret.
func asProblem(_ huma.Context, _ string, body any) (any, error) {
	model, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	code := codeOf(model.Status)
	problem := protocol.Problem{Title: string(code), Status: model.Status, Code: code}
	if code == weir.Internal {
		problem.Detail = "the server hit an unexpected error; its log says more"
		return problem, nil
	}
	parts := []string{strings.ToLower(model.Detail)}
	for _, d := range model.Errors {
		if d == nil {
			continue
		}
		parts = append(parts, strings.TrimPrefix(d.Location+": "+d.Message, ": "))
	}
	problem.Detail = clip(strings.Join(parts, "; "), maxDetail)
	return problem, nil
}

// maxDetail limits, in bytes, what is said about a request that huma refused.
const maxDetail = 1 << 10

func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

func codeOf(status int) weir.Code {
	switch {
	case status == http.StatusNotFound:
		return weir.NotFound
	case status == http.StatusRequestEntityTooLarge:
		return weir.TooLarge
	case status == http.StatusRequestTimeout:
		return weir.Unavailable
	case status >= http.StatusInternalServerError:
		return weir.Internal
	}
	return weir.Invalid
}
