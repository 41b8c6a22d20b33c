package farmtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/patience"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// bare is a worker that runs nothing: it says what a test wants it to say.
type bare struct {
	token string
	epoch int64
	seq   int64
	syncs int64
	sent  chan struct{} // closed when the newest lease is on its way
}

// say sends a message to a server and reads the answer.
func say[Out any](ctx context.Context, t *testing.T, f *farmtest.Farm, w *bare, path string, message any) (out Out, status int) {
	t.Helper()
	body, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL+"/worker/v1/"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return out, 0
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return out, answer.StatusCode
}

func (w *bare) hello(t *testing.T, f *farmtest.Farm) {
	t.Helper()
	answer, status := say[protocol.HelloAnswer](t.Context(), t, f, w, "hello", protocol.Hello{Version: protocol.Version, Platform: app.HostPlatform(), Slots: 4})
	if status != http.StatusOK || answer.Epoch == 0 {
		t.Fatalf("hello: %d %+v", status, answer)
	}
	w.epoch, w.seq = answer.Epoch, 0
}

// lease begins to wait for work, and returns a channel with what comes.
func (w *bare) lease(t *testing.T, f *farmtest.Farm, wait time.Duration, holds ...weir.AttemptID) <-chan []protocol.Assignment {
	w.seq++
	sent := make(chan struct{})
	w.sent = sent
	tell := sync.OnceFunc(func() { close(sent) }) // a connection that was closed meanwhile is tried again
	ask := protocol.Lease{Free: 1, Wait: wait, Epoch: w.epoch, Seq: w.seq, Holds: holds, Disk: w.room()}
	got := make(chan []protocol.Assignment, 1)
	go func() {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { tell() }})
		answer, status := say[protocol.LeaseAnswer](ctx, t, f, w, "lease", ask)
		if status != http.StatusOK {
			t.Errorf("lease: %d", status)
		}
		got <- answer.Attempts
	}()
	return got
}

// work is what a lease gives. One that was answered with nothing, as a server does
// after MaxLeaseWait, is sent again.
func (w *bare) work(t *testing.T, f *farmtest.Farm, waiting <-chan []protocol.Assignment, holds ...weir.AttemptID) []protocol.Assignment {
	t.Helper()
	for over := time.Now().Add(patience.Limit); ; waiting = w.lease(t, f, protocol.MaxLeaseWait, holds...) {
		got := patience.Receive(t, "the answer of a lease", waiting)
		if len(got) > 0 || time.Now().After(over) {
			return got
		}
	}
}

// live keeps an attempt alive.
func (w *bare) live(t *testing.T, f *farmtest.Farm, as protocol.Assignment) {
	t.Helper()
	w.syncs++
	path := "attempts/" + as.Attempt.String() + "/sync"
	if _, status := say[protocol.SyncAnswer](t.Context(), t, f, w, path, protocol.Sync{Token: as.Token, Seq: w.syncs}); status != http.StatusOK {
		t.Fatalf("%s: %d", path, status)
	}
}

// admin is a client of a server with an admin's token.
func admin(t *testing.T, f *farmtest.Farm) *client.Client {
	t.Helper()
	secret, err := app.AddToken(t.Context(), f.Server.Access(), store.Token{Name: "boss", Scope: store.ScopeAdmin})
	if err != nil {
		t.Fatal(err)
	}
	return f.WithToken(secret)
}

// TestOperationsReachEveryServer lets an admin talk to one server, and a worker
// to another one on the same database; with SQLite the two are one.
func TestOperationsReachEveryServer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		ctx := t.Context()
		shared := filepath.Join(t.TempDir(), "shared")
		start := func() *farmtest.Farm {
			config, problems := recipe.Parse("weir.yaml", []byte("projects:\n  chores:\n    source: none\n    jobs: {sweep: {steps: [sweep]}}\n"))
			if problems.Err() != nil {
				t.Fatal(problems)
			}
			config.Data = shared
			return farmtest.StartConfig(t, config, farmtest.Options{Database: database, Slots: -1})
		}
		here := start()
		there := here
		if database != "" {
			there = start()
		}
		boss := admin(t, here)
		secret, err := app.NewToken(ctx, here.Server.Access(), "bare", false)
		if err != nil {
			t.Fatal(err)
		}
		w := &bare{token: secret}
		w.hello(t, there)
		first := w.work(t, there, w.lease(t, there, protocol.MaxLeaseWait)) // the baseline
		if len(first) != 1 || first[0].Spec.Revision != weir.NoRevision {
			t.Fatalf("leased are %+v", first)
		}

		// What is forced here is leased by who waits there.
		waiting := w.lease(t, there, protocol.MaxLeaseWait, first[0].Attempt)
		forced, err := boss.Force(ctx, client.Force{Project: "chores"})
		if err != nil {
			t.Fatal(err)
		}
		second := patience.Receive(t, "what was forced", waiting)
		if len(second) != 1 || second[0].Attempt.Build != forced.Builds[0] {
			t.Fatalf("forced is %v, leased are %+v", forced, second)
		}

		// What is cancelled here is seen by who watches there.
		watched := make(chan []weir.AttemptID, 1)
		held := []weir.AttemptID{first[0].Attempt, second[0].Attempt}
		go func() {
			answer, _ := say[protocol.WatchAnswer](ctx, t, there, w, "watch", protocol.Watch{Holds: held, Wait: protocol.MaxLeaseWait})
			watched <- answer.Ended
		}()
		if err := boss.Cancel(ctx, forced.Builds[0], ""); err != nil {
			t.Fatal(err)
		}
		if ended := patience.Receive(t, "the answer of a watch", watched); !slices.Equal(ended, held[1:]) {
			t.Errorf("%v are over, and should be %v", ended, held[1:])
		}
		answer, status := say[protocol.SyncAnswer](ctx, t, there, w, "attempts/"+second[0].Attempt.String()+"/sync", protocol.Sync{Token: second[0].Token, Seq: 1})
		if status != http.StatusOK || answer.Cancel == nil || answer.Cancel.Code != weir.ReasonRequested {
			t.Errorf("a sync of it is answered with %d %+v", status, answer)
		}

		// A worker that is paused here gets nothing there, until it is resumed.
		w.live(t, there, first[0])
		if err := boss.PauseWorker(ctx, "bare", "new disk"); err != nil {
			t.Fatal(err)
		}
		if forced, err = boss.Force(ctx, client.Force{Project: "chores"}); err != nil {
			t.Fatal(err)
		}
		if got := patience.Receive(t, "the answer of a lease", w.lease(t, there, 0, first[0].Attempt)); len(got) != 0 {
			t.Errorf("a paused worker leases %+v", got)
		}
		waiting = w.lease(t, there, protocol.MaxLeaseWait, first[0].Attempt)
		if err := boss.ResumeWorker(ctx, "bare"); err != nil {
			t.Fatal(err)
		}
		third := patience.Receive(t, "what waits", waiting)
		if len(third) != 1 || third[0].Attempt.Build != forced.Builds[0] {
			t.Errorf("after it is resumed it leases %+v, not %v", third, forced)
		}

		// What a lease gave and the next one does not hold never arrived.
		w.live(t, there, first[0])
		fourth := w.work(t, there, w.lease(t, there, protocol.MaxLeaseWait, first[0].Attempt), first[0].Attempt)
		if len(fourth) != 1 || fourth[0].Attempt.Build != forced.Builds[0] || fourth[0].Attempt.Number != 2 {
			t.Errorf("what got lost is leased again as %+v", fourth)
		}

		// A server that stops answers those who wait.
		waiting = w.lease(t, there, protocol.MaxLeaseWait, first[0].Attempt, fourth[0].Attempt)
		untilAsked(t, there, w)
		there.Stop()
		if got := patience.Receive(t, "the answer of a server that stops", waiting); len(got) != 0 {
			t.Errorf("a server that stops gives away %+v", got)
		}
	})
}

// room is how much of its disk the worker says is free with its newest lease: each
// says something else, so that a server that knows it has taken that lease in.
func (w *bare) room() int64 { return w.seq << 20 }

// untilAsked waits until a server has taken in the newest lease of a worker.
func untilAsked(t *testing.T, f *farmtest.Farm, w *bare) {
	t.Helper()
	patience.Receive(t, "the lease to be sent", w.sent)
	for over := time.Now().Add(patience.Limit); ; {
		d, err := f.WorkerHistory(t.Context(), "bare")
		if err != nil {
			t.Fatal(err)
		}
		if d.Disk != nil && *d.Disk == w.room() {
			return
		}
		if time.Now().After(over) {
			t.Fatalf("the server knows of %v, and never of the lease with %d", d.Disk, w.room())
		}
		<-time.After(5 * time.Millisecond)
	}
}
