// Package farmtest runs a whole farm in one process, for tests: a server with
// its database, a worker, and a client that watches them from outside. It
// keeps no global state, so that many farms can run side by side.
package farmtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/patience"
	"github.com/weir-ci/weir/internal/recipe"
)

// Options say how to run a farm. The zero value is SQLite and two slots.
type Options struct {
	Database string // a postgres:// address; empty: SQLite
	Slots    int    // of the worker; 0: 2, negative: no worker
	Log      bool   // to the test's log
	// Lease is how long an attempt lives without a sync; 0: weir.LeaseTime.
	Lease time.Duration
	// Now is the farm's clock; nil: the machine's.
	Now func() time.Time
}

// Farm is a running farm. It stops when the test ends.
type Farm struct {
	*client.Client
	URL    string
	Server *app.Server
	Config *recipe.Farm
	// Stop stops the farm before the test ends, as Ctrl-C would.
	Stop func()
}

// Start runs the farm that a farm file describes, on a free port and with its
// data in the test's own directory.
func Start(t testing.TB, file string, o Options) *Farm {
	t.Helper()
	config, problems, err := recipe.Load(file)
	if err != nil {
		t.Fatalf("%s: %v\n%s", file, err, problems.Format())
	}
	return StartConfig(t, config, o)
}

// StartConfig is Start for a configuration that was read already. A data
// directory that lies in it is kept, so that a farm can be started again.
func StartConfig(t testing.TB, config *recipe.Farm, o Options) *Farm {
	t.Helper()
	dir := t.TempDir()
	config.Listen, config.URL, config.Database = "127.0.0.1:0", "", o.Database
	if !filepath.IsAbs(config.Data) || filepath.Base(config.Data) == recipe.DefaultData {
		config.Data = filepath.Join(dir, "data")
	}
	log := slog.New(slog.DiscardHandler)
	if o.Log {
		log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	// Not the test's context: that ends before its cleanup, and worker and server at once.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	server, err := app.NewServer(ctx, app.ServerOptions{Farm: config, Log: log, Lease: o.Lease, Now: o.Now})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	f := &Farm{URL: server.URL(), Server: server, Config: config}
	if f.Client, err = client.New(f.URL, nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	workers := 0
	workerCtx, stopWorker := context.WithCancel(ctx)
	if o.Slots >= 0 {
		workers = 1
		w := NewWorker(t, server, "worker", max(o.Slots, 2), dir, log)
		go func() { done <- w.Run(workerCtx) }()
	}
	served := make(chan error, 1)
	go func() { served <- server.Run(ctx) }()
	stopped := false
	f.Stop = func() {
		if stopped {
			return
		}
		stopped = true
		stopWorker() // first, while there is a server to tell
		for range workers {
			AwaitEnd(t, "the worker", done)
		}
		cancel()
		AwaitEnd(t, "the server", served)
	}
	t.Cleanup(f.Stop)
	return f
}

// AwaitEnd waits for the end of what Run runs, whose error it receives. It has to be
// a good one.
func AwaitEnd(t testing.TB, what string, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s ended with: %v", what, err)
		}
	case <-time.After(patience.Limit):
		t.Errorf("%s does not end", what)
	}
}

// NewWorker makes a worker of the farm with directories of its own below dir.
func NewWorker(t testing.TB, s *app.Server, name string, slots int, dir string, log *slog.Logger) *app.Worker {
	t.Helper()
	secret, err := app.NewToken(t.Context(), s.Access(), name, true)
	if err != nil {
		t.Fatal(err)
	}
	w, err := app.NewWorker(app.WorkerOptions{Server: s.Address(), Token: secret, Slots: slots, Log: log,
		Dir: filepath.Join(dir, name), Products: filepath.Join(dir, "products")})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Until waits for the farm's state to be as wanted.
func (f *Farm) Until(t testing.TB, what string, wanted func(client.Overview) bool) client.Overview {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
	defer cancel()
	news := make(chan struct{}, 1)
	go func() {
		for range f.FollowEvents(ctx, client.FromNow) {
			select {
			case news <- struct{}{}:
			default:
			}
		}
	}()
	for {
		o, err := f.Overview(ctx)
		if err != nil {
			t.Fatalf("waiting until %s: %v", what, err)
		}
		if wanted(o) {
			return o
		}
		select {
		case <-news:
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s; the farm is at:\n%s", what, describe(o))
		}
	}
}

// Quiet reports whether nothing runs, waits, is doubted or is looked for, and
// every builder has at least the given number of judged builds.
func Quiet(o client.Overview, builds int) bool {
	if len(o.Running) > 0 || o.Doubted > 0 || o.Queue[weir.Queued]+o.Queue[weir.Blocked] > 0 || len(o.Builders) == 0 {
		return false
	}
	if slices.ContainsFunc(o.Regressions, func(r weir.Regression) bool { return r.State == weir.Searching }) {
		return false
	}
	for _, row := range o.Builders {
		if len(row.Recent) < builds || row.Recent[0].Judgement == weir.Unjudged {
			return false
		}
	}
	return true
}

func describe(o client.Overview) string {
	s := fmt.Sprintf("running %d, queue %v, doubted %d\n", len(o.Running), o.Queue, o.Doubted)
	for _, r := range o.Regressions {
		s += fmt.Sprintf("regression %d %s: %s\n", r.ID, r.State, r.Note)
	}
	for _, row := range o.Builders {
		s += row.Builder.Name() + ":"
		for _, b := range row.Recent {
			s += fmt.Sprintf(" %d=%s/%s/%s(%s)", b.ID, b.State, b.Outcome, b.Judgement, b.Reason.Text)
		}
		s += "\n"
	}
	return s
}
