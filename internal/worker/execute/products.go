package execute

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/product"
)

// place is a product's place that the build needs, to use or to make.
type place struct {
	prefix string
	input  *weir.UpstreamSpec // nil: to make
}

// bringProducts takes hold of the places of all products: those of the
// upstreams, and the one that the job makes. They are taken in the order of
// their paths, so that builds that wait for each other's never wait in a circle.
func (a *attempt) bringProducts(ctx context.Context) (weir.Reason, bool) {
	places, err := a.places()
	if err != nil {
		return reason(weir.ReasonWorker, "%v", err), false
	}
	log := io.Discard
	if a.products >= 0 {
		log = a.begin(a.products)
	}
	for _, p := range places {
		err := a.take(ctx, p, log)
		if err == nil {
			continue
		}
		if why, stopped := a.interrupted(ctx, a.products); stopped {
			return why, false
		}
		fmt.Fprintf(log, "%v\n", err)
		if a.products >= 0 {
			a.end(a.products, weir.StepFailed, err.Error())
		}
		if why, full := a.full(err); full {
			return why, false
		}
		if p.input == nil {
			return a.machine(err, "the place for the product cannot be made"), false
		}
		return reason(weir.ReasonProductMissing, "the product of %s cannot be had: %v", p.input.Project, err), false
	}
	if a.products >= 0 {
		a.end(a.products, weir.StepPassed, "")
	}
	return weir.Reason{}, true
}

func (a *attempt) places() ([]place, error) {
	var places []place
	for i := range a.job.Spec.Inputs {
		if in := &a.job.Spec.Inputs[i]; in.Product.Digest != "" {
			places = append(places, place{in.Product.Prefix, in})
		}
	}
	if a.job.Spec.Job.Product != "" {
		prefix, err := a.r.Products.Prefix(a.job.Spec.ProductKey)
		if err != nil {
			return nil, err
		}
		places = append(places, place{prefix: prefix})
	}
	slices.SortStableFunc(places, func(p, q place) int { return strings.Compare(p.prefix, q.prefix) })
	for i := 1; i < len(places); i++ {
		if places[i].prefix == places[i-1].prefix {
			return nil, weir.Errorf(weir.Invalid, "two products of the build share the place %s", places[i].prefix)
		}
	}
	return places, nil
}

func (a *attempt) take(ctx context.Context, p place, log io.Writer) error {
	waiting := func() { fmt.Fprintf(log, "waiting for another build to leave %s\n", p.prefix) }
	if p.input == nil {
		hold, err := a.r.Products.Make(ctx, a.job.Spec.ProductKey, waiting)
		if err != nil {
			return err
		}
		a.making, a.holds = hold, append(a.holds, hold)
		return nil
	}
	in := p.input
	fmt.Fprintf(log, "%s at %s: product %s, %s packed\n", in.Project, weir.ShortRevision(in.Revision),
		in.Product.Digest.Short(), bytesText(in.Product.Size))
	hold, err := a.r.Products.Use(ctx, in.Product, a.r.Fetch, waiting)
	if err != nil {
		return err
	}
	a.inputs[in.Project], a.holds = hold, append(a.holds, hold)
	if a.job.Spec.Untrusted {
		if err := hold.Distrust(); err != nil {
			return err
		}
	}
	how := "unpacked at"
	if hold.Reused {
		how = "lies already, unaltered, at"
	}
	fmt.Fprintf(log, "  %s %s: %d entries, %s\n", how, hold.Prefix, hold.Stats.Entries, bytesText(hold.Stats.Bytes))
	return nil
}

// pack packs the job's product once all steps have passed.
func (a *attempt) pack(ctx context.Context) weir.Reason {
	if a.product < 0 {
		return weir.Reason{}
	}
	log := a.begin(a.product)
	tree, err := a.productTree()
	var stats product.Stats
	if err == nil {
		fmt.Fprintf(log, "packing %s\n", tree)
		stats, err = a.packTree(ctx, tree)
	}
	if err == nil && tree == a.making.Prefix {
		err = a.making.Settle(a.packed.Digest)
	}
	if err == nil {
		fmt.Fprintf(log, "%d entries, %s; packed %s, %s\n", stats.Entries, bytesText(stats.Bytes), bytesText(a.packed.Size), a.packed.Digest)
		a.end(a.product, weir.StepPassed, "")
		return weir.Reason{}
	}
	if why, stopped := a.interrupted(ctx, a.product); stopped {
		return why
	}
	fmt.Fprintf(log, "%v\n", err)
	a.tails[a.product] = err.Error()
	a.end(a.product, weir.StepFailed, err.Error())
	if why, full := a.full(err); full {
		return why
	}
	switch {
	case weir.CodeOf(err) != weir.Internal, errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return reason(weir.ReasonStep, "step %q: %v", StepProduct, err)
	}
	return reason(weir.ReasonWorker, "the product cannot be packed: %v", err)
}

// productTree finds the directory that the job's product names: WEIR_PREFIX,
// or a directory below the checkout, which then is unpacked at WEIR_PREFIX for others.
func (a *attempt) productTree() (string, error) {
	name := a.job.Spec.Job.Product
	tree := a.making.Prefix
	if name != "$WEIR_PREFIX" && name != "${WEIR_PREFIX}" {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return "", weir.Errorf(weir.Invalid, "the product %.200q is neither $WEIR_PREFIX nor a path below the checkout", name)
		}
		root, err := os.OpenRoot(a.checkout)
		if err != nil {
			return "", err
		}
		defer root.Close()
		if _, err := root.Stat(filepath.FromSlash(name)); err != nil {
			return "", weir.Errorf(weir.NotFound, "there is no product: %s is not in the checkout", name).WithCause(err)
		}
		tree = filepath.Join(a.checkout, filepath.FromSlash(name))
	}
	list, err := os.ReadDir(tree)
	if err != nil || len(list) == 0 {
		return "", weir.Errorf(weir.NotFound, "the product %s is empty", tree).
			WithHint("a step has to install into $WEIR_PREFIX").WithCause(err)
	}
	return tree, nil
}

func (a *attempt) packTree(ctx context.Context, tree string) (product.Stats, error) {
	f, err := a.create("product")
	if err != nil {
		return product.Stats{}, err
	}
	sum := sha256.New()
	w := &boundedWriter{ctx: ctx, w: io.MultiWriter(f, sum), left: protocol.MaxProduct, what: "the packed product"}
	stats, err := product.Pack(tree, w)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		a.packed = weir.Product{Digest: weir.DigestOfSum(sum.Sum(nil)), Prefix: a.making.Prefix, Size: protocol.MaxProduct - w.left}
	}
	if disk.IsFull(err) {
		_ = os.Remove(f.Name())
	}
	return stats, err
}

// boundedWriter stops when its context ends or too much was written.
type boundedWriter struct {
	ctx  context.Context
	w    io.Writer
	left int64
	what string
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, weir.Errorf(weir.TooLarge, "%s is too large", b.what)
	}
	return b.w.Write(p)
}
