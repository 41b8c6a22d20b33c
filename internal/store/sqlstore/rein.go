package sqlstore

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Rein takes back times that were set by a clock which was ahead.
func (s *Store) Rein(ctx context.Context, h store.Horizon) error {
	now, late := sqltx.Micros(h.Now), sqltx.Micros(h.Now.Add(2*h.Lease))
	retry, barred := sqltx.Micros(h.Now.Add(h.Retry)), sqltx.Micros(h.Now.Add(h.Barred))
	var n int
	err := s.read(ctx, "look for times too far ahead", func(c conn) error {
		return c.Row(`SELECT (SELECT COUNT(*) FROM attempts WHERE ended = 0 AND deadline > $1)
			+ (SELECT COUNT(*) FROM builds WHERE state = 'queued' AND not_before > $2)
			+ (SELECT COUNT(*) FROM workers WHERE barred > $3)`, late, retry, barred).Scan(&n)
	})
	if err != nil || n == 0 {
		return err
	}
	return s.write(ctx, "take times back", h.Now, func(t *tx) error {
		// As in Expire, builds are locked first, and those in use are passed over.
		live, err := t.builds(`WHERE b.id IN (SELECT a.build_id FROM attempts a WHERE a.ended = 0 AND a.deadline > $1)
			ORDER BY b.id`+t.LockSkip(), late)
		if err != nil {
			return err
		}
		waiting, err := t.builds(`WHERE b.state = 'queued' AND b.not_before > $1 ORDER BY b.id`+t.LockSkip(), retry)
		if err != nil {
			return err
		}
		ids := make([]weir.BuildID, 0, len(waiting))
		for _, b := range waiting {
			ids = append(ids, b.ID)
			t.tellQueue(b.Builder.Platform)
		}
		if err := t.Put(`UPDATE builds SET not_before = $1 WHERE id IN `+t.In(2), now, sqltx.IDs(ids)); err != nil {
			return err
		}
		ids = ids[:0]
		for _, b := range live {
			ids = append(ids, b.ID)
		}
		if err := t.Put(`UPDATE attempts SET deadline = $1 WHERE ended = 0 AND deadline > $2 AND build_id IN `+t.In(3),
			sqltx.Micros(h.Now.Add(h.Lease)), late, sqltx.IDs(ids)); err != nil {
			return err
		}
		err = t.Put(`UPDATE workers SET barred = $1 WHERE barred > $2`, now, barred)
		return err
	})
}
