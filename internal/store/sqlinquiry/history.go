package sqlinquiry

import (
	"context"
	"database/sql"
	"errors"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// mostBuilders is how many builders are listed that know one test.
const mostBuilders = 1000

// KnownOn lists the builders of a project that know a test.
func (s Conclusions) KnownOn(ctx context.Context, project, job string, test weir.TestID) ([]weir.Builder, error) {
	q := &sqltx.Where{}
	q.And(`r.project = ?`, sqltx.Clean(project))
	if job != "" {
		q.And(`r.job = ?`, sqltx.Clean(job))
	}
	suite, name := q.Arg(sqltx.Clean(test.Suite)), q.Arg(sqltx.Clean(test.Name))
	of := ` WHERE t.builder_id = r.id AND t.suite = ` + suite + ` AND t.name = ` + name + `)`
	limit := q.Arg(mostBuilders)
	return sqltx.List(ctx, s.db, "list the builders of a test", func(row sqltx.Scanner) (b weir.Builder, err error) {
		err = row.Scan(sqlroster.BuilderDest(&b)...)
		return b, err
	}, `SELECT r.id, r.project, r.job, r.cell, r.platform, r.branch, r.upstreams FROM builders r`+q.String()+`
		AND (EXISTS (SELECT 1 FROM test_states t`+of+` OR EXISTS (SELECT 1 FROM test_changes t`+of+`)
		ORDER BY r.job, r.cell, r.branch, r.platform, r.upstreams LIMIT `+limit, q.Args()...)
}

// History reads what is kept of one test on one builder.
func (s Conclusions) History(ctx context.Context, builder weir.BuilderID, test weir.TestID, limit int) (h store.TestHistory, err error) {
	test = weir.TestID{Suite: sqltx.Clean(test.Suite), Name: sqltx.Clean(test.Name)}
	limit = sqltx.Limit(limit, sqltx.StandardList, store.MaxHistory)
	err = s.snapshot(ctx, "read a test's history", func(c conn) error {
		h = store.TestHistory{}
		of := past{c, []any{int64(builder), test.Suite, test.Name}}
		if h.First, err = of.settled(`ORDER BY b.number LIMIT 1`); err != nil {
			return err
		}
		if h.Last, err = of.settled(`ORDER BY b.number DESC LIMIT 1`); err != nil {
			return err
		}
		manyNew, err := of.state(&h)
		if err != nil {
			return err
		}
		if h.Events, err = of.events(limit); err != nil {
			return err
		}
		if len(h.Events) == 0 && manyNew {
			h.Events = []store.TestEvent{{SettledBuild: h.Since, Change: weir.TestChange{Test: test, Verdict: weir.New, To: h.State.Status}}}
		}
		h.Repeats, err = of.repeats()
		return err
	})
	return h, err
}

// SettledAt finds settled builds of a builder by number.
func (s Conclusions) SettledAt(ctx context.Context, builder weir.BuilderID, numbers []int) ([]store.SettledBuild, error) {
	ids := make([]int64, 0, len(numbers))
	for _, n := range numbers[:min(len(numbers), sqltx.LongestList)] {
		ids = append(ids, int64(n))
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var out []store.SettledBuild
	err := s.read(ctx, "find settled builds", func(c conn) (err error) {
		condition, arg := sqltx.Among(c.Conn, 2, ids)
		out, err = sqltx.Collect(c, func(r sqltx.Scanner) (b store.SettledBuild, err error) {
			err = r.Scan(&b.Number, &b.Build, sqltx.Time(&b.At))
			return b, err
		}, `SELECT b.number, b.id, b.finished FROM builds b
			WHERE b.builder_id = $1 AND b.number > 0 AND b.number `+condition+` ORDER BY b.number`, int64(builder), arg)
		return err
	})
	return out, err
}

// past reads about one test on one builder: the first three parameters of its
// queries.
type past struct {
	conn
	test []any // builder, suite, name
}

// settled reads one of the builder's settled builds; zero if there is none.
func (p past) settled(order string) (b store.SettledBuild, err error) {
	err = p.Row(`SELECT b.number, b.id, b.finished FROM builds b WHERE b.builder_id = $1 AND b.number > 0 `+order, p.test[0]).
		Scan(&b.Number, &b.Build, sqltx.Time(&b.At))
	if errors.Is(err, sql.ErrNoRows) {
		return store.SettledBuild{}, nil
	}
	return b, err
}

// state reads the test's settled state, and the build since which it is so. If
// that had more new tests than are kept as its changes, the test may be one of them.
func (p past) state(h *store.TestHistory) (manyNew bool, err error) {
	states, err := sqltx.Collect(p, scanState, `SELECT `+stateColumns+` FROM test_states WHERE builder_id = $1 AND suite = $2 AND name = $3`, p.test...)
	if err != nil || len(states) == 0 {
		return false, err
	}
	h.State = &states[0]
	var counts weir.VerdictCounts
	err = p.Row(`SELECT b.number, b.id, b.finished, b.changes FROM builds b WHERE b.id = $1`, int64(h.State.Since)).
		Scan(&h.Since.Number, &h.Since.Build, sqltx.Time(&h.Since.At), sqltx.JSON(&counts))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil // it was so long ago that the build is gone
	}
	return counts.New > store.MaxNew, err
}

// events lists the test's changes, newest first. Long lists are read without
// what only people want to know of the newest ones.
func (p past) events(limit int) ([]store.TestEvent, error) {
	const from = ` FROM test_changes c JOIN builds b ON b.id = c.build_id`
	const which = ` WHERE c.builder_id = $1 AND c.suite = $2 AND c.name = $3 AND b.advances = 1 ORDER BY c.build_id DESC LIMIT $4`
	detailed, err := sqltx.Collect(p, func(r sqltx.Scanner) (e store.TestEvent, err error) {
		err = r.Scan(append([]any{&e.Build, &e.Number, sqltx.Time(&e.At), sqltx.JSON(&e.Pins), &e.Outcome, sqltx.JSON(&e.Before)},
			changeDest(&e.Change)...)...)
		return e, err
	}, `SELECT b.id, b.number, b.finished, b.pins, b.outcome, COALESCE(a.pins, ''), `+changeColumns+from+`
		LEFT JOIN builds a ON a.builder_id = b.builder_id AND a.number = b.number - 1 AND a.number > 0`+which,
		append(p.test, min(limit, store.DetailedHistory))...)
	if err != nil || len(detailed) < store.DetailedHistory || limit <= store.DetailedHistory {
		return detailed, err
	}
	rest, err := sqltx.Collect(p, func(r sqltx.Scanner) (e store.TestEvent, err error) {
		err = r.Scan(&e.Build, &e.Number, sqltx.Time(&e.At), &e.Change.Verdict, &e.Change.From, &e.Change.To, &e.Change.Signature)
		return e, err
	}, `SELECT b.id, b.number, b.finished, c.verdict, c.from_status, c.to_status, c.signature`+from+which+` OFFSET $5`,
		append(p.test, limit-store.DetailedHistory, store.DetailedHistory)...)
	return append(detailed, rest...), err
}

// repeats lists what builds that are not settled ones said of the test at the
// revisions of settled ones: retries and probes that a search has looked at.
func (p past) repeats() ([]store.Repeat, error) {
	type row struct {
		store.Repeat
		at      int
		victims []weir.Observed
	}
	rows, err := sqltx.Collect(p, func(r sqltx.Scanner) (o row, err error) {
		err = r.Scan(&o.Build, &o.Number, &o.at, sqltx.JSON(&o.victims))
		return o, err
	}, `SELECT p.build_id, s.number, v.ordinal, p.victims FROM victims v JOIN probes p ON p.regression_id = v.regression_id
		JOIN builds x ON x.id = p.build_id JOIN builds s ON s.builder_id = x.builder_id AND s.pins_key = x.pins_key
		WHERE v.builder_id = $1 AND v.suite = $2 AND v.name = $3 AND x.builder_id = $1 AND x.number = 0 AND s.number > 0
		ORDER BY p.build_id, s.number LIMIT $4`, append(p.test, store.MaxHistory)...)
	var out []store.Repeat
	for _, o := range rows {
		if o.at >= len(o.victims) || o.victims[o.at] == weir.ObservedNone || len(out) > 0 && out[len(out)-1].Build == o.Build {
			continue // says nothing, or is known from another search
		}
		o.Bad = o.victims[o.at] == weir.ObservedBad
		out = append(out, o.Repeat)
	}
	return out, err
}
