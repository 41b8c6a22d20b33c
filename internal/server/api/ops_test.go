package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestOperations(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	c, _ := serve(t, f)
	c = c.WithToken(servertest.AdminToken)
	ctx := t.Context()
	forced, err := c.Force(ctx, client.Force{Project: "mill", Job: "test", Reason: "why not", Count: 3, Params: map[string]string{"b": "2", "a": "1"}})
	if err != nil || !reflect.DeepEqual(forced, client.Forced{Run: 7, Builds: []weir.BuildID{77}}) {
		t.Errorf("force: %+v, %v", forced, err)
	}
	for _, err := range []error{c.Cancel(ctx, 41, "too slow"), c.PauseWorker(ctx, "heron", "new disk"),
		c.ResumeWorker(ctx, "heron"), c.ForgetWorker(ctx, "heron"), c.Change(ctx, "mill", "release/1")} {
		if err != nil {
			t.Error(err)
		}
	}
	want := []string{"force {Project:mill Job:test Reason:why not Count:3 By:otter Params:[{Name:a Value:1} {Name:b Value:2}]}", `cancel 41 "too slow" otter`,
		`pause heron "new disk" otter`, "resume heron", "forget heron", `nudge mill, branch "release/1"`}
	if !reflect.DeepEqual(f.Done, want) {
		t.Errorf("the farm did %q", f.Done)
	}
	if counts, err := c.Hooks(ctx); err != nil || len(counts) != 1 || counts[0] != (client.HookCount{Dialect: "github", Taken: 1}) {
		t.Errorf("hooks: %+v, %v", counts, err)
	}
	for _, name := range []string{"../builds", "a/b", "", "a b"} {
		if err := c.ForgetWorker(ctx, name); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("worker %q: %v", name, err)
		}
	}
}

func TestWorkers(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	late := time.Now().Add(time.Hour) // however slow the machine is
	f.State.Workers = []weir.Worker{{Name: "gone", Owner: "ada@kern.example"},
		{Name: "here", Seen: late, Paused: "new disk", Owner: "ada@kern.example"}}
	c, _ := serve(t, f)
	open, err := c.Workers(t.Context())
	if err != nil || len(open) != 2 || open[0].State != weir.WorkerAway || open[1].State != weir.WorkerPaused || open[0].Owner != "" {
		t.Errorf("workers: %+v, %v", open, err)
	}
	for token, owner := range map[string]string{"": "", "bad": "", servertest.Token: "", servertest.AdminToken: "ada@kern.example"} {
		w, err := c.WithToken(token).Worker(t.Context(), "here")
		if err != nil || w.Name != "here" || w.Owner != owner {
			t.Errorf("with token %q: %+v, %v", token, w, err)
		}
	}
	if _, err := c.Worker(t.Context(), "nobody"); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("nobody: %v", err)
	}
}

// unread fails the test if it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// TestOnlyAdminsChangeThings asks for everything that changes something,
// without a token and with bad ones.
func TestOnlyAdminsChangeThings(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	h := api.New(api.Options{Farm: f, Version: "1"})
	for header, status := range map[string]int{"": 401, "Bearer": 401, "Bearer wrong": 401, "Basic " + servertest.AdminToken: 401,
		"Bearer " + strings.Repeat("x", 1000): 401, "Bearer " + servertest.Token: 403} {
		for _, target := range []string{"POST runs", "POST builds/41/cancel", "POST workers/heron/pause", "POST workers/heron/resume",
			"DELETE workers/heron", "PUT workers/heron", "POST changes", "POST nothing"} {
			method, path, _ := strings.Cut(target, " ")
			r := httptest.NewRequest(method, "/api/v1/"+path, unread{t})
			r.Header.Set("Authorization", header)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != status || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s with %q: %d %s", target, header, w.Code, w.Body)
			}
		}
	}
	if len(f.Done) != 0 {
		t.Errorf("the farm did %q", f.Done)
	}
}

func TestBadOperations(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	_, url := serve(t, f)
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"runs", "", 400}, {"runs", "[]", 422}, {"runs", `{"project":"mill","count":1001}`, 422}, {"runs", `{"project":"mill","count":-1}`, 422},
		{"runs", `{"reason":"` + strings.Repeat("x", 201) + `"}`, 422}, {"runs", strings.Repeat(" ", 20_000) + "{}", 413},
		{"builds/0/cancel", "{}", 422}, {"builds/41/retry", "{}", 404}, {"workers/" + strings.Repeat("x", 65) + "/resume", "", 422},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v1/"+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+servertest.AdminToken)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != c.status {
			t.Errorf("%s %.40q: %d, want %d: %s", c.path, c.body, answer.StatusCode, c.status, body)
		}
	}
	if len(f.Done) != 0 {
		t.Errorf("the farm did %q", f.Done)
	}
}
