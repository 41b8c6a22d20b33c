package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/filelock"
)

// Reader is the worker program's side of a spool. Its methods may be called at
// the same time. What it holds in memory does not grow with the logs.
//
// Where the journal is damaged, everything before that is read as usual, and
// the error, with code Internal, comes when there is nothing else to return.
type Reader struct {
	dir        string
	assignment []byte
	opened     int64 // how often the spool was opened

	mu     sync.Mutex
	seq    int64
	file   *os.File // nil before the first look at a journal
	closed bool
	dead   bool // the supervisor is; it does not come back
	buf    []byte

	pos     int64 // up to which the journal was looked at
	damage  error // what is there, if nothing can be read behind it
	steps   map[int]*stepState
	changed map[int]bool // records that Steps has not returned
	report  []byte
	ended   bool // there is a report

	unacked int64 // a record's position; frames before it are acknowledged
}

// stepState is what is known of one step.
type stepState struct {
	rec   weir.StepRecord
	end   int64 // of its log, in bytes
	lines int64 // line ends up to there
	acked int64
}

// Open opens a spool for the worker program. Only one reader at a time may
// acknowledge. NotFound if there is none, and errors of the disk.
func Open(dir string) (*Reader, error) {
	assignment, err := readAssignment(dir)
	if err != nil {
		return nil, err
	}
	opened, err := count(filepath.Join(dir, openedFile))
	if err != nil {
		return nil, err
	}
	return newReader(dir, assignment, 1+opened), nil // Create's was the first
}

func newReader(dir string, assignment []byte, opened int64) *Reader {
	return &Reader{dir: dir, assignment: assignment, opened: opened, steps: map[int]*stepState{}, changed: map[int]bool{}}
}

// count adds a byte to a file, and returns how many it has: a counter that
// cannot be torn.
func count(name string) (int64, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.Write([]byte{'.'}); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Dir is the spool's directory. Files for Fulfil may be made in it, with names
// that begin with "tmp-".
func (r *Reader) Dir() string { return r.dir }

// Assignment is what was given to Create.
func (r *Reader) Assignment() []byte { return r.assignment }

// seqBits is how many numbers there are between two openings of a spool.
const seqBits = 32

// Seq returns a number that is higher than all before, also over other
// readers of the spool: for protocol.Sync.
func (r *Reader) Seq() (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	if r.seq >= 1<<seqBits || r.opened >= 1<<(63-seqBits) {
		return 0, weir.Errorf(weir.Exhausted, "the spool of attempt %s has no numbers left", filepath.Base(r.dir))
	}
	return r.opened<<seqBits | r.seq, nil
}

// Begun reports whether a supervisor has ever attached, or Bar was called. If
// not, one may still do so at any moment.
func (r *Reader) Begun() bool { return exists(filepath.Join(r.dir, journalFile)) }

// Bar makes sure that no supervisor attaches any more. Conflict if one has.
func (r *Reader) Bar() error {
	// Attach makes the journal too, and only one of both can.
	f, err := os.OpenFile(filepath.Join(r.dir, journalFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return weir.Errorf(weir.Conflict, "the attempt %s was begun before", filepath.Base(r.dir))
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(magic)
	return errors.Join(err, f.Close())
}

// Alive reports whether a supervisor holds the spool. Before Begun it is
// false, and says nothing; after that, once it is false it stays so. It never
// gets in a supervisor's way.
func (r *Reader) Alive() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.alive()
}

func (r *Reader) alive() bool {
	// A supervisor makes the journal when it has the lock, so trying the lock
	// once there is a journal disturbs nobody who may have it.
	if r.dead || !r.Begun() {
		return false
	}
	lock, err := filelock.Try(filepath.Join(r.dir, assignmentFile), filelock.Shared)
	if err == nil {
		lock.Release()
		r.dead = true
		return false
	}
	// What cannot be tried now, for want of file handles say, is no sign of death.
	return !errors.Is(err, fs.ErrNotExist)
}

// Cancel asks the supervisor to end the attempt.
func (r *Reader) Cancel() error { return touch(filepath.Join(r.dir, cancelFile)) }

// Wanted lists the blobs that the supervisor waits for and nobody has
// answered, in the order of their digests.
func (r *Reader) Wanted() ([]weir.Digest, error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, err
	}
	var wanted []weir.Digest
	for _, e := range entries {
		hex, ok := strings.CutPrefix(e.Name(), wantPrefix)
		d, err := weir.ParseDigest("sha256:" + hex)
		if !ok || err != nil || exists(filepath.Join(r.dir, havePrefix+hex)) || exists(filepath.Join(r.dir, nonePrefix+hex)) {
			continue
		}
		wanted = append(wanted, d)
	}
	return wanted, nil
}

// Fulfil answers a request with a file, which is moved, so it must be on the
// same file system, and closed.
func (r *Reader) Fulfil(d weir.Digest, file string) error {
	if _, err := weir.ParseDigest(string(d)); err != nil {
		return err
	}
	return os.Rename(file, filepath.Join(r.dir, havePrefix+d.Hex()))
}

// Refuse answers a request with an error.
func (r *Reader) Refuse(d weir.Digest, why *weir.Error) error {
	if _, err := weir.ParseDigest(string(d)); err != nil {
		return err
	}
	data, err := encodeRefusal(why)
	if err != nil {
		return err
	}
	return writeFile(r.dir, nonePrefix+d.Hex(), data)
}

// Close closes the reader's file. The spool stays.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close()
}

func (r *Reader) close() error {
	r.closed = true
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// Remove removes the spool: the server knows everything, or does not want to
// know. The supervisor must have ended. It is no error if it is gone already.
func (r *Reader) Remove() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.close(), remove(r.dir))
}

// state returns what is known of a step, for changing it.
func (r *Reader) state(step int) *stepState {
	s := r.steps[step]
	if s == nil {
		s = &stepState{}
		r.steps[step] = s
	}
	return s
}

// maxFrames limits what one call of Frames returns.
const maxFrames = 16 * protocol.MaxSyncFrames
