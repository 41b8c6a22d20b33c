package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

const buildColumns = `b.id, b.run_id, b.cause, b.pins, b.state, b.outcome, b.reason_code, b.reason_text,
	b.created, b.started, b.finished, b.attempts, b.worker, b.retry_of,
	b.product_digest, b.product_prefix, b.product_size, b.results, b.counts, b.judgement, b.changes,
	r.id, r.project, r.job, r.cell, r.platform, r.branch, r.upstreams`

const fromBuilds = ` FROM builds b JOIN builders r ON r.id = b.builder_id `

func scanBuild(row scanner) (b weir.Build, err error) {
	var pins, counts, changes string
	var created, started, finished int64
	if err := row.Scan(append([]any{&b.ID, &b.Run, &b.Cause, &pins, &b.State, &b.Outcome, &b.Reason.Code, &b.Reason.Text,
		&created, &started, &finished, &b.Attempts, &b.Worker, &b.RetryOf,
		&b.Product.Digest, &b.Product.Prefix, &b.Product.Size, &b.Results, &counts, &b.Judgement, &changes},
		builderDest(&b.Builder)...)...); err != nil {
		return b, err
	}
	b.Created, b.Started, b.Finished = timeOf(created), timeOf(started), timeOf(finished)
	return b, errors.Join(decode(pins, &b.Pins), decode(counts, &b.Counts), decode(changes, &b.Changes))
}

// builderDest lists where the columns of a builder go.
func builderDest(r *weir.Builder) []any {
	return []any{&r.ID, &r.Project, &r.Job, &r.Cell, &r.Platform, &r.Branch, &r.Upstreams}
}

// builds reads builds; rest follows FROM.
func (c conn) builds(rest string, args ...any) ([]weir.Build, error) {
	return collect(c, scanBuild, `SELECT `+buildColumns+fromBuilds+rest, args...)
}

// build reads one build; NotFound if there is none.
func (c conn) build(id weir.BuildID, lock string) (weir.Build, error) {
	b, err := scanBuild(c.row(`SELECT `+buildColumns+fromBuilds+`WHERE b.id = $1`+lock, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return b, weir.Errorf(weir.NotFound, "there is no build %d", id)
	}
	return b, err
}

// lockBuild reads a build and keeps it, its attempts and logs from changing
// until the transaction ends.
func (t *tx) lockBuild(id weir.BuildID) (weir.Build, error) { return t.build(id, t.d.Lock) }

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
			spec, err = c.spec(b.ID)
		}
		return err
	})
	return spec, err
}

// spec reads a specification and fills in the products that it uses.
func (c conn) spec(id weir.BuildID) (spec weir.Spec, err error) {
	var text string
	if err := c.row(`SELECT spec FROM specs WHERE build_id = $1`, int64(id)).Scan(&text); err != nil {
		return spec, err
	}
	if err := decode(text, &spec); err != nil || len(spec.Inputs) == 0 {
		return spec, err
	}
	needs, err := c.builds(`JOIN needs n ON n.need_id = b.id WHERE n.build_id = $1 ORDER BY n.ordinal`, int64(id))
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

// Limits on lists of builds and runs.
const (
	standardList = 100
	longestList  = 1000
)

// ListBuilds lists builds, newest first.
func (s *Store) ListBuilds(ctx context.Context, f store.BuildFilter) (builds []weir.Build, err error) {
	q := &where{}
	if f.Run != 0 {
		q.and(`b.run_id = ?`, int64(f.Run))
	}
	if f.Project != "" {
		q.and(`b.builder_id IN (SELECT p.id FROM builders p WHERE p.project = ?)`, clean(f.Project))
	}
	if f.Builder != 0 {
		q.and(`b.builder_id = ?`, int64(f.Builder))
	}
	whereIn(q, `b.state`, f.States)
	if f.Before != 0 {
		q.and(`b.id < ?`, int64(f.Before))
	}
	limit := q.arg(limitOf(f.Limit, standardList, longestList))
	err = s.read(ctx, "list builds", func(c conn) error {
		builds, err = c.builds(q.String()+` ORDER BY b.id DESC LIMIT `+limit, q.args...)
		return err
	})
	return builds, err
}

// where collects conditions and their parameters.
type where struct {
	conditions []string
	args       []any
}

// arg adds a parameter and returns its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + itoa(len(w.args))
}

// and adds a condition; each ? in it stands for the value.
func (w *where) and(condition string, v any) {
	w.conditions = append(w.conditions, strings.ReplaceAll(condition, "?", w.arg(v)))
}

// whereIn adds the condition that a column has one of the values, if there are any.
func whereIn[T ~string](w *where, column string, values []T) {
	if len(values) == 0 {
		return
	}
	first := len(w.args) + 1
	for _, v := range values {
		w.args = append(w.args, string(v))
	}
	w.conditions = append(w.conditions, column+` IN (`+placeholders(first, len(values))+`)`)
}

// String renders the WHERE clause.
func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// Attempts lists the attempts of a build, oldest first.
func (s *Store) Attempts(ctx context.Context, id weir.BuildID) (attempts []weir.Attempt, err error) {
	err = s.read(ctx, "list attempts", func(c conn) error {
		attempts, err = collect(c, func(r scanner) (weir.Attempt, error) {
			a, err := scanAttempt(r)
			return a.Attempt, err
		}, `SELECT `+attemptColumns+` FROM attempts a WHERE a.build_id = $1 ORDER BY a.number`, int64(id))
		return err
	})
	return attempts, err
}

// Needs lists the builds whose products a build uses.
func (s *Store) Needs(ctx context.Context, id weir.BuildID) (needs []weir.BuildID, err error) {
	err = s.read(ctx, "list needed builds", func(c conn) error {
		needs, err = collect(c, scanOne[weir.BuildID], `SELECT need_id FROM needs WHERE build_id = $1 ORDER BY ordinal`, int64(id))
		return err
	})
	return needs, err
}
