package hooks_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/audit"
	farmhooks "github.com/weir-ci/weir/internal/farm/hooks"
	"github.com/weir-ci/weir/internal/hook"
	"github.com/weir-ci/weir/internal/server/hooks"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// farm takes what a test says.
type farm func(dialect string, body []byte) (farmhooks.Receipt, error)

func (f farm) Hook(_ context.Context, dialect string, _ http.Header, body []byte) (farmhooks.Receipt, error) {
	return f(dialect, body)
}

func send(t *testing.T, f farm, method, path string, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	hooks.New(f, slog.New(slog.DiscardHandler), nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, body))
	return w
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	var last string
	taken := farm(func(dialect string, body []byte) (farmhooks.Receipt, error) {
		last = dialect + " " + string(body)
		return farmhooks.Receipt{Dialect: dialect, Kind: hook.Push, Projects: []string{"hello"}}, nil
	})
	for path, want := range map[string]string{"/hook": " x", "/hook/github": "github x"} {
		w := send(t, taken, http.MethodPost, path, strings.NewReader("x"))
		var r farmhooks.Receipt
		if err := json.Unmarshal(w.Body.Bytes(), &r); w.Code != http.StatusAccepted || err != nil || last != want || r.Projects[0] != "hello" {
			t.Errorf("%s: %d %s, the farm got %q", path, w.Code, w.Body, last)
		}
	}
	if w := send(t, taken, http.MethodGet, "/hook/github", nil); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d", w.Code)
	}
	if w := send(t, taken, http.MethodPost, "/hook/github/x", nil); w.Code != http.StatusNotFound {
		t.Errorf("elsewhere: %d", w.Code)
	}
	for code, want := range map[weir.Code]int{weir.Unauthenticated: 401, weir.NotFound: 404, weir.Invalid: 422, weir.TooLarge: 413, weir.Unavailable: 503} {
		refused := farm(func(string, []byte) (farmhooks.Receipt, error) { return farmhooks.Receipt{}, weir.Errorf(code, "no") })
		w := send(t, refused, http.MethodPost, "/hook", strings.NewReader("x"))
		if w.Code != want && !(code == weir.Invalid && w.Code == 400) || w.Header().Get("Connection") != "close" {
			t.Errorf("%s: %d", code, w.Code)
		}
	}
}

// endless is a body without an end; it counts what was taken of it.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) { e.n += int64(len(p)); return len(p), nil }

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	never := farm(func(string, []byte) (farmhooks.Receipt, error) {
		t.Error("the farm was asked")
		return farmhooks.Receipt{}, nil
	})
	body := &endless{}
	if w := send(t, never, http.MethodPost, "/hook/gitlab", body); w.Code != http.StatusRequestEntityTooLarge || body.n > 2*hook.MaxBody {
		t.Errorf("%d after %d bytes", w.Code, body.n)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook", body)
	before := body.n
	r.ContentLength = hook.MaxGitHub + 1
	hooks.New(never, slog.New(slog.DiscardHandler), nil).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge || body.n != before {
		t.Errorf("%d after %d bytes", w.Code, body.n-before)
	}
}

// Few bodies are read at once; who has to wait for long is sent away.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan struct{}), make(chan struct{})
	h := hooks.New(farm(func(string, []byte) (farmhooks.Receipt, error) {
		inside <- struct{}{}
		<-leave
		return farmhooks.Receipt{}, nil
	}), slog.New(slog.DiscardHandler), nil)
	codes := make(chan int, 10)
	for range 4 {
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader("x"))) //nolint:noctx // ends with the test
			codes <- w.Code
		}()
		select {
		case <-inside:
		case code := <-codes:
			t.Fatalf("one of the first four: %d", code)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/hook", strings.NewReader("x")))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("the fifth: %d", w.Code)
	}
	close(leave)
	for range 4 {
		if code := <-codes; code != http.StatusAccepted {
			t.Errorf("got %d", code)
		}
	}
}

// TestWhatIsRecorded sends deliveries of which something comes, and others.
func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	acts := &servertest.Acts{}
	record := audit.New(audit.Options{Store: acts})
	var receipt farmhooks.Receipt
	h := hooks.New(farm(func(string, []byte) (farmhooks.Receipt, error) { return receipt, nil }), slog.New(slog.DiscardHandler), record)
	for _, receipt = range []farmhooks.Receipt{
		{Dialect: "github", Kind: hook.Push, Projects: []string{"hello"}, Delivery: "secretish"},
		{Dialect: "github", Kind: hook.Push, Projects: []string{"hello"}, Repeated: true},
		{Dialect: "github", Kind: hook.Push, Why: "no project is of this repository"},
		{Dialect: "gitlab", Kind: hook.Pull, Projects: []string{"a", "b"}, Number: "7"},
	} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook?token=asecret", strings.NewReader("a body")))
	}
	list, err := acts.Acts(t.Context(), audit.Filter{})
	if err != nil || len(list) != 2 {
		t.Fatalf("recorded are %+v, %v", list, err)
	}
	first, second := list[1], list[0]
	if first.Who != "github" || first.Via != audit.ViaHook || first.From != "192.0.2.1" || first.Verb != "hook" || first.On != "project hello" || first.Note != string(hook.Push) {
		t.Errorf("recorded is %+v", first)
	}
	if second.On != "projects a, b" || second.Note != string(hook.Pull)+" 7" {
		t.Errorf("recorded is %+v", second)
	}
}
