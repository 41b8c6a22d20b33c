package chaos

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

// Options say what to run.
type Options struct {
	Program  string // built with the tag weir_chaos
	Dir      string // absolute, empty, and short: everything is kept in it
	Database string // a postgres:// address; empty: SQLite
	Seed     uint64
	Faults   int
	Profile  Profile
	// Brief leaves out the second start, and does not wait for long.
	Brief bool
	Say   func(format string, args ...any) // nil: nothing is said on the way
}

// Report is what came of a run.
type Report struct {
	Options  Options
	Tally    Tally
	Counts   Counts
	Problems []string // empty: all is well
	Memory   int64    // the most that a server had, in bytes
	Took     time.Duration
}

// String is one line.
func (r Report) String() string {
	database := "sqlite"
	if r.Options.Database != "" {
		database = "postgres"
	}
	verdict := "ok"
	if n := len(r.Problems); n > 0 {
		verdict = fmt.Sprintf("%d PROBLEMS", n)
	}
	c := r.Counts
	lost := strconv.Itoa(c.Lost)
	if c.Lost > 0 {
		lost += " lost: " + c.Reasons
	} else {
		lost += " lost"
	}
	return fmt.Sprintf("seed %d %s %s: %d faults (%s); %d builds in %d attempts (%s; %d undelivered; %d builds given up), %d lines; servers up to %d MiB; %.0fs: %s",
		r.Options.Seed, database, r.Options.Profile.Name, r.Tally.Total(), r.Tally, c.Builds, c.Attempts, lost, c.Undelivered, c.GivenUp,
		c.Lines, r.Memory>>20, r.Took.Seconds(), verdict)
}

// run is a run while it lasts.
type run struct {
	*farm
	load *load
	full sync.Mutex // held while the small disk is full

	mu       sync.Mutex
	tally    Tally
	ended    map[weir.AttemptID]string // how they were when they were first seen to have ended
	problems []string
	memory   memory
}

// Do plays a script and checks what is left. The error says that it could not
// be played at all; what is wrong with the farm is in the report.
func Do(ctx context.Context, o Options) (Report, error) {
	begun := time.Now()
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	f, err := newFarm(ctx, o)
	if err != nil {
		if f != nil {
			f.stop(ctx)
		}
		return Report{Options: o}, err
	}
	defer f.stop(ctx)
	r := &run{farm: f, tally: Tally{}, ended: map[weir.AttemptID]string{}, load: newLoad(f.clients, f.admin, o.Profile.Jobs)}
	if err := r.play(ctx); err != nil {
		return Report{Options: o}, err
	}
	var e Evidence
	if r.quiet(ctx) {
		r.o.Say("quiet after %.0fs", time.Since(begun).Seconds())
	}
	if e, err = r.evidence(ctx); err != nil {
		return Report{Options: o}, err
	}
	counts, problems := Check(e, o.Profile.Patient)
	r.problems = append(r.problems, problems...)
	if !o.Brief {
		r.restart(ctx, e)
	}
	for _, n := range r.nodes() {
		r.problems = append(r.problems, n.problems()...)
	}
	r.problems = append(r.problems, r.memory.problems()...)
	return Report{Options: o, Tally: r.tally, Counts: counts, Problems: r.problems, Memory: r.memory.most(), Took: time.Since(begun)}, ctx.Err()
}

func (r *run) complain(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// play has the farm work while faults happen, and heals it.
func (r *run) play(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	for _, watch := range []func(context.Context){r.load.run, r.watch, r.memory.sample(r.servers)} {
		watchers.Go(func() { watch(watching) })
	}
	defer watchers.Wait()
	defer stop()
	if err := r.load.begun(ctx); err != nil {
		return err
	}
	begun := time.Now()
	var faults sync.WaitGroup
	for _, f := range Script(r.o.Seed, r.o.Profile, r.o.Faults) {
		if !pause(ctx, time.Until(begun.Add(f.At))) {
			break
		}
		faults.Go(func() {
			if r.hit(ctx, f) {
				r.mu.Lock()
				r.tally[f.Kind]++
				r.mu.Unlock()
			}
		})
	}
	faults.Wait()
	r.o.Say("%d faults in %.0fs, %d builds asked for", r.tally.Total(), time.Since(begun).Seconds(), len(r.load.asked()))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return r.heal()
}

// anyClient is one of the servers, whichever.
func (r *run) anyClient() *client.Client { return r.clients[rand.IntN(len(r.clients))] } //nolint:gosec // nothing secret

// watch looks for attempts that were taken from their workers, so that it can
// be said at the end whether they went on.
func (r *run) watch(ctx context.Context) {
	for pause(ctx, 400*ms) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		builds, err := r.anyClient().Builds(ctx, client.BuildQuery{Limit: 200})
		if err != nil { // a server may be away
			builds = nil
		}
		for _, b := range builds {
			if b.Attempts < 2 && b.Outcome != weir.Infra && b.State != weir.Queued {
				continue
			}
			if b.Attempts == 0 || ctx.Err() != nil {
				continue
			}
			d, err := r.anyClient().Build(ctx, b.ID)
			if err != nil {
				continue
			}
			r.note(d)
		}
		cancel()
	}
}

func (r *run) note(d client.BuildDetail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range d.Attempts {
		if _, seen := r.ended[a.ID]; !seen && !a.Live() && a.Outcome == weir.Infra {
			r.ended[a.ID] = fingerprint(a)
		}
	}
}

// fingerprint is everything that an attempt contributed.
func fingerprint(a client.AttemptDetail) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)", a.Outcome, a.Reason.Code)
	for _, s := range a.Steps {
		fmt.Fprintf(&b, ", %s %s %d bytes", s.Name, s.State, s.LogBytes)
	}
	return b.String()
}

// quiet waits until nothing waits or runs.
func (r *run) quiet(ctx context.Context) bool {
	patience := quietPatience + 5*r.o.Profile.Lease
	if r.o.Brief {
		patience = briefPatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	last := ""
	for pause(ctx, 200*ms) {
		o, err := r.anyClient().Overview(ctx)
		if err != nil {
			last = err.Error()
			continue
		}
		left := 0
		for state, n := range o.Queue {
			if !state.Final() {
				left += n
			}
		}
		if left == 0 && len(o.Running) == 0 {
			return true
		}
		last = fmt.Sprintf("queue %v, %d running", o.Queue, len(o.Running))
	}
	r.complain("the farm does not become quiet: %s", last)
	return false
}

// quietPatience is how long a healed farm may need for what is left, beside
// the leases that have to run out.
const (
	quietPatience = patience
	briefPatience = 3 * time.Second
)

// evidence reads everything that the farm says happened.
func (r *run) evidence(ctx context.Context) (Evidence, error) {
	marks, err := readMarks(r.dir + "/marks")
	if err != nil {
		return Evidence{}, err
	}
	e := Evidence{Asked: r.load.asked(), Runs: marks}
	builds, err := r.builds(ctx)
	if err != nil {
		return e, err
	}
	for _, b := range builds {
		seen := BuildSeen{Build: b}
		d, err := r.clients[0].Build(ctx, b.ID)
		if err != nil {
			return e, err
		}
		for _, a := range d.Attempts {
			attempt := AttemptSeen{Attempt: a.Attempt}
			for _, s := range a.Steps {
				step := StepSeen{StepRecord: s.StepRecord}
				if s.LogBytes > 0 && ourStep(b.Builder.Job, s.Name) {
					if step.Log, err = r.log(ctx, a.ID, s); err != nil {
						r.complain("the log of step %s of attempt %s cannot be read: %v", s.Name, a.ID, err)
					}
				}
				attempt.Steps = append(attempt.Steps, step)
			}
			seen.Attempts = append(seen.Attempts, attempt)
			if then, ok := r.ended[a.ID]; ok {
				e.Ended = append(e.Ended, Ended{a.ID, then, fingerprint(a)})
			}
		}
		e.Builds = append(e.Builds, seen)
	}
	o, err := r.clients[0].Overview(ctx)
	e.Queue = o.Queue
	return e, err
}

func ourStep(name, step string) bool {
	j, ok := findJob(name)
	return ok && slices.ContainsFunc(j.steps, func(s loadStep) bool { return s.name == step })
}

// builds lists all builds, newest first.
func (r *run) builds(ctx context.Context) ([]weir.Build, error) {
	var all []weir.Build
	q := client.BuildQuery{Limit: 1000}
	for {
		list, err := r.clients[0].Builds(ctx, q)
		if err != nil || len(list) == 0 {
			return all, err
		}
		all, q.Before = append(all, list...), list[len(list)-1].ID
	}
}

// log reads a step's log as it comes and compares it.
func (r *run) log(ctx context.Context, id weir.AttemptID, s client.StepDetail) (Log, error) {
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(r.clients[len(r.clients)-1].CopyLog(ctx, pw, id, s.Index)) }()
	l, err := readLog(pr, id.Build, s.Name)
	pr.Close()
	return l, err
}

// restart ends everything and starts it again: there must be nothing left, and
// nothing to do.
func (r *run) restart(ctx context.Context, e Evidence) {
	r.farewell()
	r.leftovers(ctx)
	age(r.dir + "/data/blobs")
	for _, n := range r.nodes() {
		if err := n.start(); err != nil {
			r.complain("%v", err)
		}
	}
	if err := r.ready(ctx); err != nil {
		r.complain("after the second start: %v", err)
		return
	}
	pause(ctx, 2*time.Second) // somebody could ask for work
	again, err := r.builds(ctx)
	switch {
	case err != nil:
		r.complain("after the second start: %v", err)
	case len(again) != len(e.Builds):
		r.complain("after the second start there are %d builds, before %d", len(again), len(e.Builds))
	default:
		for i, b := range again {
			if was := e.Builds[i]; b.State != was.State || b.Attempts != was.Build.Attempts || b.Outcome != was.Outcome {
				r.complain("after the second start build %d is %s in %d attempts, before %s in %d", b.ID, b.State, b.Attempts, was.State, was.Build.Attempts)
			}
		}
	}
	r.farewell()
	r.leftovers(ctx)
	for _, file := range unfinished(r.dir + "/data/blobs") {
		r.complain("the blob store has an unfinished file after a start: %s", file)
	}
}

// leftovers checks that nothing is left when everything has ended.
func (r *run) leftovers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, n := range r.nodes() {
		var list []process
		for {
			if list = processes(n.dir); len(list) == 0 || !pause(ctx, 100*ms) {
				break
			}
		}
		for _, p := range list {
			r.complain("%s has ended and left process %d: %s", n.name, p.pid, p.command)
		}
		for _, file := range files(n.dir + "/tmp") {
			r.complain("%s has left a temporary file: %s", n.name, file)
		}
	}
	for _, n := range r.workers {
		for _, file := range workFiles(n.dir + "/disk/worker") {
			r.complain("%s has left something of an attempt: %s", n.name, file)
		}
	}
}
