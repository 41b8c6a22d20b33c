// Package spool is the directory in which the process that runs an attempt
// (the supervisor) leaves everything that the worker program has to tell the
// server. Both may be killed at any moment, and the server may be away for
// hours: the truth about the attempt is in these files, and nothing of it is
// in the memory of one process alone.
//
// A spool's directory has the attempt's id as its name, and holds:
//
//	assignment  what is to be done, and a checksum; private. The supervisor
//	            holds a lock on it for as long as it lives (package filelock)
//	secrets     the values of the build's secrets; private. The supervisor removes
//	            it before it runs anything
//	journal     what happened; made by the supervisor once it holds the lock
//	cancel      exists if the attempt is to end
//	want-HEX    the supervisor needs the blob sha256:HEX
//	have-HEX    the worker program's answer: the blob,
//	none-HEX    or why there is none: JSON
//	opened      one byte for each time that a later worker program opened the spool
//	reserve     room on the disk for the report, should the rest be used up,
//	            unless it is elsewhere (Options.Reserve)
//
// A trivial build is a matter of milliseconds, and files are what costs most of
// them: so there is no file that such a build does not need.
//
// Without an assignment, or with one that was not written to its end, there is
// no spool: the worker program died while it made or removed it.
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
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
)

// Names of files in a spool.
const (
	assignmentFile = "assignment"
	secretsFile    = "secrets"
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

// Limits, in bytes.
const (
	MaxAssignment = protocol.MaxBody // of an assignment
	MaxReport     = protocol.MaxBody // of a report
	maxSecrets    = protocol.MaxBody // of the secrets
	maxRefusal    = 64 << 10
)

// assignmentMark stands behind an assignment, with its CRC-32C, big endian.
const assignmentMark = "\nwa\x01"

// Create makes a spool at dir, whose last element is the attempt's id and
// whose parent is made if need be, and opens it. Either all of it is there
// afterwards, or nothing. secrets are for Writer.Secrets; nil if there are none. Conflict if it is there already; Invalid if the name
// is not that of an attempt; TooLarge if the assignment is over MaxAssignment;
// and errors of the disk.
func Create(dir string, assignment, secrets []byte) (*Reader, error) {
	root, name := filepath.Split(filepath.Clean(dir))
	if _, err := weir.ParseAttemptID(name); err != nil {
		return nil, err
	}
	if len(assignment) > MaxAssignment || len(secrets) > maxSecrets {
		return nil, weir.Errorf(weir.TooLarge, "the assignment of attempt %s has %d bytes", name, len(assignment))
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(root, 0o700); err == nil {
			err = os.Mkdir(dir, 0o700)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		if _, err := readAssignment(dir); weir.CodeOf(err) != weir.NotFound {
			return nil, weir.Errorf(weir.Conflict, "attempt %s has a spool already", name)
		}
		if err = disk.RemoveAll(dir); err == nil {
			err = os.Mkdir(dir, 0o700)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(secrets) > 0 { // first, since an assignment without them is none
		if err := os.WriteFile(filepath.Join(dir, secretsFile), secrets, 0o600); err != nil {
			return nil, errors.Join(err, disk.RemoveAll(dir))
		}
	}
	data := append(make([]byte, 0, len(assignment)+len(assignmentMark)+crc32.Size), assignment...)
	data = append(data, assignmentMark...)
	data = binary.BigEndian.AppendUint32(data, crc32.Checksum(assignment, castagnoli))
	if err := os.WriteFile(filepath.Join(dir, assignmentFile), data, 0o600); err != nil {
		return nil, errors.Join(err, disk.RemoveAll(dir))
	}
	return newReader(dir, assignment, 1), nil
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

// remove makes the spool disappear at once, so that a half removed one is
// never taken for one that nobody has begun.
func remove(dir string) error {
	for _, name := range []string{secretsFile, assignmentFile, journalFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Remove(dir); err == nil {
		return nil
	}
	return disk.RemoveAll(dir) // there is more than usual
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
	const behind = len(assignmentMark) + crc32.Size
	data, err := readFile(filepath.Join(dir, assignmentFile), MaxAssignment+int64(behind))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if n := len(data) - behind; err == nil && n >= 0 && string(data[n:n+len(assignmentMark)]) == assignmentMark &&
		binary.BigEndian.Uint32(data[n+len(assignmentMark):]) == crc32.Checksum(data[:n], castagnoli) {
		return data[:n:n], nil
	}
	e := weir.Errorf(weir.NotFound, "there is no spool at %s", dir)
	if err != nil {
		e = e.WithCause(err)
	}
	return nil, e
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
