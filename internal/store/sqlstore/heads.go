package sqlstore

import (
	"cmp"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// askHeads asks where the builders' lines are.
func (p *plan) askHeads() sqltx.Asked {
	ids := make([]weir.BuilderID, 0, len(p.nr.Heads))
	for id := range p.nr.Heads {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	among, arg := sqltx.Among(p.Conn, 1, ids)
	return p.Later(`SELECT b.builder_id, b.id, b.pins_key FROM builds b WHERE b.id IN
		(SELECT (SELECT MAX(x.id) FROM builds x WHERE x.builder_id = y.id AND x.advances = 1) FROM builders y WHERE y.id `+among+`)`, arg)
}

// checkHeads is Conflict if a builder's line has moved on since the caller of
// CreateRun looked. The builders are locked, so it stays as it is.
func (p *plan) checkHeads() error {
	if len(p.nr.Heads) == 0 {
		return nil
	}
	type head struct {
		builder weir.BuilderID
		build   weir.BuildID
		pins    string
	}
	list, err := sqltx.Collect(p.asked.heads, func(r sqltx.Scanner) (h head, err error) {
		err = r.Scan(&h.builder, &h.build, &h.pins)
		return h, err
	}, "")
	if err != nil {
		return err
	}
	heads := make(map[weir.BuilderID]head, len(list))
	for _, h := range list {
		heads[h.builder] = h
	}
	seen := map[weir.BuilderID]bool{}
	for i, nb := range p.nr.Builds {
		expected, ok := p.nr.Heads[nb.Builder]
		if !ok || seen[nb.Builder] || !cmp.Or(nb.Cause, p.nr.Cause).Advances() {
			continue
		}
		seen[nb.Builder] = true
		if h := heads[nb.Builder]; h.build != expected && h.pins != p.keys[i] {
			return weir.Errorf(weir.Conflict, "the line of builder %d is at build %d by now, not at %d", nb.Builder, h.build, expected)
		}
	}
	return nil
}
