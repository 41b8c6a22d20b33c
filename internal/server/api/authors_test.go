package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/access"
)

func TestNameless(t *testing.T) {
	t.Parallel()
	const said = `{"author":"Ada \"the mill\" Wells <ada@example.org>","message":"a \"author\":\"x <y@z>\" in a text <b@c>","list":[{"author":"Bo \u003cbo@example.org\u003e"},{"author":""},{"author":"cy@example.org"}]}`
	const plain = `{"author":"Ada \"the mill\" Wells","message":"a \"author\":\"x <y@z>\" in a text <b@c>","list":[{"author":"Bo"},{"author":""},{"author":"cy"}]}`
	for _, c := range []struct {
		name, kind, want string
		who              asker
	}{
		{"nobody", "application/json", plain, asker{err: weir.Errorf(weir.Unauthenticated, "nobody")}},
		{"nobody, as text", "text/plain", said, asker{err: weir.Errorf(weir.Unauthenticated, "nobody")}},
		{"somebody", "application/json", said, asker{Caller: access.Caller{Name: "ann"}}},
	} {
		for _, part := range []int{1, 7, len(said)} {
			h := (&handler{}).nameless(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				for rest := said; rest != ""; rest = rest[min(part, len(rest)):] {
					_, _ = io.WriteString(w, rest[:min(part, len(rest))])
				}
			}))
			w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
			h.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), askerKey{}, c.who)))
			if w.Body.String() != c.want {
				t.Errorf("%s, in parts of %d bytes, gets\n%s, want\n%s", c.name, part, w.Body, c.want)
			}
		}
	}
}
