package servertest

import (
	"context"
	"net/http"

	"github.com/weir-ci/weir/internal/farm/hooks"
	"github.com/weir-ci/weir/internal/hook"
)

// Hook takes everything, as a push of project hello.
func (f *Farm) Hook(_ context.Context, dialect string, _ http.Header, body []byte) (hooks.Receipt, error) {
	return hooks.Receipt{Dialect: dialect, Kind: hook.Push, Projects: []string{"hello"}}, f.did("hook %q, %d bytes", dialect, len(body))
}

// Hooks counts one.
func (f *Farm) Hooks() []hooks.Count { return []hooks.Count{{Dialect: hook.GitHub, Taken: 1}} }

// Nudge looks at a source.
func (f *Farm) Nudge(_ context.Context, project, branch string) error {
	return f.did("nudge %s, branch %q", project, branch)
}
