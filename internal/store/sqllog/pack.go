package sqllog

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
	"github.com/weir-ci/weir/internal/store/sqlyields"
)

// The column loose of a log says whether its segments are to be packed, and from
// where on: it is 0, or that offset and 1. An index finds those that are not 0.

// Limits on listing logs to pack, and on how many segments become one.
const (
	standardPackings = 16
	mostPackings     = 1000
	mostPacked       = 10_000
)

// worthPacking reports whether a log that ends with a segment is worth packing.
func worthPacking(g store.LogSegment) bool {
	return g.Digest != "" && g.Offset+g.Bytes >= store.LooseLog
}

// loosened is the column loose of a log that has got a segment.
func loosened(g store.LogSegment) string {
	if worthPacking(g) {
		return "CASE WHEN logs.loose = 0 THEN 1 ELSE logs.loose END"
	}
	return "logs.loose"
}

// Loose lists logs that can be packed.
func (s Logs) Loose(ctx context.Context, limit int) ([]store.Packing, error) {
	return sqltx.List(ctx, s.db, "list logs to pack", func(r sqltx.Scanner) (p store.Packing, err error) {
		err = r.Scan(&p.Attempt.Build, &p.Attempt.Number, &p.Step, &p.Offset)
		return p, err
	}, `SELECT l.build_id, l.attempt, l.step, l.loose - 1
		FROM logs l JOIN attempts a ON a.build_id = l.build_id AND a.number = l.attempt
		WHERE l.loose > 0 AND l.sealable = 0 AND a.ended > 0
		ORDER BY l.build_id, l.attempt, l.step LIMIT $1`, sqltx.Limit(limit, standardPackings, mostPackings))
}

// Pack puts a segment in the place of others. Like Seal it locks the log alone.
func (s Logs) Pack(ctx context.Context, old []store.LogSegment, g store.LogSegment) (unused []weir.Digest, err error) {
	keep := g.Digest == "" && len(g.Data) == 0
	check := g
	if keep {
		check.Data = []byte{0}
	}
	if err := check.Check(); err != nil {
		return nil, err
	}
	if len(old) == 0 || len(old) > mostPacked {
		return nil, weir.Errorf(weir.Invalid, "%d segments cannot become one", len(old))
	}
	log := []any{int64(g.Attempt.Build), g.Attempt.Number, g.Step}
	end := g.Offset + g.Bytes
	err = s.db.Write(ctx, "pack a log", time.Time{}, func(t *sqltx.Tx) error {
		unused = nil
		var sealed, loose int64
		err := t.Reader().Row(`SELECT b.sealed, b.loose FROM logs b WHERE b.build_id = $1 AND b.attempt = $2 AND b.step = $3`+t.Reader().Lock(), log...).
			Scan(&sealed, &loose)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		same := err == nil && loose == g.Offset+1
		if same {
			if same, err = covers(t.Reader(), old, g); err != nil {
				return err
			}
		}
		if !same {
			return weir.Errorf(weir.Conflict, "bytes %d to %d of step %d of attempt %s are not the segments to pack", g.Offset, end, g.Step, g.Attempt)
		}
		if !keep {
			if unused, err = exchange(t, old, g); err != nil {
				return err
			}
		}
		next := end + 1
		if end == sealed {
			next = 0
		}
		_, err = t.Exec(`UPDATE logs SET loose = $4 WHERE build_id = $1 AND attempt = $2 AND step = $3`, append(log, next)...)
		return err
	})
	return unused, err
}

// covers reports whether the segments of a log where g lies are the old ones,
// and g is as long as they are together.
func covers(c sqltx.Conn, old []store.LogSegment, g store.LogSegment) (bool, error) {
	known, err := sqltx.Collect(c, func(r sqltx.Scanner) (k store.LogSegment, err error) {
		err = r.Scan(&k.Offset, &k.FirstLine, &k.Bytes, &k.Lines, &k.Digest)
		return k, err
	}, `SELECT seq_offset, first_line, size, lines, digest FROM log_segments
		WHERE build_id = $1 AND attempt = $2 AND step = $3 AND seq_offset >= $4 AND seq_offset < $5 ORDER BY seq_offset`,
		int64(g.Attempt.Build), g.Attempt.Number, g.Step, g.Offset, g.Offset+g.Bytes)
	if err != nil || len(known) != len(old) {
		return false, err
	}
	var size, lines int64
	for i, k := range known {
		if o := old[i]; k.Offset != o.Offset || k.FirstLine != o.FirstLine || k.Bytes != o.Bytes || k.Lines != o.Lines || k.Digest != o.Digest {
			return false, nil
		}
		size, lines = size+k.Bytes, lines+k.Lines
	}
	return known[0].Offset == g.Offset && known[0].FirstLine == g.FirstLine && size == g.Bytes && lines == g.Lines, nil
}

// exchange puts g in the place of the old segments, and returns which blobs
// of theirs nothing names any more.
func exchange(t *sqltx.Tx, old []store.LogSegment, g store.LogSegment) (unused []weir.Digest, err error) {
	if _, err := t.Exec(`DELETE FROM log_segments WHERE build_id = $1 AND attempt = $2 AND step = $3 AND seq_offset >= $4 AND seq_offset < $5`,
		int64(g.Attempt.Build), g.Attempt.Number, g.Step, g.Offset, g.Offset+g.Bytes); err != nil {
		return nil, err
	}
	if err := insertSegment(t, g); err != nil {
		return nil, err
	}
	var digests []weir.Digest
	for _, o := range old {
		digests = append(digests, o.Digest)
	}
	slices.Sort(digests)
	return sqlyields.Unused(t, slices.Compact(digests))
}
