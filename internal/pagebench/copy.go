package pagebench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// step is how far apart in time the builds of a builder are.
const step = 10 * time.Minute

// copies copies the rows of the first builds until there are so many of each
// builder. It knows which columns hold ids and times, and takes the rest as it
// finds it, so that the schema may grow.
func (f *Farm) copies(ctx context.Context) (err error) {
	d := f.dialect()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := f.copyRows(ctx, db, d); err != nil {
		return err
	}
	return inTurn(ctx, db, d.after)
}

func (f *Farm) copyRows(ctx context.Context, db *sql.DB, d dialect) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing once it is committed
	var builds, runs int
	if err := tx.QueryRowContext(ctx, `SELECT (SELECT MAX(id) FROM builds), (SELECT MAX(id) FROM runs)`).Scan(&builds, &runs); err != nil {
		return err
	}
	if err := inTurn(ctx, tx, once()); err != nil {
		return err
	}
	tables := []string{"runs", "builds", "needs", "attempts", "steps", "metrics"} // what others refer to comes first
	columns := map[string][]string{}
	for _, table := range tables {
		if columns[table], err = columnsOf(ctx, tx, d, table); err != nil {
			return err
		}
	}
	for round := 1; round < f.Size.Builds; round++ {
		for _, table := range tables {
			if _, err := tx.ExecContext(ctx, f.copyStatement(d, table, columns[table], round, builds, runs)); err != nil {
				return fmt.Errorf("copy %s: %w", table, err)
			}
		}
	}
	if err := inTurn(ctx, tx, f.past(d, builds)); err != nil {
		return err
	}
	return tx.Commit()
}

// inTurn runs statements.
func inTurn(ctx context.Context, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, queries []string) error {
	for _, query := range queries {
		if _, err := db.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("%w in %s", err, query)
		}
	}
	return nil
}

func columnsOf(ctx context.Context, tx *sql.Tx, d dialect, table string) (names []string, err error) {
	rows, err := tx.QueryContext(ctx, d.columns, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// pinsAt is an expression for the pins of the newest builds, as they were at another position.
func (f *Farm) pinsAt(position int) string {
	return fmt.Sprintf(`replace(pins, '%04x"', '%04x"')`, f.Size.Builds, position)
}

// copyStatement copies the first runs, their builds, or what hangs on them, as the given round.
func (f *Farm) copyStatement(d dialect, table string, columns []string, round, builds, runs int) string {
	values := slices.Clone(columns)
	key, last := "build_id", builds
	switch table {
	case "runs":
		key, last = "id", runs
	case "builds":
		key = "id"
	}
	for i, c := range values {
		switch {
		case c == "id" && table == "runs" || c == "run_id":
			values[i] = fmt.Sprintf("%s + %d", c, round*runs)
		case c == "id" || c == "build_id" || c == "need_id":
			values[i] = fmt.Sprintf("%s + %d", c, round*builds)
		case c == "number" && table == "builds": // in the history of its builder
			values[i] = fmt.Sprintf("CASE WHEN number > 0 THEN number + %d ELSE 0 END", round)
		case c == "pins" && table == "builds":
			values[i] = f.pinsAt(round + 1)
		case c == "pins_key" && round < f.Size.Builds-1:
			values[i] = d.padded(d.hex(fmt.Sprintf("id + %d", round*builds)), 32)
		case slices.Contains([]string{"created", "queued", "started", "finished", "leased", "ended", "deadline"}, c):
			values[i] = fmt.Sprintf("%s + %d", c, int64(round)*step.Microseconds())
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %[1]s WHERE %[4]s BETWEEN 1 AND %[5]d", table, strings.Join(columns, ", "), strings.Join(values, ", "), key, last)
}

// once leaves one build of each builder, the newest: a farm that is new makes another
// one of some when the revisions upstream become known to it.
func once() []string {
	const all = `SELECT MAX(id) FROM builds GROUP BY builder_id`
	return []string{
		`DELETE FROM needs WHERE build_id NOT IN (` + all + `) OR need_id NOT IN (` + all + `)`,
		`DELETE FROM builds WHERE id NOT IN (` + all + `)`,
		`UPDATE builds SET number = 1`,
	}
}

// past makes of equal builds a history: what they were built of, which passed, what
// changed, and what is known of tests.
func (f *Farm) past(d dialect, builds int) []string {
	suite := func(n string) string { return `'text.test_' || ` + d.padded(n, 3) + ` || '.CaseFoldingTests'` }
	name := func(n string) string { return `'test_fold_' || ` + d.padded(n, 6) }
	return []string{
		fmt.Sprintf(`UPDATE builds SET pins = %s, pins_key = %s WHERE id <= %d`, f.pinsAt(1), d.padded(d.hex("id"), 32), builds),
		fmt.Sprintf(`UPDATE builds SET outcome = 'passed', reason_code = '', reason_text = '', counts = '{"pass":%d,"fail":0,"error":0,"skip":0,"expected_failure":0}'
			WHERE (id * 7919 + id / 13) %% 10 > 1`, f.Size.Tests),
		`UPDATE builds SET worker = 'worker-' || ` + d.padded(fmt.Sprintf(`3 * ((id * 31 + builder_id) %% %d) + CASE platform WHEN 'linux/amd64' THEN 0 WHEN 'darwin/arm64' THEN 1 ELSE 2 END`, f.Size.Workers/3), 3),
		`UPDATE attempts SET worker = (SELECT b.worker FROM builds b WHERE b.id = attempts.build_id)`,
		`UPDATE builds SET changes = '{"newly_failing":2,"fixed":1}' WHERE number > 1 AND number % 10 = 0`,
		`INSERT INTO test_changes (build_id, suite, name, builder_id, badness, verdict, from_status, to_status, cause, message)
			SELECT b.id, ` + suite(`n.n`) + `, ` + name(`50 * n.n + b.number % 50`) + `, b.builder_id, CASE n.n WHEN 0 THEN 7 ELSE 0 END,
				CASE n.n WHEN 0 THEN 'fixed' ELSE 'newly_failing' END, CASE n.n WHEN 0 THEN 'fail' ELSE 'pass' END, CASE n.n WHEN 0 THEN 'pass' ELSE 'fail' END, '', 'STRASSE is not STRAßE'
			FROM builds b, (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2) n WHERE b.number > 1 AND b.number % 10 = 0`,
		fmt.Sprintf(`WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < %d)
			INSERT INTO test_states (builder_id, suite, name, status, since, flakes, last_flake)
			SELECT y.id, %s, %s, CASE n.n %% 400 WHEN 7 THEN 'fail' ELSE 'pass' END,
				(SELECT MIN(b.id) FROM builds b WHERE b.builder_id = y.id), CASE WHEN n.n %% 500 = 11 AND y.id %% 10 = 0 THEN 3 ELSE 0 END, 0 FROM builders y, n`,
			f.Size.Tests-1, suite(`n.n / 50`), name(`n.n`)),
		`INSERT INTO suites (builder_id, suite) SELECT DISTINCT h.home, t.suite FROM (SELECT id, MIN(id) OVER (PARTITION BY project, job) AS home FROM builders) h
			CROSS JOIN (SELECT DISTINCT builder_id, suite FROM test_states) t WHERE t.builder_id = h.id`,
		`INSERT INTO tests (suite_id, name) SELECT s.id, t.name FROM suites s CROSS JOIN test_states t WHERE t.builder_id = s.builder_id AND t.suite = s.suite`,
		`INSERT INTO guards (name, count) VALUES ('words of tests', 0)`,
	}
}

// Of what is open, and of what goes on.
const (
	victims = 100 // tests of a regression
	running = 20  // builds that run
	queued  = 40  // and that wait
)

// today opens regressions on the newest builds, and forces builds that run or wait.
func (f *Farm) today(ctx context.Context) error {
	f.now = time.Now().Add(-time.Minute)
	newest, err := f.db.Lately(ctx, nil, 1)
	if err != nil {
		return err
	}
	run := store.NewRun{Cause: weir.CauseForce, Project: projectName(0), Reason: "to see it run", By: "bench", Now: f.now}
	for i, b := range newest {
		builder := f.builder(b.Builder)
		if builder.Job == "test" && i%max(1, len(newest)/f.Size.Regressions) == 0 {
			all, err := f.db.Span(ctx, store.SpanQuery{Builders: []weir.BuilderID{b.Builder}, Limit: f.Size.Builds})
			if err != nil {
				return err
			}
			if err := f.regress(ctx, i, builder, all[len(all)-1], b); err != nil {
				return err
			}
		}
		if len(run.Builds) < running+queued && i%3 == 0 {
			run.Builds = append(run.Builds, store.NewBuild{Builder: b.Builder, Pins: b.Pins, Share: store.ShareNone})
		}
	}
	if _, _, err := f.db.CreateRun(ctx, run); err != nil {
		return err
	}
	if err := f.hello(ctx); err != nil {
		return err
	}
	for i := range min(running, f.Size.Workers) {
		leased, err := f.lease(ctx, i, 1)
		if err != nil {
			return err
		}
		for _, l := range leased {
			if _, err := f.db.Sync(ctx, store.Sync{Attempt: l.Attempt, Token: l.Token, Seq: 1, Now: f.now, Deadline: f.now.Add(leaseTime),
				Steps: []weir.StepRecord{{Name: "test", State: weir.StepRunning, Started: f.now}}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Farm) builder(id weir.BuilderID) weir.Builder {
	i := slices.IndexFunc(f.builders, func(b weir.Builder) bool { return b.ID == id })
	return f.builders[i]
}

// regress opens a regression on the newest build of a builder.
func (f *Farm) regress(ctx context.Context, i int, b weir.Builder, first, newest store.BoardBuild) error {
	from := max(1, f.Size.Builds-6)
	good := weir.Pins{}
	for p := range newest.Pins {
		good[p] = revisionID(p, from)
	}
	r := weir.Regression{State: weir.Narrowed, Builder: b, Good: weir.Evidence{Build: first.ID, Pins: good}, Bad: weir.Evidence{Build: newest.ID, Pins: newest.Pins},
		Path: []weir.Leg{{Project: b.Project, From: int64(from), To: int64(f.Size.Builds)}}, Opened: f.now.Add(-time.Duration(i) * time.Minute), Updated: f.now,
		Suspects: weir.Span{First: 1, Last: 3}, Note: "narrowed down to three revisions"}
	if i%2 == 0 {
		r.State, r.Suspects = weir.Located, weir.Span{First: 2, Last: 2}
		r.Culprit = weir.Culprit{Project: b.Project, Confidence: 0.97, Revision: weir.Revision{ID: revisionID(b.Project, from+1), Position: int64(from + 1), Author: "Ann <ann@example.org>", Message: "fold the case of sharp s"}}
	}
	var changes []weir.TestChange
	for k := range min(victims, f.Size.Tests/2) {
		changes = append(changes, weir.TestChange{Test: test(k), Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail, Message: "STRASSE is not STRAßE"})
		r.Victims = append(r.Victims, weir.Victim{Builder: b, Test: test(k), Verdict: weir.NewlyFailing, Message: "STRASSE is not STRAßE", Build: newest.ID})
	}
	return f.db.Settle(ctx, store.Settlement{Build: newest.ID, Expect: newest.Judged, Become: newest.Judged, Now: f.now, Changes: changes, Open: []weir.Regression{r},
		Ledger: weir.Ledger{Expected: f.Size.Tests, Reported: f.Size.Tests, Executed: f.Size.Tests}})
}
