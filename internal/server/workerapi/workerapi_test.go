package workerapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/workerapi"
)

func serve(t *testing.T) (*servertest.Farm, string) {
	t.Helper()
	f := servertest.New()
	s := httptest.NewServer(workerapi.New(f, slog.New(slog.DiscardHandler)))
	t.Cleanup(s.Close)
	return f, s.URL
}

// send sends a request with a good token unless the header says otherwise.
func send(t *testing.T, method, url string, body io.Reader, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+servertest.Token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func message(t *testing.T, url string, in, out any, status int) {
	t.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	answer := send(t, http.MethodPost, url, bytes.NewReader(data), "Content-Type", "application/json")
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		t.Fatalf("%s: status %d, want %d: %s (%v)", url, answer.StatusCode, status, body, err)
	}
	if status != http.StatusOK && answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: content type %q", url, answer.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(body, out); err != nil {
		t.Fatalf("%s: %v: %s", url, err, body)
	}
	if bytes.Contains(body, []byte("$schema")) {
		t.Errorf("%s: the answer has a schema link", url)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	f, url := serve(t)
	held := weir.AttemptID{Build: 7, Number: 1}
	var hello protocol.HelloAnswer
	message(t, url+"/worker/v1/hello", protocol.Hello{Version: 1, Platform: "linux/amd64", Slots: 1, Holds: []weir.AttemptID{held}}, &hello, 200)
	if hello.Name != servertest.Worker || len(hello.Keep) != 1 || hello.Keep[0] != held || hello.SyncInterval != weir.SyncInterval {
		t.Errorf("hello: %+v", hello)
	}
	f.Assignments = []protocol.Assignment{{Attempt: held, Token: "secret", Spec: weir.Spec{Project: "mill"}}}
	var lease protocol.LeaseAnswer
	message(t, url+"/worker/v1/lease", protocol.Lease{Free: 1, Wait: time.Second}, &lease, 200)
	if len(lease.Attempts) != 1 || lease.Attempts[0].Attempt != held || lease.Attempts[0].Token != "secret" {
		t.Errorf("lease: %+v", lease)
	}
	var sync protocol.SyncAnswer
	frame := weir.LogFrame{Step: 2, Offset: 10, Size: 5, Data: []byte{0, 1, 0xff}}
	message(t, url+"/worker/v1/attempts/7.1/sync", protocol.Sync{Token: servertest.Token, Seq: 3, Frames: []weir.LogFrame{frame}}, &sync, 200)
	if sync.Offsets[2] != 15 || !bytes.Equal(f.Synced[0].Frames[0].Data, frame.Data) {
		t.Errorf("sync: %+v, the farm got %+v", sync, f.Synced)
	}
	refuse := protocol.Refuse{Epoch: 5, Refusals: []protocol.Refusal{{Attempt: held, Rule: weir.RuleProjects, Text: "only kiln may run here"}}}
	message(t, url+"/worker/v1/refuse", refuse, &protocol.RefuseAnswer{}, 200)
	until := time.Date(2026, 1, 2, 22, 0, 0, 0, time.UTC)
	message(t, url+"/worker/v1/rest", protocol.Rest{Epoch: 5, Rest: weir.Rest{Rule: weir.RuleHours, Text: "builds begin at 22:00", Until: until}}, &protocol.RestAnswer{}, 200)
	message(t, url+"/worker/v1/rest", protocol.Rest{Epoch: 5}, &protocol.RestAnswer{}, 200)
	if len(f.Refused) != 1 || f.Refused[0].Epoch != 5 || len(f.Refused[0].Refusals) != 1 || f.Refused[0].Refusals[0] != refuse.Refusals[0] {
		t.Errorf("refused is %+v", f.Refused)
	}
	if len(f.Rests) != 2 || f.Rests[0].Rest.Rule != weir.RuleHours || !f.Rests[0].Rest.Until.Equal(until) || f.Rests[1] != (protocol.Rest{Epoch: 5}) {
		t.Errorf("rests are %+v", f.Rests)
	}
	var finish protocol.FinishAnswer
	message(t, url+"/worker/v1/attempts/7.1/finish", protocol.Finish{Token: servertest.Token, Outcome: weir.Passed}, &finish, 200)
}

func TestProblems(t *testing.T) {
	t.Parallel()
	f, url := serve(t)
	var p protocol.Problem
	for _, c := range []struct {
		path   string
		body   any
		status int
		code   weir.Code
	}{
		{"attempts/7.1/sync", protocol.Sync{Token: "old"}, 409, weir.Fenced},
		{"attempts/7.1/finish", protocol.Finish{Token: "old"}, 409, weir.Fenced},
		{"attempts/seven/sync", protocol.Sync{}, 422, weir.Invalid},
		{"attempts/7.1/sync", "not an object", 422, weir.Invalid},
		{"nothing", protocol.Sync{}, 404, weir.NotFound},
		{"attempts/7.1/sync", protocol.Sync{Token: strings.Repeat("x", protocol.MaxBody)}, 413, weir.TooLarge},
	} {
		p = protocol.Problem{}
		message(t, url+"/worker/v1/"+c.path, c.body, &p, c.status)
		if p.Code != c.code || p.Status != c.status || p.Detail == "" {
			t.Errorf("%s: %+v", c.path, p)
		}
	}
	f.Fail = io.ErrNoProgress
	message(t, url+"/worker/v1/hello", protocol.Hello{Version: 1}, &p, 500)
	if p.Code != weir.Internal || strings.Contains(p.Detail, "Read") {
		t.Errorf("an internal error says %+v", p)
	}
}

// deadlines notes which deadlines the connection of a request is given.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = at
	return nil
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.write = at
	return nil
}

// TestLongPollOutlivesTimeouts wants the server's own deadlines, which know
// nothing of long polls, to be put off beyond the longest of them.
func TestLongPollOutlivesTimeouts(t *testing.T) {
	t.Parallel()
	h := workerapi.New(servertest.New(), slog.New(slog.DiscardHandler))
	w := &deadlines{ResponseRecorder: httptest.NewRecorder(), read: time.Unix(1, 0)}
	r := httptest.NewRequest(http.MethodPost, "/worker/v1/lease", strings.NewReader(`{"free": 1}`))
	r.Header.Set("Authorization", "Bearer "+servertest.Token)
	r.Header.Set("Content-Type", "application/json")
	before := time.Now()
	h.ServeHTTP(w, r)
	// Once the body is read there is no deadline on reading: it would end the wait.
	if w.Code != http.StatusOK || !w.read.IsZero() || !w.write.After(before.Add(protocol.MaxLeaseWait)) {
		t.Errorf("%d %s; asked at %s, to be read until %s and written until %s", w.Code, w.Body, before, w.read, w.write)
	}
}

// untouched fails the test if it is read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	h := workerapi.New(servertest.New(), slog.New(slog.DiscardHandler))
	for _, header := range []string{"", "Bearer", "Bearer wrong", "Basic " + servertest.Token, "Bearer " + strings.Repeat("x", 10000)} {
		for _, target := range []string{"PUT /worker/v1/blobs/" + string(weir.DigestOf(nil)), "POST /worker/v1/attempts/1.1/sync",
			"POST /worker/v1/hello", "GET /worker/v1/blobs/" + string(weir.DigestOf(nil))} {
			method, path, _ := strings.Cut(target, " ")
			r := httptest.NewRequest(method, path, untouched{t})
			r.Header.Set("Authorization", header)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" || !strings.Contains(w.Body.String(), `"unauthenticated"`) {
				t.Errorf("%q %s: %d %s", header, target, w.Code, w.Body)
			}
		}
	}
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	_, url := serve(t)
	content := strings.Repeat("water ", 100_000)
	at := url + "/worker/v1/blobs/" + string(weir.DigestOf([]byte(content)))
	status := func(answer *http.Response, want int) *http.Response {
		t.Helper()
		if answer.StatusCode != want {
			t.Errorf("%s: status %d, want %d", answer.Request.Method, answer.StatusCode, want)
		}
		return answer
	}
	status(send(t, http.MethodHead, at, nil), 404)
	status(send(t, http.MethodGet, at, nil), 404)
	status(send(t, http.MethodPut, at, strings.NewReader("beer")), 422)
	status(send(t, http.MethodPut, at, strings.NewReader(content)), 204)
	status(send(t, http.MethodPut, at, strings.NewReader(content)), 204)
	if head := status(send(t, http.MethodHead, at, nil), 200); head.ContentLength != int64(len(content)) {
		t.Errorf("HEAD says %d bytes", head.ContentLength)
	}
	whole, err := io.ReadAll(status(send(t, http.MethodGet, at, nil), 200).Body)
	if err != nil || string(whole) != content {
		t.Errorf("GET gives %d bytes, %v", len(whole), err)
	}
	part := status(send(t, http.MethodGet, at, nil, "Range", "bytes=599990-"), 206)
	if rest, err := io.ReadAll(part.Body); err != nil || string(rest) != content[599990:] {
		t.Errorf("the rest is %q, %v", rest, err)
	}
	for _, bad := range []string{"sha256:..%2f..%2fetc", "md5:00", "..%2f..%2fetc%2fpasswd"} {
		status(send(t, http.MethodGet, url+"/worker/v1/blobs/"+bad, nil), 422)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, at, untouched{t})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = protocol.MaxProduct + 1
	r.Header.Set("Authorization", "Bearer "+servertest.Token)
	w := httptest.NewRecorder()
	workerapi.New(servertest.New(), slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a blob that says it is too large: status %d", w.Code)
	}
}
