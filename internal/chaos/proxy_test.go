package chaos_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/chaos"
)

// TestProxyMessages: what happens to a message, as the server and the worker see it.
func TestProxyMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind     chaos.Kind
		arrives  int32
		answered bool
	}{{"", 1, true}, {chaos.DoubleNow, 2, true}, {chaos.DoubleLater, 2, true}, {chaos.Late, 1, false}, {chaos.LoseAnswer, 1, false}} {
		var arrived atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil && string(body) == "hello" && r.Header.Get("Authorization") == "Bearer x" {
				arrived.Add(1)
			}
			_, _ = io.WriteString(w, "answer")
		}))
		defer server.Close()
		p, err := chaos.NewProxy([]string{strings.TrimPrefix(server.URL, "http://")})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if c.kind != "" {
			p.Arm(chaos.Fault{Kind: c.kind, Verb: "sync", For: 5 * time.Millisecond})
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL()+"/worker/v1/attempts/1.1/sync", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer x")
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		answer := ""
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			answer = string(body)
		}
		p.Settle()
		if got := arrived.Load(); got != c.arrives || (answer == "answer") != c.answered {
			t.Errorf("%q: arrived %d times, answered with %q, %v", c.kind, got, answer, err)
		}
	}
}

// TestProxySilence: nothing gets through while there is silence, and all of it afterwards.
func TestProxySilence(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "answer") }))
	defer server.Close()
	p, err := chaos.NewProxy([]string{"127.0.0.1:1", strings.TrimPrefix(server.URL, "http://")}) // nobody listens at the first
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	end := p.Silence()
	answered := make(chan error, 1)
	go func() {
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(httptest.NewRequest(http.MethodGet, p.URL(), nil))
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Errorf("answered in silence: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	end()
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(3 * time.Minute):
		t.Error("no answer after the silence")
	}
}
