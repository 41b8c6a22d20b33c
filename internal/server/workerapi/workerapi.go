// Package workerapi is the server's side of the worker protocol over HTTP.
//
// Package protocol says what the messages mean; this package brings them to
// the farm. It knows three things that the messages do not say: whose token
// came with a request, how large a body may be, and how long each verb may
// take. A request without a good token is refused before its body is read.
package workerapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/rest"
)

// Farm is what the workers' requests act on.
type Farm interface {
	// Authenticate finds the worker that a token belongs to; Unauthenticated if there is none.
	Authenticate(ctx context.Context, secret string) (worker string, err error)
	// Worker finds a worker that has said hello; NotFound if it has not.
	Worker(ctx context.Context, name string) (weir.Worker, error)
	// Hello takes a worker in.
	Hello(ctx context.Context, worker string, h protocol.Hello) (protocol.HelloAnswer, error)
	// Lease waits for work, at most as long as asked.
	Lease(ctx context.Context, worker weir.Worker, ask protocol.Lease) (protocol.LeaseAnswer, error)
	// Watch waits until attempts that the worker holds are over, at most as long as asked.
	Watch(ctx context.Context, worker string, w protocol.Watch) (protocol.WatchAnswer, error)
	// Sync takes in what a worker reports; Fenced if the attempt is not its own any more.
	Sync(ctx context.Context, id weir.AttemptID, s protocol.Sync) (protocol.SyncAnswer, error)
	// Finish ends an attempt; Fenced like Sync.
	Finish(ctx context.Context, id weir.AttemptID, fin protocol.Finish) error
	Owners
	Blobs
}

// Owners hears what the owners of workers allow there.
type Owners interface {
	// Refuse takes assignments back that the worker may not run; Conflict if it has
	// said hello since.
	Refuse(ctx context.Context, worker string, r protocol.Refuse) error
	// Rest notes why the worker asks for nothing now; Conflict like Refuse.
	Rest(ctx context.Context, worker string, r protocol.Rest) error
}

// Blobs keeps what workers send and fetch.
type Blobs interface {
	// PutBlob keeps content under its digest; Invalid if it has another one.
	PutBlob(ctx context.Context, d weir.Digest, content io.Reader) error
	// OpenBlob reads a blob; NotFound if there is none.
	OpenBlob(ctx context.Context, d weir.Digest) (blob.Content, error)
	// StatBlob tells a blob's size; NotFound if there is none.
	StatBlob(ctx context.Context, d weir.Digest) (int64, error)
}

// Prefix is where the handler must be mounted.
const Prefix = "/worker/v1/"

// How long requests may take, beyond what the farm itself waits for.
const (
	messageTime = time.Minute      // to send one JSON message
	answerTime  = 30 * time.Second // to take the answer
	blobQuiet   = time.Minute      // without a byte of a blob moving
)

// maxToken limits the length of a bearer token, in bytes.
const maxToken = 512

type handler struct {
	farm Farm
	log  *slog.Logger
}

// New makes the handler of everything below Prefix.
func New(farm Farm, log *slog.Logger) http.Handler {
	h := &handler{farm: farm, log: log}
	mux := http.NewServeMux()
	h.messages(rest.New(mux, "Weir worker protocol", "1", "", log))
	mux.HandleFunc("POST "+Prefix+"attempts/{id}/sync", h.sync)
	mux.HandleFunc("POST "+Prefix+"attempts/{id}/finish", h.finish)
	mux.HandleFunc("GET "+Prefix+"blobs/{digest}", h.getBlob) // and HEAD
	mux.HandleFunc("PUT "+Prefix+"blobs/{digest}", h.putBlob)
	mux.Handle("/", rest.NotFound(log))
	return h.authenticated(mux)
}

type workerKey struct{}

// authenticated lets only workers through and notes who it is. It also
// replaces the server's deadlines, which know nothing of long polls.
func (h *handler) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, err := h.worker(r)
		if err != nil {
			// Whatever body there is stays unread, so the connection is of no more use.
			w.Header().Set("Connection", "close")
			rest.WriteError(w, r, h.log, err)
			return
		}
		r = rest.Patience(w, r, messageTime, messageTime+protocol.MaxLeaseWait+answerTime)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), workerKey{}, name)))
	})
}

func (h *handler) worker(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", weir.Errorf(weir.Unauthenticated, "the request carries no worker's token").
			WithHint("send it as: Authorization: Bearer TOKEN")
	}
	return h.farm.Authenticate(r.Context(), token)
}

func nameOf(ctx context.Context) string {
	name, _ := ctx.Value(workerKey{}).(string)
	return name
}

type body[T any] struct{ Body T }

// messages registers the verbs that are JSON and nothing else.
func (h *handler) messages(a *rest.API) {
	rest.Register(a, verb("hello", "hello", "Take a worker in"), h.hello)
	rest.Register(a, verb("lease", "lease", "Wait for work"), h.lease)
	rest.Register(a, verb("refuse", "refuse", "Take assignments back that the worker's owner does not want there"), h.refuse)
	rest.Register(a, verb("rest", "rest", "Note why the worker asks for nothing now"), h.rest)
	rest.Register(a, verb("watch", "watch", "Wait for attempts to be cancelled or given away"), h.watch)
}

func verb(id, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodPost, Path: Prefix + path, Summary: summary,
		MaxBodyBytes: protocol.MaxBody, BodyReadTimeout: messageTime,
		SkipValidateBody: true, // the farm checks every message itself
	}
}

func (h *handler) hello(ctx context.Context, in *body[protocol.Hello]) (*body[protocol.HelloAnswer], error) {
	answer, err := h.farm.Hello(ctx, nameOf(ctx), in.Body)
	return &body[protocol.HelloAnswer]{answer}, err
}

func (h *handler) lease(ctx context.Context, in *body[protocol.Lease]) (*body[protocol.LeaseAnswer], error) {
	worker, err := h.farm.Worker(ctx, nameOf(ctx))
	if err != nil {
		return nil, err
	}
	answer, err := h.farm.Lease(ctx, worker, in.Body)
	return &body[protocol.LeaseAnswer]{answer}, err
}

func (h *handler) refuse(ctx context.Context, in *body[protocol.Refuse]) (*body[protocol.RefuseAnswer], error) {
	return &body[protocol.RefuseAnswer]{}, h.farm.Refuse(ctx, nameOf(ctx), in.Body)
}

func (h *handler) rest(ctx context.Context, in *body[protocol.Rest]) (*body[protocol.RestAnswer], error) {
	return &body[protocol.RestAnswer]{}, h.farm.Rest(ctx, nameOf(ctx), in.Body)
}

func (h *handler) watch(ctx context.Context, in *body[protocol.Watch]) (*body[protocol.WatchAnswer], error) {
	answer, err := h.farm.Watch(ctx, nameOf(ctx), in.Body)
	return &body[protocol.WatchAnswer]{answer}, err
}
