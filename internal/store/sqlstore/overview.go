package sqlstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

const runColumns = `id, cause, project, reason, created, regression_id, config, by_whom, params, of_id, proposal_id`

func scanRun(r sqltx.Scanner) (run weir.Run, err error) {
	err = r.Scan(&run.ID, &run.Cause, &run.Project, &run.Reason, sqltx.Time(&run.Created), &run.Regression,
		&run.Config, &run.By, sqltx.JSON(&run.Params), &run.Of, &run.Proposal)
	return run, err
}

// Run finds a run; NotFound if there is none.
func (s *Store) Run(ctx context.Context, id weir.RunID) (weir.Run, error) {
	return sqltx.One(ctx, s.DB, "find a run", weir.Errorf(weir.NotFound, "there is no run %d", id),
		scanRun, `SELECT `+runColumns+` FROM runs WHERE id = $1`, int64(id))
}

// Runs lists runs, newest first.
func (s *Store) Runs(ctx context.Context, before weir.RunID, limit int) ([]weir.Run, error) {
	q := &sqltx.Where{}
	if before != 0 {
		q.And(`id < ?`, int64(before))
	}
	most := q.Arg(sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
	return sqltx.List(ctx, s.DB, "list runs", scanRun, `SELECT `+runColumns+` FROM runs`+q.String()+` ORDER BY id DESC LIMIT `+most, q.Args()...)
}

// onDisplay says which builds of a builder the overview shows.
const onDisplay = `b.advances = 1 AND b.state IN ('leased', 'running', 'finished')`

// BuilderHeads lists every builder with its newest builds on display.
func (s *Store) BuilderHeads(ctx context.Context, recent int) (heads []store.BuilderHead, err error) {
	recent = min(recent, sqltx.LongestList)
	err = s.snapshot(ctx, "list builders", func(c conn) error {
		heads, err = sqltx.Collect(c, func(r sqltx.Scanner) (h store.BuilderHead, err error) {
			err = r.Scan(sqlroster.BuilderDest(&h.Builder)...)
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
	oldest, err := sqltx.Collect(c, func(r sqltx.Scanner) (pair [2]int64, err error) {
		err = r.Scan(&pair[0], &pair[1])
		return pair, err
	}, `SELECT y.id, COALESCE((SELECT b.id FROM builds b WHERE b.builder_id = y.id AND `+onDisplay+`
		ORDER BY b.id DESC LIMIT 1 OFFSET $1), 0) FROM builders y`, recent-1)
	if err != nil || len(oldest) == 0 {
		return nil, err
	}
	data, err := sqltx.Encode(oldest)
	if err != nil {
		return nil, err
	}
	builds, err := sqltx.Collect(c, scanBuild, `SELECT `+buildColumns+` FROM `+c.Table(1, "q", "builder int", "oldest int")+
		c.Each("builds", "b", `b.builder_id = q.builder AND b.id >= q.oldest AND `+onDisplay)+`JOIN builders r ON r.id = b.builder_id`, data)
	slices.SortFunc(builds, func(a, b weir.Build) int { return cmp.Compare(b.ID, a.ID) }) // a database would do it on disk
	return builds, err
}

// QueueDepth counts builds by unfinished state.
func (s *Store) QueueDepth(ctx context.Context) (depth map[weir.State]int, err error) {
	err = s.read(ctx, "count unfinished builds", func(c conn) error {
		type count struct {
			state weir.State
			n     int
		}
		counts, err := sqltx.Collect(c, func(r sqltx.Scanner) (k count, err error) {
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
