package sqlstore

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
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

// logSizes reads how much of each step's log is recorded, by step.
func (c conn) logSizes(id weir.AttemptID) (map[int]store.LogSize, error) {
	sizes, err := c.listLogSizes(id)
	logs := make(map[int]store.LogSize, len(sizes))
	for _, l := range sizes {
		logs[l.Step] = l
	}
	return logs, err
}

func (c conn) listLogSizes(id weir.AttemptID) ([]store.LogSize, error) {
	return sqltx.Collect(c, func(r sqltx.Scanner) (l store.LogSize, err error) {
		err = r.Scan(&l.Step, &l.Bytes, &l.Lines)
		return l, err
	}, `SELECT step, bytes, lines FROM logs WHERE build_id = $1 AND attempt = $2 ORDER BY step`, int64(id.Build), id.Number)
}

// LogSizes tells how much of each step's log is recorded.
func (s *Store) LogSizes(ctx context.Context, id weir.AttemptID) (sizes []store.LogSize, err error) {
	err = s.read(ctx, "read the sizes of logs", func(c conn) error {
		sizes, err = c.listLogSizes(id)
		return err
	})
	return sizes, err
}

// Limits on reading logs, in frames.
const (
	standardFrames = 16
	mostFrames     = 4096
)

// LogFrames reads frames of a step's log from the one that holds the given
// line on. Where a line begins at the border of two frames, the list begins
// with the earlier one: nothing tells whether that ended with a newline, so it
// may hold the first bytes of the line.
func (s *Store) LogFrames(ctx context.Context, id weir.AttemptID, step int, line int64, limit int) (frames []weir.LogFrame, err error) {
	err = s.snapshot(ctx, "read a log", func(c conn) error {
		from, err := c.frameOf(id, step, line)
		if err != nil {
			return err
		}
		frames, err = c.framesAt(id, step, from, limit)
		return err
	})
	return frames, err
}

// LogFramesAt reads frames of a step's log from an offset on.
func (s *Store) LogFramesAt(ctx context.Context, id weir.AttemptID, step int, offset int64, limit int) (frames []weir.LogFrame, err error) {
	err = s.read(ctx, "read a log", func(c conn) error {
		frames, err = c.framesAt(id, step, offset, limit)
		return err
	})
	return frames, err
}

func (c conn) framesAt(id weir.AttemptID, step int, offset int64, limit int) ([]weir.LogFrame, error) {
	return sqltx.Collect(c, func(r sqltx.Scanner) (f weir.LogFrame, err error) {
		err = r.Scan(&f.Step, &f.Offset, &f.FirstLine, &f.Size, &f.Lines, sqltx.Time(&f.At), &f.Data)
		return f, err
	}, `SELECT step, seq_offset, first_line, size, lines, at, data FROM log_frames
		WHERE build_id = $1 AND attempt = $2 AND step = $3 AND seq_offset >= $4 ORDER BY seq_offset LIMIT $5`,
		int64(id.Build), id.Number, step, offset, sqltx.Limit(limit, standardFrames, mostFrames))
}

// frameOf finds the offset of the frame to begin at; behind the end of the log
// if the line lies there.
func (c conn) frameOf(id weir.AttemptID, step int, line int64) (int64, error) {
	logs, err := c.logSizes(id)
	if err != nil {
		return 0, err
	}
	if line < 0 {
		line = max(0, logs[step].Lines+line)
	}
	if line > logs[step].Lines {
		return logs[step].Bytes, nil
	}
	// The newest frame that begins before the line: the line begins in it or,
	// if it ends with the newline before it, right behind it.
	var from int64
	err = c.Row(`SELECT COALESCE((SELECT seq_offset FROM log_frames
			WHERE build_id = $1 AND attempt = $2 AND step = $3 AND first_line < $4
			ORDER BY first_line DESC, seq_offset DESC LIMIT 1), 0)`,
		int64(id.Build), id.Number, step, line).Scan(&from)
	return from, err
}
