package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

const runColumns = `id, cause, project, reason, created, regression_id`

func scanRun(r scanner) (run weir.Run, err error) {
	var created int64
	err = r.Scan(&run.ID, &run.Cause, &run.Project, &run.Reason, &created, &run.Regression)
	run.Created = timeOf(created)
	return run, err
}

// Run finds a run; NotFound if there is none.
func (s *Store) Run(ctx context.Context, id weir.RunID) (run weir.Run, err error) {
	err = s.read(ctx, "find a run", func(c conn) error {
		run, err = scanRun(c.row(`SELECT `+runColumns+` FROM runs WHERE id = $1`, int64(id)))
		if errors.Is(err, sql.ErrNoRows) {
			return weir.Errorf(weir.NotFound, "there is no run %d", id)
		}
		return err
	})
	return run, err
}

// Runs lists runs, newest first.
func (s *Store) Runs(ctx context.Context, before weir.RunID, limit int) (runs []weir.Run, err error) {
	q := &where{}
	if before != 0 {
		q.and(`id < ?`, int64(before))
	}
	most := q.arg(limitOf(limit, standardList, longestList))
	err = s.read(ctx, "list runs", func(c conn) error {
		runs, err = collect(c, scanRun, `SELECT `+runColumns+` FROM runs`+q.String()+` ORDER BY id DESC LIMIT `+most, q.args...)
		return err
	})
	return runs, err
}

// onDisplay says which builds of a builder the overview shows.
const onDisplay = `b.advances = 1 AND (b.judgement = 'settled' OR b.state = 'running')`

// BuilderHeads lists every builder with its newest builds on display.
func (s *Store) BuilderHeads(ctx context.Context, recent int) (heads []store.BuilderHead, err error) {
	recent = min(recent, longestList)
	err = s.snapshot(ctx, "list builders", func(c conn) error {
		heads, err = collect(c, func(r scanner) (h store.BuilderHead, err error) {
			err = r.Scan(builderDest(&h.Builder)...)
			return h, err
		}, `SELECT id, project, job, cell, platform, branch, upstreams FROM builders
			ORDER BY project, job, cell, branch, platform, upstreams`)
		if err != nil || recent < 1 {
			return err
		}
		builds, err := c.newestOnDisplay(recent)
		if err != nil {
			return err
		}
		byBuilder := make(map[weir.BuilderID][]weir.Build, len(heads))
		for _, b := range builds {
			byBuilder[b.Builder.ID] = append(byBuilder[b.Builder.ID], b)
		}
		for i := range heads {
			heads[i].Recent = byBuilder[heads[i].Builder.ID]
		}
		return nil
	})
	return heads, err
}

// newestOnDisplay reads at most so many builds of every builder, newest first.
// It asks in two steps, each of which goes down one index per builder: first
// for the oldest build to show, then for all from there on. In one step
// PostgreSQL would look for the oldest once per build instead.
func (c conn) newestOnDisplay(recent int) ([]weir.Build, error) {
	oldest, err := collect(c, func(r scanner) (pair [2]int64, err error) {
		err = r.Scan(&pair[0], &pair[1])
		return pair, err
	}, `SELECT y.id, COALESCE((SELECT b.id FROM builds b WHERE b.builder_id = y.id AND `+onDisplay+`
		ORDER BY b.id DESC LIMIT 1 OFFSET $1), 0) FROM builders y`, recent-1)
	if err != nil || len(oldest) == 0 {
		return nil, err
	}
	data, err := encode(oldest)
	if err != nil {
		return nil, err
	}
	return c.builds(`JOIN `+c.d.rows(1, "q", "builder int", "oldest int")+` ON q.builder = b.builder_id AND b.id >= q.oldest
		WHERE `+onDisplay+` ORDER BY b.id DESC`, data)
}

// QueueDepth counts builds by unfinished state.
func (s *Store) QueueDepth(ctx context.Context) (depth map[weir.State]int, err error) {
	err = s.read(ctx, "count unfinished builds", func(c conn) error {
		type count struct {
			state weir.State
			n     int
		}
		counts, err := collect(c, func(r scanner) (k count, err error) {
			err = r.Scan(&k.state, &k.n)
			return k, err
		}, `SELECT state, COUNT(*) FROM builds WHERE finished = 0 GROUP BY state`)
		depth = make(map[weir.State]int, len(counts))
		for _, k := range counts {
			depth[k.state] = k.n
		}
		return err
	})
	return depth, err
}
