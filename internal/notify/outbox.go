package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/filelock"
)

// Times and limits of an outbox.
const (
	MaxAge     = 72 * time.Hour // after which a notice that nobody takes is dropped
	firstPause = time.Minute    // after the first failure; then twice as long each time
	lastPause  = time.Hour
	look       = 30 * time.Second // how often it looks for what another server has added
	sendTime   = 2 * time.Minute  // for one notice
	maxNotices = 10_000           // looked at in one round; the others have to wait
	maxNotice  = 256 << 10        // bytes of a file: a body of nothing but escaped characters fits
)

// Outbox keeps notices in a directory until they are sent. Servers that share
// the directory share the outbox: each adds, and one of them sends.
type Outbox struct {
	dir    string
	sender Sender
	log    *slog.Logger
	now    func() time.Time
	wake   chan struct{}
	count  atomic.Int64
	pauses map[string]pause // by file; used by Run only
}

type pause struct {
	until time.Time
	next  time.Duration
}

// NewOutbox makes an outbox in a directory, which is made if it is missing.
func NewOutbox(dir string, sender Sender, log *slog.Logger) (*Outbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, weir.Errorf(weir.Invalid, "the outbox %s cannot be used", dir).WithCause(err)
	}
	return &Outbox{dir: dir, sender: sender, log: log, now: time.Now, wake: make(chan struct{}, 1), pauses: map[string]pause{}}, nil
}

const suffix = ".json"

// Add takes a notice. When it returns without error the notice is on disk.
func (o *Outbox) Add(n Notice) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if len(data) > maxNotice {
		return weir.Errorf(weir.TooLarge, "a notice about %.80q is too long", n.about())
	}
	f, err := os.CreateTemp(o.dir, "new-*")
	if err != nil {
		return o.trouble(err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		// Sorted by name the files are in the order of time.
		name := fmt.Sprintf("%020d-%d-%s%s", o.now().UnixMicro(), o.count.Add(1), strings.TrimPrefix(filepath.Base(f.Name()), "new-"), suffix)
		err = os.Rename(f.Name(), filepath.Join(o.dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it is worth nothing
		return o.trouble(err)
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return nil
}

func (o *Outbox) trouble(err error) error {
	return weir.Errorf(weir.Exhausted, "a notice cannot be kept in %s", o.dir).WithCause(err)
}

// Run sends what is there and what comes, until ctx ends. While another server
// does it, it waits.
func (o *Outbox) Run(ctx context.Context) error {
	lock, err := filelock.Acquire(ctx, filepath.Join(o.dir, "lock"), filelock.Exclusive, func() {})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer lock.Release()
	for {
		wait := o.round(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-o.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// round tries to send everything that is due, and says how long to wait.
func (o *Outbox) round(ctx context.Context) time.Duration {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		o.log.Error("notices cannot be read", "err", err)
		return look
	}
	var names []string // sorted
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) && len(names) < maxNotices {
			names = append(names, e.Name())
		}
	}
	for name := range o.pauses {
		if _, there := slices.BinarySearch(names, name); !there {
			delete(o.pauses, name)
		}
	}
	wait := look
	for _, name := range names {
		if ctx.Err() != nil {
			return wait
		}
		if p, ok := o.pauses[name]; ok && o.now().Before(p.until) {
			wait = min(wait, p.until.Sub(o.now()))
			continue
		}
		if !o.try(ctx, name) && ctx.Err() == nil {
			p := o.pauses[name]
			p.next = min(max(2*p.next, firstPause), lastPause)
			p.until = o.now().Add(p.next)
			o.pauses[name] = p
		}
	}
	return max(wait, 0)
}

// try sends one notice and removes its file. It reports whether the file is done with.
func (o *Outbox) try(ctx context.Context, name string) bool {
	path := filepath.Join(o.dir, name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	var n Notice
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		o.log.Error("a notice is damaged and dropped", "file", name, "err", err)
		return os.Remove(path) == nil
	}
	limited, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if err = o.sender.Send(limited, n); err == nil {
		if err = os.Remove(path); err == nil {
			o.log.Info("notice sent", "kind", n.Kind, "about", n.about())
			return true
		}
		// It will be sent again; better twice than never.
	}
	if ctx.Err() != nil {
		return false
	}
	if o.now().Sub(n.At) > MaxAge {
		o.log.Error("a notice could not be sent for days and is dropped", "kind", n.Kind, "about", n.about(), "err", err)
		return os.Remove(path) == nil
	}
	o.log.Warn("a notice could not be sent and is tried again", "kind", n.Kind, "about", n.about(), "err", err)
	return false
}
