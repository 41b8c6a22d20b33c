package sqlstore

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Steps lists the steps of an attempt in order.
func (s *Store) Steps(ctx context.Context, id weir.AttemptID) ([]weir.StepRecord, error) {
	return sqltx.List(ctx, s.DB, "list steps", func(r sqltx.Scanner) (p weir.StepRecord, err error) {
		err = r.Scan(&p.Index, &p.Name, &p.State, sqltx.Time(&p.Started), sqltx.Time(&p.Ended), &p.ExitCode, &p.Signal, &p.Note)
		return p, err
	}, `SELECT step, name, state, started, ended, exit_code, signal, note FROM steps
		WHERE build_id = $1 AND attempt = $2 ORDER BY step`, int64(id.Build), id.Number)
}
