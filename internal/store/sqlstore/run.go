package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// CreateRun makes a run and its builds, in the order given.
func (s *Store) CreateRun(ctx context.Context, nr store.NewRun) (run weir.Run, ids []weir.BuildID, err error) {
	write := s.writeShort
	if len(nr.Builds) > shortRun {
		write = s.write
	}
	err = write(ctx, "make a run", nr.Now, func(t *tx) error {
		run, ids, err = t.createRun(nr)
		return err
	})
	if err != nil {
		return weir.Run{}, nil, err
	}
	return run, ids, nil
}

// shortRun is how many builds are made in a moment.
const shortRun = 20

// plan is a run in the making.
type plan struct {
	*tx
	nr       store.NewRun
	builders map[weir.BuilderID]weir.Builder
	keys     []string                    // of the pins, per entry
	shared   []weir.BuildID              // which existing build stands in, per entry
	builds   map[weir.BuildID]weir.Build // those of the run and those that stand in
	made     map[lineKey]weir.BuildID    // in this run
	recipes  map[string]int64            // by hash
	run      weir.Run
	asked    early
}

// lineKey says which builds may stand in for each other.
type lineKey struct {
	builder weir.BuilderID
	pins    string
}

func (p *plan) key(i int) lineKey { return lineKey{p.nr.Builds[i].Builder, p.keys[i]} }

// CreateRun makes a run inside a transaction, as store.Planner says.
func CreateRun(t *sqltx.Tx, nr store.NewRun) (weir.Run, []weir.BuildID, error) {
	return newTx(t).createRun(nr)
}

// createRun is CreateRun inside a transaction. It locks the builders first,
// so that of two servers that plan the same change the second finds what the
// first has made.
func (t *tx) createRun(nr store.NewRun) (weir.Run, []weir.BuildID, error) {
	if err := nr.Check(); err != nil {
		return weir.Run{}, nil, err
	}
	p := &plan{tx: t, nr: nr, builds: map[weir.BuildID]weir.Build{}, made: map[lineKey]weir.BuildID{}, recipes: map[string]int64{}}
	for _, nb := range nr.Builds {
		p.keys = append(p.keys, pinsKey(nb.Pins))
	}
	if err := p.ask(); err != nil {
		return weir.Run{}, nil, err
	}
	if err := p.lockBuilders(); err != nil {
		return weir.Run{}, nil, err
	}
	if err := p.checkHeads(); err != nil {
		return weir.Run{}, nil, err
	}
	doomed, err := p.lookup()
	if err != nil {
		return weir.Run{}, nil, err
	}
	ids := make([]weir.BuildID, len(nr.Builds))
	for i := range nr.Builds {
		if ids[i], err = p.place(i, ids); err != nil {
			return weir.Run{}, nil, err
		}
	}
	if err := p.supersede(doomed, ids); err != nil {
		return weir.Run{}, nil, err
	}
	return p.run, ids, nil
}

// builderIDs lists the builders of the run, in order.
func (p *plan) builderIDs() []weir.BuilderID {
	var ids []weir.BuilderID
	for _, nb := range p.nr.Builds {
		ids = append(ids, nb.Builder)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// lockBuilders keeps other planners away from the builders of the run.
func (p *plan) lockBuilders() error {
	locked, err := sqltx.Collect(p.asked.builders, func(r sqltx.Scanner) (b weir.Builder, err error) {
		err = r.Scan(sqlroster.BuilderDest(&b)...)
		return b, err
	}, "")
	if err != nil {
		return err
	}
	p.builders = make(map[weir.BuilderID]weir.Builder, len(locked))
	for _, b := range locked {
		p.builders[b.ID] = b
	}
	for _, id := range p.builderIDs() {
		if _, ok := p.builders[id]; !ok {
			return weir.Errorf(weir.NotFound, "there is no builder %d", id)
		}
	}
	return nil
}

// lookup finds the builds that stand in for new ones and those that new ones
// may take the place of, and locks all that are unfinished. Locking may have
// waited for a build to end, so it looks again until nothing changes.
func (p *plan) lookup() (doomed []weir.BuildID, err error) {
	for locked := map[weir.BuildID]bool{}; ; {
		if p.shared, err = p.findShared(); err != nil {
			return nil, err
		}
		if doomed, err = p.findDoomed(); err != nil {
			return nil, err
		}
		var fresh []weir.BuildID
		for _, id := range slices.Concat(p.shared, doomed) {
			if id != 0 && !locked[id] {
				locked[id] = true
				fresh = append(fresh, id)
			}
		}
		if p.Lock() == "" || len(fresh) == 0 {
			break
		}
		slices.Sort(fresh)
		if _, err := sqltx.Collect(p, sqltx.Scalar[int64], `SELECT b.id FROM builds b WHERE b.finished = 0 AND b.id IN `+
			p.In(1)+` ORDER BY b.id`+p.Lock(), sqltx.IDs(fresh)); err != nil {
			return nil, err
		}
	}
	for _, id := range p.shared {
		if id != 0 {
			p.builds[id] = weir.Build{}
		}
	}
	return doomed, p.load(p.builds)
}

// findShared looks up the newest build that may stand in for each entry.
func (p *plan) findShared() ([]weir.BuildID, error) {
	shared := make([]weir.BuildID, len(p.nr.Builds))
	var rows [][]any
	for i, nb := range p.nr.Builds {
		if nb.Share == store.SharePending || nb.Share == store.ShareAny {
			rows = append(rows, []any{i, int64(nb.Builder), p.keys[i], sqltx.Flag(nb.Share == store.ShareAny)})
		}
	}
	err := p.InChunks(rows, func(data string) error {
		type hit struct {
			entry int
			id    weir.BuildID
		}
		hits, err := sqltx.Collect(p, func(r sqltx.Scanner) (h hit, err error) {
			err = r.Scan(&h.entry, &h.id)
			return h, err
		}, `SELECT q.entry, COALESCE((SELECT MAX(b.id) FROM builds b WHERE b.builder_id = q.builder AND b.pins_key = q.pins
				AND (b.finished = 0 OR (q.also_final = 1 AND b.outcome IN ('passed', 'failed', 'broken', 'timed_out')))), 0)
			FROM `+p.Table(1, "q", "entry int", "builder int", "pins", "also_final int"), data)
		for _, h := range hits {
			shared[h.entry] = h.id
		}
		return err
	})
	return shared, err
}

// findDoomed lists waiting builds that entries of the run may take the place
// of: same builder, advancing, other pins.
func (p *plan) findDoomed() ([]weir.BuildID, error) {
	wanted := map[lineKey]bool{}
	var builders []weir.BuilderID
	for i, nb := range p.nr.Builds {
		wanted[p.key(i)] = true
		if nb.Supersede {
			builders = append(builders, nb.Builder)
		}
	}
	if len(builders) == 0 {
		return nil, nil
	}
	type waiting struct {
		id weir.BuildID
		lineKey
	}
	all, err := sqltx.Collect(p, func(r sqltx.Scanner) (w waiting, err error) {
		err = r.Scan(&w.id, &w.builder, &w.pins)
		return w, err
	}, `SELECT b.id, b.builder_id, b.pins_key FROM builds b WHERE b.finished = 0 AND b.advances = 1
		AND b.state IN ('queued', 'blocked') AND b.builder_id IN `+p.In(1), sqltx.IDs(builders))
	var doomed []weir.BuildID
	for _, w := range all {
		if !wanted[w.lineKey] {
			doomed = append(doomed, w.id)
		}
	}
	return doomed, err
}

// place finds or makes entry i and returns its id.
func (p *plan) place(i int, ids []weir.BuildID) (weir.BuildID, error) {
	nb := p.nr.Builds[i]
	if p.shared[i] != 0 {
		return p.shared[i], nil
	}
	if id := p.made[p.key(i)]; id != 0 && mayStandIn(p.builds[id], nb.Share) {
		return id, nil
	}
	b := weir.Build{Cause: cmp.Or(nb.Cause, p.nr.Cause), Builder: p.builders[nb.Builder], Pins: nb.Pins, Created: p.nr.Now, RetryOf: nb.RetryOf}
	var needs []weir.Build
	var needIDs []weir.BuildID
	for _, n := range nb.Needs {
		if !slices.Contains(needIDs, ids[n]) {
			needIDs = append(needIDs, ids[n])
			needs = append(needs, p.builds[ids[n]])
		}
	}
	f := fateOf(needs)
	b.State, b.Outcome, b.Reason = f.state, f.outcome, f.reason
	if b.State.Final() {
		b.Finished = p.nr.Now
	}
	if err := p.insert(&b, i, needIDs); err != nil {
		return 0, err
	}
	p.builds[b.ID] = b
	p.made[p.key(i)] = b.ID
	return b.ID, nil
}

func mayStandIn(b weir.Build, s store.Share) bool {
	return s == store.SharePending && !b.State.Final() ||
		s == store.ShareAny && (!b.State.Final() || b.Outcome.SaysSomething())
}

func (p *plan) insert(b *weir.Build, i int, needs []weir.BuildID) error {
	nb, key := p.nr.Builds[i], p.keys[i]
	if err := p.ensureRun(); err != nil {
		return err
	}
	b.Run = p.run.ID
	pins, err := sqltx.Encode(b.Pins)
	if err != nil {
		return err
	}
	labels, err := sqltx.Encode(nb.Spec.Job.Labels)
	if err != nil {
		return err
	}
	labels += marksOf(nb)
	locks := ""
	if len(nb.Locks) > 0 {
		if locks, err = sqltx.Encode(nb.Locks); err != nil {
			return err
		}
	}
	recipe, err := p.recipe(i)
	if err != nil {
		return err
	}
	queued := time.Time{}
	if b.State == weir.Queued {
		queued = p.nr.Now
		p.tellQueue(b.Builder.Platform)
	}
	number, err := p.add(p.asked.builds, "builds", `run_id, builder_id, platform, cause, advances, unsettled, state, outcome,
			reason_code, reason_text, priority, labels, pins, pins_key, created, queued, finished, retry_of, recipe_id, product_key, prefer, avoid,
			lane, locks, lenient, superseded`,
		int64(b.Run), int64(b.Builder.ID), string(b.Builder.Platform), string(b.Cause), sqltx.Flag(b.Cause.Advances()), sqltx.Flag(b.Cause.Advances()),
		string(b.State), string(b.Outcome), string(b.Reason.Code), sqltx.Clip(b.Reason.Text, weir.MaxReason), nb.Priority, labels, pins, key,
		sqltx.Micros(b.Created), sqltx.Micros(queued), sqltx.Micros(b.Finished), int64(b.RetryOf),
		recipe, sqltx.Clean(nb.Spec.ProductKey), sqltx.Clean(nb.Prefer), sqltx.Clean(nb.Avoid),
		p.run.Project, sqltx.Clean(locks), sqltx.Flag(nb.Spec.Job.AllowFailure), sqltx.Clean(string(nb.Spec.Job.Superseded)))
	if err != nil {
		return err
	}
	b.ID = weir.BuildID(number)
	p.tellBuild(b.ID)
	for i, need := range needs {
		if err := p.Put(`INSERT INTO needs (build_id, ordinal, need_id) VALUES ($1, $2, $3)`, int64(b.ID), i, int64(need)); err != nil {
			return err
		}
	}
	return nil
}

// ensureRun makes the run at the first build that is really new.
func (p *plan) ensureRun() error {
	if p.run.ID != 0 {
		return nil
	}
	p.run = weir.Run{Cause: p.nr.Cause, Project: sqltx.Clean(p.nr.Project), Reason: sqltx.Clip(p.nr.Reason, weir.MaxReason),
		Created: sqltx.TimeOf(sqltx.Micros(p.nr.Now)), Regression: p.nr.Regression}
	number, err := p.add(p.asked.runs, "runs", `cause, project, reason, created, regression_id`,
		string(p.run.Cause), p.run.Project, p.run.Reason, sqltx.Micros(p.run.Created), int64(p.run.Regression))
	p.run.ID = weir.RunID(number)
	p.Tell(weir.EventRun, itoa(p.run.ID))
	return err
}

// supersede cancels the doomed builds that nobody needs, the newest first, so
// that a chain of them goes as a whole.
func (p *plan) supersede(doomed, ids []weir.BuildID) error {
	if len(doomed) == 0 {
		return nil
	}
	newest := map[weir.BuilderID]weir.BuildID{}
	for i, nb := range p.nr.Builds {
		if nb.Supersede {
			newest[nb.Builder] = max(newest[nb.Builder], ids[i])
		}
	}
	old := map[weir.BuildID]weir.Build{}
	for _, id := range doomed {
		old[id] = weir.Build{}
	}
	if err := p.load(old); err != nil {
		return err
	}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(old))) {
		b := old[id]
		if b.State != weir.Queued && b.State != weir.Blocked || id > newest[b.Builder.ID] {
			continue
		}
		var needed int
		if err := p.Row(`SELECT COUNT(*) FROM needs n JOIN builds d ON d.id = n.build_id WHERE n.need_id = $1 AND d.finished = 0`,
			int64(id)).Scan(&needed); err != nil {
			return err
		}
		if needed > 0 {
			continue
		}
		reason := weir.Reason{Code: weir.ReasonSuperseded,
			Text: fmt.Sprintf("build %d of newer revisions took its place in the queue", newest[b.Builder.ID])}
		if err := p.end(&b, weir.OutcomeCancelled, reason, p.nr.Now); err != nil {
			return err
		}
	}
	return nil
}

// Cancel ends an unfinished build.
func (s *Store) Cancel(ctx context.Context, id weir.BuildID, reason weir.Reason, now time.Time) error {
	if reason.Code.Outcome() != weir.OutcomeCancelled {
		reason.Code = weir.ReasonRequested
	}
	reason.Text = sqltx.Clip(reason.Text, weir.MaxReason)
	return s.write(ctx, "cancel a build", now, func(t *tx) error {
		products, err := t.lockProducts(id) // first, as everybody locks in the order of ids
		if err != nil {
			return err
		}
		b, err := t.lockBuild(id)
		if err != nil {
			return err
		}
		if b.State.Final() {
			return weir.Errorf(weir.Conflict, "build %d is %s already", id, b.State)
		}
		if b.State == weir.Leased || b.State == weir.Running {
			a := weir.AttemptID{Build: id, Number: b.Attempts}
			if err := t.endAttempt(a, byCancel, store.Finish{Outcome: weir.OutcomeCancelled, Reason: reason, Now: now}); err != nil {
				return err
			}
			t.Tell(weir.EventCancel, itoa(id))
		}
		if err := t.end(&b, weir.OutcomeCancelled, reason, now); err != nil {
			return err
		}
		return t.endUnneeded(products, reason, now)
	})
}
