// Package spool is the directory in which the process that runs an attempt
// (the supervisor) leaves everything that the worker program has to tell the
// server. Both may be killed at any moment, and the server may be away for
// hours: the truth about the attempt is in these files, and nothing of it is
// in the memory of one process alone.
//
// A spool's directory has the attempt's id as its name, and holds:
//
//	assignment  what is to be done: JSON, private, there from the first moment
//	lock        held by the supervisor for as long as it lives (package filelock)
//	journal     what happened; made by the supervisor once it holds the lock
//	cancel      exists if the attempt is to end
//	want-HEX    the supervisor needs the blob sha256:HEX
//	have-HEX    the worker program's answer: the blob,
//	none-HEX    or why there is none: JSON
//	opened      one byte for each time that a worker program opened the spool
//	reserve     room on the disk for the report, should the rest be used up
//
// A journal is made once, so that no attempt is run twice from one spool, and
// its being there tells how the spool stands:
//
//	no journal                no supervisor has begun
//	journal, lock held        it is running
//	journal, report           it has ended
//	journal, lock free, none  the supervisor died
//
// # The journal
//
// A journal is eight bytes that name the format, and then records, each
// written with one call and never changed:
//
//	1 byte   kind: 's' a step's record, 'f' a frame of a log, 'r' the report
//	4 bytes  length of the payload, big endian
//	4 bytes  CRC-32C of kind, length and payload, big endian
//	payload
//
// The payload of 's' is a weir.StepRecord in JSON. That of 'f' is step,
// offset, first line, size and lines of a weir.LogFrame as unsigned varints,
// its time in nanoseconds since 1970 as a signed one, and its data as it goes
// to the server. That of 'r' is up to the caller. The report is the last
// record: whoever finds one has everything.
//
// Records are not synced to the disk one by one, since what has to be survived
// is the death of processes. What a loss of power leaves is recognised: a
// record that is torn or does not have its checksum is an error with code
// Internal, never a piece of a log or an outcome. Only at the end of a
// journal whose supervisor lives, it is simply not there yet.
//
// # Limits
//
// The logs of an attempt may have Options.Limit bytes. Of a step that goes
// over that, the beginning and the end are kept, and what is left out between
// them is counted. Each step may write a little even if others have used up
// all there is: the disk is used by at most Limit bytes, and 130 KiB for each
// further step, before compression.
package spool

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
)

// Names of files in a spool.
const (
	assignmentFile = "assignment"
	lockFile       = "lock"
	journalFile    = "journal"
	cancelFile     = "cancel"
	openedFile     = "opened"
	reserveFile    = "reserve"
	wantPrefix     = "want-"
	havePrefix     = "have-"
	nonePrefix     = "none-"
	takenPattern   = "blob-*" // an answer that the supervisor is reading
	tempPattern    = "tmp-*"
)

// Prefixes of directories that are being made or removed.
const (
	newPrefix = ".new-"
	oldPrefix = ".old-"
)

// Limits, in bytes.
const (
	MaxAssignment = protocol.MaxBody // of an assignment
	MaxReport     = protocol.MaxBody // of a report
	maxRefusal    = 64 << 10
)

// Create makes a spool at dir, whose last element is the attempt's id and
// whose parent is made if need be. Either all of it is there afterwards, or
// nothing. Conflict if it is there already; Invalid if the name is not that of
// an attempt; TooLarge if the assignment is over MaxAssignment; and errors of
// the disk.
func Create(dir string, assignment []byte) error {
	root, name := filepath.Split(filepath.Clean(dir))
	if _, err := weir.ParseAttemptID(name); err != nil {
		return err
	}
	if len(assignment) > MaxAssignment {
		return weir.Errorf(weir.TooLarge, "the assignment of attempt %s has %d bytes", name, len(assignment))
	}
	if exists(dir) {
		return weir.Errorf(weir.Conflict, "attempt %s has a spool already", name)
	}
	temp := filepath.Join(root, newPrefix+name)
	if err := disk.RemoveAll(temp); err != nil {
		return err
	}
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return err
	}
	err := os.WriteFile(filepath.Join(temp, assignmentFile), assignment, 0o600)
	if err == nil {
		err = os.Rename(temp, dir)
	}
	if err != nil {
		return errors.Join(err, disk.RemoveAll(temp))
	}
	return nil
}

// List finds the spools below root, by their names, which are attempt ids. It
// is no error if root does not exist.
func List(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, err := weir.ParseAttemptID(e.Name()); err == nil && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Sweep removes what a Create or Remove left below root that was cut short.
// Neither may run meanwhile.
func Sweep(root string) error {
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), newPrefix) || strings.HasPrefix(e.Name(), oldPrefix) {
			errs = append(errs, disk.RemoveAll(filepath.Join(root, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// remove makes the spool disappear at once, so that a half removed one is
// never taken for one that nobody has begun.
func remove(dir string) error {
	root, name := filepath.Split(filepath.Clean(dir))
	temp := filepath.Join(root, oldPrefix+name)
	if err := disk.RemoveAll(temp); err != nil {
		return err
	}
	if err := os.Rename(dir, temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return disk.RemoveAll(temp)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// touch makes an empty file, if it is not there.
func touch(name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// openRegular opens a file for reading, unless it is something at which a
// reader might hang.
func openRegular(name string) (*os.File, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, weir.Errorf(weir.Internal, "%s in a spool is not a file", filepath.Base(name))
	}
	return os.Open(name)
}

// readFile reads a file of limited size.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = weir.Errorf(weir.TooLarge, "%s in a spool has more than %d bytes", filepath.Base(name), limit)
	}
	return data, err
}

// writeFile makes a file all at once.
func writeFile(dir, name string, data []byte) error {
	f, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func readAssignment(dir string) ([]byte, error) {
	data, err := readFile(filepath.Join(dir, assignmentFile), MaxAssignment)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, weir.Errorf(weir.NotFound, "there is no spool at %s", dir).WithCause(err)
	}
	return data, err
}

// refusal is the content of a none file.
type refusal struct {
	Code    weir.Code `json:"code"`
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"`
}

func encodeRefusal(e *weir.Error) ([]byte, error) {
	data, err := json.Marshal(refusal{e.Code, e.Message, e.Hint})
	if err == nil && len(data) > maxRefusal {
		data, err = json.Marshal(refusal{Code: e.Code, Message: "the blob was refused; the reason is too long to be told"})
	}
	return data, err
}
