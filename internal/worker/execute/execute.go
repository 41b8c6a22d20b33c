// Package execute runs one build on this machine, from its specification
// alone: it knows no server, so that `weir run` does what a worker does.
//
// A build is a sequence of steps, and everything that happens is part of one
// of them, with a log that says what was done:
//
//	checkout    the source, at the build's revision
//	products    the trees of the upstreams, if there are any
//	caches      what earlier builds left for this one, if the job names any
//	service ... what runs beside the steps, one for each service
//	...         the steps of the job, each a command of a shell
//	results     the files that the tests left, if the job names any
//	product     the tree for the downstreams, if the job makes one
//	artifacts   the files that are kept for people, if the job names any
//	save caches what later builds may use
//
// The steps of the job are untrusted and may do anything that the user they
// run as may do. Each runs in a process group of its own with an environment
// that holds only what is listed in env.go. When it ends, or when it takes too
// long, whatever it started is ended with it.
//
// How the build ended is decided in one place, decide.go, from facts that the
// steps leave behind. What is wrong with the machine is never held against
// the project: a full disk or a missing product is weir.Infra.
package execute

import (
	"context"
	"io"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/product"
	"github.com/weir-ci/weir/internal/worker/shell"
)

// Checkouter checks out sources. One that is a source.Preparer as well can do
// more: patches, refs, and checkouts that earlier builds left.
type Checkouter interface {
	// Checkout puts the revision into dir, an empty directory, and tells on
	// log what it does. NotFound or Invalid: there is no such revision, or none
	// can be derived (weir.Without); Unavailable: the source does not answer.
	Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error
}

// Formats are the functions that read and write test results.
type Formats struct {
	// Read reads one file. With an error it may return what it read before.
	Read func(format weir.ResultFormat, r io.Reader) (weir.ResultSet, error)
	// Normalise masks what changes from run to run and joins repeated tests.
	Normalise func(weir.ResultSet) weir.ResultSet
	// Encode writes a set as it is kept.
	Encode func(w io.Writer, set weir.ResultSet) error
}

// Observer follows a build while it runs. Its methods are called from one
// goroutine at a time.
type Observer interface {
	// Step is called whenever a step changes, and once for each step before
	// the first one runs. Indices count from 0 without gaps.
	Step(s weir.StepRecord)
	// Output returns where the output of a step goes. If writing to it fails
	// the build ends as weir.Infra. It must not block for long.
	Output(step int) io.Writer
}

// Job is one build to run.
type Job struct {
	// Build is told to the steps as WEIR_BUILD.
	Build string
	Spec  weir.Spec
	// Dir is an absolute directory for everything that belongs to the build:
	// below it are src (the checkout's parent), home, tmp and out-*. It should be
	// short, and the same for later builds, since compilers' caches remember
	// paths. The caller removes it.
	Dir string
	// Secrets are the values of those that the job and its steps name, and of the
	// one with which the source is read. Steps of an untrusted build get none.
	Secrets []weir.EnvVar
}

// Runner runs builds. Checkout, Formats, Products and CacheDir must be set;
// zero values of the others mean the defaults.
type Runner struct {
	Checkout Checkouter
	Formats  Formats
	Products *product.Store
	Fetch    product.Fetch // needed if a build has upstreams with products
	// CacheDir holds what builds share: the caches of Go, those that jobs name,
	// and the checkouts of jobs that want to find their last one.
	CacheDir string
	// CacheLimit is how many bytes the caches that jobs name may have together;
	// zero means cache.DefaultLimit.
	CacheLimit int64
	// Trees is how many such checkouts are kept; zero means trees.DefaultCount.
	Trees int
	// PassEnv names variables that steps get from Environ; nil means DefaultPassEnv.
	PassEnv []string
	// Environ is the worker's own environment; nil means os.Environ().
	Environ []string
	// CPUs is what WEIR_CPUS says; zero means all.
	CPUs int
	// Grace is how long a step has between being asked to end and being
	// killed; zero means DefaultGrace.
	Grace time.Duration
	// Linger is how long output is still read once a step has ended, if a
	// process that escaped holds it open; zero means DefaultLinger.
	Linger time.Duration
	// Alone says that this process runs nothing but this runner's builds, one
	// at a time, and that Adopt was called: then it is known without a search
	// whether a build left processes behind.
	Alone bool
	// Told is when this program was last asked to end by the system, zero if it
	// never was; nil means never. A machine that goes down asks all processes, so
	// a step that ends like that meanwhile did not fail.
	Told func() time.Time
	// Failed is told of each step that failed and may not, before anything else
	// happens; nil means nobody. The build's time goes on meanwhile.
	Failed func(ctx context.Context, f Failure)
}

// Failure is a step that failed, with what is needed to try it by hand.
type Failure struct {
	Step weir.Step
	Note string   // how it ended, in one line
	Dir  string   // absolute, where it ran
	Env  []string // NAME=VALUE, with the values of its secrets
}

// Defaults of a Runner.
const (
	DefaultGrace  = 10 * time.Second
	DefaultLinger = time.Second
)

// Report says how a build ended.
type Report struct {
	Outcome weir.Outcome
	Reason  weir.Reason
	Steps   []weir.StepRecord
	// Product and ProductFile are set if the build passed and made one.
	// ProductFile is the packed tree, below Job.Dir.
	Product     weir.Product
	ProductFile string
	// Results and ResultsFile are set if the outcome says something about the
	// project. ResultsFile is the encoded Set, below Job.Dir. A runner that is
	// Alone leaves Set empty if it is large.
	Results     weir.Digest
	ResultsFile string
	Set         weir.ResultSet
	// Artifacts are the files that are kept, if the outcome says something about
	// the project.
	Artifacts []Artifact
	// Metrics and Summary are what the steps wrote for people, if the outcome says
	// something about the project.
	Metrics []weir.Metric
	Summary string
	// Surroundings is what was seen of the machine when the first step of the job
	// began, all but its clock; zero if the build did not get there.
	Surroundings weir.Surroundings
}

// Names of the steps that the worker adds.
const (
	StepCheckout  = "checkout"
	StepProducts  = "products"
	StepResults   = "results"
	StepProduct   = "product"
	StepArtifacts = "artifacts"
	StepCaches    = "caches"
	StepSave      = "save caches"
)

// Run runs a build to its end. If ctx is cancelled the outcome is
// OutcomeCancelled; every other end is described in decide.go.
func (r *Runner) Run(ctx context.Context, job Job, obs Observer) Report {
	a := newAttempt(r, job, obs)
	defer a.release()
	limit := orDefault(job.Spec.Job.Timeout, weir.DefaultTimeout)
	limited, cancel := context.WithTimeoutCause(ctx, limit, shell.Limit{Code: weir.ReasonTimeout, After: limit})
	defer cancel()
	a.start()
	if reason, ok := a.prepare(limited); !ok {
		a.stopServices()
		return a.report(reason)
	}
	a.snapshot()
	a.look()
	a.runSteps(ctx, limited)
	a.stopServices()
	// Results are read even if the time is up, but not for ever.
	after, cancel2 := context.WithTimeout(ctx, afterTime)
	defer cancel2()
	a.collect(after)
	reason := decide(a.facts)
	if reason.Code == weir.ReasonNone {
		if after.Err() == nil {
			reason = a.pack(limited)
		}
	}
	if ctx.Err() != nil {
		reason = weir.Reason{Code: weir.ReasonRequested, Text: "the build was cancelled"}
	}
	reason = a.keepArtifacts(ctx, reason)
	a.saveCaches(ctx, reason)
	reason = a.saveResults(reason)
	a.shrink()
	a.leaveTree(reason)
	return a.report(reason)
}

// afterTime is how long reading results may take.
const afterTime = 10 * time.Minute

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
