package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

const buildColumns = `b.id, b.run_id, b.cause, b.pins, b.state, b.outcome, b.reason_code, b.reason_text,
	b.created, b.started, b.finished, b.attempts, b.worker, b.retry_of,
	b.product_digest, b.product_prefix, b.product_size, b.results, b.counts, b.judgement, b.changes, b.ledger,
	r.id, r.project, r.job, r.cell, r.platform, r.branch, r.upstreams`

const fromBuilds = ` FROM builds b JOIN builders r ON r.id = b.builder_id `

func scanBuild(row sqltx.Scanner) (b weir.Build, err error) {
	err = row.Scan(append([]any{&b.ID, &b.Run, &b.Cause, sqltx.JSON(&b.Pins), &b.State, &b.Outcome, &b.Reason.Code, &b.Reason.Text,
		sqltx.Time(&b.Created), sqltx.Time(&b.Started), sqltx.Time(&b.Finished), &b.Attempts, &b.Worker, &b.RetryOf,
		&b.Product.Digest, &b.Product.Prefix, &b.Product.Size, &b.Results, sqltx.JSON(&b.Counts), &b.Judgement, sqltx.JSON(&b.Changes), sqltx.JSON(&b.Ledger)},
		sqlroster.BuilderDest(&b.Builder)...)...)
	return b, err
}

// builds reads builds; rest follows FROM.
func (c conn) builds(rest string, args ...any) ([]weir.Build, error) {
	return Builds(c.Conn, rest, args...)
}

// Builds reads builds; rest is what follows FROM, where the builds are b and
// their builders r.
func Builds(c sqltx.Conn, rest string, args ...any) ([]weir.Build, error) {
	return sqltx.Collect(c, scanBuild, `SELECT `+buildColumns+fromBuilds+rest, args...)
}

// ListOfBuilds is a verb that reads builds; rest is as for [Builds].
func ListOfBuilds(ctx context.Context, db *sqltx.DB, verb, rest string, args ...any) ([]weir.Build, error) {
	return sqltx.List(ctx, db, verb, scanBuild, `SELECT `+buildColumns+fromBuilds+rest, args...)
}

// build reads one build; NotFound if there is none.
func (c conn) build(id weir.BuildID, lock string) (weir.Build, error) {
	return readBuild(id, c.Row(oneBuild+lock, int64(id)))
}

const oneBuild = `SELECT ` + buildColumns + fromBuilds + `WHERE b.id = $1`

func readBuild(id weir.BuildID, row sqltx.Row) (weir.Build, error) {
	b, err := scanBuild(row)
	if errors.Is(err, sql.ErrNoRows) {
		return b, weir.Errorf(weir.NotFound, "there is no build %d", id)
	}
	return b, err
}

// ReadBuild reads one build; NotFound if there is none.
func ReadBuild(c sqltx.Conn, id weir.BuildID) (weir.Build, error) { return conn{c}.build(id, "") }

// LockBuild is ReadBuild, and keeps the build, its attempts and logs from
// changing until the transaction ends.
func LockBuild(t *sqltx.Tx, id weir.BuildID) (weir.Build, error) { return newTx(t).lockBuild(id) }

func (t *tx) lockBuild(id weir.BuildID) (weir.Build, error) { return t.build(id, t.Lock()) }

// Build finds a build; NotFound if there is none.
func (s *Store) Build(ctx context.Context, id weir.BuildID) (b weir.Build, err error) {
	err = s.read(ctx, "find a build", func(c conn) error {
		b, err = c.build(id, "")
		return err
	})
	return b, err
}

// BuildSpec reads what the worker was told.
func (s *Store) BuildSpec(ctx context.Context, id weir.BuildID) (spec weir.Spec, err error) {
	err = s.snapshot(ctx, "read a build's specification", func(c conn) error {
		b, err := c.build(id, "")
		if err == nil {
			spec, err = c.spec(b)
		}
		return err
	})
	return spec, err
}

// spec reads a specification and fills in the products that it uses.
func (c conn) spec(b weir.Build) (spec weir.Spec, err error) {
	return c.readSpec(b, c.askSpec(b.ID))
}

func (c conn) askSpec(id weir.BuildID) sqltx.Asked {
	return c.Later(`SELECT b.product_key, r.pinned <> 0, r.spec FROM builds b JOIN recipes r ON r.id = b.recipe_id WHERE b.id = $1`, int64(id))
}

func (c conn) readSpec(b weir.Build, asked sqltx.Asked) (spec weir.Spec, err error) {
	var key string
	var pinned bool
	err = asked.Row().Scan(&key, &pinned, sqltx.JSON(&spec))
	if pinned {
		fillPins(&spec, b.Pins)
		spec.ProductKey = key
	}
	if err != nil || len(spec.Inputs) == 0 {
		return spec, err
	}
	needs, err := c.builds(`JOIN needs n ON n.need_id = b.id WHERE n.build_id = $1 AND n.ending = '' ORDER BY n.ordinal`, int64(b.ID))
	for i := range spec.Inputs {
		for _, need := range needs {
			if need.Builder.Project == spec.Inputs[i].Project {
				spec.Inputs[i].Product = need.Product
				break
			}
		}
	}
	return spec, err
}

// ListBuilds lists builds, newest first.
func (s *Store) ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error) {
	q := &sqltx.Where{}
	if f.Run != 0 {
		q.And(`b.run_id = ?`, int64(f.Run))
	}
	if f.Project != "" {
		q.And(`b.builder_id IN (SELECT p.id FROM builders p WHERE p.project = ?)`, sqltx.Clean(f.Project))
	}
	if f.Builder != 0 {
		q.And(`b.builder_id = ?`, int64(f.Builder))
	}
	if f.RetryOf != 0 {
		q.And(`b.retry_of > 0 AND b.retry_of = ?`, int64(f.RetryOf)) // as its index has it
	}
	sqltx.WhereIn(q, `b.state`, f.States)
	if len(f.States) > 0 && !slices.ContainsFunc(f.States, weir.State.Final) {
		q.Always(`b.finished = 0`) // as their index has it
	}
	if f.Before != 0 {
		q.And(`b.id < ?`, int64(f.Before))
	}
	limit := q.Arg(sqltx.Limit(f.Limit, sqltx.StandardList, sqltx.LongestList))
	return ListOfBuilds(ctx, s.DB, "list builds", q.String()+` ORDER BY b.id DESC LIMIT `+limit, q.Args()...)
}

// Attempts lists the attempts of a build, oldest first.
func (s *Store) Attempts(ctx context.Context, id weir.BuildID) ([]weir.Attempt, error) {
	return sqltx.List(ctx, s.DB, "list attempts", func(r sqltx.Scanner) (weir.Attempt, error) {
		var a attempt
		err := r.Scan(append(a.dest(), sqltx.JSON(&a.Surroundings))...)
		return a.Attempt, err
	}, `SELECT `+attemptColumns+`, a.surroundings FROM attempts a WHERE a.build_id = $1 ORDER BY a.number`, int64(id))
}

// Needs lists the builds whose products a build uses.
func (s *Store) Needs(ctx context.Context, id weir.BuildID) ([]weir.BuildID, error) {
	return sqltx.List(ctx, s.DB, "list needed builds", sqltx.Scalar[weir.BuildID], `SELECT need_id FROM needs WHERE build_id = $1 AND ending = '' ORDER BY ordinal`, int64(id))
}

// After lists the builds that must end before a build begins.
func (s *Store) After(ctx context.Context, id weir.BuildID) ([]weir.BuildID, error) {
	return sqltx.List(ctx, s.DB, "list builds that come first", sqltx.Scalar[weir.BuildID], `SELECT need_id FROM needs WHERE build_id = $1 AND ending <> '' ORDER BY ordinal`, int64(id))
}
