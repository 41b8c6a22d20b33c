package bench

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir/internal/bench/process"
)

//go:embed buildbot
var buildbotFiles embed.FS

// trueBuilders is how many builders of the configuration run true. Buildbot
// gives a worker one build of a builder at a time.
const (
	trueBuilders  = 8
	otherBuilders = 4
)

// Buildbot is Buildbot as Debian packages it, on SQLite.
type Buildbot struct {
	dir    string
	http   int
	pb     int
	web    *web
	master *process.Process
	worker *process.Process
	env    []string
	events *buildbotEvents
}

// NewBuildbot prepares a master and a worker below dir.
func NewBuildbot(ctx context.Context, dir, shared string, drips int) (*Buildbot, error) {
	for _, name := range []string{"buildbot", "buildbot-worker"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("%s is not installed; run: apt-get install -y buildbot buildbot-worker", name)
		}
	}
	sub, err := fs.Sub(buildbotFiles, "buildbot")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, sub); err != nil {
		return nil, err
	}
	b := &Buildbot{dir: dir, web: newWeb()}
	if b.http, err = freePort(); err != nil {
		return nil, err
	}
	if b.pb, err = freePort(); err != nil {
		return nil, err
	}
	b.env = []string{"PYTHONPATH=" + filepath.Join(dir, "plugin"), "BENCH_FILES=" + shared, "BENCH_DB=sqlite:///state.sqlite",
		fmt.Sprint("BENCH_PB=", b.pb), fmt.Sprint("BENCH_HTTP=", b.http), fmt.Sprint("BENCH_DRIPS=", drips), "BENCH_SLOTS=8"}
	for _, args := range [][]string{
		{"buildbot", "create-master", "--relocatable", "master"},
		{"buildbot-worker", "create-worker", "--relocatable", "--maxretries=1000", "worker", fmt.Sprint("127.0.0.1:", b.pb), "bench", "bench"},
	} {
		if _, err := process.Run(ctx, process.Command{Dir: dir, Env: b.env, Args: args}); err != nil {
			return nil, err
		}
	}
	return b, os.Rename(filepath.Join(dir, "master.cfg"), filepath.Join(dir, "master", "master.cfg"))
}

// Version is the version of the program.
func (b *Buildbot) Version(ctx context.Context) string {
	out, err := process.Run(ctx, process.Command{Dir: b.dir, Args: []string{"buildbot", "--version"}})
	if err != nil {
		return "Buildbot"
	}
	first, _, _ := strings.Cut(out, "\n")
	return strings.Replace(first, "Buildbot version:", "Buildbot", 1)
}

// Name implements Subject.
func (b *Buildbot) Name() string { return buildbotColumn }

func (b *Buildbot) url(format string, args ...any) string {
	return fmt.Sprintf("http://127.0.0.1:%d/", b.http) + fmt.Sprintf(format, args...)
}

// Start implements Subject.
func (b *Buildbot) Start(ctx context.Context) error {
	var err error
	b.master, err = process.Start(process.Command{Dir: filepath.Join(b.dir, "master"), Log: filepath.Join(b.dir, "master.out"), Env: b.env,
		Args: []string{"buildbot", "start", "--nodaemon"}})
	if err != nil {
		return err
	}
	return b.web.await(ctx, b.master, b.url("api/v2"))
}

// setSlots rewrites how many builds the master gives to its worker, which it
// reads when it starts.
func (b *Buildbot) setSlots(ctx context.Context, slots int) error {
	b.env[len(b.env)-1] = fmt.Sprint("BENCH_SLOTS=", slots)
	if err := b.closeEvents(); err != nil {
		return err
	}
	if err := b.master.Stop(); err != nil {
		return err
	}
	return b.Start(ctx)
}

// StartWorker implements Subject. The number of slots is the master's to
// know, so it is started again if that changes.
func (b *Buildbot) StartWorker(ctx context.Context, slots int) error {
	if b.env[len(b.env)-1] != fmt.Sprint("BENCH_SLOTS=", slots) {
		if err := b.setSlots(ctx, slots); err != nil {
			return err
		}
	}
	var err error
	if b.events == nil {
		if b.events, err = followBuildbot(ctx, b.url("sse/listen/builds/*/*")); err != nil {
			return err
		}
	}
	before, err := b.attached()
	if err != nil {
		return err
	}
	b.worker, err = process.Start(process.Command{Dir: filepath.Join(b.dir, "worker"), Log: filepath.Join(b.dir, "worker.out"), Env: b.env,
		Args: []string{"buildbot-worker", "start", "--nodaemon"}})
	if err != nil {
		return err
	}
	for {
		now, err := b.attached()
		if err != nil || now-before >= otherBuilders+trueBuilders {
			return err
		}
		if err := errors.Join(b.worker.Alive(), b.master.Alive(), pause(ctx, 20*time.Millisecond)); err != nil {
			return err
		}
	}
}

// attached counts how often the worker was made known to a builder. The API
// says earlier that a worker is connected, and a master that is stopped between
// the two does not end.
func (b *Buildbot) attached() (int, error) {
	data, err := os.ReadFile(filepath.Join(b.dir, "master", "twistd.log"))
	return bytes.Count(data, []byte("Worker bench attached to ")), err
}

// StopWorker implements Subject.
func (b *Buildbot) StopWorker() error {
	w := b.worker
	b.worker = nil
	return w.Stop()
}

func (b *Buildbot) closeEvents() error {
	if b.events == nil {
		return nil
	}
	e := b.events
	b.events = nil
	return e.close()
}

// Stop implements Subject.
func (b *Buildbot) Stop() error {
	err := errors.Join(b.StopWorker(), b.closeEvents(), b.master.Stop())
	b.master = nil
	return err
}

// Parts implements Subject.
func (b *Buildbot) Parts() Parts {
	master := filepath.Join(b.dir, "master")
	return Parts{Server: b.master, Worker: b.worker, Stored: func(context.Context) (float64, error) {
		files, err := filepath.Glob(filepath.Join(master, "state.sqlite*")) // not its own logs
		if err != nil {
			return 0, err
		}
		return process.DirBytes(files...)
	}}
}

// force triggers a build and returns the id of its request.
func (b *Buildbot) force(ctx context.Context, builder string) (int64, error) {
	var answer struct {
		Result []json.RawMessage `json:"result"` // buildset, {builder: request}
	}
	body := map[string]any{"jsonrpc": "2.0", "method": "force", "id": 1, "params": map[string]string{"owner": "bench", "reason": "bench"}}
	if err := b.web.call(ctx, http.MethodPost, b.url("api/v2/forceschedulers/force-%s", builder), body, &answer); err != nil {
		return 0, err
	}
	var requests map[string]int64
	if len(answer.Result) != 2 || json.Unmarshal(answer.Result[1], &requests) != nil {
		return 0, fmt.Errorf("buildbot's answer to force is not as expected: %s", answer.Result)
	}
	for _, id := range requests {
		return id, nil
	}
	return 0, errors.New("buildbot made no request")
}

// Run implements Subject.
func (b *Buildbot) Run(ctx context.Context, job Job) (Trip, error) {
	builder := string(job)
	if job == JobTrue {
		builder += "0"
	}
	trip := Trip{Sent: time.Now()}
	request, err := b.force(ctx, builder)
	if err != nil {
		return trip, err
	}
	end, err := b.events.await(ctx, request)
	trip.Build, trip.Ended, trip.Settled = end.build, end.at, end.at
	return trip, err
}

// Queue implements Subject.
func (b *Buildbot) Queue(ctx context.Context, count, connections int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(connections)
	for i := range count {
		group.Go(func() error {
			_, err := b.force(ctx, fmt.Sprint("true", i%trueBuilders))
			return err
		})
	}
	return group.Wait()
}

// Drain implements Subject.
func (b *Buildbot) Drain(ctx context.Context) (time.Duration, error) {
	for {
		var list struct {
			Requests []any `json:"buildrequests"`
		}
		if err := b.web.call(ctx, http.MethodGet, b.url("api/v2/buildrequests?complete=false&limit=1"), nil, &list); err != nil {
			return 0, err
		}
		if len(list.Requests) == 0 {
			return b.events.span(), nil
		}
		if err := errors.Join(b.master.Alive(), b.worker.Alive(), pause(ctx, 500*time.Millisecond)); err != nil {
			return 0, err
		}
	}
}

// Log implements Subject.
func (b *Buildbot) Log(ctx context.Context, build int64) (LogURLs, error) {
	var steps struct {
		Steps []struct{ Stepid int64 } `json:"steps"`
	}
	if err := b.web.call(ctx, http.MethodGet, b.url("api/v2/builds/%d/steps", build), nil, &steps); err != nil {
		return LogURLs{}, err
	}
	for _, step := range steps.Steps {
		var logs struct {
			Logs []struct {
				Logid    int64 `json:"logid"`
				NumLines int64 `json:"num_lines"`
			} `json:"logs"`
		}
		if err := b.web.call(ctx, http.MethodGet, b.url("api/v2/steps/%d/logs", step.Stepid), nil, &logs); err != nil {
			return LogURLs{}, err
		}
		for _, l := range logs.Logs {
			at := func(line int) string {
				return b.url("api/v2/logs/%d/contents?offset=%d&limit=200", l.Logid, line)
			}
			return LogURLs{Whole: b.url("api/v2/logs/%d/raw", l.Logid), Tail: at(int(max(0, l.NumLines-200))), Middle: at}, nil
		}
	}
	return LogURLs{}, fmt.Errorf("buildbot has no log of build %d", build)
}

// ended is the end of a build.
type ended struct {
	build int64
	at    time.Time
}

// buildbotEvents listens to the master's event stream.
type buildbotEvents struct {
	close func() error
	mu    sync.Mutex
	ends  map[int64]ended // by request
	first time.Time       // start of the first build since the last span
	last  time.Time
	news  chan struct{} // closed and replaced at each end
	err   error
}

func followBuildbot(ctx context.Context, url string) (*buildbotEvents, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	answer, err := newWeb().client.Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	done := make(chan struct{})
	e := &buildbotEvents{ends: map[int64]ended{}, news: make(chan struct{})}
	e.close = func() error {
		cancel()
		<-done
		return nil
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	lines.Scan() // the handshake: from here on nothing is missed
	go func() {
		defer close(done)
		defer answer.Body.Close()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				e.take([]byte(data))
			}
		}
		e.mu.Lock()
		e.err = errors.Join(errors.New("buildbot's event stream has ended"), lines.Err())
		close(e.news)
		e.mu.Unlock()
	}()
	return e, nil
}

func (e *buildbotEvents) take(data []byte) {
	now := time.Now()
	var event struct {
		Key     []string `json:"key"`
		Message struct {
			Build   int64 `json:"buildid"`
			Request int64 `json:"buildrequestid"`
		} `json:"message"`
	}
	if json.Unmarshal(data, &event) != nil || len(event.Key) != 3 {
		return // the handshake
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch event.Key[2] {
	case "new":
		if e.first.IsZero() {
			e.first = now
		}
	case "finished":
		e.ends[event.Message.Request] = ended{event.Message.Build, now}
		e.last = now
		close(e.news)
		e.news = make(chan struct{})
	}
}

// await waits for the end of the build of a request.
func (e *buildbotEvents) await(ctx context.Context, request int64) (ended, error) {
	for {
		e.mu.Lock()
		end, ok := e.ends[request]
		news, err := e.news, e.err
		if ok {
			e.first = time.Time{} // measured alone
		}
		e.mu.Unlock()
		if ok || err != nil {
			return end, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return end, context.Cause(ctx)
		}
	}
}

// span is the time from the first start to the last end since the last call.
func (e *buildbotEvents) span() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.last.Sub(e.first)
	e.first = time.Time{}
	return d
}
