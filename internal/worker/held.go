package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/supervise"
)

// held is what the worker program notes of an attempt before it begins, for
// itself and for the worker program after it. The attempt's token is nowhere
// else on the disk.
type held struct {
	Attempt weir.AttemptID `json:"attempt"`
	Token   string         `json:"token"`
	Slot    int            `json:"slot"` // from 0
	// Supervisor is the process that runs it; zero if that is this program itself.
	Supervisor supervise.Process `json:"supervisor"`
	// Left says that its blobs are stored and its slot may have another attempt:
	// only its end has still to be told, for which its spool is enough.
	Left bool `json:"left,omitempty"`
	// Unstored says that results which fit into the message about the end were
	// not stored before: the server that gave the attempt takes them there.
	Unstored bool `json:"unstored,omitempty"`
	// Clock is by how many seconds this machine's clock was ahead of the server's
	// when this was written, for a program that tells the end before it has heard
	// of the server; nil if that was not known.
	Clock *float64 `json:"clock,omitempty"`
}

// Where things lie below Options.Dir.
func (w *Worker) slotsDir() string { return filepath.Join(w.opts.Dir, "slots") }
func (w *Worker) spoolDir() string { return filepath.Join(w.opts.Dir, "spool") }
func (w *Worker) heldDir() string  { return filepath.Join(w.opts.Dir, heldName) }

func (w *Worker) slotDir(slot int) string { return filepath.Join(w.slotsDir(), strconv.Itoa(slot+1)) }

// heldFile names a note. It is written again for the attempt that has its
// number next: a note whose spool is gone says nothing.
func (w *Worker) heldFile(n int) string {
	return filepath.Join(w.heldDir(), strconv.Itoa(n)+notePost)
}

// Names of the notes' directory and of the notes: a number, then notePost.
const (
	heldName = "held"
	notePost = ".json"
)

// reserveFile keeps room for the reports of a slot's attempts.
func (w *Worker) reserveFile(slot int) string {
	return filepath.Join(w.spoolDir(), reservePre+strconv.Itoa(slot+1))
}

const reservePre = "reserve-"

// noteBlock is what the length of a note is a multiple of, in bytes: so one
// covers the one before it with a single write.
const noteBlock = 1 << 10

// note writes what is held. One that is torn, because the machine died, is
// one of an attempt that had not begun.
func (w *Worker) note(n int, h held) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	size := (len(data) + noteBlock - 1) / noteBlock * noteBlock
	data = append(data, bytes.Repeat([]byte{'\n'}, size-len(data))...)
	f, err := os.OpenFile(w.heldFile(n), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil && size > noteBlock {
		err = f.Truncate(int64(size))
	}
	return errors.Join(err, f.Close())
}

// freeNote finds a note that may be written. The caller holds mu.
func (w *Worker) freeNote() int {
	used := map[int]bool{}
	for _, a := range w.running {
		used[a.noted] = true
	}
	n := 1
	for used[n] {
		n++
	}
	return n
}

// sweep removes the notes and reserves that nobody needs any more: those of
// attempts that have been reported.
func (w *Worker) sweep() {
	entries, _ := os.ReadDir(w.heldDir())
	for _, e := range entries {
		name := filepath.Join(w.heldDir(), e.Name())
		h, ok := readNote(name)
		if !ok {
			continue
		}
		if _, err := os.Lstat(filepath.Join(w.spoolDir(), h.Attempt.String())); errors.Is(err, os.ErrNotExist) {
			_ = os.Remove(name)
		}
	}
	reserves, _ := filepath.Glob(filepath.Join(w.spoolDir(), reservePre+"*"))
	for _, name := range reserves {
		_ = os.Remove(name)
	}
}

// maxHeld limits a note, in bytes.
const maxHeld = 64 << 10

// recall reads all notes, by their numbers. One that cannot be read is
// removed: the server sees that nobody syncs for its attempt.
func (w *Worker) recall() (map[int]held, error) {
	entries, err := os.ReadDir(w.heldDir())
	if err != nil {
		return nil, err
	}
	all, seen := map[int]held{}, map[weir.AttemptID]bool{}
	for _, e := range entries {
		name := filepath.Join(w.heldDir(), e.Name())
		number, _ := strings.CutSuffix(e.Name(), notePost)
		n, err := strconv.Atoi(number)
		if h, ok := readNote(name); ok && err == nil && n > 0 && name == w.heldFile(n) && !seen[h.Attempt] {
			all[n], seen[h.Attempt] = h, true
			continue
		}
		w.log.Warn("a note about an attempt cannot be read and is dropped", "file", name)
		if err := disk.RemoveAll(name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func readNote(name string) (h held, ok bool) {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxHeld {
		return h, false
	}
	data, err := os.ReadFile(name)
	return h, err == nil && json.Unmarshal(data, &h) == nil && h.Token != "" && h.Slot >= 0 && h.Slot < 2*protocol.MaxSlots
}
