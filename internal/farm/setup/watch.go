package setup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
)

// String is the problem in one line.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Message
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Message)
}

const (
	// look is how often the file is looked at.
	look = 2 * time.Second
	// settle is how long a file must have looked the same before it is read:
	// some programs write a file in several pieces, others remove it first.
	settle = 300 * time.Millisecond
)

// Run reads the file again when it changes, or whenever a signal comes, until
// ctx ends. Without a file it does nothing.
func (k *Keeper) Run(ctx context.Context, signals <-chan os.Signal) error {
	if k.o.File == "" {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	var last looks // of the file that was read last; the zero value is no file's
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			last = footprint(k.o.File)
			k.try(func() error {
				r, err := k.Reload(ctx, "signal")
				k.told(ctx, "signal", r, err)
				return err
			})
			continue
		case <-tick.C:
		}
		now := footprint(k.o.File)
		if now == last || !k.steady(ctx, now) {
			continue
		}
		if k.try(func() error {
			r, err := k.changed(ctx)
			if r != nil {
				k.told(ctx, "file", *r, err)
			}
			return err
		}) {
			last = now
		}
	}
}

// told says that the file has been read though nobody asked for it here.
func (k *Keeper) told(ctx context.Context, by string, r Result, err error) {
	if err == nil && k.o.Told != nil {
		k.o.Told(ctx, by, r)
	}
}

// try logs what goes wrong, and reports whether nothing did.
func (k *Keeper) try(work func() error) bool {
	err := work()
	if err != nil {
		k.o.Log.Error("the farm file could not be put in force", "file", k.o.File, "err", err, "cause", errors.Unwrap(err))
	}
	return err == nil
}

// steady waits for a moment, and reports whether the file stays as it is.
func (k *Keeper) steady(ctx context.Context, now looks) bool {
	select {
	case <-time.After(settle):
		return footprint(k.o.File) == now
	case <-ctx.Done():
		return false
	}
}

// changed reads a file that looks different, and puts it in force if it says
// something else than before. The result is nil if it does not.
func (k *Keeper) changed(ctx context.Context) (*Result, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	data, err := read(k.o.File)
	if err != nil {
		k.sum = [sha256.Size]byte{}
		k.refuse([]Problem{problemOf(err)}, 1)
		r := k.refused([]Problem{problemOf(err)})
		return &r, nil
	}
	if sha256.Sum256(data) == k.sum {
		return nil, nil
	}
	r, err := k.reload(ctx, data, "file")
	return &r, err
}

// looks are what a file looks like from outside. A file that is not there has one
// of its own.
type looks struct {
	mode     fs.FileMode
	size     int64
	modified time.Time
	id       string // tells a file from another one in its place, where that can be told
	missing  bool
}

// footprint looks at a file, through symbolic links.
func footprint(path string) looks {
	info, err := os.Stat(path)
	if err != nil {
		return looks{missing: true}
	}
	return looks{mode: info.Mode(), size: info.Size(), modified: info.ModTime(), id: identity(info)}
}

// read reads one byte more than is allowed at most, so that the parser can tell
// that the file is too large.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, weir.Errorf(weir.NotFound, "the farm file is gone").
			WithHint("put it back; until then the farm goes on with what it said last").WithCause(err)
	}
	if err == nil {
		defer f.Close()
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(f, recipe.MaxFile+1)); err == nil {
			return data, nil
		}
	}
	return nil, weir.Errorf(weir.Invalid, "the farm file cannot be read").
		WithHint("it must be a file that the user may read who runs the server").WithCause(err)
}
