package app

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/results/formats"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/worker"
	"github.com/weir-ci/weir/internal/worker/cache"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/product"
	"github.com/weir-ci/weir/internal/worker/supervise"
)

// WorkerOptions is what a worker is made of.
type WorkerOptions struct {
	Server string // address of the farm
	Token  string
	Slots  int // at least 1
	Labels []string
	Dir    string       // for checkouts and caches
	Log    *slog.Logger // nil: nothing is logged
	// Products is where products are unpacked; empty: one place per user, so
	// that all workers of a platform agree on it.
	Products string
	// CacheSize is how many GiB the caches that jobs name may have together; zero
	// means DefaultCacheSize.
	CacheSize int
	// Policy is the file that says what the owner of the machine allows; empty: everything.
	Policy string
	// Supervisor is the command line of the processes that run builds, usually
	// that of the function Supervisor; nil means that they run in this process,
	// and end with it.
	Supervisor []string
}

// DefaultCacheSize is WorkerOptions.CacheSize if nobody says otherwise, in GiB.
const DefaultCacheSize = cache.DefaultLimit >> 30

// Worker is a running worker. Make one with NewWorker, and start it with Run.
type Worker = worker.Worker

// NewWorker makes a worker. A policy with mistakes is an error as of CheckPolicy.
func NewWorker(o WorkerOptions) (*Worker, error) {
	products, err := productsRoot(o.Products)
	if err != nil {
		return nil, err
	}
	runner, _, err := newRunner(o.Dir, products)
	if err != nil {
		return nil, err
	}
	runner.CacheLimit = int64(o.CacheSize) << 30
	policy, err := openPolicy(o.Policy, o.Log)
	if err != nil {
		return nil, err
	}
	return worker.New(worker.Options{Server: o.Server, Token: o.Token, Slots: o.Slots, Labels: o.Labels,
		Dir: o.Dir, Platform: HostPlatform(), Program: Version, Products: products, Runner: *runner,
		Supervisor: o.Supervisor, Logger: o.Log, Policy: policy})
}

// Supervisor is the command line of a process that runs builds for a worker:
// this program with a verb that calls Supervise.
func Supervisor() []string { return supervise.Self() }

// Supervise runs builds as a worker tells it to on in, until in ends and the
// build that was running then is over.
func Supervise(ctx context.Context, in io.Reader, out io.Writer) error {
	return supervise.Program(ctx, in, out, func(c supervise.Config) (execute.Runner, error) {
		runner, _, err := newRunner(c.Dir, c.Products)
		if err != nil {
			return execute.Runner{}, err
		}
		runner.CacheDir, runner.PassEnv, runner.CPUs = c.CacheDir, c.PassEnv, c.CPUs
		runner.Grace, runner.Linger = c.Grace, c.Linger
		runner.CacheLimit, runner.Trees = c.CacheLimit, c.Trees
		return *runner, nil
	})
}

// DrainWorker asks the worker that uses dir to finish what it runs and leave,
// and waits for that. running is called with the number of builds that are
// left. NotFound if no worker uses dir.
func DrainWorker(ctx context.Context, dir string, running func(n int)) error {
	return worker.RequestDrain(ctx, dir, running)
}

// Modest makes a program that lives beside builds take little memory.
func Modest() { supervise.Modest() }

// Lister finds the revisions of a source.
type Lister = source.Lister

// NewRunner makes what runs one build on this machine, with its caches below
// dir, and what finds revisions.
func NewRunner(dir string) (*execute.Runner, Lister, error) { return newRunner(dir, "") }

// productsRoot is where products are unpacked.
func productsRoot(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	return product.DefaultRoot()
}

func newRunner(dir, products string) (*execute.Runner, Lister, error) {
	products, err := productsRoot(products)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, dataError(dir, err)
	}
	kept, err := product.New(products, 0)
	if err != nil {
		return nil, nil, err
	}
	read := sources(filepath.Join(dir, "sources"))
	return &execute.Runner{
		Checkout: read,
		Formats:  execute.Formats{Read: formats.Read, Normalise: results.Normalise, Encode: results.Encode},
		Products: kept,
		CacheDir: filepath.Join(dir, "cache"),
	}, read, nil
}

// RemoveAll removes a directory tree, also what a build left without the
// permission to write in it, as Go's module cache does.
func RemoveAll(dir string) error { return disk.RemoveAll(dir) }
