package rest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// connection notes which limits it is given.
type connection struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (c *connection) SetReadDeadline(at time.Time) error {
	c.read = at
	return nil
}

func (c *connection) SetWriteDeadline(at time.Time) error {
	c.write = at
	return nil
}

// TestPatience limits the time for a body, and takes the limit back behind it: net/http
// would take its end for that of the client, and cancel the request.
func TestPatience(t *testing.T) {
	t.Parallel()
	old := time.Unix(1, 0)
	for _, body := range []io.Reader{nil, http.NoBody, strings.NewReader("words")} {
		c := &connection{ResponseRecorder: httptest.NewRecorder(), read: old, write: old}
		r := httptest.NewRequest(http.MethodPost, "/", body)
		begin := time.Now()
		own := r.Body
		got := Patience(c, r, time.Hour, 2*time.Hour)
		if r.Body != own {
			t.Errorf("%v: the server's own request is changed", body)
		}
		if c.write.Before(begin.Add(2 * time.Hour)) {
			t.Errorf("%v: to be written until %s", body, c.write)
		}
		has := body != nil && body != http.NoBody
		if has && c.read.Before(begin.Add(time.Hour)) || !has && !c.read.IsZero() {
			t.Errorf("%v: to be read until %s", body, c.read)
		}
		if data, err := io.ReadAll(got.Body); err != nil || has && string(data) != "words" {
			t.Errorf("%v: read %q, %v", body, data, err)
		}
		if !c.read.IsZero() {
			t.Errorf("%v: behind the body something has to come until %s", body, c.read)
		}
	}
}

// TestWaiting waits for longer than a request may take to be read: nobody takes that for
// the end of the client, neither of this request nor of the next one.
func TestWaiting(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Patience(w, r, time.Nanosecond, time.Hour)
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, "read ")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
		if err := r.Context().Err(); err != nil {
			t.Errorf("%s: %v", r.Method, err)
		}
		_, _ = io.WriteString(w, "and answered")
	}))
	t.Cleanup(s.Close)
	for range 20 {
		answer, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "read and answered" {
			t.Errorf("%q, %v", text, err)
		}
		_ = answer.Body.Close()
	}
}
