package supervise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/shell"
	"github.com/weir-ci/weir/internal/worker/spool"
)

// Assignment is what a spool says is to be done.
type Assignment struct {
	Build weir.BuildID `json:"build"`
	Spec  weir.Spec    `json:"spec"`
}

// Secrets encodes the secrets that go with it; nil if there are none. They are
// no part of what stands in a spool for as long as that is there.
func Secrets(list []weir.EnvVar) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	return json.Marshal(list)
}

// Encode makes the bytes that stand in a spool.
func (a Assignment) Encode() ([]byte, error) { return json.Marshal(a) }

// Report is how an attempt ended, as it stands in its spool.
type Report struct {
	Outcome weir.Outcome      `json:"outcome"`
	Reason  weir.Reason       `json:"reason,omitzero"`
	Steps   []weir.StepRecord `json:"steps"`
	Product weir.Product      `json:"product,omitzero"`
	Results weir.Digest       `json:"results,omitempty"`
	// Set is what ResultsFile holds, if that is no more than protocol.MaxInlineSet.
	Set []byte `json:"set,omitempty"`
	// Files with the packed product and the encoded results, below the task's Work.
	ProductFile string `json:"product_file,omitempty"`
	ResultsFile string `json:"results_file,omitempty"`
	// Artifacts are the files that are kept, with their copies below the task's Work.
	Artifacts []execute.Artifact `json:"artifacts,omitempty"`
	Metrics   []weir.Metric      `json:"metrics,omitempty"`
	Summary   string             `json:"summary,omitempty"`
	// Surroundings is as in execute.Report.
	Surroundings weir.Surroundings `json:"surroundings,omitzero"`
}

// DecodeReport reads what an attempt left. The error is Internal.
func DecodeReport(data []byte) (Report, error) {
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return r, weir.Errorf(weir.Internal, "the report of the attempt cannot be read: %v", err)
	}
	return r, nil
}

// Trouble makes the report for something that is the worker's fault.
func Trouble(what string, err error) Report {
	code := weir.ReasonWorker
	if disk.IsFull(err) {
		code = weir.ReasonDiskFull
	}
	text := fmt.Sprintf("%s: %v", what, err)
	return Report{Outcome: weir.Infra, Reason: weir.Reason{Code: code, Text: text[:min(len(text), weir.MaxReason)]}}
}

// Program is Main as a process of its own: it does not listen to polite
// signals, but remembers them for steps that end by them too, ends quietly what it can, and gives unused memory back.
func Program(ctx context.Context, in io.Reader, out io.Writer, build func(Config) (execute.Runner, error)) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, polite()...)
	var told atomic.Int64 // when a signal came last, in nanoseconds since 1970
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range signals {
			told.Store(time.Now().UnixNano())
		}
	}()
	defer func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}()
	Modest()
	adopted := shell.Adopt() == nil
	s := newSupervisor(func(c Config) (execute.Runner, error) {
		runner, err := build(c)
		runner.Alone = adopted
		runner.Told = func() (at time.Time) {
			if ns := told.Load(); ns != 0 {
				at = time.Unix(0, ns)
			}
			return at
		}
		return runner, err
	})
	all := runtime.GOMAXPROCS(1)
	s.widen = func(wide bool) {
		if wide {
			runtime.GOMAXPROCS(all)
		} else if runtime.GOMAXPROCS(0) != 1 {
			runtime.GOMAXPROCS(1)
		}
	}
	return s.main(context.WithoutCancel(ctx), in, out)
}

// Modest makes a program that lives beside builds take little memory at the
// price of a little time.
func Modest() {
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(64 << 20)
	debug.FreeOSMemory() // what the start of the program has used
}

const (
	// wideAfter is how long an attempt runs on one processor: threads that wake
	// each other would cost a short one more than the shell that it runs.
	wideAfter = 500 * time.Millisecond
	// quietTime is how long nothing is said about an attempt that needs nothing
	// from the worker program, which does not speak about it so early either.
	quietTime = 25 * time.Millisecond
)

// run runs one attempt from its spool into its spool. With an error nothing
// was recorded about the end.
func (s *supervisor) run(ctx context.Context, p *present, task Task) error {
	if s.widen != nil {
		timer := time.AfterFunc(wideAfter, func() { s.widen(true) })
		defer func() {
			timer.Stop()
			s.widen(false)
		}()
	}
	notify, loud := s.later()
	defer loud()
	w, err := spool.Attach(task.Spool, spool.Options{Flush: task.Flush, Notify: notify,
		Encoders: &s.encoders, Reserve: task.Reserve})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over := make(chan struct{})
	defer close(over)
	go func() {
		for {
			select {
			case <-w.Cancelled():
				cancel(errCancelled)
				return
			case <-p.nudge:
				w.Nudge()
			case <-over:
				return
			}
		}
	}()
	report := s.execute(ctx, w, task, loud)
	if err := w.Flush(); err != nil && report.Outcome != weir.Infra {
		steps := report.Steps
		report = Trouble("the log cannot be kept", err)
		report.Steps = steps
	}
	data, err := json.Marshal(report)
	return errors.Join(err, w.Close(data))
}

// later makes what says that the spool has something new, but at first only
// after quietTime, or once loud is called.
func (s *supervisor) later() (notify, loud func()) {
	var open atomic.Bool
	timer := time.AfterFunc(quietTime, func() {
		open.Store(true)
		s.inform()
	})
	notify = func() {
		if open.Load() {
			s.inform()
		}
	}
	return notify, func() {
		timer.Stop()
		open.Store(true)
	}
}

// execute runs the build.
func (s *supervisor) execute(ctx context.Context, w *spool.Writer, task Task, loud func()) Report {
	var as Assignment
	if err := json.Unmarshal(w.Assignment(), &as); err != nil {
		return Trouble("the assignment cannot be read", err)
	}
	if n := execute.Steps(as.Spec); n > protocol.MaxSteps {
		return Trouble("the attempt cannot be run here", weir.Errorf(weir.TooLarge, "the job has %d steps, with those that the worker adds", n))
	}
	secrets, err := w.Secrets()
	if err != nil {
		return Trouble("the secrets cannot be read", err)
	}
	job := execute.Job{Build: strconv.FormatInt(int64(as.Build), 10), Spec: as.Spec, Dir: task.Work}
	if len(secrets) > 0 && json.Unmarshal(secrets, &job.Secrets) != nil {
		return Trouble("the secrets cannot be read", weir.Errorf(weir.Internal, "they are not what the worker wrote"))
	}
	if err := execute.Tidy(task.Work, as.Spec); err != nil {
		return Trouble("the attempt cannot be run here", err)
	}
	if _, _, patched := weir.CutPatched(as.Spec.Revision); patched || len(as.Spec.Inputs) > 0 {
		loud() // blobs may be asked for
	}
	runner := s.runner
	runner.Fetch = w.Fetch
	r := runner.Run(ctx, job, w)
	return Report{Outcome: r.Outcome, Reason: r.Reason, Steps: r.Steps, Product: r.Product, Results: r.Results,
		Set: smallSet(r), ProductFile: r.ProductFile, ResultsFile: r.ResultsFile, Surroundings: r.Surroundings,
		Artifacts: r.Artifacts, Metrics: r.Metrics, Summary: r.Summary}
}

// smallSet reads the results if they are so small that they go with the
// message about the end; nil if they have to be stored before.
func smallSet(r execute.Report) []byte {
	if r.Results == "" {
		return nil
	}
	info, err := os.Stat(r.ResultsFile)
	if err != nil || info.Size() > protocol.MaxInlineSet {
		return nil
	}
	data, err := os.ReadFile(r.ResultsFile)
	if err != nil || weir.DigestOf(data) != r.Results {
		return nil
	}
	return data
}

// idleTime is how long after its last attempt a supervisor gives its memory back.
const idleTime = 2 * time.Second
