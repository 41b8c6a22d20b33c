package sqlinquiry

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlfind"
	"github.com/weir-ci/weir/internal/store/sqlstore"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Settle records a judgement and everything that follows from it.
func (s Conclusions) Settle(ctx context.Context, st store.Settlement) error {
	switch st.Become {
	case weir.Unjudged, weir.Doubted, weir.Settled, weir.Unusable, weir.Answering:
	default:
		return weir.Errorf(weir.Invalid, "%.40q is not a judgement", string(st.Become))
	}
	changes, err := cleanChanges(st.Changes)
	if err != nil {
		return err
	}
	st.Changes = changes
	if err := cleanStates(&st); err != nil {
		return err
	}
	if st.Flakes, err = cleanRuns(st.Flakes); err != nil {
		return err
	}
	now := sqltx.TimeOf(sqltx.Micros(st.Now))
	write := s.writeShort
	if len(st.Flakes)+len(st.States)+len(st.Changes)+len(st.Forget)+len(st.Failing)+len(st.Renames) > shortSettle || st.Retry != nil {
		write = s.write
	}
	return write(ctx, "record a judgement", now, func(t *tx) error {
		b, err := sqlstore.LockBuild(t.Tx, st.Build)
		if err != nil {
			return err
		}
		if b.Judgement != st.Expect || !b.State.Final() {
			return weir.Errorf(weir.Conflict, "build %d is %s and its judgement is %q, not %q", b.ID, b.State, string(b.Judgement), string(st.Expect)).
				WithHint("read it again")
		}
		if err := t.saveJudgement(b, st); err != nil {
			return err
		}
		if err := t.saveStates(b.Builder.ID, st); err != nil {
			return err
		}
		if err := t.saveChanges(b, st.Changes); err != nil {
			return err
		}
		if st.Become == weir.Settled {
			if err := t.followTests(b, st, now); err != nil {
				return err
			}
		}
		if err := t.saveFlakeRuns(b.Builder.ID, st.Flakes); err != nil {
			return err
		}
		for _, r := range st.Open {
			if _, err := t.openRegression(r, now); err != nil {
				return err
			}
		}
		for _, r := range st.Reopen {
			if err := t.reopen(r, now); err != nil {
				return err
			}
		}
		if st.Retry != nil {
			if _, _, err := sqlstore.CreateRun(t.Tx, *st.Retry); err != nil {
				return err
			}
		}
		return nil
	})
}

func cleanTest(id weir.TestID) (weir.TestID, error) {
	if len(id.Suite) > weir.MaxTestName || len(id.Name) > weir.MaxTestName {
		return id, weir.Errorf(weir.Invalid, "the name of test %.80q is too long; %d bytes is the most", id.String(), weir.MaxTestName)
	}
	return weir.TestID{Suite: sqltx.Clip(id.Suite, weir.MaxTestName), Name: sqltx.Clip(id.Name, weir.MaxTestName)}, nil
}

// cleanChanges drops what is not a change; of two for one test the last counts.
// The list stays the caller's, and is not copied if there is nothing to mend,
// because it may be very long.
func cleanChanges(changes []weir.TestChange) ([]weir.TestChange, error) {
	out := changes
	mended := false
	for i, c := range changes {
		if !slices.Contains(weir.Verdicts(), c.Verdict) {
			return nil, weir.Errorf(weir.Invalid, "%.40q is not a verdict", string(c.Verdict))
		}
		clean := c
		var err error
		if clean.Test, err = cleanTest(c.Test); err != nil {
			return nil, err
		}
		clean.Message = sqltx.Clip(c.Message, weir.MaxResultMessage)
		if !mended && (clean != c || c.Verdict == weir.Same) {
			mended, out = true, slices.Clone(changes[:i])
		}
		if mended && c.Verdict != weir.Same {
			out = append(out, clean)
		}
	}
	return lastOfEach(out, func(c *weir.TestChange) weir.TestID { return c.Test }), nil
}

func cleanStates(st *store.Settlement) (err error) {
	states := st.States
	for i, ts := range st.States {
		if !slices.Contains(weir.Statuses(), ts.Status) {
			return weir.Errorf(weir.Invalid, "%.40q is not a status of a test", string(ts.Status))
		}
		test, err := cleanTest(ts.Test)
		if err != nil {
			return err
		}
		if test == ts.Test {
			continue
		}
		if &states[0] == &st.States[0] {
			states = slices.Clone(states)
		}
		states[i].Test = test
	}
	st.States = lastOfEach(states, func(ts *weir.TestState) weir.TestID { return ts.Test })
	st.Forget = slices.Clone(st.Forget)
	for i := range st.Forget {
		if st.Forget[i], err = cleanTest(st.Forget[i]); err != nil {
			return err
		}
	}
	return nil
}

// lastOfEach keeps the last of several that are about one test, in the place of
// the first. A list that is in the order of its tests has none, and is nearly
// always that if it is long.
func lastOfEach[T any](list []T, test func(*T) weir.TestID) []T {
	ascending := true
	for i := 1; i < len(list) && ascending; i++ {
		ascending = test(&list[i-1]).Compare(test(&list[i])) < 0
	}
	if ascending {
		return list
	}
	at := make(map[weir.TestID]int, len(list))
	out := make([]T, 0, len(list))
	for i := range list {
		id := test(&list[i])
		if first, ok := at[id]; ok {
			out[first] = list[i]
			continue
		}
		at[id] = len(out)
		out = append(out, list[i])
	}
	return out
}

func (t *tx) saveJudgement(b weir.Build, st store.Settlement) error {
	counts, err := sqltx.EncodeNonzero(weir.CountVerdicts(st.Changes))
	if err != nil {
		return err
	}
	st.Ledger.Message = sqltx.Clip(st.Ledger.Message, maxLedgerMessage)
	ledger, err := sqltx.EncodeNonzero(st.Ledger)
	if err != nil {
		return err
	}
	holdsUp := b.Cause.Advances() && st.Become != weir.Settled && st.Become != weir.Unusable
	t.TellID(weir.EventBuild, int64(b.ID))
	args := []any{int64(b.ID), string(st.Become), counts, sqltx.Flag(holdsUp), ledger}
	number := ""
	if st.Become == weir.Settled && b.Cause.Advances() && b.Judgement != weir.Settled {
		// Lines are judged in order, one build at a time.
		number = `, number = 1 + COALESCE((SELECT MAX(n.number) FROM builds n WHERE n.builder_id = $6 AND n.number > 0), 0)`
		args = append(args, int64(b.Builder.ID))
	}
	return t.Put(`UPDATE builds SET judgement = $2, changes = $3, unsettled = $4, ledger = $5`+number+` WHERE id = $1`, args...)
}

func (t *tx) saveStates(builder weir.BuilderID, st store.Settlement) error {
	forget := make([][]any, len(st.Forget))
	for i, id := range st.Forget {
		forget[i] = []any{id.Suite, id.Name}
	}
	if err := t.InChunks(forget, func(data string) error {
		err := t.Put(`DELETE FROM test_states WHERE builder_id = $1 AND (suite, name) IN
			(SELECT q.suite, q.name FROM `+t.Table(2, "q", "suite", "name")+`)`, int64(builder), data)
		return err
	}); err != nil {
		return err
	}
	for some := range slices.Chunk(st.States, settleChunk) {
		rows := make([][]any, len(some))
		for i, ts := range some {
			rows[i] = []any{ts.Test.Suite, ts.Test.Name, string(ts.Status), int64(ts.Since), ts.Flakes, int64(ts.LastFlake),
				sqltx.Clip(ts.Signature, maxSignature), int64(ts.Masked), sqltx.Clean(string(ts.Cause))}
		}
		if err := t.InChunks(rows, func(data string) error {
			err := t.Put(`INSERT INTO test_states (builder_id, `+stateColumns+`)
				SELECT CAST($1 AS BIGINT), q.suite, q.name, q.status, q.since, q.flakes, q.last_flake, q.signature, q.masked, q.cause
				FROM `+t.Table(2, "q", "suite", "name", "status", "since int", "flakes int", "last_flake int", "signature", "masked int", "cause")+`
				WHERE true ON CONFLICT (builder_id, suite, name) DO UPDATE SET status = excluded.status,
					since = excluded.since, flakes = excluded.flakes, last_flake = excluded.last_flake,
					signature = excluded.signature, masked = excluded.masked, cause = excluded.cause`, int64(builder), data)
			return err
		}); err != nil {
			return err
		}
	}
	if err := sqlfind.Learn(t.Tx, builder, st.States); err != nil {
		return err
	}
	return sqlfind.Forget(t.Tx, builder, st.Forget)
}

const (
	// maxSignature limits signatures, in bytes. A state has four of 16 digits.
	maxSignature = 100
	// maxLedgerMessage limits what a ledger says, in bytes.
	maxLedgerMessage = 200
)

// shortSettle is how many tests a judgement moves in a moment.
const shortSettle = 100

// settleChunk is how many tests are made ready to be written at a time: a build
// may have a million of them.
const settleChunk = 10_000

// keptChanges leaves out new tests over store.MaxNew, the last ones in order.
func keptChanges(changes []weir.TestChange) []weir.TestChange {
	fresh := 0
	for _, c := range changes {
		if c.Verdict == weir.New {
			fresh++
		}
	}
	if fresh <= store.MaxNew {
		return changes
	}
	kept := make([]weir.TestChange, 0, len(changes)-fresh+store.MaxNew)
	fresh = 0
	for _, c := range changes {
		if c.Verdict == weir.New {
			if fresh++; fresh > store.MaxNew {
				continue
			}
		}
		kept = append(kept, c)
	}
	return kept
}

// saveChanges replaces the changes of a build: a doubted build is judged twice.
func (t *tx) saveChanges(b weir.Build, changes []weir.TestChange) error {
	if len(changes) > 0 || b.Judgement != weir.Unjudged || b.Changes != (weir.VerdictCounts{}) {
		if err := t.Put(`DELETE FROM test_changes WHERE build_id = $1`, int64(b.ID)); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(keptChanges(changes), settleChunk) {
		rows := make([][]any, len(some))
		for i, c := range some {
			rows[i] = []any{c.Test.Suite, c.Test.Name, badness(c.Verdict), string(c.Verdict),
				sqltx.Clean(string(c.From)), sqltx.Clean(string(c.To)), sqltx.Clean(string(c.Cause)), c.Message,
				sqltx.Clip(c.Signature, maxSignature)}
		}
		if err := t.InChunks(rows, func(data string) error {
			err := t.Put(`INSERT INTO test_changes (build_id, builder_id, suite, name, badness, verdict, from_status, to_status, cause, message, signature)
				SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), q.suite, q.name, q.badness, q.verdict, q.from_status, q.to_status, q.cause, q.message, q.signature
				FROM `+t.Table(3, "q", "suite", "name", "badness int", "verdict", "from_status", "to_status", "cause", "message", "signature"),
				int64(b.ID), int64(b.Builder.ID), data)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// laterThan is now, or the moment after old if that is later: two versions of
// a regression never have the same time.
func laterThan(old, now time.Time) time.Time {
	if next := old.Add(time.Microsecond); now.Before(next) {
		return next
	}
	return now
}
