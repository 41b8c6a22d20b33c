package leasemodel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// database is a real store, on a clock that the test moves.
type database struct {
	*testing.T
	store.Store
	now    time.Time
	worlds int
	spare  []*world
}

// world is a few builds and workers of a database that have nothing to do with
// its others.
type world struct {
	*database
	rules    rules
	platform weir.Platform
	builds   []weir.BuildID
	tokens   map[weir.AttemptID]string
	epochs   [maxWorkers][]int64
}

func (d *database) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatalf("unexpected error (%s): %v", weir.CodeOf(err), err)
	}
}

// world gives a new world. They are made many at a time, which is faster.
func (d *database) world(g rules) *world {
	d.Helper()
	if len(d.spare) == 0 {
		d.makeWorlds(g, 64)
	}
	w := d.spare[0]
	d.spare = d.spare[1:]
	return w
}

func (d *database) makeWorlds(g rules, n int) {
	d.Helper()
	var keys []weir.BuilderKey
	for range n {
		d.worlds++
		w := &world{database: d, rules: g, platform: weir.Platform(fmt.Sprintf("world%d/amd64", d.worlds)), tokens: map[weir.AttemptID]string{}}
		d.spare = append(d.spare, w)
		keys = append(keys, weir.BuilderKey{Project: "p", Job: "test", Platform: w.platform})
	}
	builders, err := d.EnsureBuilders(d.Context(), keys)
	d.ok(err)
	run := store.NewRun{Cause: weir.CauseForce, Project: "p", Now: d.now}
	for _, b := range builders {
		for i := range g.builds {
			nb := store.NewBuild{Builder: b.ID, Pins: weir.Pins{"p": fmt.Sprint(i)}, Share: store.ShareNone,
				Spec: weir.Spec{Project: "p", Platform: b.Platform, Job: weir.Job{Name: "test"}}}
			if i > 0 && g.after != NoOrder {
				nb.After = []int{len(run.Builds) - 1}
				nb.When = map[Order]weir.When{AfterPassed: weir.WhenPassed, AfterFailed: weir.WhenFailed, AfterAny: weir.WhenAlways}[g.after]
			}
			run.Builds = append(run.Builds, nb)
		}
	}
	_, ids, err := d.CreateRun(d.Context(), run)
	d.ok(err)
	for i, w := range d.spare {
		w.builds = ids[i*g.builds : (i+1)*g.builds]
	}
}

// leave ends what is still under way in a world, so that it costs the next
// ones nothing.
func (w *world) leave(model server) {
	w.Helper()
	for b, id := range w.builds {
		if p := model.builds[b].phase; p == leased || p == running {
			w.ok(w.Cancel(w.Context(), id, weir.Reason{Code: weir.ReasonRequested}, w.now))
		}
	}
}

func (w *world) name(worker uint8) string { return fmt.Sprintf("%s-%d", w.platform, worker) }

func (w *world) id(id attemptID) weir.AttemptID {
	return weir.AttemptID{Build: w.builds[id.build], Number: int(id.number)}
}

func (w *world) ids(ids [maxSpools]attemptID) (out []weir.AttemptID) {
	for _, id := range ids {
		if id != none {
			out = append(out, w.id(id))
		}
	}
	return out
}

func (w *world) back(id weir.AttemptID) attemptID {
	return attemptID{uint8(slices.Index(w.builds, id.Build)), uint8(id.Number)}
}

// verdict is what an error means.
func (w *world) verdict(err error) verdict {
	w.Helper()
	switch weir.CodeOf(err) {
	case "":
		return ok
	case weir.Conflict:
		return conflict
	case weir.Fenced:
		return fenced
	}
	w.ok(err)
	return ok
}

// do does a call to the database.
func (w *world) do(c call) (r result) {
	w.Helper()
	w.now = w.now.Add(2 * time.Millisecond)
	var err error
	switch ctx := w.Context(); c.verb {
	case doHello:
		r = w.hello(c)
	case doLease:
		r = w.lease(c)
	case doSync:
		var a store.SyncAnswer
		token, steps, frames := w.report(c.report)
		a, err = w.Sync(ctx, store.Sync{Attempt: w.id(c.report.at), Token: token, Seq: int64(c.report.seq), Now: w.now,
			Deadline: w.now.Add(weir.LeaseTime), Steps: steps, Frames: frames})
		r.verdict, r.length = w.verdict(err), uint8(a.Offsets[0]/lineSize)
		if a.Cancel != nil {
			r.verdict = cancelling
		}
	case doFinish:
		token, steps, frames := w.report(c.report)
		f := store.Finish{Attempt: w.id(c.report.at), Token: token, Now: w.now, Outcome: weir.Passed, Steps: steps, Frames: frames}
		if c.report.outcome == infra {
			f.Outcome, f.Reason.Code = weir.Infra, weir.ReasonWorker
		}
		_, err = w.Finish(ctx, f)
		r.verdict = w.verdict(err)
	case doExpire, doExpireNobody:
		if c.verb == doExpire {
			w.now = w.now.Add(2 * weir.LeaseTime)
		}
		ended, err := w.Expire(ctx, w.now)
		w.ok(err)
		var names []string
		for _, id := range ended { // they may be of other worlds too
			names = append(names, w.back(id).String())
		}
		r.expired = strings.Join(names, " ")
	case doRefuse:
		r.verdict = w.verdict(w.Refuse(ctx, w.name(c.worker), w.epoch(c), []store.Refused{{Attempt: w.id(c.refused), Rule: weir.RuleProjects}}, w.now))
	case doCancel:
		r.verdict = w.verdict(w.Cancel(ctx, w.builds[c.build], weir.Reason{Code: weir.ReasonRequested}, w.now))
	case doPause:
		reason := ""
		if c.paused {
			reason = "a person said so"
		}
		w.ok(w.Pause(ctx, w.name(c.worker), reason, w.now))
	}
	return r
}

func (w *world) hello(c call) (r result) {
	w.Helper()
	epoch, keep, err := w.Hello(w.Context(), weir.Worker{Name: w.name(c.worker), Platform: w.platform, Slots: maxSpools, Seen: w.now}, w.ids(c.holds))
	w.ok(err)
	known := &w.epochs[c.worker]
	if n := len(*known); n > 0 && epoch <= (*known)[n-1] {
		w.Errorf("epoch %d follows %d", epoch, (*known)[n-1])
	}
	*known = append(*known, epoch)
	for i, id := range c.holds {
		if id != none && slices.Contains(keep, w.id(id)) {
			r.keep[i] = id
		}
	}
	return r
}

func (w *world) lease(c call) (r result) {
	w.Helper()
	ask := store.LeaseAsk{Worker: w.name(c.worker), Platform: w.platform, Now: w.now, Deadline: w.now.Add(weir.LeaseTime),
		Tokens: []string{fmt.Sprint(w.platform, w.now.UnixMicro())}, Epoch: w.epoch(c), Seq: int64(c.seq), Holds: w.ids(c.holds), Picky: c.picky}
	leased, err := w.Lease(w.Context(), ask, func(q store.Queue) []weir.BuildID {
		first := slices.MinFunc(q.Candidates, func(a, b store.Candidate) int { return cmp.Compare(a.Build, b.Build) })
		return []weir.BuildID{first.Build}
	})
	r.verdict = w.verdict(err)
	for _, l := range leased {
		r.given = w.back(l.Attempt)
		w.tokens[l.Attempt] = l.Token
	}
	return r
}

// epoch is what the database calls the epoch of a call; 1 if there is none.
func (w *world) epoch(c call) int64 {
	if known := w.epochs[c.worker]; int(c.epoch) <= len(known) {
		return known[c.epoch-1]
	}
	return 1
}

// lineSize is how many bytes a line has.
const lineSize = 10

// report makes the parts of a sync or finish.
func (w *world) report(r report) (token string, steps []weir.StepRecord, frames []weir.LogFrame) {
	token = w.tokens[w.id(r.at)]
	if r.stranger {
		token = "guessed"
	}
	if r.step > 0 {
		steps = []weir.StepRecord{{Name: "test", State: map[uint8]weir.StepState{1: weir.StepRunning, 2: weir.StepPassed}[r.step], Started: w.now}}
	}
	for line := r.first; line < r.last; line++ {
		frames = append(frames, weir.LogFrame{Offset: int64(line) * lineSize, FirstLine: int64(line), Size: lineSize, Lines: 1, At: w.now, Data: []byte{line + 1}})
	}
	return token, steps, frames
}

// state reads what the model calls a server. What no verb shows is taken from
// the model: epochs, the numbers of leases and syncs, and how often a worker has refused.
func (w *world) state(model server) (s server) {
	w.Helper()
	for b, id := range w.builds {
		got, err := w.Build(w.Context(), id)
		w.ok(err)
		s.builds[b] = build{attempts: uint8(got.Attempts), outcome: outcomeOf(got.Outcome),
			phase: map[weir.State]phase{weir.Queued: queued, weir.Leased: leased, weir.Running: running, weir.Blocked: blocked, weir.Finished: finished, weir.Cancelled: cancelled}[got.State]}
		attempts, err := w.Attempts(w.Context(), id)
		w.ok(err)
		for _, a := range attempts {
			s.attempts[b][a.ID.Number-1] = w.record(a, *model.attempt(w.back(a.ID)))
		}
	}
	s.workers = model.workers
	for n, known := range w.epochs {
		if len(known) > 0 {
			got, err := w.Worker(w.Context(), w.name(uint8(n)))
			w.ok(err)
			s.workers[n].paused = got.Paused != ""
		}
	}
	return s
}

func outcomeOf(o weir.Outcome) outcome {
	return map[weir.Outcome]outcome{weir.Passed: passed, weir.Infra: infra, weir.OutcomeCancelled: wasCancelled, weir.Skipped: skipped}[o]
}

func (w *world) record(a weir.Attempt, model record) record {
	w.Helper()
	r := record{seq: model.seq, since: model.since, outcome: outcomeOf(a.Outcome)}
	for n := range maxWorkers {
		if a.Worker == w.name(uint8(n)) {
			r.owner = uint8(n + 1)
		}
	}
	switch {
	case a.Live():
	case a.Reason.Code == weir.ReasonLost:
		r.ended = byExpire
	case a.Reason.Code == weir.ReasonUndelivered:
		r.ended = undelivered
	case a.Reason.Code == weir.ReasonRefused:
		r.ended = refused
	case a.Outcome == weir.OutcomeCancelled:
		r.ended = byCancel
	default:
		r.ended = byFinish
	}
	steps, err := w.Steps(w.Context(), a.ID)
	w.ok(err)
	for _, step := range steps {
		r.step = map[weir.StepState]uint8{weir.StepRunning: 1, weir.StepPassed: 2}[step.State]
	}
	frames, err := w.LogFrames(w.Context(), a.ID, 0, 0, 100)
	w.ok(err)
	for _, f := range frames {
		if int(r.length) < len(r.log) {
			r.log[r.length] = f.Data[0]
		}
		r.length++
	}
	return r
}
