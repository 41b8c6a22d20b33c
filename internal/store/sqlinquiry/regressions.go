package sqlinquiry

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqlstore"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

const regressionColumns = `b.id, b.state, b.good_build, b.good_pins, b.bad_build, b.bad_pins, b.path,
	b.opened, b.updated, b.closed, b.culprit, b.first_suspect, b.last_suspect, b.note, b.merged_into,
	b.blame, b.corners, b.aim, b.of_id, b.follows, b.life, b.checks,
	r.id, r.project, r.job, r.cell, r.platform, r.branch, r.upstreams`

// life is what is kept together of a regression's life.
type life struct {
	Confirmed    weir.BuildID         `json:"confirmed,omitempty"`
	Asked        weir.Word            `json:"asked,omitzero"`
	Acknowledged weir.Acknowledgement `json:"acknowledged,omitzero"`
	Assigned     weir.Assignment      `json:"assigned,omitzero"`
	Belief       weir.Belief          `json:"belief,omitzero"`
	FixedBy      weir.Fix             `json:"fixed_by,omitzero"`
}

func lifeOf(r weir.Regression) life {
	return life{r.Confirmed, r.Asked, r.Acknowledged, r.Assigned, r.Belief, r.FixedBy}
}

func scanRegression(row sqltx.Scanner) (r weir.Regression, err error) {
	var l life
	err = row.Scan(append([]any{&r.ID, &r.State, &r.Good.Build, sqltx.JSON(&r.Good.Pins), &r.Bad.Build, sqltx.JSON(&r.Bad.Pins), sqltx.JSON(&r.Path),
		sqltx.Time(&r.Opened), sqltx.Time(&r.Updated), sqltx.Time(&r.Closed), sqltx.JSON(&r.Culprit),
		&r.Suspects.First, &r.Suspects.Last, &r.Note, &r.MergedInto, &r.Blame, sqltx.JSON(&r.Corners),
		&r.Aim, &r.Of, &r.Follows, sqltx.JSON(&l), sqltx.JSON(&r.Checks)}, sqlroster.BuilderDest(&r.Builder)...)...)
	r.Confirmed, r.Asked, r.Acknowledged, r.FixedBy = l.Confirmed, l.Asked, l.Acknowledged, l.FixedBy
	r.Assigned, r.Belief = l.Assigned, l.Belief
	return r, err
}

// regressions reads regressions with their victims; rest follows FROM.
func (c conn) regressions(rest string, args ...any) ([]weir.Regression, error) {
	all, err := sqltx.Collect(c, scanRegression, `SELECT `+regressionColumns+`
		FROM regressions b JOIN builders r ON r.id = b.builder_id `+rest, args...)
	if err != nil || len(all) == 0 {
		return all, err
	}
	index := make(map[weir.RegressionID]int, len(all))
	ids := make([]weir.RegressionID, len(all))
	for i, r := range all {
		index[r.ID], ids[i] = i, r.ID
	}
	type victim struct {
		regression weir.RegressionID
		weir.Victim
	}
	victims, err := sqltx.Collect(c, func(row sqltx.Scanner) (v victim, err error) {
		err = row.Scan(&v.regression, &v.Test.Suite, &v.Test.Name, &v.Verdict, &v.Cause, &v.Message,
			&v.Signature, &v.Was.Suite, &v.Was.Name, &v.Build, &v.FixedIn, &v.Builder.ID)
		return v, err
	}, `SELECT v.regression_id, v.suite, v.name, v.verdict, v.cause, v.message,
			v.signature, v.was_suite, v.was_name, v.build_id, v.fixed_in, v.builder_id
		FROM victims v WHERE v.regression_id IN `+c.In(1)+` ORDER BY v.regression_id, v.ordinal`, sqltx.IDs(ids))
	if err != nil {
		return nil, err
	}
	builders, err := sqltx.Collect(c, func(row sqltx.Scanner) (b weir.Builder, err error) {
		err = row.Scan(sqlroster.BuilderDest(&b)...)
		return b, err
	}, `SELECT r.id, r.project, r.job, r.cell, r.platform, r.branch, r.upstreams FROM builders r
		WHERE r.id IN (SELECT v.builder_id FROM victims v WHERE v.regression_id IN `+c.In(1)+`)`, sqltx.IDs(ids))
	of := make(map[weir.BuilderID]weir.Builder, len(builders)) // most victims share theirs
	for _, b := range builders {
		of[b.ID] = b
	}
	for _, v := range victims {
		v.Victim.Builder = of[v.Builder.ID]
		r := &all[index[v.regression]]
		r.Victims = append(r.Victims, v.Victim)
	}
	return all, err
}

func noRegression(id weir.RegressionID) error {
	return weir.Errorf(weir.NotFound, "there is no regression %d", id).
		WithHint("weir regressions --all lists those that there are")
}

// lockRegressions locks and reads regressions, by id.
func (t *tx) lockRegressions(ids []weir.RegressionID) (map[weir.RegressionID]weir.Regression, error) {
	if t.Lock() != "" {
		if _, err := sqltx.Collect(t, sqltx.Scalar[int64], `SELECT b.id FROM regressions b WHERE b.id IN `+t.In(1)+` ORDER BY b.id`+t.Lock(),
			sqltx.IDs(ids)); err != nil {
			return nil, err
		}
	}
	all, err := t.regressions(`WHERE b.id IN `+t.In(1), sqltx.IDs(ids))
	locked := make(map[weir.RegressionID]weir.Regression, len(all))
	for _, r := range all {
		locked[r.ID] = r
	}
	return locked, err
}

// which is the condition that a filter makes, but for its Before and Limit.
func which(f store.RegressionFilter) *sqltx.Where {
	q := &sqltx.Where{}
	sqltx.WhereIn(q, `b.state`, f.States)
	if f.Builder != 0 {
		q.And(`b.id IN (SELECT v.regression_id FROM victims v WHERE v.builder_id = ?)`, int64(f.Builder))
	}
	if f.Project != "" {
		q.And(`(b.culprit_project = ? OR EXISTS (SELECT 1 FROM victims v JOIN builders p ON p.id = v.builder_id
			WHERE v.regression_id = b.id AND p.project = ?))`, sqltx.Clean(f.Project))
	}
	if !f.ClosedSince.IsZero() {
		q.And(`b.closed >= ?`, sqltx.Micros(f.ClosedSince))
	}
	switch {
	case f.Of != 0:
		q.And(`b.of_id <> 0 AND b.of_id = ?`, int64(f.Of)) // of_id <> 0 is what its index is about
	case len(f.Aims) > 0:
		sqltx.WhereIn(q, `b.aim`, f.Aims)
	default:
		q.And(`b.aim = ?`, string(weir.AimBreak))
	}
	return q
}

// Regressions lists regressions, newest first.
func (s Conclusions) Regressions(ctx context.Context, f store.RegressionFilter) (all []weir.Regression, err error) {
	q := which(f)
	if f.Before != 0 {
		q.And(`b.id < ?`, int64(f.Before))
	}
	limit := q.Arg(sqltx.Limit(f.Limit, sqltx.StandardList, sqltx.LongestList))
	err = s.snapshot(ctx, "list regressions", func(c conn) error {
		all, err = c.regressions(q.String()+` ORDER BY b.id DESC LIMIT `+limit, q.Args()...)
		return err
	})
	return all, err
}

// CountRegressions counts regressions, and what they have made bad.
func (s Conclusions) CountRegressions(ctx context.Context, f store.RegressionFilter) (n store.RegressionCount, err error) {
	q := which(f)
	err = s.snapshot(ctx, "count regressions", func(c conn) error {
		return c.Row(`SELECT count(*), CAST(coalesce(sum((SELECT count(*) FROM victims v WHERE v.regression_id = b.id AND v.fixed_in = 0)), 0) AS BIGINT)
			FROM regressions b`+q.String(), q.Args()...).Scan(&n.Regressions, &n.Tests)
	})
	return n, err
}

// Regression finds one, with its victims; NotFound if there is none.
func (s Conclusions) Regression(ctx context.Context, id weir.RegressionID) (r weir.Regression, err error) {
	err = s.snapshot(ctx, "find a regression", func(c conn) error {
		all, err := c.regressions(`WHERE b.id = $1`, int64(id))
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return noRegression(id)
		}
		r = all[0]
		return nil
	})
	return r, err
}

// openRegression inserts a regression and its victims, and logs it.
func (t *tx) openRegression(r weir.Regression, now time.Time) (weir.RegressionID, error) {
	if r.State == "" {
		r.State = weir.Searching
	}
	if !r.State.Open() {
		return 0, weir.Errorf(weir.Invalid, "a regression cannot be opened in the state %.40q", string(r.State))
	}
	if r.Opened.IsZero() {
		r.Opened = now
	}
	texts := make([]string, 3)
	for i, v := range []any{r.Good.Pins, r.Bad.Pins, r.Path} {
		var err error
		if texts[i], err = sqltx.Encode(v); err != nil {
			return 0, err
		}
	}
	if err := t.Row(`INSERT INTO regressions (state, builder_id, good_build, good_pins, bad_build, bad_pins, path,
			opened, updated, aim, of_id, closed, culprit_project, culprit, first_suspect, last_suspect, note, merged_into)
		VALUES (`+sqltx.Placeholders(1, 11)+`, 0, '', '', 0, 0, '', 0) RETURNING id`,
		string(r.State), int64(r.Builder.ID), int64(r.Good.Build), texts[0], int64(r.Bad.Build), texts[1], texts[2],
		sqltx.Micros(r.Opened), sqltx.Micros(now), string(r.Aim), int64(r.Of)).Scan(&r.ID); err != nil {
		return 0, err
	}
	r.Updated, r.Closed, r.MergedInto = now, time.Time{}, 0
	if err := t.saveRegression(r); err != nil {
		return 0, err
	}
	if err := t.logOpening(r, now); err != nil {
		return 0, err
	}
	return r.ID, t.saveVictims(r.ID, r.Victims)
}

// saveRegression writes what may change in a regression, but not its victims.
func (t *tx) saveRegression(r weir.Regression) error {
	rev := &r.Culprit.Revision
	rev.ID, rev.Author, rev.Message = sqltx.Clean(rev.ID), sqltx.Clip(rev.Author, weir.MaxReason), sqltx.Clip(rev.Message, weir.MaxMessage)
	r.Culprit.Project = sqltx.Clean(r.Culprit.Project)
	culprit, err := sqltx.EncodeNonzero(r.Culprit)
	if err != nil {
		return err
	}
	corners := ""
	if len(r.Corners) > 0 {
		if corners, err = sqltx.Encode(r.Corners); err != nil {
			return err
		}
	}
	checks := ""
	if !reflect.ValueOf(r.Checks).IsZero() {
		if checks, err = sqltx.Encode(r.Checks); err != nil {
			return err
		}
	}
	life := ""
	if l := lifeOf(r); !reflect.ValueOf(l).IsZero() {
		if life, err = sqltx.Encode(l); err != nil {
			return err
		}
	}
	t.TellID(weir.EventRegression, int64(r.ID))
	err = t.Put(`UPDATE regressions SET state = $2, updated = $3, closed = $4, culprit_project = $5, culprit = $6,
		first_suspect = $7, last_suspect = $8, note = $9, merged_into = $10, blame = $11, corners = $12,
		follows = $13, life = $14, checks = $15 WHERE id = $1`,
		int64(r.ID), string(r.State), sqltx.Micros(r.Updated), sqltx.Micros(r.Closed), r.Culprit.Project, culprit,
		r.Suspects.First, r.Suspects.Last, sqltx.Clip(r.Note, weir.MaxReason), int64(r.MergedInto), sqltx.Clean(string(r.Blame)), corners,
		int64(r.Follows), life, checks)
	return err
}

// keyOf says which victims are the same.
func keyOf(v weir.Victim) store.VictimKey {
	return store.VictimKey{Builder: v.Builder.ID, Test: weir.TestID{Suite: sqltx.Clean(v.Test.Suite), Name: sqltx.Clean(v.Test.Name)}}
}

// uniqueVictims drops repetitions; the first one stays.
func uniqueVictims(victims []weir.Victim) []weir.Victim {
	seen := map[store.VictimKey]bool{}
	return slices.DeleteFunc(slices.Clone(victims), func(v weir.Victim) bool {
		k := keyOf(v)
		twice := seen[k]
		seen[k] = true
		return twice
	})
}

// saveVictims replaces the victims of a regression.
func (t *tx) saveVictims(id weir.RegressionID, victims []weir.Victim) error {
	if err := t.Put(`DELETE FROM victims WHERE regression_id = $1`, int64(id)); err != nil {
		return err
	}
	var rows [][]any
	for i, v := range uniqueVictims(victims) {
		test, err := cleanTest(v.Test)
		if err != nil {
			return err
		}
		rows = append(rows, []any{i, int64(v.Builder.ID), test.Suite, test.Name, sqltx.Clean(string(v.Verdict)), sqltx.Clean(string(v.Cause)),
			sqltx.Clip(v.Message, weir.MaxResultMessage), sqltx.Clip(v.Signature, maxSignature), sqltx.Clip(v.Was.Suite, weir.MaxTestName),
			sqltx.Clip(v.Was.Name, weir.MaxTestName), int64(v.Build), int64(v.FixedIn)})
	}
	return t.InChunks(rows, func(data string) error {
		err := t.Put(`INSERT INTO victims (regression_id, ordinal, builder_id, suite, name, verdict, cause, message, signature,
				was_suite, was_name, build_id, fixed_in)
			SELECT CAST($1 AS BIGINT), q.ordinal, q.builder_id, q.suite, q.name, q.verdict, q.cause, q.message, q.signature,
				q.was_suite, q.was_name, q.build_id, q.fixed_in
			FROM `+t.Table(2, "q", "ordinal int", "builder_id int", "suite", "name", "verdict", "cause", "message", "signature",
			"was_suite", "was_name", "build_id int", "fixed_in int"),
			int64(id), data)
		return err
	})
}

// Evidence lists builds of a builder whose ids are since or higher, oldest
// first, but for those that ended without saying anything.
func (s Conclusions) Evidence(ctx context.Context, builder weir.BuilderID, since weir.BuildID) ([]weir.Build, error) {
	return sqlstore.ListOfBuilds(ctx, s.db, "list evidence", `WHERE b.builder_id = $1 AND b.id >= $2
		AND (b.finished = 0 OR b.outcome IN ('passed', 'failed', 'broken', 'timed_out')) ORDER BY b.id`,
		int64(builder), int64(since))
}

// Marks tells where builders stand. A build that has ended never goes on, so the
// newest one and how many have not ended say whether anything has changed.
func (s Conclusions) Marks(ctx context.Context, builders []weir.BuilderID) (marks map[weir.BuilderID]store.Mark, err error) {
	rows := make([][]any, len(builders))
	for i, id := range builders {
		rows[i] = []any{int64(id)}
	}
	data, err := sqltx.Encode(rows)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, "look where builders stand", func(c conn) error {
		marks = make(map[weir.BuilderID]store.Mark, len(builders))
		_, err := sqltx.Collect(c, func(row sqltx.Scanner) (none struct{}, err error) {
			var id weir.BuilderID
			var m store.Mark
			err = row.Scan(&id, &m.Newest, &m.Unfinished)
			marks[id] = m
			return none, err
		}, `SELECT q.id, COALESCE((SELECT b.id FROM builds b WHERE b.builder_id = q.id ORDER BY b.id DESC LIMIT 1), 0),
			(SELECT COUNT(*) FROM builds b WHERE b.builder_id = q.id AND b.finished = 0) FROM `+c.Table(1, "q", "id int"), data)
		return err
	})
	return marks, err
}
