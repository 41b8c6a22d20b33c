package repro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/product"
)

// Supply is where products come from: a farm, or a capsule.
type Supply interface {
	// HasProduct reports whether the product of a build can be had.
	HasProduct(ctx context.Context, id weir.BuildID) (bool, error)
	// OpenProduct opens it, packed. What comes is held against the digest.
	OpenProduct(ctx context.Context, id weir.BuildID) (io.ReadCloser, error)
}

// Lab tries cases on this machine. All fields must be set. Close it.
type Lab struct {
	Runner execute.Runner // its Fetch is the lab's
	Supply Supply
	Case   Case
	// Dir is an existing directory for everything; the caller removes it.
	Dir string
	// Rebuild makes the products from source although they could be had.
	Rebuild bool
	Host    weir.Platform
	// Observe follows a build while it runs.
	Observe func(title string) execute.Observer

	made map[weir.BuildID]execute.Report // builds of upstreams
	from map[weir.Digest]origin          // where products are
	here map[weir.BuildID][]string       // how the trial differs from the farm's build

	strange []string // prefixes outside of this machine's own directory that were made
	dirs    []string // made for them, the innermost first
}

// origin says where a product comes from: a file, or the build on the farm.
type origin struct {
	file  string
	build weir.BuildID
}

// Check makes sure that the case can be tried here, as far as that is known
// before anything has run, and says which products have to be built first.
func (l *Lab) Check(ctx context.Context) (build []weir.BuildID, err error) {
	if l.Case.Recipes == nil {
		return nil, weir.Errorf(weir.Invalid, "there is nothing to reproduce")
	}
	seen := map[weir.BuildID]bool{}
	var visit func(id weir.BuildID) error
	visit = func(id weir.BuildID) error {
		r := l.Case.Recipes[id]
		for _, in := range r.Spec.Inputs {
			need, ok := r.Needs[in.Project]
			if in.Product.Digest == "" || !ok || seen[need] {
				continue
			}
			seen[need] = true
			have, err := l.canFetch(ctx, need)
			if err != nil {
				return err
			}
			if have {
				continue
			}
			if err := visit(need); err != nil {
				return err
			}
			build = append(build, need)
		}
		return nil
	}
	for _, t := range l.Case.Trials {
		if err := visit(t.Build); err != nil {
			return nil, err
		}
	}
	return build, nil
}

// canFetch reports whether a product is to be taken as it is. One of another
// platform is of no use here.
func (l *Lab) canFetch(ctx context.Context, id weir.BuildID) (bool, error) {
	if l.Rebuild || l.Case.Recipes[id].Spec.Platform != l.Host {
		return false, nil
	}
	return l.Supply.HasProduct(ctx, id)
}

// Try runs a trial and holds it against what the farm saw. An error means that
// it could not be tried.
func (l *Lab) Try(ctx context.Context, t Trial) (Finding, error) {
	if l.made == nil {
		l.made, l.from, l.here = map[weir.BuildID]execute.Report{}, map[weir.Digest]origin{}, map[weir.BuildID][]string{}
	}
	report, err := l.run(ctx, t.Build, t.Name, t.Build)
	if err != nil {
		return Finding{}, err
	}
	f := compare(t, report)
	f.Here = l.here[t.Build]
	f.Checkout = l.checkout(t.Build)
	if !f.Tried {
		return f, untried(report)
	}
	return f, nil
}

func untried(r execute.Report) error {
	code := weir.Unavailable
	if r.Reason.Code == weir.ReasonDiskFull {
		code = weir.Exhausted
	}
	return weir.Errorf(code, "the build could not be tried here: %s", r.Reason.Text)
}

func (l *Lab) dir(id weir.BuildID) string { return filepath.Join(l.Dir, fmt.Sprint(id)) }

// checkout finds the directory that a build was checked out into.
func (l *Lab) checkout(id weir.BuildID) string {
	entries, err := os.ReadDir(filepath.Join(l.dir(id), "src"))
	if err != nil || len(entries) != 1 {
		return l.dir(id)
	}
	return filepath.Join(l.dir(id), "src", entries[0].Name())
}

// run runs a build, and before it those whose products it needs. What makes it
// differ from the farm's is noted with the trial.
func (l *Lab) run(ctx context.Context, id weir.BuildID, title string, trial weir.BuildID) (execute.Report, error) {
	r := l.Case.Recipes[id]
	spec := r.Spec
	spec.Platform = l.Host
	spec.Source.Credentials = "" // the farm's secrets are not here: the tool finds those of whoever tries
	spec.Source.Checkout.Clean = weir.CleanFull
	spec.Job.Secrets, spec.Job.Steps = nil, slices.Clone(spec.Job.Steps)
	for i := range spec.Job.Steps {
		spec.Job.Steps[i].Secrets = nil
	}
	spec.Inputs = slices.Clone(spec.Inputs)
	for i := range spec.Inputs {
		in := &spec.Inputs[i]
		if in.Product.Digest == "" {
			continue
		}
		if err := l.provide(ctx, in, r.Needs[in.Project], trial); err != nil {
			return execute.Report{}, err
		}
	}
	if err := os.Mkdir(l.dir(id), 0o700); err != nil {
		return execute.Report{}, weir.Errorf(weir.Exhausted, "no directory for build %d: %w", id, err)
	}
	runner := l.Runner
	runner.Fetch = l.fetch
	report := runner.Run(ctx, execute.Job{Build: fmt.Sprint(id), Spec: spec, Dir: l.dir(id)}, l.Observe(title))
	return report, ctx.Err()
}

// provide decides where the product of an upstream comes from, and where it lies.
func (l *Lab) provide(ctx context.Context, in *weir.UpstreamSpec, need, trial weir.BuildID) error {
	have, err := l.canFetch(ctx, need)
	if err != nil {
		return err
	}
	if !have {
		report, err := l.make(ctx, in.Project, need, trial)
		if err != nil {
			return err
		}
		l.note(trial, "the product of %s was built here, from %s", in.Project, weir.ShortRevision(in.Revision))
		in.Product = report.Product
		l.from[in.Product.Digest] = origin{file: report.ProductFile}
		return nil
	}
	l.from[in.Product.Digest] = origin{build: need}
	place, err := l.place(in.Product.Prefix)
	if err != nil {
		return err
	}
	if place != in.Product.Prefix {
		l.note(trial, "the product of %s was built for %s, which cannot be used here, and lies at %s; try --rebuild if its programs do not find themselves",
			in.Project, in.Product.Prefix, place)
		in.Product.Prefix = place
	}
	return nil
}

// make builds the product of an upstream from source.
func (l *Lab) make(ctx context.Context, project string, id, trial weir.BuildID) (execute.Report, error) {
	if report, ok := l.made[id]; ok {
		return report, nil
	}
	report, err := l.run(ctx, id, fmt.Sprintf("the product of %s, build %d", project, id), trial)
	if err != nil {
		return report, err
	}
	if report.Outcome != weir.Passed || report.Product.Digest == "" {
		return report, weir.Errorf(weir.Unavailable, "the product of %s could not be built here: it %s: %s", project, report.Outcome, report.Reason.Text)
	}
	l.made[id] = report
	return report, nil
}

func (l *Lab) note(trial weir.BuildID, format string, args ...any) {
	l.here[trial] = append(l.here[trial], fmt.Sprintf(format, args...))
}

// place is where a product is unpacked: where it was built, since programs
// remember that, or else below this machine's own directory for products.
func (l *Lab) place(prefix string) (string, error) {
	own, err := l.Runner.Products.Prefix(lastElement(prefix))
	if err != nil || own == prefix || slices.Contains(l.strange, prefix) {
		return prefix, err
	}
	if !filepath.IsAbs(prefix) || filepath.Clean(prefix) != prefix {
		return own, nil
	}
	if _, err := os.Lstat(prefix); err == nil {
		if lock, err := os.OpenFile(prefix+lockSuffix, os.O_RDWR, 0); err == nil {
			return prefix, lock.Close() // a worker's of this machine, which shares it
		}
		return own, nil // somebody else's
	}
	made := missing(filepath.Dir(prefix))
	if err := os.MkdirAll(filepath.Dir(prefix), 0o755); err != nil { //nolint:gosec // as readable as any installed program
		removeEmpty(made)
		return own, nil
	}
	l.dirs = append(made, l.dirs...)
	probe, err := os.MkdirTemp(filepath.Dir(prefix), ".weir-*")
	if err != nil {
		return own, nil
	}
	l.strange = append(l.strange, prefix)
	return prefix, os.Remove(probe)
}

// missing lists the directories that would have to be made for dir, the
// innermost first.
func missing(dir string) []string {
	var out []string
	for {
		if _, err := os.Lstat(dir); err == nil || dir == filepath.Dir(dir) {
			return out
		}
		out, dir = append(out, dir), filepath.Dir(dir)
	}
}

func removeEmpty(dirs []string) {
	for _, dir := range dirs {
		_ = os.Remove(dir) // what is not empty has become somebody else's
	}
}

// lockSuffix ends the name of the lock beside a product.
const lockSuffix = ".lock"

// closeTime is how long Close waits for others to leave a product.
const closeTime = 5 * time.Second

// Close removes the products that were unpacked outside of this machine's own
// directory for them.
func (l *Lab) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var errs []error
	for _, prefix := range l.strange {
		store, err := product.New(filepath.Dir(prefix), 0)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		hold, err := store.Make(ctx, filepath.Base(prefix), nil) // which empties it, and Release removes it
		if err != nil {
			errs = append(errs, err)
			continue
		}
		hold.Release()
		errs = append(errs, os.Remove(prefix+lockSuffix))
	}
	removeEmpty(l.dirs)
	l.strange, l.dirs = nil, nil
	return errors.Join(errs...)
}

// fetch opens a packed product.
func (l *Lab) fetch(ctx context.Context, d weir.Digest) (io.ReadCloser, error) {
	p, ok := l.from[d]
	switch {
	case !ok:
		return nil, weir.Errorf(weir.NotFound, "there is no product %s", d.Short())
	case p.file != "":
		return os.Open(p.file)
	}
	return l.Supply.OpenProduct(ctx, p.build)
}
