package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"

	"github.com/weir-ci/weir/internal/bench/process"
)

// workerName is the name of the one worker of every subject.
const workerName = "bench"

// Weir is a server and a worker of this program.
type Weir struct {
	WeirOptions
	name     string
	settled  bool // the builds that a new farm makes are done
	port     int
	database string // its name in PostgreSQL
	web      *web
	token    string // the worker's
	server   *process.Process
	worker   *process.Process
	queued   []weir.BuildID
}

// WeirOptions are what a farm is made of.
type WeirOptions struct {
	Program  string // the weir to run
	Dir      string
	files    files // what the jobs read and leave
	Drips    int   // lines that JobDrip prints
	Jobs     []Job // that it has a project for
	Projects int   // so many more projects, which never run by themselves
	Env      []string
	postgres *postgres // nil: SQLite
}

// NewWeir prepares a farm.
func NewWeir(ctx context.Context, o WeirOptions) (*Weir, error) {
	w := &Weir{WeirOptions: o, name: sqliteColumn, web: newWeb()}
	if o.postgres != nil {
		w.name = postgresColumn
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if w.port, err = freePort(); err != nil {
		return nil, err
	}
	if o.postgres != nil {
		if w.database, err = o.postgres.database(ctx); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(w.Jobs, Job.pushed) {
		if err := w.commit(ctx); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(w.farmFile(), []byte(w.config()), 0o600); err != nil {
		return nil, err
	}
	if w.token, err = w.verb(ctx, "token", "add", workerName); err != nil {
		return nil, err
	}
	w.web.token, err = w.verb(ctx, "token", "add", "boss", "--admin")
	return w, err
}

func (w *Weir) farmFile() string { return filepath.Join(w.Dir, "weir.yaml") }

// verb runs a verb of the command line on the farm file.
func (w *Weir) verb(ctx context.Context, args ...string) (string, error) {
	return process.Run(ctx, process.Command{Dir: w.Dir, Env: w.Env, Args: append(append([]string{w.Program}, args...), "-f", w.farmFile())})
}

// Name implements Subject.
func (w *Weir) Name() string { return w.name }

func (w *Weir) url(format string, args ...any) string {
	return fmt.Sprintf("http://127.0.0.1:%d/", w.port) + fmt.Sprintf(format, args...)
}

// Start implements Subject.
func (w *Weir) Start(ctx context.Context) error {
	var err error
	w.server, err = process.Start(process.Command{Dir: w.Dir, Log: filepath.Join(w.Dir, "server.log"), Env: w.Env,
		Args: []string{w.Program, "serve", w.farmFile()}})
	if err != nil {
		return err
	}
	return w.web.await(ctx, w.server, w.url(""))
}

// StartWorker implements Subject.
func (w *Weir) StartWorker(ctx context.Context, slots int) error {
	var err error
	w.worker, err = process.Start(process.Command{Dir: w.Dir, Log: filepath.Join(w.Dir, "worker.log"),
		Env: append([]string{"WEIR_TOKEN=" + w.token}, w.Env...),
		Args: []string{w.Program, "worker", "--server", w.url(""), "--slots", strconv.Itoa(slots),
			"--dir", filepath.Join(w.Dir, "worker"), "--products", filepath.Join(w.Dir, "products")}})
	if err != nil {
		return err
	}
	for {
		var o client.Overview
		if err := w.web.call(ctx, http.MethodGet, w.url("api/v1/overview"), nil, &o); err != nil {
			return err
		}
		for _, known := range o.Workers {
			if known.Name == workerName && known.Slots == slots {
				return w.settle(ctx)
			}
		}
		if err := errors.Join(w.worker.Alive(), pause(ctx, 5*time.Millisecond)); err != nil {
			return err
		}
	}
}

// settle waits until what a new farm builds by itself is done.
func (w *Weir) settle(ctx context.Context) error {
	if w.settled {
		return nil
	}
	for _, job := range w.Jobs {
		for {
			build, err := w.newest(ctx, job)
			if err != nil {
				return err
			}
			if build.State.Final() && build.Judgement != weir.Unjudged {
				break
			}
			if err := errors.Join(w.server.Alive(), w.worker.Alive(), pause(ctx, 10*time.Millisecond)); err != nil {
				return err
			}
		}
	}
	w.settled = true
	if err := os.Remove(w.files.path("stamp")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(w.files.path("on"), nil, 0o600)
}

// newest is the newest build of a job's project; the zero value if there is none.
func (w *Weir) newest(ctx context.Context, job Job) (weir.Build, error) {
	var list []weir.Build
	err := w.web.call(ctx, http.MethodGet, w.url("api/v1/builds?limit=1&project=%s", job), nil, &list)
	if err != nil || len(list) == 0 {
		return weir.Build{}, err
	}
	return list[0], nil
}

// StopWorker implements Subject.
func (w *Weir) StopWorker() error {
	p := w.worker
	w.worker = nil
	return p.Stop()
}

// Stop implements Subject.
func (w *Weir) Stop() error {
	err := errors.Join(w.StopWorker(), w.server.Stop())
	w.server = nil
	return err
}

// Parts implements Subject.
func (w *Weir) Parts() Parts {
	p := Parts{Server: w.server, Worker: w.worker}
	data := filepath.Join(w.Dir, "data")
	p.Stored = func(context.Context) (float64, error) { return process.DirBytes(data) }
	p.Packing = w.packing
	if w.postgres != nil {
		p.Database = w.postgres.server
		p.Stored = func(ctx context.Context) (float64, error) {
			size, err := w.postgres.size(ctx, w.database)
			blobs, err2 := process.DirBytes(data)
			return size + blobs, errors.Join(err, err2)
		}
	}
	return p
}

// force triggers builds of a job.
func (w *Weir) force(ctx context.Context, job Job, count int) ([]weir.BuildID, error) {
	var answer struct {
		Builds []weir.BuildID `json:"builds"`
	}
	err := w.web.call(ctx, http.MethodPost, w.url("api/v1/runs"), map[string]any{"project": string(job), "count": count, "reason": "bench"}, &answer)
	if err == nil && len(answer.Builds) != count {
		err = fmt.Errorf("%d builds forced, %d made", count, len(answer.Builds))
	}
	return answer.Builds, err
}

// Run implements Subject.
func (w *Weir) Run(ctx context.Context, job Job) (Trip, error) {
	after, err := w.lastEvent(ctx)
	if err != nil {
		return Trip{}, err
	}
	trip := Trip{Sent: time.Now()}
	id, err := w.trigger(ctx, job)
	if err != nil {
		return trip, err
	}
	trip.Build = int64(id)
	build, after, err := w.await(ctx, after, id, func(b weir.Build) bool { return b.State.Final() })
	if err != nil {
		return trip, err
	}
	trip.Ended = time.Now()
	if build.Outcome != weir.Passed {
		return trip, fmt.Errorf("build %d is %s: %s", build.ID, build.Outcome, build.Reason.Text)
	}
	if build.Judgement == weir.Unjudged {
		if _, _, err := w.await(ctx, after, id, func(b weir.Build) bool { return b.Judgement != weir.Unjudged }); err != nil {
			return trip, err
		}
	}
	trip.Settled = time.Now()
	return trip, nil
}

// trigger makes one build of a job and returns its id as soon as it is known.
func (w *Weir) trigger(ctx context.Context, job Job) (weir.BuildID, error) {
	if !job.pushed() {
		ids, err := w.force(ctx, job, 1)
		if err != nil {
			return 0, err
		}
		return ids[0], nil
	}
	last, err := w.newest(ctx, job)
	if err != nil {
		return 0, err
	}
	if err := w.commit(ctx); err != nil {
		return 0, err
	}
	for {
		build, err := w.newest(ctx, job)
		if err != nil || build.ID > last.ID {
			return build.ID, err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// events waits for what happens after an event, and returns the number of the
// last one. client.FromNow does not wait.
func (w *Weir) events(ctx context.Context, after int64) ([]weir.Event, int64, error) {
	var list struct {
		Events []weir.Event
		Last   int64
	}
	err := w.web.call(ctx, http.MethodGet, w.url("api/v1/events?after=%d", after), nil, &list)
	return list.Events, list.Last, err
}

func (w *Weir) lastEvent(ctx context.Context) (int64, error) {
	_, last, err := w.events(ctx, client.FromNow)
	return last, err
}

// await follows the events after the given one until a build is as it is asked
// for, and returns the number of the last event it saw.
func (w *Weir) await(ctx context.Context, after int64, id weir.BuildID, enough func(weir.Build) bool) (weir.Build, int64, error) {
	subject := strconv.FormatInt(int64(id), 10)
	for {
		events, last, err := w.events(ctx, after)
		if err != nil {
			return weir.Build{}, after, errors.Join(err, w.server.Alive())
		}
		after = last
		for _, e := range events {
			if e.Kind != weir.EventBuild || e.Subject != subject {
				continue
			}
			build, err := w.build(ctx, id)
			if err != nil || enough(build) {
				return build, after, err
			}
			break // what else is in the list has happened already
		}
	}
}

func (w *Weir) detail(ctx context.Context, id weir.BuildID) (d client.BuildDetail, err error) {
	err = w.web.call(ctx, http.MethodGet, w.url("api/v1/builds/%d", id), nil, &d)
	return d, err
}

func (w *Weir) build(ctx context.Context, id weir.BuildID) (weir.Build, error) {
	d, err := w.detail(ctx, id)
	return d.Build, err
}

// Queue implements Subject.
func (w *Weir) Queue(ctx context.Context, count, connections int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(connections)
	ids := make([]weir.BuildID, count)
	for i := range count {
		group.Go(func() error {
			made, err := w.force(ctx, JobTrue, 1)
			if err == nil {
				ids[i] = made[0]
			}
			return err
		})
	}
	w.queued = ids
	return group.Wait()
}

// Drain implements Subject. It asks little, because answers cost the server
// processor time, and takes the times from the server's records.
func (w *Weir) Drain(ctx context.Context) (time.Duration, error) {
	slices.Sort(w.queued)
	for {
		build, err := w.build(ctx, w.queued[len(w.queued)-1])
		if err != nil {
			return 0, err
		}
		if build.State.Final() {
			break
		}
		if err := errors.Join(w.server.Alive(), w.worker.Alive(), pause(ctx, 100*time.Millisecond)); err != nil {
			return 0, err
		}
	}
	last, err := w.lastEnd(ctx)
	if err != nil {
		return 0, err
	}
	d, err := w.detail(ctx, w.queued[0]) // the first to be queued is the first to be leased
	if err != nil {
		return 0, err
	}
	if len(d.Attempts) == 0 {
		return 0, fmt.Errorf("build %d ended without an attempt", w.queued[0])
	}
	w.queued = nil
	return last.Sub(d.Attempts[0].Leased), nil
}

// lastEnd waits until all queued builds have ended, as they should, and says
// when the last of them did.
func (w *Weir) lastEnd(ctx context.Context) (time.Time, error) {
	var last time.Time
	before := w.queued[len(w.queued)-1] + 1
	for before > w.queued[0] {
		var list []weir.Build
		if err := w.web.call(ctx, http.MethodGet, w.url("api/v1/builds?project=%s&limit=1000&before=%d", JobTrue, before), nil, &list); err != nil {
			return last, err
		}
		for _, build := range list {
			if build.ID < w.queued[0] {
				return last, nil
			}
			if !build.State.Final() { // another slot is about to end it
				break
			}
			if build.Outcome != weir.Passed {
				return last, fmt.Errorf("build %d is %s: %s", build.ID, build.Outcome, build.Reason.Text)
			}
			before = build.ID
			if build.Finished.After(last) {
				last = build.Finished
			}
		}
		if len(list) == 0 {
			break
		}
		if err := errors.Join(w.server.Alive(), pause(ctx, time.Millisecond)); err != nil {
			return last, err
		}
	}
	return last, nil
}

// Log implements Subject. It is that of the step that printed most.
func (w *Weir) Log(ctx context.Context, build int64) (LogURLs, error) {
	d, err := w.detail(ctx, weir.BuildID(build))
	if err != nil {
		return LogURLs{}, err
	}
	if len(d.Attempts) == 0 {
		return LogURLs{}, fmt.Errorf("build %d has no attempt", build)
	}
	attempt := d.Attempts[len(d.Attempts)-1]
	step, most := 0, int64(-1)
	for _, s := range attempt.Steps {
		if s.LogBytes > most {
			step, most = s.Index, s.LogBytes
		}
	}
	base := w.url("api/v1/builds/%d/attempts/%d/steps/%d/log", build, attempt.ID.Number, step)
	at := func(line int) string {
		// 200 lines are about 16 KB; the rest of the last line may be cut.
		return base + "?" + url.Values{"line": {strconv.Itoa(line)}, "bytes": {"16384"}}.Encode()
	}
	return LogURLs{Whole: base + "/raw", Tail: at(-200), Middle: at}, nil
}

// Page is the address of a build's page.
func (w *Weir) Page(build int64) string { return w.url("builds/%d", build) }
