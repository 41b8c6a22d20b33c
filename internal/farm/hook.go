package farm

import (
	"context"
	"net/http"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/hooks"
	"github.com/weir-ci/weir/internal/farm/secrets"
)

// newHooks makes what acts on the posts of forges.
func (f *Farm) newHooks() *hooks.Desk {
	return hooks.New(hooks.Options{Now: f.now, Log: f.log, Nudge: f.Nudge, Propose: f.Propose,
		Seen: func(ctx context.Context, id string, now time.Time) (bool, error) {
			return f.store.SeenDelivery(ctx, id, now)
		},
		Projects: func() []weir.Project { return f.config.Load().Projects },
		Secret:   func(dialect string) string { return f.config.Load().Hooks[dialect] },
		Value:    func(name string) (string, error) { return f.secret(name) }})
}

// findSecret finds a secret where the configuration says that it is.
func (f *Farm) findSecret(name string) (string, error) {
	return secrets.Find(f.config.Load().Farm, name)
}

// Hook takes what a forge posts. See hooks.Desk.Take.
func (f *Farm) Hook(ctx context.Context, dialect string, h http.Header, body []byte) (hooks.Receipt, error) {
	ctx, cancel := whole(ctx)
	defer cancel()
	return f.hooks.Take(ctx, dialect, h, body)
}

// Hooks counts what forges posted to this server.
func (f *Farm) Hooks() []hooks.Count { return f.hooks.Counts() }
