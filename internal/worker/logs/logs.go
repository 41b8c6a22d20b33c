// Package logs keeps the output of an attempt's steps on disk until the
// server has recorded it.
//
// Output goes to one file per step. Frames are cut from the files at the
// offset that the server has acknowledged, so memory stays the same however
// much there is, a server that was away is caught up with in order, and
// nothing is sent twice or left out.
package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// DefaultLimit is how much of one step's output is kept, in bytes.
const DefaultLimit = 1 << 30

// Spool holds the logs of one attempt. Its methods may be called at the same time.
type Spool struct {
	dir     string
	limit   int64
	encoder *zstd.Encoder
	notify  chan struct{}

	mu    sync.Mutex
	steps map[int]*stepLog
	err   error // the first one
}

// stepLog is one step's file. The server has all before sent; between sent
// and size lies what is to be sent.
type stepLog struct {
	file  *os.File
	size  int64 // bytes in the file
	sent  int64
	line  int64 // number of the line that the byte at sent belongs to
	full  bool  // the limit is reached
	marks []mark
}

// mark says when output up to a byte was written.
type mark struct {
	end int64
	at  time.Time
}

// markEvery is how close together marks are, and so how exact the times of
// frames that are sent late.
const markEvery = time.Second

// Open makes a spool in dir, an existing directory. limit is how many bytes
// of each step's output are kept; zero means DefaultLimit.
func Open(dir string, limit int64) (*Spool, error) {
	// Level 1 and no parallelism: it costs little next to a build.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Spool{dir: dir, limit: limit, encoder: encoder, notify: make(chan struct{}, 1), steps: map[int]*stepLog{}}, nil
}

// Close closes the files; the caller removes the directory.
func (s *Spool) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.steps {
		_ = l.file.Close()
	}
	if s.err == nil {
		s.err = os.ErrClosed
	}
}

// Changed receives after output was written; one value may stand for many writes.
func (s *Spool) Changed() <-chan struct{} { return s.notify }

// Err is the first error of the disk, or nil. After it nothing more is kept.
func (s *Spool) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, os.ErrClosed) {
		return nil
	}
	return s.err
}

// Writer returns where the output of a step goes. It never waits for the server.
func (s *Spool) Writer(step int) io.Writer { return stepWriter{s, step} }

type stepWriter struct {
	s    *Spool
	step int
}

func (w stepWriter) Write(p []byte) (int, error) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	l, err := s.open(w.step)
	if err == nil {
		err = s.append(l, p)
	}
	if err != nil {
		s.err = err
		return 0, err
	}
	select {
	case s.notify <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (s *Spool) open(step int) (*stepLog, error) {
	if l := s.steps[step]; l != nil {
		return l, nil
	}
	f, err := os.OpenFile(filepath.Join(s.dir, strconv.Itoa(step)+".log"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	l := &stepLog{file: f}
	s.steps[step] = l
	return l, nil
}

func (s *Spool) append(l *stepLog, p []byte) error {
	if l.full {
		return nil
	}
	if room := s.limit - l.size; int64(len(p)) > room {
		l.full = true
		p = append(p[:room:room], fmt.Sprintf("\n[weir: the output is longer than %d bytes; the rest is dropped]\n", s.limit)...)
	}
	n, err := l.file.WriteAt(p, l.size)
	l.size += int64(n) // a part that got onto the disk is worth sending
	now := time.Now()
	if k := len(l.marks); k > 1 && now.Sub(l.marks[k-2].at) < markEvery {
		l.marks[k-1] = mark{l.size, now}
	} else {
		l.marks = append(l.marks, mark{l.size, now})
	}
	return err
}

// Pending is how many bytes are to be sent.
func (s *Spool) Pending() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int64
	for _, l := range s.steps {
		n += l.size - l.sent
	}
	return n
}

// Frames cuts up to n frames from what is to be sent, in the order of steps
// and bytes. Until Acknowledge is called it returns the same bytes again.
func (s *Spool) Frames(n int) ([]weir.LogFrame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var frames []weir.LogFrame
	buf := make([]byte, weir.MaxFrame)
	for _, step := range sortedSteps(s.steps) {
		l := s.steps[step]
		offset, line := l.sent, l.line
		for len(frames) < n && offset < l.size {
			chunk := buf[:min(int64(len(buf)), l.size-offset)]
			if _, err := l.file.ReadAt(chunk, offset); err != nil {
				return nil, err
			}
			chunk = cut(chunk)
			f := weir.LogFrame{Step: step, Offset: offset, FirstLine: line, Size: len(chunk),
				Lines: bytes.Count(chunk, []byte{'\n'}), At: l.at(offset + int64(len(chunk))), Data: s.encoder.EncodeAll(chunk, nil)}
			frames = append(frames, f)
			offset, line = offset+int64(f.Size), line+int64(f.Lines)
		}
	}
	return frames, nil
}

// cut ends a chunk behind its last line end, if it has one.
func cut(chunk []byte) []byte {
	if i := bytes.LastIndexByte(chunk, '\n'); i >= 0 {
		return chunk[:i+1]
	}
	return chunk
}

// at is when the byte before offset was written.
func (l *stepLog) at(offset int64) time.Time {
	for _, m := range l.marks {
		if m.end >= offset {
			return m.at
		}
	}
	return time.Now()
}

// Acknowledge notes how many bytes of each step the server has. Fewer than
// before means that it lost some; they are sent again. Steps that are not
// listed stay as they are. More than there is, is Invalid.
func (s *Spool) Acknowledge(offsets map[int]int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for step, offset := range offsets {
		l := s.steps[step]
		switch {
		case l == nil && offset == 0:
			continue
		case l == nil || offset < 0 || offset > l.size:
			return weir.Errorf(weir.Invalid, "the server says that it has %d bytes of step %d, which are more than there are", offset, step)
		case offset == l.sent:
			continue
		}
		from, line := l.sent, l.line
		if offset < from {
			from, line = 0, 0
		}
		lines, err := countLines(io.NewSectionReader(l.file, from, offset-from))
		if err != nil {
			return err
		}
		l.sent, l.line = offset, line+lines
		for len(l.marks) > 1 && l.marks[0].end <= offset {
			l.marks = l.marks[1:]
		}
	}
	return nil
}

func countLines(r io.Reader) (int64, error) {
	buf := make([]byte, 64<<10)
	var lines int64
	for {
		n, err := r.Read(buf)
		lines += int64(bytes.Count(buf[:n], []byte{'\n'}))
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

func sortedSteps(m map[int]*stepLog) []int {
	steps := make([]int, 0, len(m))
	for step := range m {
		steps = append(steps, step)
	}
	slices.Sort(steps)
	return steps
}
