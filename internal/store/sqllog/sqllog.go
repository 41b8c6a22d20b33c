// Package sqllog keeps the logs of steps: frames as rows, and segments.
//
// It is the part of package sqlstore that knows nothing of builds, and is built
// like it. Package sqlstore embeds [Logs], and records what a message of a
// worker brings with [Append], in the transaction of everything else that it
// brings. How long a log is, how much of it is sealed and how much lies in
// frames stands in one row of the table logs, which every change keeps true:
// the sealed bytes come first, then the frames, without gaps.
package sqllog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Logs implements the port store.Logs. It is safe for concurrent use.
type Logs struct {
	db *sqltx.DB
}

// New makes logs of a database.
func New(db *sqltx.DB) Logs { return Logs{db: db} }

// Ask asks how much of each step's log is recorded; see Sizes.
func Ask(c sqltx.Conn, id weir.AttemptID) sqltx.Asked {
	return c.Later(`SELECT step, bytes, lines, sealed, pending FROM logs WHERE build_id = $1 AND attempt = $2 ORDER BY step`, int64(id.Build), id.Number)
}

// Sizes reads how much of each step's log is recorded, by step.
func Sizes(asked sqltx.Asked) (map[int]store.LogSize, error) {
	sizes, err := read(asked)
	logs := make(map[int]store.LogSize, len(sizes))
	for _, l := range sizes {
		logs[l.Step] = l
	}
	return logs, err
}

func read(asked sqltx.Asked) ([]store.LogSize, error) {
	return sqltx.Collect(asked, func(r sqltx.Scanner) (l store.LogSize, err error) {
		err = r.Scan(&l.Step, &l.Bytes, &l.Lines, &l.Sealed, &l.Pending)
		return l, err
	}, "")
}

// Limits on reading logs, in frames.
const (
	standardFrames = 16
	mostFrames     = 4096
)

// LogSizes tells how much of each step's log is recorded.
func (s Logs) LogSizes(ctx context.Context, id weir.AttemptID) (sizes []store.LogSize, err error) {
	err = s.db.Read(ctx, "read the sizes of logs", func(c sqltx.Conn) error {
		sizes, err = read(Ask(c, id))
		return err
	})
	return sizes, err
}

// LogFrames reads frames that are not sealed.
func (s Logs) LogFrames(ctx context.Context, id weir.AttemptID, step int, offset int64, limit int) ([]weir.LogFrame, error) {
	return sqltx.List(ctx, s.db, "read a log", func(r sqltx.Scanner) (f weir.LogFrame, err error) {
		err = r.Scan(&f.Step, &f.Offset, &f.FirstLine, &f.Size, &f.Lines, sqltx.Time(&f.At), &f.Data)
		return f, err
	}, `SELECT step, seq_offset, first_line, size, lines, at, data FROM log_frames
		WHERE build_id = $1 AND attempt = $2 AND step = $3 AND seq_offset >=
			COALESCE((SELECT MAX(seq_offset) FROM log_frames WHERE build_id = $1 AND attempt = $2 AND step = $3 AND seq_offset <= $4), 0)
			AND seq_offset + size > $4
		ORDER BY seq_offset LIMIT $5`,
		int64(id.Build), id.Number, step, offset, sqltx.Limit(limit, standardFrames, mostFrames))
}

// LogSegments lists the sealed pieces of a step's log.
func (s Logs) LogSegments(ctx context.Context, id weir.AttemptID, step int) ([]store.LogSegment, error) {
	return sqltx.List(ctx, s.db, "list the sealed pieces of a log", func(r sqltx.Scanner) (g store.LogSegment, err error) {
		g.Attempt, g.Step = id, step
		err = r.Scan(&g.Offset, &g.FirstLine, &g.Bytes, &g.Lines, &g.Digest, &g.Data)
		if g.Digest != "" {
			g.Data = nil
		}
		return g, err
	}, `SELECT seq_offset, first_line, size, lines, digest, data FROM log_segments
		WHERE build_id = $1 AND attempt = $2 AND step = $3 ORDER BY seq_offset`, int64(id.Build), id.Number, step)
}

// Limits on listing logs to seal.
const (
	standardSealings = 100
	mostSealings     = 1000
)

// Sealable lists logs with frames that can be sealed.
func (s Logs) Sealable(ctx context.Context, pending int64, limit int) ([]store.Sealing, error) {
	return sqltx.List(ctx, s.db, "list logs to seal", func(r sqltx.Scanner) (l store.Sealing, err error) {
		err = r.Scan(&l.Attempt.Build, &l.Attempt.Number, &l.Step, &l.Offset, &l.Bytes, &l.Live)
		return l, err
	}, `SELECT l.build_id, l.attempt, l.step, l.sealed, l.bytes - l.sealed, a.ended = 0
		FROM logs l JOIN attempts a ON a.build_id = l.build_id AND a.number = l.attempt
		WHERE l.sealable = 1 AND (a.ended > 0 OR l.pending > $1)
		ORDER BY l.build_id, l.attempt, l.step LIMIT $2`, pending, sqltx.Limit(limit, standardSealings, mostSealings))
}

// Seal puts a segment in the place of frames. It locks the log alone and not
// the build: syncs append behind what it touches.
func (s Logs) Seal(ctx context.Context, g store.LogSegment) error {
	if err := g.Check(); err != nil {
		return err
	}
	log := []any{int64(g.Attempt.Build), g.Attempt.Number, g.Step}
	changed := func() error {
		return weir.Errorf(weir.Conflict, "bytes %d to %d of step %d of attempt %s are not the frames to seal", g.Offset, g.Offset+g.Bytes, g.Step, g.Attempt)
	}
	return s.db.Write(ctx, "seal a log", time.Time{}, func(t *sqltx.Tx) error {
		var sealed, lines int64
		err := t.Reader().Row(`SELECT b.sealed, b.sealed_lines FROM logs b WHERE b.build_id = $1 AND b.attempt = $2 AND b.step = $3`+t.Reader().Lock(), log...).
			Scan(&sealed, &lines)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (sealed != g.Offset || lines != g.FirstLine) {
			return changed()
		}
		if err != nil {
			return err
		}
		const covered = ` FROM log_frames WHERE build_id = $1 AND attempt = $2 AND step = $3 AND seq_offset < $4`
		var frames, size, newlines, packed int64
		err = t.Reader().Row(`SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT), CAST(COALESCE(SUM(lines), 0) AS BIGINT),
			CAST(COALESCE(SUM(LENGTH(data)), 0) AS BIGINT)`+covered, append(log, g.Offset+g.Bytes)...).Scan(&frames, &size, &newlines, &packed)
		if err != nil {
			return err
		}
		if size != g.Bytes || newlines != g.Lines {
			return changed()
		}
		if err := t.Put(`DELETE`+covered, append(log, g.Offset+g.Bytes)...); err != nil {
			return err
		}
		if err := insertSegment(t, g); err != nil {
			return err
		}
		err = t.Put(`UPDATE logs SET sealed = $4, sealed_lines = $5, frames = frames - $6, pending = pending - $7, loose = `+loosened(g)+`,
			sealable = CASE WHEN `+worthSealing("frames - CAST($6 AS BIGINT)", "pending - CAST($7 AS BIGINT)")+` THEN 1 ELSE 0 END
			WHERE build_id = $1 AND attempt = $2 AND step = $3`, append(log, g.Offset+g.Bytes, g.FirstLine+g.Lines, frames, packed)...)
		return err
	})
}

// Append records the frames that begin where their step's log ends, in the
// segments that came with them, if they fit, or as rows. Frames known already
// are passed over; one that overlaps the end or leaves a gap ends the taking
// for its step, and the answer tells where to go on. It returns how many
// frames it took. The caller has locked the attempt's build, and read logs with
// Sizes since. If it is not strict, which only tests are interested in, frames
// count wherever they begin.
func Append(t *sqltx.Tx, id weir.AttemptID, frames []weir.LogFrame, segments []store.LogSegment, logs map[int]store.LogSize, strict bool) (taken int, err error) {
	for _, g := range segments {
		n, err := appendSegment(t, g, frames, logs)
		if err != nil {
			return taken, err
		}
		taken += n
	}
	stuck, grown := map[int]bool{}, map[int]growth{}
	for _, f := range frames {
		l := logs[f.Step]
		l.Step = f.Step
		if !strict {
			f.Offset = l.Bytes
		}
		if stuck[f.Step] || f.Offset+int64(f.Size) <= l.Bytes {
			continue
		}
		if f.Offset != l.Bytes {
			stuck[f.Step] = true
			continue
		}
		// The line is counted here: it must agree with what the index says.
		if err := t.Put(`INSERT INTO log_frames (build_id, attempt, step, seq_offset, first_line, size, lines, at, data)
			VALUES (`+sqltx.Placeholders(1, 9)+`)`, int64(id.Build), id.Number, f.Step, f.Offset, l.Lines, f.Size, f.Lines,
			sqltx.Micros(f.At), f.Data); err != nil {
			return taken, err
		}
		taken++
		l.Bytes += int64(f.Size)
		l.Lines += int64(f.Lines)
		logs[f.Step] = l
		g := grown[f.Step]
		grown[f.Step] = growth{g.frames + 1, g.packed + int64(len(f.Data))}
	}
	for step, g := range grown {
		l := logs[step]
		// What is added to is added by the database: sealing takes from it at
		// the same time.
		if err := t.Put(`INSERT INTO logs (build_id, attempt, step, bytes, lines, frames, pending, sealable)
			VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN `+worthSealing("CAST($6 AS BIGINT)", "CAST($7 AS BIGINT)")+` THEN 1 ELSE 0 END)
			ON CONFLICT (build_id, attempt, step) DO UPDATE SET bytes = excluded.bytes, lines = excluded.lines,
				frames = logs.frames + excluded.frames, pending = logs.pending + excluded.pending,
				sealable = CASE WHEN `+worthSealing("logs.frames + excluded.frames", "logs.pending + excluded.pending")+` THEN 1 ELSE 0 END`,
			int64(id.Build), id.Number, step, l.Bytes, l.Lines, g.frames, g.packed); err != nil {
			return taken, err
		}
		t.Tell(weir.EventLog, strconv.FormatInt(int64(id.Build), 10))
	}
	return taken, nil
}

// appendSegment puts a segment in the place of all frames that a log has and
// of those that are new, and returns how many of the latter it holds. If
// anything about it does not fit it does nothing: the frames are recorded as rows.
func appendSegment(t *sqltx.Tx, g store.LogSegment, frames []weir.LogFrame, logs map[int]store.LogSize) (taken int, err error) {
	l := logs[g.Step]
	l.Step = g.Step
	for _, f := range frames {
		if f.Step == g.Step && f.Offset == l.Bytes && l.Bytes < g.Offset+g.Bytes {
			taken, l.Bytes, l.Lines = taken+1, l.Bytes+int64(f.Size), l.Lines+int64(f.Lines)
		}
	}
	if taken == 0 || l.Bytes != g.Offset+g.Bytes || l.Lines != g.FirstLine+g.Lines {
		return 0, nil
	}
	log := []any{int64(g.Attempt.Build), g.Attempt.Number, g.Step}
	var sealed, lines int64
	// Nobody but a sync makes the row, and this one has locked the build.
	err = t.Reader().Row(`SELECT b.sealed, b.sealed_lines FROM logs b WHERE b.build_id = $1 AND b.attempt = $2 AND b.step = $3`+t.Reader().Lock(), log...).
		Scan(&sealed, &lines)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	if sealed != g.Offset || lines != g.FirstLine {
		return 0, nil
	}
	if err == nil {
		if err := t.Put(`DELETE FROM log_frames WHERE build_id = $1 AND attempt = $2 AND step = $3`, log...); err != nil {
			return 0, err
		}
	}
	if err := insertSegment(t, g); err != nil {
		return 0, err
	}
	loose := 0
	if worthPacking(g) {
		loose = 1
	}
	if err := t.Put(`INSERT INTO logs (build_id, attempt, step, bytes, lines, sealed, sealed_lines, frames, pending, sealable, loose)
		VALUES ($1, $2, $3, $4, $5, $4, $5, 0, 0, 0, $6)
		ON CONFLICT (build_id, attempt, step) DO UPDATE SET bytes = excluded.bytes, lines = excluded.lines,
			sealed = excluded.sealed, sealed_lines = excluded.sealed_lines, frames = 0, pending = 0, sealable = 0,
			loose = `+loosened(g),
		append(log, l.Bytes, l.Lines, loose)...); err != nil {
		return 0, err
	}
	l.Sealed, l.Pending = l.Bytes, 0
	logs[g.Step] = l
	t.Tell(weir.EventLog, strconv.FormatInt(int64(g.Attempt.Build), 10))
	return taken, nil
}

func insertSegment(t *sqltx.Tx, g store.LogSegment) error {
	err := t.Put(`INSERT INTO log_segments (build_id, attempt, step, seq_offset, first_line, size, lines, digest, data)
		VALUES (`+sqltx.Placeholders(1, 9)+`)`, int64(g.Attempt.Build), g.Attempt.Number, g.Step, g.Offset, g.FirstLine, g.Bytes, g.Lines,
		string(g.Digest), append([]byte{}, g.Data...))
	return err
}

// growth is what was added to a log.
type growth struct{ frames, packed int64 }

// worthSealing is a condition: a segment in place of the frames would be
// better. One small frame is as good as it gets, so that a build that says
// little causes no more work when it has ended.
func worthSealing(frames, pending string) string {
	return fmt.Sprintf("(%s > 1 OR %s > %d)", frames, pending, store.MaxInlineSegment)
}
