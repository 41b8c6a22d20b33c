package inquiry

import (
	"context"
	"maps"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/kin"
	"github.com/weir-ci/weir/internal/store"
)

// Searches share what is built. A position whose products exist, or are being
// built for somebody else, costs a run and no build, so those that search the same
// upstream come to ask for the same of its revisions. And where two revisions of
// an upstream have the very same product, what is seen with one holds for the
// other.

// mostProducts is how many of a builder's newest builds are looked at.
const mostProducts = 500

// joint is what other searches and lines have to offer to one.
type joint struct {
	built   []int     // positions whose products exist or are being built
	same    []int     // per position, a class: its products are identical. Nil: not known of any two
	weights []float64 // per step
	lead    []int     // steps of which the leader's culprit is one
}

// join learns what a search can share, and takes back probes that it need not
// wait for.
func (q *Inquiry) join(ctx context.Context, r weir.Regression, e *evidence) (err error) {
	if e.joint.weights, e.joint.lead, err = q.suspicion(ctx, r, e.route); err != nil {
		return err
	}
	run, err := q.config().Add(store.NewRun{}, r.Builder.ID, []weir.Pins{e.route.Pins(e.route.Len())}, 0, func(n *store.NewBuild) { n.Share = store.ShareNone })
	if err != nil || len(run.Builds) == 0 {
		return nil // whoever asks for a probe is told the same
	}
	own := run.Builds[len(run.Builds)-1]
	e.handsDown = own.Spec.Job.Product != ""
	var inputs []kin.Input
	plain := map[string]bool{} // projects of which the build gets the revision only
	for name := range own.Pins {
		plain[name] = true
	}
	for _, i := range own.Needs {
		b := run.Builds[i]
		in := kin.Input{Of: slices.Collect(maps.Keys(b.Pins))}
		delete(plain, b.Spec.Project)
		if in.Made, err = q.productsOf(ctx, b.Builder); err != nil {
			return err
		}
		inputs = append(inputs, in)
	}
	e.joint.built, e.joint.same = kin.Products(e.route.Len(), e.route.Pins, inputs, plain)
	return q.cancel(ctx, r, e, "an upstream product is identical to one that was tried", e.twin)
}

// productsOf lists the builds of a product that can be had, once a pass.
func (q *Inquiry) productsOf(ctx context.Context, id weir.BuilderID) (map[string]weir.Build, error) {
	if made, ok := q.kin.products[id]; ok {
		return made, nil
	}
	builds, err := q.store.ListBuilds(ctx, store.BuildFilter{Builder: id, Limit: mostProducts})
	if err != nil {
		return nil, err
	}
	made := map[string]weir.Build{}
	for _, b := range builds { // newest first, as sharing prefers it
		if _, newer := made[b.Pins.Key()]; !newer && (!b.State.Final() || b.Outcome.SaysSomething()) {
			made[b.Pins.Key()] = b
		}
	}
	if q.kin.products == nil {
		q.kin.products = map[weir.BuilderID]map[string]weir.Build{}
	}
	q.kin.products[id] = made
	return made, nil
}

// breadth is how many probes may run at once. While nothing speaks against the
// leader's culprit two are enough: it and its parent.
func (e *evidence) breadth(width int) int {
	if len(e.joint.lead) != 1 {
		return width
	}
	step := e.joint.lead[0]
	for b, t := range e.trials {
		against := weir.ObservedBad
		if t.Position >= step {
			against = weir.ObservedGood
		}
		if slices.Contains(e.said[b], against) {
			return width
		}
	}
	return min(width, 2)
}

// alike reports whether two positions have the same products.
func (e *evidence) alike(a, b int) bool {
	return a == b || e.joint.same != nil && e.joint.same[a] == e.joint.same[b]
}

// borrowed says, as the end of a note, if the parent of a culprit itself was not
// run, but another revision with the same product was.
func (e *evidence) borrowed(f bisect.Finding) string {
	if f.Kind != bisect.Found || !e.twin(f.First-1) {
		return ""
	}
	other := "the last good revision"
	if at := e.spoken(f.First - 1); at > 0 {
		project, rev := e.route.Step(at)
		other = project + " " + rev.Short()
	}
	return ", where the product is that of " + other
}

// spoken is the first position with a verdict among those with the products of
// one; -1 if there is none.
func (e *evidence) spoken(position int) int {
	first := -1
	for b, t := range e.trials {
		if e.alike(t.Position, position) {
			if slices.ContainsFunc(e.said[b], func(o weir.Observed) bool { return o != weir.ObservedNone }) && (first < 0 || t.Position < first) {
				first = t.Position
			}
		}
	}
	return first
}

// twin reports whether a probe is of products that have been tried at another
// position, and not at its own: when it was asked for, nobody knew.
func (e *evidence) twin(position int) bool {
	if e.joint.same == nil {
		return false
	}
	return e.spoken(position) >= 0 && !slices.ContainsFunc(e.trials, func(t bisect.Trial) bool { return t.Position == position })
}

// stands moves probes to positions with the same products that were tried before.
func (e *evidence) stands(probes []int) []int {
	out := slices.Clone(probes)
	for i, p := range out {
		if e.twin(p) {
			out[i] = e.spoken(p)
		}
	}
	return out
}

// spare takes back probes of a search that has come to its end. Those that a
// check would ask for again stay, and so do those that run: what they say counts.
func (q *Inquiry) spare(ctx context.Context, r weir.Regression, e *evidence, findings []bisect.Finding, width int) error {
	pending := e.pending
	e.pending = nil
	wanted, _ := e.asks(findings, width)
	e.pending = pending
	return q.cancel(ctx, r, e, "the search has come to its end", func(position int) bool {
		at := e.route.Pins(position).Key()
		return !slices.ContainsFunc(wanted, func(a ask) bool { return a.pins.Key() == at })
	})
}

// cancel takes back probes of a search that nobody has begun.
func (q *Inquiry) cancel(ctx context.Context, r weir.Regression, e *evidence, why string, idle func(position int) bool) error {
	if e.handsDown || slices.ContainsFunc(q.kin.searching, func(o weir.Regression) bool { return o.ID != r.ID && o.Builder.ID == r.Builder.ID }) {
		return nil // somebody else may want it
	}
	for i := len(e.waiting) - 1; i >= 0; i-- {
		b := e.waiting[i]
		if !e.own[b.ID] || b.State != weir.Queued && b.State != weir.Blocked || !idle(e.pending[i]) {
			continue
		}
		if err := q.store.Cancel(ctx, b.ID, weir.Reason{Code: weir.ReasonSuperseded, Text: why}, q.now()); err != nil && weir.CodeOf(err) != weir.Conflict {
			return err
		}
		e.waiting, e.pending = slices.Delete(e.waiting, i, i+1), slices.Delete(e.pending, i, i+1)
	}
	return nil
}
