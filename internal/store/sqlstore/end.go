package sqlstore

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// move takes a build to another state, along weir.State.CanBecome only, and
// tells so.
func (t *tx) move(b *weir.Build, next weir.State) error {
	if !b.State.CanBecome(next) {
		return weir.Errorf(weir.Conflict, "build %d is %s and cannot become %s", b.ID, b.State, next)
	}
	b.State = next
	t.tellBuild(b.ID)
	return nil
}

// save writes what changes in a build's life.
func (t *tx) save(b weir.Build) error {
	counts, err := sqltx.EncodeNonzero(b.Counts)
	if err != nil {
		return err
	}
	err = t.Put(`UPDATE builds SET state = $2, outcome = $3, reason_code = $4, reason_text = $5,
		started = $6, finished = $7, attempts = $8, worker = $9,
		product_digest = $10, product_prefix = $11, product_size = $12, results = $13, counts = $14
		WHERE id = $1`,
		int64(b.ID), string(b.State), string(b.Outcome), sqltx.Clean(string(b.Reason.Code)), sqltx.Clip(b.Reason.Text, weir.MaxReason),
		sqltx.Micros(b.Started), sqltx.Micros(b.Finished), b.Attempts, sqltx.Clean(b.Worker),
		sqltx.Clean(string(b.Product.Digest)), sqltx.Clean(b.Product.Prefix), b.Product.Size, sqltx.Clean(string(b.Results)), counts)
	return err
}

// end gives a build its outcome and follows it to the builds that need it.
func (t *tx) end(b *weir.Build, outcome weir.Outcome, reason weir.Reason, now time.Time) error {
	if err := t.endOne(b, outcome, reason, now); err != nil {
		return err
	}
	return t.follow(b.ID, now)
}

func (t *tx) endOne(b *weir.Build, outcome weir.Outcome, reason weir.Reason, now time.Time) error {
	next := weir.Finished
	if outcome == weir.OutcomeCancelled {
		next = weir.Cancelled
	}
	if err := t.move(b, next); err != nil {
		return err
	}
	b.Outcome, b.Reason, b.Finished = outcome, reason, now
	return t.save(*b)
}

// enqueue makes builds ready to be leased, but not before the time given if it
// is not zero. They must be locked. They wait since now; the zero time: since they
// were queued before.
func (t *tx) enqueue(builds []weir.Build, now, notBefore time.Time) error {
	if len(builds) == 0 {
		return nil
	}
	ids := make([]weir.BuildID, len(builds))
	for i := range builds {
		if err := t.move(&builds[i], weir.Queued); err != nil {
			return err
		}
		ids[i] = builds[i].ID
		t.tellQueue(builds[i].Builder.Platform)
	}
	return t.Put(`UPDATE builds SET state = 'queued', queued = CASE WHEN CAST($1 AS BIGINT) > 0 THEN $1 ELSE queued END, not_before = $2 WHERE id IN `+t.In(3),
		sqltx.Micros(now), sqltx.Micros(notBefore), sqltx.IDs(ids))
}

// fate is what becomes of a build because of those it needs.
type fate struct {
	state   weir.State
	outcome weir.Outcome
	reason  weir.Reason
}

// need is a build that another one needs.
type need struct {
	weir.Build
	ending  ending
	lenient bool // its job may fail
}

// ending says how a needed build must end.
type ending string

const (
	withProduct ending = "" // the build uses its product
	endPassed   ending = "passed"
	endFailed   ending = "failed" // this one, or another that must
	endAny      ending = "always"
)

func endingOf(w weir.When) ending {
	if w == weir.WhenPassed {
		return endPassed
	}
	return ending(w)
}

// How much it weighs what a need says, the most first.
const (
	nothing = iota
	waits
	infraWeighs
	brokenWeighs
	skipWeighs
	cancelWeighs
)

// fateOf decides. A cancelled need weighs most, then a job that did not end as
// this one wants, then one that ended without a product: whatever the others do,
// the build can never run. That the farm itself was at fault is believed only if
// nothing else ended the build.
func fateOf(needs []need) fate {
	f := fate{state: weir.Queued}
	worst := nothing
	var well *need // the first of those that should have failed, if none has
	failed := false
	for _, n := range needs {
		weight, next := fateBy(n)
		if weight > worst {
			worst, f = weight, next
		}
		if n.ending == endFailed && n.State.Final() {
			failed = failed || isBad(n.Outcome)
			if well == nil {
				well = &n
			}
		}
	}
	if worst == nothing && well != nil && !failed {
		return skippedBy(*well, "and this one is for when a job fails that it needs")
	}
	return f
}

// isBad reports whether a job that ended like this has failed, as weir.WhenFailed
// means it.
func isBad(o weir.Outcome) bool { return o == weir.Failed || o == weir.Broken || o == weir.TimedOut }

// skippedBy is the fate of a build because of a job that it needs.
func skippedBy(n need, why string) fate {
	return fate{weir.Finished, weir.Skipped, weir.Reason{Code: weir.ReasonNeeds,
		Text: fmt.Sprintf("%s, build %d, %s, %s", n.Builder.Name(), n.ID, wordOf(n.Outcome), why)}}
}

// fateBy decides by one needed build, and says how much it weighs.
func fateBy(n need) (weight int, f fate) {
	name := fmt.Sprintf("%s at %s, build %d,", n.Builder.Project, weir.ShortRevision(n.Revision()), n.ID)
	switch {
	case n.State == weir.Cancelled || n.Outcome == weir.OutcomeCancelled:
		code := n.Reason.Code
		if code.Outcome() != weir.OutcomeCancelled {
			code = weir.ReasonRequested
		}
		return cancelWeighs, fate{weir.Cancelled, weir.OutcomeCancelled, weir.Reason{Code: code, Text: name + " was cancelled"}}
	case !n.State.Final():
		return waits, fate{state: weir.Blocked}
	case n.ending == endPassed && n.Outcome != weir.Passed && !n.lenient:
		return skipWeighs, skippedBy(n, "and this one is for when it passes")
	case n.ending != withProduct || n.Product.Digest != "":
		return nothing, fate{state: weir.Queued}
	case n.Outcome == weir.Infra:
		return infraWeighs, fate{weir.Finished, weir.Infra, weir.Reason{Code: weir.ReasonProductMissing,
			Text: name + " ended in an infrastructure error: " + n.Reason.Text}}
	default:
		return brokenWeighs, fate{weir.Finished, weir.Broken, weir.Reason{Code: weir.ReasonUpstreamBuild,
			Text: fmt.Sprintf("%s %s and left no product", name, wordOf(n.Outcome))}}
	}
}

func wordOf(o weir.Outcome) string {
	switch o {
	case weir.Broken:
		return "is broken"
	case weir.TimedOut:
		return "timed out"
	case weir.Skipped:
		return "was skipped"
	case weir.Infra:
		return "ended in an infrastructure error"
	}
	return string(o)
}

// askWaiting asks for the builds that wait for one, locked.
func (t *tx) askWaiting(id weir.BuildID) sqltx.Asked {
	return t.Later(`SELECT `+buildColumns+fromBuilds+`JOIN needs n ON n.build_id = b.id
		WHERE n.need_id = $1 AND b.state = 'blocked' ORDER BY b.id`+t.Lock(), int64(id))
}

// expectEnd asks early for what has to be known if a build ends, which was
// locked before: whoever makes another one wait for it locks it, too.
func (t *tx) expectEnd(id weir.BuildID) {
	t.waiting = map[weir.BuildID]sqltx.Asked{id: t.askWaiting(id)}
}

// follow takes the end of a build to those that wait for it, and their ends
// to those that wait for them.
func (t *tx) follow(ended weir.BuildID, now time.Time) error {
	for work := []weir.BuildID{ended}; len(work) > 0; work = work[1:] {
		asked, ok := t.waiting[work[0]]
		if !ok {
			asked = t.askWaiting(work[0])
		}
		delete(t.waiting, work[0]) // an answer is read once
		waiting, err := sqltx.Collect(asked, scanBuild, "")
		if err != nil || len(waiting) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		needs, err := t.needsOf(waiting)
		if err != nil {
			return err
		}
		var ready []weir.Build
		done := map[weir.BuildID]bool{} // a build may need the same one twice
		for i := range waiting {
			b := &waiting[i]
			if done[b.ID] {
				continue
			}
			done[b.ID] = true
			switch f := fateOf(needs[b.ID]); f.state {
			case weir.Blocked:
			case weir.Queued:
				ready = append(ready, *b)
			default:
				if err := t.endOne(b, f.outcome, f.reason, now); err != nil {
					return err
				}
				work = append(work, b.ID)
			}
		}
		if err := t.enqueue(ready, now, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// needsOf reads what builds need, by the build that needs it.
func (c conn) needsOf(builds []weir.Build) (map[weir.BuildID][]need, error) {
	ids := make([]weir.BuildID, len(builds))
	for i, b := range builds {
		ids[i] = b.ID
	}
	type edge struct {
		build, need weir.BuildID
		ending      ending
		lenient     bool
	}
	edges, err := sqltx.Collect(c, func(r sqltx.Scanner) (e edge, err error) {
		var lenient int
		err = r.Scan(&e.build, &e.need, &e.ending, &lenient)
		e.lenient = lenient != 0
		return e, err
	}, `SELECT n.build_id, n.need_id, n.ending, b.lenient FROM needs n JOIN builds b ON b.id = n.need_id
		WHERE n.build_id IN `+c.In(1)+` ORDER BY n.build_id, n.ordinal`, sqltx.IDs(ids))
	if err != nil {
		return nil, err
	}
	unique := map[weir.BuildID]weir.Build{}
	for _, e := range edges {
		unique[e.need] = weir.Build{}
	}
	if err := c.load(unique); err != nil {
		return nil, err
	}
	needs := map[weir.BuildID][]need{}
	for _, e := range edges {
		needs[e.build] = append(needs[e.build], need{unique[e.need], e.ending, e.lenient})
	}
	return needs, nil
}

// load reads the builds whose ids are the map's keys.
func (c conn) load(builds map[weir.BuildID]weir.Build) error {
	if len(builds) == 0 {
		return nil
	}
	ids := make([]weir.BuildID, 0, len(builds))
	for id := range builds {
		ids = append(ids, id)
	}
	loaded, err := c.builds(`WHERE b.id IN `+c.In(1), sqltx.IDs(ids))
	for _, b := range loaded {
		builds[b.ID] = b
	}
	return err
}

// lockProducts locks the products behind a build, near and far, that are made
// for builds that need them only, and that nobody has begun.
func (t *tx) lockProducts(id weir.BuildID) ([]weir.BuildID, error) {
	return sqltx.Collect(t, sqltx.Scalar[weir.BuildID], `SELECT b.id FROM builds b
		WHERE b.finished = 0 AND b.cause = $2 AND b.state IN ('queued', 'blocked') AND b.id IN (
			WITH RECURSIVE behind (id) AS (SELECT n.need_id FROM needs n WHERE n.build_id = $1 AND n.ending = ''
				UNION SELECT n.need_id FROM needs n JOIN behind ON n.build_id = behind.id WHERE n.ending = '')
			SELECT id FROM behind)
		ORDER BY b.id`+t.Lock(), int64(id), string(weir.CauseProduct))
}

// endUnneeded ends those of some products, locked and in the order of their
// ids, that no unfinished build needs any more: the ones that need others first.
func (t *tx) endUnneeded(products []weir.BuildID, reason weir.Reason, now time.Time) error {
	for _, id := range slices.Backward(products) {
		var needed int
		if err := t.Row(`SELECT COUNT(*) FROM needs n JOIN builds d ON d.id = n.build_id WHERE n.need_id = $1 AND d.finished = 0`,
			int64(id)).Scan(&needed); err != nil {
			return err
		}
		b, err := t.lockBuild(id)
		if err != nil {
			return err
		}
		if needed > 0 || b.State != weir.Queued && b.State != weir.Blocked {
			continue
		}
		if err := t.end(&b, weir.OutcomeCancelled, reason, now); err != nil {
			return err
		}
	}
	return nil
}
