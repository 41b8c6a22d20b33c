package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqlstarts"
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
	if err := sqlstarts.Take(t.Tx, nr.Occasion, nr.Now); err != nil {
		return weir.Run{}, nil, err
	}
	p := &plan{tx: t, nr: nr, builds: map[weir.BuildID]weir.Build{}, made: map[lineKey]weir.BuildID{}, recipes: map[string]int64{}}
	for _, nb := range nr.Builds {
		p.keys = append(p.keys, PinsKey(nb.Pins))
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
	if err := p.taken(ids); err != nil {
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
	for _, nb := range p.nr.Builds { // whoever made them may not know yet that it has another name
		name := p.builders[nb.Builder].Project
		if _, ok := nb.Pins[sqltx.Clean(name)]; !ok && nb.Spec.Project != "" && nb.Spec.Project != name {
			return weir.Errorf(weir.Invalid, "project %s is called %s now", nb.Spec.Project, name).
				WithHint("this server's farm file is older than another one's: give both the same")
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

// findShared looks up the newest build that may stand in for each entry. In the
// text of a specification quotes inside of values are escaped, so that only its own
// mark is found.
func (p *plan) findShared() ([]weir.BuildID, error) {
	shared := make([]weir.BuildID, len(p.nr.Builds))
	var rows [][]any
	for i, nb := range p.nr.Builds {
		if nb.Share == store.SharePending || nb.Share == store.ShareAny {
			rows = append(rows, []any{i, int64(nb.Builder), p.keys[i], sqltx.Flag(nb.Share == store.ShareAny),
				sqltx.Flag(cmp.Or(nb.Cause, p.nr.Cause).Advances()), sqltx.Flag(nb.Spec.Untrusted)})
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
				AND (b.finished = 0 OR (q.also_final = 1 AND b.outcome IN ('passed', 'failed', 'broken', 'timed_out')))
				AND (q.advances = 0 OR b.advances = 1)
				AND (q.untrusted = 1 OR NOT EXISTS (SELECT 1 FROM recipes r WHERE r.id = b.recipe_id AND r.spec LIKE '%"untrusted":true%'))), 0)
			FROM `+p.Table(1, "q", "entry int", "builder int", "pins", "also_final int", "advances int", "untrusted int"), data)
		for _, h := range hits {
			shared[h.entry] = h.id
		}
		return err
	})
	return shared, err
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
	needs := p.needs(nb, ids)
	f := fateOf(needs)
	b.State, b.Outcome, b.Reason = f.state, f.outcome, f.reason
	if b.State.Final() {
		b.Finished = p.nr.Now
	}
	if err := p.insert(&b, i, needs); err != nil {
		return 0, err
	}
	p.builds[b.ID] = b
	p.made[p.key(i)] = b.ID
	return b.ID, nil
}

// needs lists what a new build needs, each once for its product and once to end first.
func (p *plan) needs(nb store.NewBuild, ids []weir.BuildID) (needs []need) {
	add := func(entries []int, e ending) {
		for _, n := range entries {
			if !slices.ContainsFunc(needs, func(k need) bool { return k.ID == ids[n] && k.ending == e }) {
				needs = append(needs, need{p.builds[ids[n]], e, p.nr.Builds[n].Spec.Job.AllowFailure})
			}
		}
	}
	add(nb.Needs, withProduct)
	add(nb.After, endingOf(nb.When))
	return needs
}

func mayStandIn(b weir.Build, s store.Share) bool {
	return s == store.SharePending && !b.State.Final() ||
		s == store.ShareAny && (!b.State.Final() || b.Outcome.SaysSomething())
}

func (p *plan) insert(b *weir.Build, i int, needs []need) error {
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
			lane, locks, lenient, superseded, patch`,
		int64(b.Run), int64(b.Builder.ID), string(b.Builder.Platform), string(b.Cause), sqltx.Flag(b.Cause.Advances()), sqltx.Flag(b.Cause.Advances()),
		string(b.State), string(b.Outcome), string(b.Reason.Code), sqltx.Clip(b.Reason.Text, weir.MaxReason), nb.Priority, labels, pins, key,
		sqltx.Micros(b.Created), sqltx.Micros(queued), sqltx.Micros(b.Finished), int64(b.RetryOf),
		recipe, sqltx.Clean(nb.Spec.ProductKey), sqltx.Clean(nb.Prefer), sqltx.Clean(nb.Avoid),
		laneOf(p.run.Project), sqltx.Clean(locks), sqltx.Flag(nb.Spec.Job.AllowFailure), sqltx.Clean(string(nb.Spec.Job.Superseded)), string(patchOf(nb.Pins)))
	if err != nil {
		return err
	}
	b.ID = weir.BuildID(number)
	p.tellBuild(b.ID)
	for i, need := range needs {
		if err := p.Put(`INSERT INTO needs (build_id, ordinal, need_id, ending) VALUES ($1, $2, $3, $4)`, int64(b.ID), i, int64(need.ID), string(need.ending)); err != nil {
			return err
		}
	}
	return nil
}

// patchOf is the blob with what a build tries; empty if it tries nothing.
func patchOf(pins weir.Pins) weir.Digest {
	for _, revision := range pins {
		if _, patch, ok := weir.CutPatched(revision); ok {
			return patch
		}
	}
	return ""
}

// ensureRun makes the run at the first build that is really new.
func (p *plan) ensureRun() error {
	if p.run.ID != 0 {
		return nil
	}
	p.run = weir.Run{Cause: p.nr.Cause, Project: sqltx.Clean(p.nr.Project), Reason: sqltx.Clip(p.nr.Reason, weir.MaxReason),
		Created: sqltx.TimeOf(sqltx.Micros(p.nr.Now)), Regression: p.nr.Regression, Config: sqltx.Clean(p.nr.Config), By: sqltx.Clean(p.nr.By),
		Of: p.nr.Of, Proposal: p.nr.Occasion.Proposal}
	params := ""
	if len(p.nr.Params) > 0 {
		var err error
		if params, err = sqltx.Encode(p.nr.Params); err != nil {
			return err
		}
		p.run.Params = p.nr.Params
	}
	number, err := p.add(p.asked.runs, "runs", `cause, project, reason, created, regression_id, config, by_whom, params, of_id, proposal_id`,
		string(p.run.Cause), p.run.Project, p.run.Reason, sqltx.Micros(p.run.Created), int64(p.run.Regression),
		p.run.Config, p.run.By, sqltx.Clean(params), int64(p.run.Of), int64(p.run.Proposal))
	p.run.ID = weir.RunID(number)
	p.Tell(weir.EventRun, itoa(p.run.ID))
	return err
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
		if err := t.cancel(&b, reason, now); err != nil {
			return err
		}
		return t.endUnneeded(products, reason, now)
	})
}

// cancel ends a build that is locked and not final, fences its live attempt, and
// takes that to the builds that need it.
func (t *tx) cancel(b *weir.Build, reason weir.Reason, now time.Time) error {
	if b.State == weir.Leased || b.State == weir.Running {
		a := weir.AttemptID{Build: b.ID, Number: b.Attempts}
		if err := t.endAttempt(a, byCancel, store.Finish{Outcome: weir.OutcomeCancelled, Reason: reason, Now: now}); err != nil {
			return err
		}
		if err := t.letGo(b.ID); err != nil {
			return err
		}
		t.Tell(weir.EventCancel, itoa(b.ID))
	}
	return t.end(b, weir.OutcomeCancelled, reason, now)
}
