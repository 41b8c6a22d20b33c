package sqlinquiry

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlstore"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Pending tells what there is to look at.
func (s Conclusions) Pending(ctx context.Context) (p store.Pending, err error) {
	err = s.read(ctx, "look for what is to be judged", func(c conn) error {
		var unjudged, doubted, searching, located int
		var changed time.Time
		err := c.Row(`SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM builds b WHERE b.judgement = '' AND b.finished > 0 LIMIT 1) u),
			(SELECT COUNT(*) FROM (SELECT 1 FROM builds b WHERE b.judgement = 'doubted' LIMIT 1) d),
			(SELECT COUNT(*) FROM (SELECT 1 FROM regressions g WHERE g.state = $1 LIMIT 1) s),
			(SELECT COUNT(*) FROM regressions g WHERE g.state = $2),
			(SELECT COALESCE(MAX(g.updated), 0) FROM regressions g WHERE g.state = $2)`,
			string(weir.Searching), string(weir.Located)).Scan(&unjudged, &doubted, &searching, &located, sqltx.Time(&changed))
		p = store.Pending{Unjudged: unjudged > 0, Doubted: doubted > 0, Searching: searching > 0}
		if located > 1 {
			p.Located, p.LocatedCount, p.LocatedAt = true, located, changed
		}
		return err
	})
	return p, err
}

// NextToJudge lists final builds that are unjudged, oldest first. A build that
// advances its builder's baseline waits for every earlier such build, unless
// that is listed before it.
func (s Conclusions) NextToJudge(ctx context.Context, limit int) ([]weir.Build, error) {
	return sqlstore.ListOfBuilds(ctx, s.db, "list builds to judge", `WHERE b.judgement = '' AND b.finished > 0 AND (b.advances = 0 OR NOT EXISTS
		(SELECT 1 FROM builds e WHERE e.builder_id = b.builder_id AND e.unsettled = 1 AND e.id < b.id
			AND NOT (e.judgement = '' AND e.finished > 0)))
		ORDER BY b.id LIMIT $1`, sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
}

// Baseline reads the settled states of all tests of a builder, sorted by test,
// and the newest settled build.
func (s Conclusions) Baseline(ctx context.Context, builder weir.BuilderID) (states []weir.TestState, last *weir.Build, err error) {
	err = s.snapshot(ctx, "read a baseline", func(c conn) error {
		last = nil
		states, err = sqltx.Collect(c, scanState, `SELECT `+stateColumns+` FROM test_states WHERE builder_id = $1 ORDER BY suite, name`, int64(builder))
		if err != nil {
			return err
		}
		// Lines are judged in order, so what is settled lies before what is not,
		// and the many builds that may wait need not be passed over.
		const settled = `WHERE b.builder_id = $1 AND b.advances = 1 AND b.judgement = 'settled'`
		newest, err := sqlstore.Builds(c.Conn, settled+` AND b.id < (SELECT MIN(e.id) FROM builds e WHERE e.builder_id = $1 AND e.unsettled = 1)
			ORDER BY b.id DESC LIMIT 1`, int64(builder))
		if err == nil && len(newest) == 0 { // nothing waits, or nothing is settled
			newest, err = sqlstore.Builds(c.Conn, settled+` ORDER BY b.id DESC LIMIT 1`, int64(builder))
		}
		if len(newest) > 0 {
			last = &newest[0]
		}
		return err
	})
	return states, last, err
}

const stateColumns = `suite, name, status, since, flakes, last_flake, signature, masked, cause`

func scanState(r sqltx.Scanner) (st weir.TestState, err error) {
	err = r.Scan(&st.Test.Suite, &st.Test.Name, &st.Status, &st.Since, &st.Flakes, &st.LastFlake, &st.Signature, &st.Masked, &st.Cause)
	return st, err
}

// Absent lists the tests of a builder that do not run though they should, and
// tells how many there are.
func (s Conclusions) Absent(ctx context.Context, builder weir.BuilderID, limit int) (states []weir.TestState, all int, err error) {
	err = s.snapshot(ctx, "list absent tests", func(c conn) error {
		const absent = ` FROM test_states WHERE builder_id = $1 AND masked <> 0`
		if err := c.Row(`SELECT COUNT(*)`+absent, int64(builder)).Scan(&all); err != nil {
			return err
		}
		states, err = sqltx.Collect(c, scanState, `SELECT `+stateColumns+absent+` ORDER BY cause, suite, name LIMIT $2`,
			int64(builder), sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
		return err
	})
	return states, all, err
}

// Doubted lists builds whose judgement is Doubted, with their retries.
func (s Conclusions) Doubted(ctx context.Context) (doubts []store.Doubt, err error) {
	err = s.snapshot(ctx, "list doubted builds", func(c conn) error {
		builds, err := sqlstore.Builds(c.Conn, `WHERE b.judgement = 'doubted' ORDER BY b.id`)
		if err != nil {
			return err
		}
		retries, err := sqlstore.Builds(c.Conn, `WHERE b.retry_of > 0 AND b.retry_of IN
			(SELECT d.id FROM builds d WHERE d.judgement = 'doubted') ORDER BY b.id`)
		byBuild := map[weir.BuildID][]weir.Build{}
		for _, r := range retries {
			byBuild[r.RetryOf] = append(byBuild[r.RetryOf], r)
		}
		doubts = make([]store.Doubt, len(builds))
		for i, b := range builds {
			doubts[i] = store.Doubt{Build: b, Retries: byBuild[b.ID]}
		}
		return err
	})
	return doubts, err
}

const changeColumns = `c.suite, c.name, c.verdict, c.from_status, c.to_status, c.cause, c.message, c.signature`

func changeDest(c *weir.TestChange) []any {
	return []any{&c.Test.Suite, &c.Test.Name, &c.Verdict, &c.From, &c.To, &c.Cause, &c.Message, &c.Signature}
}

// BuildChanges lists the tests of a build whose verdict is not Same, worst
// verdict first, then by test.
func (s Conclusions) BuildChanges(ctx context.Context, id weir.BuildID, offset, limit int) ([]weir.TestChange, error) {
	return sqltx.List(ctx, s.db, "list a build's changes", func(r sqltx.Scanner) (ch weir.TestChange, err error) {
		err = r.Scan(changeDest(&ch)...)
		return ch, err
	}, `SELECT `+changeColumns+` FROM test_changes c WHERE c.build_id = $1 ORDER BY c.badness, c.suite, c.name LIMIT $2 OFFSET $3`,
		int64(id), sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList), max(offset, 0))
}

// badness orders verdicts, the worst first, as package verdict does. It is
// stored: whoever changes it has to change what is there.
func badness(v weir.Verdict) int {
	switch v {
	case weir.NewlyFailing:
		return 0
	case weir.FailingDifferently:
		return 1
	case weir.Vanished:
		return 2
	case weir.NewlySkipped:
		return 3
	case weir.Masked:
		return 4
	case weir.Flaky:
		return 5
	case weir.Removed:
		return 6
	case weir.Fixed:
		return 7
	case weir.New:
		return 8
	}
	return 9
}
