package worker

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/weir-ci/weir"
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
}

// Where things lie below Options.Dir.
func (w *Worker) slotsDir() string { return filepath.Join(w.opts.Dir, "slots") }
func (w *Worker) spoolDir() string { return filepath.Join(w.opts.Dir, "spool") }
func (w *Worker) heldDir() string  { return filepath.Join(w.opts.Dir, "held") }

func (w *Worker) slotDir(slot int) string { return filepath.Join(w.slotsDir(), strconv.Itoa(slot+1)) }

func (w *Worker) heldFile(id weir.AttemptID) string {
	return filepath.Join(w.heldDir(), id.String()+".json")
}

// note writes what is held. One that is torn, because the machine died, is
// one of an attempt that had not begun.
func (w *Worker) note(h held) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return os.WriteFile(w.heldFile(h.Attempt), data, 0o600)
}

// forget removes the note; the attempt is over.
func (w *Worker) forget(id weir.AttemptID) error {
	err := os.Remove(w.heldFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// maxHeld limits a note, in bytes.
const maxHeld = 64 << 10

// recall reads all notes. One that cannot be read is removed: the server
// sees that nobody syncs for its attempt.
func (w *Worker) recall() ([]held, error) {
	entries, err := os.ReadDir(w.heldDir())
	if err != nil {
		return nil, err
	}
	var all []held
	for _, e := range entries {
		name := filepath.Join(w.heldDir(), e.Name())
		var h held
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.Size() <= maxHeld {
			if data, err := os.ReadFile(name); err == nil && json.Unmarshal(data, &h) == nil &&
				name == w.heldFile(h.Attempt) && h.Token != "" && h.Slot >= 0 && h.Slot < 2*maxSlots {
				all = append(all, h)
				continue
			}
		}
		w.log.Warn("a note about an attempt cannot be read and is dropped", "file", name)
		if err := disk.RemoveAll(name); err != nil {
			return nil, err
		}
	}
	return all, nil
}
