package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// fill puts a long history into an empty farm, while no server runs: each of
// the farm's many projects has one builder, and each builder has so many
// builds. The first build of each goes through the store like any other; the
// later ones are copies of its rows. Two builders have a regression each.
func (w *Weir) fill(ctx context.Context, perBuilder int) (regression weir.RegressionID, err error) {
	db, err := w.store(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	h := history{db: db, now: time.Now().Add(-time.Duration(perBuilder) * time.Minute)}
	if err := h.firstBuilds(ctx, w.Projects); err != nil {
		return 0, err
	}
	if err := w.copyBuilds(ctx, w.Projects, perBuilder); err != nil {
		return 0, err
	}
	return h.regress(ctx)
}

// store opens the farm's database, as another server would.
func (w *Weir) store(ctx context.Context) (store.Store, error) {
	farm, problems, err := recipe.Load(w.farmFile())
	if err != nil {
		return nil, fmt.Errorf("%w %s", err, problems.Format())
	}
	return app.OpenStore(ctx, farm)
}

// packing reports whether ended logs are left to be sealed or packed.
func (w *Weir) packing(ctx context.Context) (left bool, err error) {
	db, err := w.store(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	frames, err := db.Sealable(ctx, math.MaxInt64, 1)
	if err != nil {
		return false, err
	}
	loose, err := db.Loose(ctx, 1)
	return len(frames)+len(loose) > 0, err
}

// history is made through the store's ports.
type history struct {
	db       store.Store
	now      time.Time
	builders []weir.Builder
	builds   []weir.BuildID
}

// firstBuilds makes one settled build of each project.
func (h *history) firstBuilds(ctx context.Context, count int) error {
	run := store.NewRun{Cause: weir.CauseChange, Project: projectName(0), Reason: "bench", Now: h.now}
	keys := make([]weir.BuilderKey, count)
	for i := range keys {
		keys[i] = weir.BuilderKey{Project: projectName(i), Job: "run", Platform: app.HostPlatform()}
	}
	var err error
	if h.builders, err = h.db.EnsureBuilders(ctx, keys); err != nil {
		return err
	}
	for _, b := range h.builders {
		job := weir.Job{Name: "run", Steps: []weir.Step{{Name: "true", Run: "true"}}}
		run.Builds = append(run.Builds, store.NewBuild{Builder: b.ID, Pins: weir.Pins{b.Project: weir.NoRevision}, Share: store.ShareNone,
			Spec: weir.Spec{Project: b.Project, Job: job, Platform: b.Platform, Source: weir.Source{Kind: weir.None}, Revision: weir.NoRevision}})
	}
	if _, h.builds, err = h.db.CreateRun(ctx, run); err != nil {
		return err
	}
	if _, _, err := h.db.Hello(ctx, weir.Worker{Name: "history", Platform: app.HostPlatform(), Slots: 1, Seen: h.now}, nil); err != nil {
		return err
	}
	for done := 0; done < count; {
		leased, err := h.lease(ctx)
		if err != nil {
			return err
		}
		if len(leased) == 0 {
			return fmt.Errorf("of %d builds only %d could be leased", count, done)
		}
		for _, l := range leased {
			if err := h.finish(ctx, l, weir.Passed, weir.Reason{}); err != nil {
				return err
			}
		}
		done += len(leased)
	}
	return nil
}

// lease takes as many queued builds as one lease may.
func (h *history) lease(ctx context.Context) ([]store.Leased, error) {
	ask := store.LeaseAsk{Worker: "history", Platform: app.HostPlatform(), Now: h.now, Deadline: h.now.Add(weir.LeaseTime)}
	for i := range 100 {
		ask.Tokens = append(ask.Tokens, fmt.Sprint("token", i))
	}
	return h.db.Lease(ctx, ask, func(q store.Queue) []weir.BuildID {
		var ids []weir.BuildID
		for _, c := range q.Candidates[:min(len(q.Candidates), len(ask.Tokens))] {
			ids = append(ids, c.Build)
		}
		return ids
	})
}

// finish ends a build with one step and a short log, and settles it.
func (h *history) finish(ctx context.Context, l store.Leased, outcome weir.Outcome, reason weir.Reason) error {
	step := weir.StepRecord{Name: "true", State: weir.StepPassed, Started: h.now, Ended: h.now.Add(time.Second)}
	if _, err := h.db.Finish(ctx, store.Finish{Attempt: l.Attempt, Token: l.Token, Now: h.now.Add(time.Second), Outcome: outcome, Reason: reason,
		Steps: []weir.StepRecord{step}, Counts: weir.Counts{Pass: 100}}); err != nil {
		return err
	}
	return h.db.Settle(ctx, store.Settlement{Build: l.Attempt.Build, Expect: weir.Unjudged, Become: weir.Settled, Now: h.now.Add(time.Second)})
}

// victims is how many tests the regression made bad.
const victims = 100

// regress gives the first builder one more build, with a regression.
func (h *history) regress(ctx context.Context) (weir.RegressionID, error) {
	h.now = time.Now().Add(-time.Minute)
	b := h.builders[0]
	if _, _, err := h.db.CreateRun(ctx, store.NewRun{Cause: weir.CauseChange, Project: b.Project, Reason: "bench", Now: h.now,
		Builds: []store.NewBuild{{Builder: b.ID, Pins: weir.Pins{b.Project: "bad"}, Share: store.ShareNone}}}); err != nil {
		return 0, err
	}
	leased, err := h.lease(ctx)
	if err != nil {
		return 0, err
	}
	if len(leased) != 1 {
		return 0, fmt.Errorf("%d builds were leased, not 1", len(leased))
	}
	l := leased[0]
	if _, err := h.db.Finish(ctx, store.Finish{Attempt: l.Attempt, Token: l.Token, Now: h.now, Outcome: weir.Failed, Reason: weir.Reason{Code: weir.ReasonTests},
		Steps: []weir.StepRecord{{Name: "true", State: weir.StepFailed, ExitCode: 1}}, Counts: weir.Counts{Fail: victims}}); err != nil {
		return 0, err
	}
	r := weir.Regression{State: weir.Narrowed, Builder: b, Good: weir.Evidence{Build: h.builds[0], Pins: weir.Pins{b.Project: weir.NoRevision}},
		Bad:  weir.Evidence{Build: l.Attempt.Build, Pins: weir.Pins{b.Project: "bad"}},
		Path: []weir.Leg{{Project: b.Project, From: 1, To: 2}}, Opened: h.now, Updated: h.now, Suspects: weir.Span{First: 1, Last: 1}, Note: "bench"}
	var changes []weir.TestChange
	for i := range victims {
		test := weir.TestID{Suite: "suite", Name: fmt.Sprintf("test_%03d", i)}
		changes = append(changes, weir.TestChange{Test: test, Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail, Message: "1 != 2"})
		r.Victims = append(r.Victims, weir.Victim{Builder: b, Test: test, Verdict: weir.NewlyFailing, Message: "1 != 2", Build: l.Attempt.Build})
	}
	if err := h.db.Settle(ctx, store.Settlement{Build: l.Attempt.Build, Expect: weir.Unjudged, Become: weir.Settled, Now: h.now,
		Changes: changes, Open: []weir.Regression{r}}); err != nil {
		return 0, err
	}
	list, err := h.db.Regressions(ctx, store.RegressionFilter{})
	if err != nil || len(list) != 1 {
		return 0, fmt.Errorf("there are %d regressions, not 1: %w", len(list), err)
	}
	return list[0].ID, nil
}

// copyBuilds copies the rows of the first count builds until there are so
// many per builder. It knows which columns hold ids of builds and runs, and
// takes the rest as it finds it, so that the schema may grow.
func (w *Weir) copyBuilds(ctx context.Context, count, perBuilder int) (err error) {
	driver, source, catalogue := "sqlite", "file:"+filepath.Join(w.Dir, "data", "weir.db"),
		`SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' ORDER BY m.name, p.cid`
	if w.postgres != nil {
		driver, source = "pgx", w.postgres.dsn(w.database)
		catalogue = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, err := columns(ctx, db, catalogue)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for round := 1; round < perBuilder; round++ {
		// What others refer to comes first.
		for _, table := range []string{"runs", "builds", "specs", "attempts", "steps", "logs", "log_frames"} {
			if cols := tables[table]; cols != nil {
				if _, err := tx.ExecContext(ctx, copyStatement(table, cols, round, count)); err != nil {
					return fmt.Errorf("copy %s: %w", table, err)
				}
			}
		}
	}
	if w.postgres != nil {
		for _, table := range []string{"runs", "builds"} {
			if _, err := tx.ExecContext(ctx, fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%[1]s', 'id'), (SELECT max(id) FROM %[1]s))", table)); err != nil {
				return err
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "ANALYZE")
	return err
}

// columns lists the columns of all tables.
func columns(ctx context.Context, db *sql.DB, catalogue string) (map[string][]string, error) {
	rows, err := db.QueryContext(ctx, catalogue)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tables := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return nil, err
		}
		tables[table] = append(tables[table], column)
	}
	return tables, rows.Err()
}

// copyStatement copies the first run, its builds, or what hangs on them, as
// the given round, a minute later each.
func copyStatement(table string, cols []string, round, builds int) string {
	values := slices.Clone(cols)
	key := "build_id"
	for i, c := range values {
		switch {
		case c == "id" && table == "runs" || c == "run_id":
			values[i] = fmt.Sprintf("%s + %d", c, round)
		case c == "id" || c == "build_id":
			values[i] = fmt.Sprintf("%s + %d", c, round*builds)
		case c == "number" && table == "builds": // in the history of its builder
			values[i] = fmt.Sprintf("%s + %d", c, round)
		case slices.Contains([]string{"created", "queued", "started", "finished", "leased", "ended", "deadline", "at"}, c):
			values[i] = fmt.Sprintf("%s + %d", c, int64(round)*time.Minute.Microseconds())
		}
	}
	last := builds
	switch table {
	case "runs":
		key, last = "id", 1
	case "builds":
		key = "id"
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %[1]s WHERE %[4]s BETWEEN 1 AND %[5]d", table, strings.Join(cols, ", "), strings.Join(values, ", "), key, last)
}
