package sqlinquiry

import (
	"context"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// mostFlakeRuns is how many runs one judgement or step of a search records.
const mostFlakeRuns = 10_000

// placeColumns are where a build b ran, of its attempt a; ranIn joins that.
const (
	placeColumns = `COALESCE(a.worker, ''), COALESCE(a.leased, 0), COALESCE(a.surroundings, '')`
	ranIn        = ` LEFT JOIN attempts a ON a.build_id = b.id AND a.number = b.attempts`
)

func placeDest(p *store.Place) []any {
	return []any{&p.Worker, sqltx.Time(&p.Leased), sqltx.JSON(&p.Surroundings)}
}

// FlakyTests lists tests that have been good and bad at equal revisions.
func (s Conclusions) FlakyTests(ctx context.Context, f store.FlakyFilter) (tests []store.FlakyTest, all int, err error) {
	q := &sqltx.Where{}
	condition := ""
	if f.Project != "" {
		condition += ` AND x.builder_id IN (SELECT r.id FROM builders r WHERE r.project = ` + q.Arg(sqltx.Clean(f.Project)) + `)`
	}
	if f.Builder != 0 {
		condition += ` AND x.builder_id = ` + q.Arg(int64(f.Builder))
	}
	if f.Test != (weir.TestID{}) {
		condition += ` AND x.suite = ` + q.Arg(sqltx.Clean(f.Test.Suite)) + ` AND x.name = ` + q.Arg(sqltx.Clean(f.Test.Name))
	}
	// Few tests have flaked, and they have an index of their own, which is not used
	// for a builder that has many tests unless it is the only one that fits.
	flaked := condition
	if f.Test == (weir.TestID{}) {
		flaked = strings.ReplaceAll(condition, "x.builder_id", "+x.builder_id")
	}
	limit := q.Arg(sqltx.Limit(f.Limit, sqltx.StandardList, sqltx.LongestList))
	err = s.snapshot(ctx, "list flaky tests", func(c conn) error {
		all = 0
		tests, err = sqltx.Collect(c, func(row sqltx.Scanner) (t store.FlakyTest, err error) {
			st := &t.State
			dest := append([]any{&all}, sqlroster.BuilderDest(&t.Builder)...)
			err = row.Scan(append(dest, &st.Test.Suite, &st.Test.Name, &st.Status, &st.Since, &st.Flakes, &st.LastFlake, &st.Signature, &st.Masked, &st.Cause,
				&t.LastFlake.Number, &t.LastFlake.Build, sqltx.Time(&t.LastFlake.At),
				&t.Newest.Number, &t.Newest.Build, sqltx.Time(&t.Newest.At), &t.Ran, &t.Told)...)
			if t.Ran = max(t.Ran-1, 0); st.Masked == 0 {
				t.Ran = t.Newest.Number
			}
			return t, err
		}, flakyTests(condition, flaked, limit), q.Args()...)
		if err != nil || len(tests) == 0 {
			return err
		}
		return c.readFlakeRuns(tests)
	})
	return tests, all, err
}

// flakyTests is the query of tests with recorded runs, and of those that flaked
// before runs were recorded. The conditions are about columns of x.
func flakyTests(recorded, flaked, limit string) string {
	return `WITH seen AS (
			SELECT x.builder_id, x.suite, x.name, x.at FROM flake_runs x WHERE true` + recorded + `
			UNION ALL SELECT x.builder_id, x.suite, x.name, COALESCE(b.finished, 0) FROM test_states x
				LEFT JOIN builds b ON b.id = x.last_flake WHERE x.flakes > 0` + flaked + `
		), known AS (SELECT s.builder_id, s.suite, s.name, MAX(s.at) AS at FROM seen s GROUP BY s.builder_id, s.suite, s.name)
		SELECT COUNT(*) OVER (), r.id, r.project, r.job, r.cell, r.platform, r.branch, r.upstreams,
			t.suite, t.name, t.status, t.since, t.flakes, t.last_flake, t.signature, t.masked, t.cause,
			COALESCE(l.number, 0), COALESCE(l.id, 0), COALESCE(l.finished, 0), COALESCE(n.number, 0), COALESCE(n.id, 0), COALESCE(n.finished, 0),
			COALESCE(m.number, 0), COALESCE(d.state, '')
		FROM known k JOIN test_states t ON t.builder_id = k.builder_id AND t.suite = k.suite AND t.name = k.name
			JOIN builders r ON r.id = k.builder_id
			LEFT JOIN builds l ON l.id = t.last_flake
			LEFT JOIN builds n ON n.builder_id = k.builder_id AND n.number > 0 AND n.number =
				(SELECT w.number FROM builds w WHERE w.builder_id = k.builder_id AND w.number > 0 ORDER BY w.number DESC LIMIT 1)
			LEFT JOIN builds m ON m.id = t.masked
			LEFT JOIN flake_told d ON d.builder_id = k.builder_id AND d.suite = k.suite AND d.name = k.name
		ORDER BY k.at DESC, k.builder_id, k.suite, k.name LIMIT ` + limit
}

// readFlakeRuns reads the runs of tests into them.
func (c conn) readFlakeRuns(tests []store.FlakyTest) error {
	rows := make([][]any, len(tests))
	for i, t := range tests {
		rows[i] = []any{i, int64(t.Builder.ID), t.State.Test.Suite, t.State.Test.Name}
	}
	data, err := sqltx.Encode(rows)
	if err != nil {
		return err
	}
	_, err = sqltx.Collect(c, func(row sqltx.Scanner) (none struct{}, err error) {
		var at, bad int
		var r store.SeenRun
		if err = row.Scan(append([]any{&at, &r.Build, &bad, &r.Inputs, &r.Number, sqltx.Time(&r.At)}, placeDest(&r.Place)...)...); err == nil && at >= 0 && at < len(tests) {
			r.Bad = bad != 0
			tests[at].Runs = append(tests[at].Runs, r)
		}
		return none, err
	}, `SELECT q.at_index, f.build_id, f.bad, f.inputs, f.number, f.at, `+placeColumns+` FROM `+c.Table(1, "q", "at_index int", "builder_id int", "suite", "name")+`
		JOIN flake_runs f ON f.builder_id = q.builder_id AND f.suite = q.suite AND f.name = q.name
		JOIN builds b ON b.id = f.build_id`+ranIn+` ORDER BY q.at_index, f.build_id`, data)
	return err
}

// SettledRuns lists the newest settled builds of builders, with where they ran.
func (s Conclusions) SettledRuns(ctx context.Context, builders []weir.BuilderID, limit int) (runs []store.SettledRun, err error) {
	if len(builders) == 0 {
		return nil, nil
	}
	builders = builders[:min(len(builders), sqltx.LongestList)]
	err = s.read(ctx, "list settled builds and their places", func(c conn) error {
		condition, arg := sqltx.Among(c.Conn, 1, builders)
		runs, err = sqltx.Collect(c, func(row sqltx.Scanner) (r store.SettledRun, err error) {
			err = row.Scan(append([]any{&r.Builder, &r.Number, &r.Build, sqltx.Time(&r.At)}, placeDest(&r.Place)...)...)
			return r, err
		}, `SELECT b.builder_id, b.number, b.id, b.finished, `+placeColumns+` FROM builds b`+ranIn+`
			WHERE b.builder_id `+condition+` AND b.number > 0 AND b.results <> '' AND b.number >
				(SELECT w.number FROM builds w WHERE w.builder_id = b.builder_id AND w.number > 0 ORDER BY w.number DESC LIMIT 1) - CAST($2 AS BIGINT)
			ORDER BY b.builder_id, b.number`, arg, sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
		return err
	})
	return runs, err
}

// ClaimDigest gives one of several servers the right to tell a project's owners
// what is new. Until that is done the time of the last digest is that at which the
// claim ends.
func (s Conclusions) ClaimDigest(ctx context.Context, project string, every time.Duration, now time.Time) (claimed bool, err error) {
	if every <= store.DigestTime {
		return false, weir.Errorf(weir.Invalid, "digests cannot be told every %s", every).WithHint("more than %s is possible", store.DigestTime)
	}
	now = sqltx.TimeOf(sqltx.Micros(now))
	err = s.write(ctx, "claim a digest", now, func(t *tx) error {
		// One that was told long after now was told by a clock that was wrong.
		got, err := sqltx.Collect(t, sqltx.Scalar[string], `INSERT INTO digests (project, at) VALUES ($1, $2)
			ON CONFLICT (project) DO UPDATE SET at = excluded.at WHERE digests.at <= $3 OR digests.at > $4 RETURNING project`,
			sqltx.Clean(project), sqltx.Micros(now.Add(store.DigestTime-every)), sqltx.Micros(now.Add(-every)), sqltx.Micros(now.Add(every)))
		claimed = len(got) > 0
		return err
	})
	return claimed && err == nil, err
}

// DigestTold records what the owners of a project have been told.
func (s Conclusions) DigestTold(ctx context.Context, project string, told []store.ToldFlake, now time.Time) error {
	project, now = sqltx.Clean(project), sqltx.TimeOf(sqltx.Micros(now))
	rows := make([][]any, len(told))
	for i, f := range told {
		rows[i] = []any{int64(f.Builder), sqltx.Clean(f.Test.Suite), sqltx.Clean(f.Test.Name), sqltx.Clip(f.State, maxSignature)}
	}
	return s.write(ctx, "record a digest", now, func(t *tx) error {
		if err := t.Put(`INSERT INTO digests (project, at) VALUES ($1, $2) ON CONFLICT (project) DO UPDATE SET at = excluded.at`,
			project, sqltx.Micros(now)); err != nil {
			return err
		}
		if err := t.Put(`DELETE FROM flake_told WHERE builder_id IN (SELECT r.id FROM builders r WHERE r.project = $1)`, project); err != nil {
			return err
		}
		return t.InChunks(rows, func(data string) error {
			return t.Put(`INSERT INTO flake_told (builder_id, suite, name, state) SELECT q.builder_id, q.suite, q.name, q.state
				FROM `+t.Table(2, "q", "builder_id int", "suite", "name", "state")+` JOIN builders r ON r.id = q.builder_id AND r.project = $1
				WHERE true ON CONFLICT (builder_id, suite, name) DO UPDATE SET state = excluded.state`, project, data)
		})
	})
}

// cleanRuns cleans the names of tests; too many runs are cut.
func cleanRuns(runs []store.FlakeRun) ([]store.FlakeRun, error) {
	out := make([]store.FlakeRun, 0, min(len(runs), mostFlakeRuns))
	for _, r := range runs[:min(len(runs), mostFlakeRuns)] {
		var err error
		if r.Test, err = cleanTest(r.Test); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// saveFlakeRuns records what runs of tests of a builder did, once for each build.
func (t *tx) saveFlakeRuns(builder weir.BuilderID, runs []store.FlakeRun) error {
	// Those that count only if others are there come behind the others.
	for _, known := range []bool{false, true} {
		var rows [][]any
		for _, r := range runs {
			if r.Known == known {
				rows = append(rows, []any{r.Test.Suite, r.Test.Name, int64(r.Build), sqltx.Flag(r.Bad)})
			}
		}
		condition := ""
		if known {
			condition = ` AND EXISTS (SELECT 1 FROM flake_runs f WHERE f.builder_id = b.builder_id AND f.suite = q.suite AND f.name = q.name AND f.inputs = b.pins_key)`
		}
		if err := t.InChunks(rows, func(data string) error {
			table := t.Table(2, "q", "suite", "name", "build_id int", "bad int")
			return t.Put(`INSERT INTO flake_runs (builder_id, suite, name, build_id, bad, inputs, number, at)
				SELECT b.builder_id, q.suite, q.name, b.id, q.bad, b.pins_key, COALESCE((SELECT n.number FROM builds n
					WHERE n.builder_id = b.builder_id AND n.number > 0 AND n.id <= b.id ORDER BY n.number DESC LIMIT 1), 0), b.finished
				FROM `+table+` JOIN builds b ON b.id = q.build_id AND b.builder_id = $1
				WHERE b.finished > 0`+condition+` ON CONFLICT (builder_id, suite, name, build_id) DO NOTHING`, int64(builder), data)
		}); err != nil {
			return err
		}
	}
	return t.trimFlakeRuns(builder, runs)
}

// trimFlakeRuns removes the oldest runs of tests that have too many.
func (t *tx) trimFlakeRuns(builder weir.BuilderID, runs []store.FlakeRun) error {
	seen := make(map[weir.TestID]bool, len(runs))
	var rows [][]any
	for _, r := range runs {
		if !seen[r.Test] {
			seen[r.Test] = true
			rows = append(rows, []any{r.Test.Suite, r.Test.Name})
		}
	}
	return t.InChunks(rows, func(data string) error {
		// Counted test by test: joined, SQLite reads the list again for each run of the builder.
		full, err := sqltx.Collect(t, func(row sqltx.Scanner) (id weir.TestID, err error) {
			err = row.Scan(&id.Suite, &id.Name)
			return id, err
		}, `SELECT q.suite, q.name FROM `+t.Table(2, "q", "suite", "name")+` WHERE (SELECT COUNT(*) FROM flake_runs f
			WHERE f.builder_id = $1 AND f.suite = q.suite AND f.name = q.name) > $3`, int64(builder), data, store.MaxFlakeRuns)
		for _, test := range full {
			if err := t.Put(`DELETE FROM flake_runs WHERE builder_id = $1 AND suite = $2 AND name = $3 AND build_id <=
				(SELECT f.build_id FROM flake_runs f WHERE f.builder_id = $1 AND f.suite = $2 AND f.name = $3 ORDER BY f.build_id DESC LIMIT 1 OFFSET $4)`,
				int64(builder), test.Suite, test.Name, store.MaxFlakeRuns); err != nil {
				return err
			}
		}
		return err
	})
}

// renameFlakes gives the runs of tests, and what was told of them, the names
// that the tests have now. What stood under those names is about other tests.
func (t *tx) renameFlakes(builder weir.BuilderID, renames []store.Rename) error {
	var rows [][]any
	for _, r := range renames {
		to, err := cleanTest(r.To)
		if err != nil {
			return err
		}
		rows = append(rows, []any{sqltx.Clean(r.From.Suite), sqltx.Clean(r.From.Name), to.Suite, to.Name})
	}
	return t.InChunks(rows, func(data string) error {
		table := t.Table(2, "q", "old_suite", "old_name", "new_suite", "new_name")
		for _, of := range []string{"flake_runs", "flake_told"} {
			if err := t.Put(`DELETE FROM `+of+` WHERE builder_id = $1 AND (suite, name) IN (SELECT q.new_suite, q.new_name FROM `+table+`)`,
				int64(builder), data); err != nil {
				return err
			}
			if err := t.Put(`UPDATE `+of+` SET suite = q.new_suite, name = q.new_name FROM `+table+`
				WHERE builder_id = $1 AND suite = q.old_suite AND name = q.old_name`, int64(builder), data); err != nil {
				return err
			}
		}
		return nil
	})
}
