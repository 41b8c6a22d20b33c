package sqlstore

import (
	"fmt"
	"maps"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqlstarts"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// findDoomed lists builds that entries of the run may take the place of. Of the
// same builder those that have other pins and no need to stay; of the same
// proposal all that stand in for none of the run.
func (p *plan) findDoomed() ([]weir.BuildID, error) {
	wanted := map[lineKey]bool{}
	var builders []weir.BuilderID
	for i, nb := range p.nr.Builds {
		wanted[p.key(i)] = true
		if nb.Supersede {
			builders = append(builders, nb.Builder)
		}
	}
	if p.nr.Occasion.Proposal != 0 {
		guests, err := sqltx.Collect(p, sqltx.Scalar[weir.BuildID], `SELECT b.id FROM runs r JOIN builds b ON b.run_id = r.id
			WHERE r.proposal_id = $1 AND r.proposal_id > 0 AND b.finished = 0 AND b.superseded <> 'never' ORDER BY b.id`, int64(p.nr.Occasion.Proposal))
		return slices.DeleteFunc(guests, func(id weir.BuildID) bool { return slices.Contains(p.shared, id) }), err
	}
	if len(builders) == 0 {
		return nil, nil
	}
	type waiting struct {
		id weir.BuildID
		lineKey
	}
	all, err := sqltx.Collect(p, func(r sqltx.Scanner) (w waiting, err error) {
		err = r.Scan(&w.id, &w.builder, &w.pins)
		return w, err
	}, `SELECT b.id, b.builder_id, b.pins_key FROM builds b WHERE b.finished = 0 AND b.cause IN ('change', 'cron')
		AND b.superseded <> 'never' AND (b.state IN ('queued', 'blocked') OR b.superseded = 'running') AND b.builder_id IN `+p.In(1)+`
		AND EXISTS (SELECT 1 FROM builds e WHERE e.builder_id = b.builder_id AND e.id < b.id AND e.advances = 1 AND e.state <> 'cancelled')`,
		sqltx.IDs(builders))
	var doomed []weir.BuildID
	for _, w := range all {
		if !wanted[w.lineKey] {
			doomed = append(doomed, w.id)
		}
	}
	return doomed, err
}

// supersede cancels the doomed builds that nobody needs, the newest first, so
// that a chain of them goes as a whole.
func (p *plan) supersede(doomed, ids []weir.BuildID) error {
	if len(doomed) == 0 {
		return nil
	}
	newest := map[weir.BuilderID]weir.BuildID{}
	for i, nb := range p.nr.Builds {
		if nb.Supersede {
			newest[nb.Builder] = max(newest[nb.Builder], ids[i])
		}
	}
	old := map[weir.BuildID]weir.Build{}
	for _, id := range doomed {
		old[id] = weir.Build{}
	}
	if err := p.load(old); err != nil {
		return err
	}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(old))) {
		b := old[id]
		text := "a newer head of the pull request took its place"
		if p.nr.Occasion.Proposal == 0 {
			text = fmt.Sprintf("build %d of newer revisions took its place", newest[b.Builder.ID])
		}
		if b.State.Final() || p.nr.Occasion.Proposal == 0 && id > newest[b.Builder.ID] {
			continue
		}
		var needed int
		if err := p.Row(`SELECT COUNT(*) FROM needs n JOIN builds d ON d.id = n.build_id WHERE n.need_id = $1 AND d.finished = 0`,
			int64(id)).Scan(&needed); err != nil {
			return err
		}
		if needed > 0 {
			continue
		}
		if err := p.cancel(&b, weir.Reason{Code: weir.ReasonSuperseded, Text: text}, p.nr.Now); err != nil {
			return err
		}
	}
	return nil
}

// taken notes which run was made for the occasion, or, if there was nothing new
// to be made, whose builds stand in.
func (p *plan) taken(ids []weir.BuildID) error {
	run := p.run.ID
	if run == 0 && len(ids) > 0 {
		run = p.builds[ids[0]].Run
	}
	return sqlstarts.Taken(p.Tx, p.nr.Occasion, run, p.run.ID != 0, p.nr.Now)
}
