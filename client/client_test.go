package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "localhost:8080", "ftp://example.org", "http://", "::"} {
		if _, err := client.New(bad, nil); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestAnswers asks servers that are not farms.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		code   weir.Code
		says   string
	}{
		{"problem", 404, `{"title":"not_found","detail":"there is no build 7","code":"not_found","hint":"look again"}`, weir.NotFound, "look again"},
		{"title only", 409, `{"title":"conflict","code":"conflict"}`, weir.Conflict, "conflict"},
		{"another server", 404, "<html>", weir.Unsupported, "not like a farm"},
		{"proxy", 502, "Bad Gateway", weir.Unavailable, "502"},
		{"html", 200, "<html>", weir.Unsupported, "like a farm of this version"},
		{"cut off", 200, `{"name":"Riv`, weir.Unavailable, "broke off"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/base/api/v1/overview" {
				t.Errorf("%s: asked for %s", c.name, r.URL)
			}
			w.WriteHeader(c.status)
			if _, err := w.Write([]byte(c.body)); err != nil {
				t.Error(err)
			}
		}))
		farm, err := client.New(s.URL+"/base/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = farm.Overview(t.Context())
		if weir.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (%s)", c.name, err, weir.CodeOf(err))
		}
		s.Close()
	}
}

// nobody is what a client finds where no server listens. A port that was that of a
// server is soon another one's.
type nobody struct{}

// RoundTrip finds nobody.
func (nobody) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// TestNobodyThere asks where no server is, and does not wait for an answer.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	farm, err := client.New("http://127.0.0.1:1", &http.Client{Transport: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = farm.Overview(t.Context()); weir.CodeOf(err) != weir.Unavailable {
		t.Errorf("a server that is gone: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = farm.Overview(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestToken: a farm may want to know who asks, whatever is asked.
func TestToken(t *testing.T) {
	t.Parallel()
	asked := map[string]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.Method+" "+r.URL.Path] = r.Header.Get("Authorization")
		_, _ = io.WriteString(w, "{}")
	}))
	defer s.Close()
	farm, err := client.New(s.URL+"/base", nil)
	if err != nil {
		t.Fatal(err)
	}
	farm = farm.WithToken("secret")
	id := weir.AttemptID{Build: 7, Number: 1}
	_, getErr := farm.Build(t.Context(), 7)
	if err := errors.Join(getErr, farm.CopyLog(t.Context(), io.Discard, id, 2), farm.Cancel(t.Context(), 7, "")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"GET /base/api/v1/builds/7", "GET /base/api/v1/builds/7/attempts/1/steps/2/log/raw", "POST /base/api/v1/builds/7/cancel"} {
		if asked[path] != "Bearer secret" {
			t.Errorf("%s with %q; asked were %v", path, asked[path], asked)
		}
	}
}

// TestFollowSurvivesSilence lets the server be away once.
func TestFollowSurvivesSilence(t *testing.T) {
	t.Parallel()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		body := `{"events":[],"last":5}`
		switch asked {
		case 1: // from now on
			if r.URL.Query().Get("after") != "-1" {
				t.Errorf("asked for %s", r.URL)
			}
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		default:
			if r.URL.Query().Get("after") != "5" {
				t.Errorf("asked for %s", r.URL)
			}
			body = `{"events":[{"seq":6,"kind":"build","subject":"41"}],"last":6}`
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	farm, err := client.New(s.URL, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for e, err := range farm.FollowEvents(ctx, client.FromNow) {
		if err != nil || e.Seq != 6 || e.Subject != "41" {
			t.Errorf("event %+v, %v", e, err)
		}
		break
	}
}
