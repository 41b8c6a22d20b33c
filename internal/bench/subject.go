package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir/internal/bench/process"
)

// Subject is a farm that is measured: a server, one worker, and a few jobs
// that it knows by name (see Job).
type Subject interface {
	// Name is the subject's column.
	Name() string
	// Start starts the server and returns when it answers.
	Start(ctx context.Context) error
	// StartWorker starts the worker and returns when the server knows it.
	StartWorker(ctx context.Context, slots int) error
	// StopWorker ends the worker, if there is one.
	StopWorker() error
	// Stop ends everything.
	Stop() error
	// Run triggers one build of a job and waits for its end.
	Run(ctx context.Context, job Job) (Trip, error)
	// Queue triggers so many trivial builds over several connections.
	Queue(ctx context.Context, count, connections int) error
	// Drain waits until all that is queued is done, and returns how long that
	// took from the start of the first build to the end of the last.
	Drain(ctx context.Context) (time.Duration, error)
	// Parts are the processes and files that belong to the server and to the worker.
	Parts() Parts
	// Log is where the log of a build's step can be read.
	Log(ctx context.Context, build int64) (LogURLs, error)
}

// Job is something that every subject knows how to build.
type Job string

// The jobs.
const (
	JobTrue  Job = "true"  // does nothing
	JobStamp Job = "stamp" // appends the time in nanoseconds to the file stamp
	JobDrip  Job = "drip"  // prints the time in nanoseconds ten times a second
	JobLog   Job = "log"   // prints the file log
	JobPush  Job = "push"  // as JobStamp, after a commit; Weir only
	JobJUnit Job = "junit" // reports the file junit.xml, then does what JobStamp does
)

// Trip is a build as seen from outside.
type Trip struct {
	Build int64
	// Sent is when the request was about to be sent, Ended when the event
	// stream had told of the end, Settled when it had told of the verdict;
	// Settled is Ended for subjects without verdicts.
	Sent, Ended, Settled time.Time
}

// Parts are what a subject consists of.
type Parts struct {
	Server, Worker *process.Process
	Database       *process.Process // nil if the server holds the database itself
	Stored         func(ctx context.Context) (float64, error)
	// Packing reports whether the server has logs of ended builds left to put
	// together; nil if it does nothing of the kind.
	Packing func(ctx context.Context) (bool, error)
}

// LogURLs are the addresses of parts of a log; empty ones cannot be read.
type LogURLs struct {
	Whole string
	Tail  string // the last 200 lines
	// Middle returns the address of 200 lines from the given one on.
	Middle func(line int) string
}

// files is where jobs find what they print and leave what they measure.
type files string

func (f files) path(name string) string { return filepath.Join(string(f), name) }

// stamp reads and removes what the one build left that wrote the time down.
func (f files) stamp() (time.Time, error) {
	data, err := os.ReadFile(f.path("stamp"))
	if err != nil {
		return time.Time{}, err
	}
	stamps := parseStamps(string(data))
	if len(stamps) != 1 {
		return time.Time{}, fmt.Errorf("a build left %d times, not 1: %.200q", len(stamps), data)
	}
	return stamps[0], os.Remove(f.path("stamp"))
}

// parseStamps reads times in nanoseconds, one a line; other lines are passed over.
func parseStamps(text string) []time.Time {
	var out []time.Time
	for line := range strings.Lines(text) {
		if n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64); err == nil {
			out = append(out, time.Unix(0, n))
		}
	}
	return out
}

// freePort finds a port that nobody uses at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// web talks to a subject.
type web struct {
	client *http.Client
	token  string
}

func newWeb() *web {
	return &web{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}}
}

// call sends a request, with a body as JSON unless it is nil, and decodes the
// answer into out unless that is nil.
func (w *web) call(ctx context.Context, method, url string, body, out any) error {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if w.token != "" {
		request.Header.Set("Authorization", "Bearer "+w.token)
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.500s", method, url, answer.Status, data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// fetch reads a page to its end and says how long that took and how long it is.
func (w *web) fetch(ctx context.Context, url string) (time.Duration, int64, error) {
	begin := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, 0, err
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, answer.Status)
	}
	return time.Since(begin), n, err
}

// await asks for a page until it is there.
func (w *web) await(ctx context.Context, p *process.Process, url string) error {
	for {
		if _, _, err := w.fetch(ctx, url); err == nil {
			return nil
		}
		if err := p.Alive(); err != nil {
			return err
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits, unless the context ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
