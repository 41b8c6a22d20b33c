package app

import (
	"log/slog"
	"os"
	"path/filepath"

	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/results/formats"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/worker"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/product"
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
}

// Worker is a running worker. Make one with NewWorker, and start it with Run.
type Worker = worker.Worker

// NewWorker makes a worker.
func NewWorker(o WorkerOptions) (*Worker, error) {
	runner, _, err := newRunner(o.Dir, o.Products)
	if err != nil {
		return nil, err
	}
	return worker.New(worker.Options{Server: o.Server, Token: o.Token, Slots: o.Slots, Labels: o.Labels,
		Dir: o.Dir, Platform: HostPlatform(), Program: Version, Runner: *runner, Logger: o.Log})
}

// Lister finds the revisions of a source.
type Lister = source.Lister

// NewRunner makes what runs one build on this machine, with its caches below
// dir, and what finds revisions.
func NewRunner(dir string) (*execute.Runner, Lister, error) { return newRunner(dir, "") }

func newRunner(dir, products string) (*execute.Runner, Lister, error) {
	if products == "" {
		root, err := product.DefaultRoot()
		if err != nil {
			return nil, nil, err
		}
		products = root
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
