package execute

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/mask"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/notes"
	"github.com/weir-ci/weir/internal/worker/product"
	"github.com/weir-ci/weir/internal/worker/shell"
	"github.com/weir-ci/weir/internal/worker/trees"
)

// attempt is a build that is being run.
type attempt struct {
	r     *Runner
	job   Job
	obs   Observer
	steps []weir.StepRecord
	facts facts
	set   weir.ResultSet

	checkout string      // absolute
	tree     *trees.Tree // holds the checkout if later builds may find it; else nil
	outDir   string      // for the packed product and the results; made when needed
	holds    []*product.Hold
	making   *product.Hold            // also in holds
	inputs   map[string]*product.Hold // by project
	old      map[string]os.FileInfo   // results that lay there before the first step
	tails    map[int]string           // end of the output of failed steps
	logs     map[int]*stepLog         // of steps that run
	allowed  map[int]bool             // steps that failed, as they may
	mask     *mask.Masker             // nil: there are no secrets
	outputs  outputs
	metrics  []weir.Metric
	summary  string
	kept     []Artifact
	wanted   []wanted // caches
	running  []*service
	packed   weir.Product
	saved    weir.Digest
	memory   int64 // the limit that stretch lifted; 0 if it did not
	around   weir.Surroundings

	// Indices of steps; -1 if there is no such step.
	products, caches, services, first, results, product, artifacts, save int
}

func newAttempt(r *Runner, job Job, obs Observer) *attempt {
	a := &attempt{r: r, job: job, obs: obs, inputs: map[string]*product.Hold{}, tails: map[int]string{},
		logs: map[int]*stepLog{}, allowed: map[int]bool{},
		products: -1, results: -1, product: -1, artifacts: -1, caches: -1, save: -1}
	add := func(name string) int {
		a.steps = append(a.steps, weir.StepRecord{Index: len(a.steps), Name: name, State: weir.StepWaiting})
		return len(a.steps) - 1
	}
	if job.Spec.Source.Kind != weir.None {
		add(StepCheckout)
	}
	for _, in := range job.Spec.Inputs {
		if in.Product.Digest != "" && a.products < 0 {
			a.products = add(StepProducts)
		}
	}
	if len(job.Spec.Job.Caches) > 0 {
		a.caches = add(StepCaches)
	}
	a.services = len(a.steps)
	for _, s := range job.Spec.Job.Services {
		add(serviceStep(s))
	}
	if len(a.steps) > a.services {
		a.obs = &inTurn{obs: obs}
	}
	a.first = len(a.steps)
	for _, s := range job.Spec.Job.Steps {
		add(s.Name)
	}
	if a.facts.wanted = job.Spec.Job.Results; len(a.facts.wanted) > 0 {
		a.results = add(StepResults)
	}
	if job.Spec.Job.Product != "" {
		a.product = add(StepProduct)
	}
	if len(job.Spec.Job.Artifacts) > 0 {
		a.artifacts = add(StepArtifacts)
	}
	if len(job.Spec.Job.Caches) > 0 && !job.Spec.Untrusted {
		a.save = add(StepSave)
	}
	return a
}

// Steps is how many steps a build has, with those that the worker adds.
func Steps(spec weir.Spec) int { return len(newAttempt(nil, Job{Spec: spec}, nil).steps) }

// start announces the steps.
func (a *attempt) start() {
	for _, s := range a.steps {
		a.obs.Step(s)
	}
}

// release ends what escaped the steps and gives places of products free.
func (a *attempt) release() {
	if !a.r.Alone || !shell.Childless() {
		KillStrays(a.job.Dir)
		if a.r.Alone {
			shell.Childless()
		}
	}
	for _, h := range a.holds {
		h.Release()
	}
	a.tree.Release()
}

// KillStrays ends the processes that a build in dir left running, as far as
// this system tells them apart.
func KillStrays(dir string) { shell.KillStrays("TMPDIR=" + filepath.Join(dir, "tmp")) }

// begin marks a step as running and returns its log.
func (a *attempt) begin(i int) *stepLog {
	a.steps[i].State, a.steps[i].Started = weir.StepRunning, time.Now()
	a.obs.Step(a.steps[i])
	log := newStepLog(a.mask, a.obs.Output(i))
	a.logs[i] = log
	return log
}

// end marks a step as ended.
func (a *attempt) end(i int, state weir.StepState, note string) {
	if log := a.logs[i]; log != nil {
		log.flush()
		delete(a.logs, i)
	}
	note = a.mask.String(note)
	a.steps[i].State, a.steps[i].Ended, a.steps[i].Note = state, time.Now(), clip(note, weir.MaxReason)
	a.obs.Step(a.steps[i])
}

// report closes the books. Steps that never ran are marked as skipped.
func (a *attempt) report(why weir.Reason) Report {
	for i, s := range a.steps {
		if s.State == weir.StepWaiting {
			a.steps[i].State = weir.StepSkipped
			a.obs.Step(a.steps[i])
		}
	}
	why.Text = clip(a.mask.String(why.Text), weir.MaxReason)
	r := Report{Outcome: why.Code.Outcome(), Reason: why, Steps: a.steps, Set: a.set, Surroundings: a.around}
	if r.Outcome.SaysSomething() && a.saved != "" {
		r.Results, r.ResultsFile = a.saved, a.out("results")
	}
	if r.Outcome.SaysSomething() {
		r.Metrics, r.Summary = a.shown()
		r.Artifacts = a.kept
	}
	if r.Outcome == weir.Passed && a.packed.Digest != "" {
		r.Product, r.ProductFile = a.packed, a.out("product")
	}
	return r
}

// shown are the metrics and the summary, as people may see them.
func (a *attempt) shown() ([]weir.Metric, string) {
	var metrics []weir.Metric
	for _, m := range a.metrics {
		m.Name, m.Unit = a.mask.String(m.Name), a.mask.String(m.Unit)
		metrics, _ = notes.Merge(metrics, []weir.Metric{m})
	}
	return metrics, clip(a.mask.String(a.summary), weir.MaxSummary)
}

// out names a file of the worker's own. Its directory is made once the steps
// have ended, with a name that they could not know: whatever they put into the
// way, such as a link, is not written through.
func (a *attempt) out(name string) string { return filepath.Join(a.outDir, name) }

func (a *attempt) create(name string) (*os.File, error) {
	if a.outDir == "" {
		dir, err := os.MkdirTemp(a.job.Dir, "out-*")
		if err != nil {
			return nil, err
		}
		a.outDir = dir
	}
	return os.OpenFile(a.out(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// prepare makes the directories, checks out and brings the products. If it
// cannot, the reason says why and ok is false.
func (a *attempt) prepare(ctx context.Context) (why weir.Reason, ok bool) {
	if why, ok := a.guard(); !ok {
		return why, false
	}
	name, err := checkoutName(a.job.Spec)
	if err != nil {
		return reason(weir.ReasonWorker, "%v", err), false
	}
	if err := a.settleIn(name); err != nil {
		return a.machine(err, "the place of the checkout cannot be made"), false
	}
	for _, dir := range []string{a.checkout, a.home(), a.tmp()} {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // steps may run helpers as other users
			return a.machine(err, "the directory "+dir+" cannot be made"), false
		}
	}
	if a.job.Spec.Source.Kind != weir.None { // else the directory stays empty
		if why, ok := a.checkOut(ctx); !ok {
			return why, false
		}
	}
	if why, ok := a.bringProducts(ctx); !ok {
		return why, false
	}
	a.bringCaches(ctx)
	return a.startServices(ctx)
}

// interrupted ends step i as killed if ctx is over, and says why it is.
func (a *attempt) interrupted(ctx context.Context, i int) (weir.Reason, bool) {
	if ctx.Err() == nil {
		return weir.Reason{}, false
	}
	if limit, ok := errors.AsType[shell.Limit](context.Cause(ctx)); ok {
		if i >= 0 {
			a.end(i, weir.StepKilled, limit.Error())
		}
		return reason(limit.Code, "the build %v, in step %q", limit, a.steps[max(i, 0)].Name), true
	}
	if i >= 0 {
		a.end(i, weir.StepKilled, "cancelled")
	}
	return weir.Reason{Code: weir.ReasonRequested, Text: "the build was cancelled"}, true
}

// full reports whether err, or the state of a disk that the build writes to,
// says that there is no room.
func (a *attempt) full(err error) (weir.Reason, bool) {
	dirs := []string{a.job.Dir, a.r.CacheDir}
	if a.making != nil {
		dirs = append(dirs, a.making.Prefix)
	}
	for _, dir := range dirs {
		if space, err := disk.Free(dir); err == nil && space.Scarce() {
			return reason(weir.ReasonDiskFull, "the disk that holds %s is full: %s free", dir, bytesText(space.Free)), true
		}
	}
	if !disk.IsFull(err) {
		return weir.Reason{}, false
	}
	text := fmt.Sprintf("there is no room below %s: %v", a.job.Dir, err)
	if space, err := disk.Free(a.job.Dir); err == nil {
		text += fmt.Sprintf(" (%s free)", bytesText(space.Free))
	}
	return reason(weir.ReasonDiskFull, "%s", text), true
}

// machine makes the reason for an error of the machine itself.
func (a *attempt) machine(err error, what string) weir.Reason {
	if disk.IsFull(err) {
		why, _ := a.full(err)
		return why
	}
	return reason(weir.ReasonWorker, "%s: %v", what, err)
}

// elapsed is how long step i has been running, for people.
func (a *attempt) elapsed(i int) time.Duration {
	return time.Since(a.steps[i].Started).Round(time.Millisecond)
}
