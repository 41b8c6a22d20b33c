package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// errTorn says that a journal ends within a record, or that its last record
// has not the right checksum.
var errTorn = errors.New("the last record is torn")

// record is one record of a journal. Its payload is valid until the next one is read.
type record struct {
	kind    kind
	payload []byte
	end     int64
}

// read reads the record at pos of a journal of that size: io.EOF if there is
// none, errTorn if there is a part of one.
func (r *Reader) read(pos, size int64) (record, error) {
	switch {
	case pos == size:
		return record{}, io.EOF
	case pos > size:
		return record{}, r.damaged(pos, "it was longer before")
	case size-pos < headSize:
		return record{}, errTorn
	}
	var head [headSize]byte
	if _, err := r.file.ReadAt(head[:], pos); err != nil {
		return record{}, r.readError(pos, err)
	}
	kind, n, sum, ok := parseHead(head[:])
	if !ok {
		return record{}, r.damaged(pos, "there is no record")
	}
	end := pos + headSize + int64(n)
	if end > size {
		return record{}, errTorn
	}
	r.buf = slices.Grow(r.buf[:0], n)[:n]
	if _, err := r.file.ReadAt(r.buf, pos+headSize); err != nil && n > 0 {
		return record{}, r.readError(pos, err)
	}
	if checksum(head[:], r.buf) != sum {
		if end == size {
			return record{}, errTorn
		}
		return record{}, r.damaged(pos, "the record has not the right checksum")
	}
	return record{kind, r.buf, end}, nil
}

// readError is what an error of the disk becomes: a journal that ends before
// the size it had is damaged, all else may pass.
func (r *Reader) readError(pos int64, err error) error {
	if errors.Is(err, io.EOF) {
		return r.damaged(pos, "it was longer before")
	}
	return err
}

// damaged makes the error for a journal that is not what a supervisor writes.
func (r *Reader) damaged(pos int64, format string, args ...any) error {
	return weir.Errorf(weir.Internal, "the spool of attempt %s is damaged at byte %d: %s", filepath.Base(r.dir), pos, fmt.Sprintf(format, args...)).
		WithHint("look after the worker's disk; the build gets another attempt")
}

// scan takes in what the journal has that it had not before.
func (r *Reader) scan() error {
	if r.damage != nil {
		return r.damage
	}
	if err := r.openJournal(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for {
		dead := r.dead // before looking: what it wrote last is there then
		err := r.advance()
		if !errors.Is(err, errTorn) {
			if _, ok := errors.AsType[*weir.Error](err); ok { // and not one of the disk, which may pass
				r.damage = err
			}
			return err
		}
		if dead {
			r.damage = r.damaged(r.pos, "%v", errTorn)
			return r.damage
		}
		if r.alive() {
			return nil // it is being written
		}
		if !r.dead {
			return nil
		}
	}
}

func (r *Reader) openJournal() error {
	if r.closed {
		return weir.Errorf(weir.Conflict, "the reader of attempt %s is closed", filepath.Base(r.dir))
	}
	if r.file != nil {
		return nil
	}
	f, err := openRegular(filepath.Join(r.dir, journalFile))
	r.file = f
	return err
}

// advance takes in whole records up to the end, or up to errTorn.
func (r *Reader) advance() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if r.pos == 0 {
		if err := r.readMagic(size); err != nil {
			return err
		}
	}
	for {
		rec, err := r.read(r.pos, size)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if r.ended && err == nil || r.ended && errors.Is(err, errTorn) {
			return r.damaged(r.pos, "there is something behind the report")
		}
		if err == nil {
			err = r.take(rec)
		}
		if err != nil {
			return err
		}
		r.pos = rec.end
	}
}

func (r *Reader) readMagic(size int64) error {
	if size < int64(len(magic)) {
		return errTorn
	}
	var have [len(magic)]byte
	if _, err := r.file.ReadAt(have[:], 0); err != nil {
		return r.readError(0, err)
	}
	if string(have[:]) != magic {
		return r.damaged(0, "it is not a journal, or one of another version of the program")
	}
	r.pos, r.unacked = int64(len(magic)), int64(len(magic))
	return nil
}

// take takes in one record.
func (r *Reader) take(rec record) error {
	switch rec.kind {
	case stepKind:
		var s weir.StepRecord
		if err := json.Unmarshal(rec.payload, &s); err != nil || s.Index < 0 || s.Index >= protocol.MaxSteps {
			return r.damaged(r.pos, "the record of a step cannot be read")
		}
		r.state(s.Index).rec = s
		r.changed[s.Index] = true
	case frameKind:
		f, ok := parseFrame(rec.payload)
		if !ok {
			return r.damaged(r.pos, "the record of a frame cannot be read")
		}
		s := r.state(f.Step)
		if f.Offset != s.end || f.FirstLine != s.lines {
			return r.damaged(r.pos, "a frame of step %d begins at byte %d, its log ends at %d", f.Step, f.Offset, s.end)
		}
		s.end, s.lines = s.end+int64(f.Size), s.lines+int64(f.Lines)
	case reportKind:
		r.report, r.ended = slices.Clone(rec.payload), true
	}
	return nil
}

// Steps returns the newest records of the steps that have changed since the
// last call, in the order of the steps; on the first call all.
func (r *Reader) Steps() ([]weir.StepRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.scan()
	if len(r.changed) == 0 {
		return nil, err
	}
	recs := make([]weir.StepRecord, 0, len(r.changed))
	for _, step := range slices.Sorted(maps.Keys(r.changed)) {
		recs = append(recs, r.steps[step].rec)
	}
	clear(r.changed)
	return recs, nil
}

// Pending is how many bytes of logs are not acknowledged, uncompressed.
func (r *Reader) Pending() (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.scan()
	var n int64
	for _, s := range r.steps {
		n += s.end - s.acked
	}
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// Report returns what was given to Writer.Close. ok is false if there is none:
// the attempt is still running, or the supervisor died, which Alive tells if
// it is asked before. If the journal is damaged there is no report.
func (r *Reader) Report() (report []byte, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.scan(); err != nil {
		return nil, false, err
	}
	return r.report, r.ended, nil
}

// Frames returns the first frames that are not acknowledged, in the order in
// which they were written: at most n, and no more than fit into maxBytes
// compressed, but at least one if there is one. Until Acknowledge is called it
// returns the same again.
func (r *Reader) Frames(n int, maxBytes int64) ([]weir.LogFrame, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	scanned := r.scan()
	if r.file == nil || r.pos == 0 {
		return nil, scanned
	}
	var frames []weir.LogFrame
	var bytes int64
	err := r.walk(r.unacked, func(_ int64, f weir.LogFrame) bool {
		if f.Offset+int64(f.Size) <= r.steps[f.Step].acked {
			return true
		}
		bytes += int64(len(f.Data))
		if len(frames) >= min(n, maxFrames) || len(frames) > 0 && bytes > maxBytes {
			return false
		}
		f.Data = slices.Clone(f.Data)
		frames = append(frames, f)
		return true
	})
	if len(frames) > 0 {
		return frames, nil
	}
	return nil, errors.Join(err, scanned)
}

// walk calls f for the frames from pos on, each with its position, up to where
// the journal was scanned or f says that it is enough.
func (r *Reader) walk(pos int64, f func(pos int64, frame weir.LogFrame) bool) error {
	for pos < r.pos {
		rec, err := r.read(pos, r.pos)
		if errors.Is(err, errTorn) || errors.Is(err, io.EOF) {
			err = r.damaged(pos, "it has changed")
		}
		if err != nil {
			return err
		}
		if rec.kind == frameKind {
			frame, ok := parseFrame(rec.payload)
			if !ok || r.steps[frame.Step] == nil {
				return r.damaged(pos, "it has changed")
			}
			if !f(pos, frame) {
				return nil
			}
		}
		pos = rec.end
	}
	return nil
}

// Acknowledge notes how many bytes of each step's log the server has. Fewer
// than before means that it lost some; they are returned by Frames again.
// Steps that are not listed stay as they are. Invalid, and without effect, if
// it is more than there is, or not where a frame ends.
func (r *Reader) Acknowledge(offsets map[int]int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	scanned := r.scan()
	rewind, open := false, 0
	for step, offset := range offsets {
		s := r.steps[step]
		switch {
		case offset == 0 && s == nil:
		case s == nil || offset < 0 || offset > s.end:
			if scanned != nil && r.damage == nil {
				return scanned // there may be more
			}
			return weir.Errorf(weir.Invalid, "the server says that it has %d bytes of step %d, which are not what there is", offset, step)
		case offset < s.acked:
			rewind = true
			if offset > 0 {
				open++
			}
		case offset > s.acked:
			open++
		}
	}
	from := r.unacked
	if rewind {
		from = int64(len(magic))
	}
	if open == 0 && !rewind {
		return nil
	}
	next, err := r.search(from, open, offsets)
	if err != nil {
		return err
	}
	for step, offset := range offsets {
		if s := r.steps[step]; s != nil {
			s.acked = offset
		}
	}
	r.unacked = next
	return nil
}

// search finds the first frame from a position on that is not acknowledged by
// offsets, and checks that so many of them, which are new, are ends of frames.
func (r *Reader) search(from int64, open int, offsets map[int]int64) (int64, error) {
	next := int64(-1)
	var wrong error
	err := r.walk(from, func(pos int64, f weir.LogFrame) bool {
		target, listed := offsets[f.Step]
		acked := r.steps[f.Step].acked
		if !listed {
			target = acked
		}
		end := f.Offset + int64(f.Size)
		if end > target && next < 0 {
			next = pos
		}
		switch {
		case f.Offset < target && target < end:
			wrong = weir.Errorf(weir.Invalid, "the server says that it has %d bytes of step %d, which is within a frame", target, f.Step)
		case end == target && listed && target != acked:
			open--
		}
		return wrong == nil && (open > 0 || next < 0)
	})
	if err == nil {
		err = wrong
	}
	if next < 0 {
		next = r.pos
	}
	return next, err
}
