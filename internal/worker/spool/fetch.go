package spool

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/weir-ci/weir"
)

// Nudge makes the writer look at once for what the worker program left: a
// cancel, or the answer to a Fetch.
func (w *Writer) Nudge() {
	w.nudges.Lock()
	defer w.nudges.Unlock()
	close(w.nudged)
	w.nudged = make(chan struct{})
}

func (w *Writer) nudge() <-chan struct{} {
	w.nudges.Lock()
	defer w.nudges.Unlock()
	return w.nudged
}

// Cancelled is closed once the worker program has asked for the end of the attempt.
func (w *Writer) Cancelled() <-chan struct{} { return w.cancelled }

// watch looks for the cancel file.
func (w *Writer) watch() {
	tick := time.NewTicker(cancelPoll)
	defer tick.Stop()
	for {
		nudged := w.nudge() // before looking, so that none is missed
		if exists(filepath.Join(w.dir, cancelFile)) {
			close(w.cancelled)
			return
		}
		select {
		case <-w.done:
			return
		case <-nudged:
		case <-tick.C:
		}
	}
}

// Fetch asks the worker program for a blob and waits for it. The caller checks
// that it is what it should be, and closes it, which removes the file. Errors:
// those that the worker program answered, Invalid if d is no digest, the
// cause of ctx, and errors of the disk. It fits product.Fetch.
func (w *Writer) Fetch(ctx context.Context, d weir.Digest) (io.ReadCloser, error) {
	if _, err := weir.ParseDigest(string(d)); err != nil {
		return nil, err
	}
	want := filepath.Join(w.dir, wantPrefix+d.Hex())
	tick := time.NewTicker(answerPoll)
	defer tick.Stop()
	for {
		nudged := w.nudge()
		// Others may fetch the same, and take the answer and the question away.
		if !exists(want) {
			if err := touch(want); err != nil {
				return nil, err
			}
			w.notify()
		}
		body, err := w.answer(d)
		if !errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(want)
			return body, err
		}
		select {
		case <-ctx.Done():
			_ = os.Remove(want)
			return nil, context.Cause(ctx)
		case <-w.done:
			_ = os.Remove(want)
			return nil, weir.Errorf(weir.Conflict, "the spool of attempt %s is closed", filepath.Base(w.dir))
		case <-nudged:
		case <-tick.C:
		}
	}
}

// answer takes the answer to a request, or says fs.ErrNotExist.
func (w *Writer) answer(d weir.Digest) (io.ReadCloser, error) {
	body, err := take(w.dir, havePrefix+d.Hex())
	if !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, err
		}
		return body, nil
	}
	body, err = take(w.dir, nonePrefix+d.Hex())
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(body, maxRefusal+1))
	_ = body.Close()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var r refusal
	if err := json.Unmarshal(data, &r); err != nil || !slices.Contains(weir.Codes(), r.Code) {
		return nil, weir.Errorf(weir.Internal, "the blob %s was refused, but the reason cannot be read", d.Short())
	}
	return nil, &weir.Error{Code: r.Code, Message: r.Message, Hint: r.Hint}
}

// take opens a file under a name that nobody else uses.
func take(dir, name string) (*taken, error) {
	f, err := os.CreateTemp(dir, takenPattern)
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	if err := os.Rename(filepath.Join(dir, name), f.Name()); err != nil {
		_ = os.Remove(f.Name())
		return nil, err
	}
	if f, err = openRegular(f.Name()); err != nil {
		return nil, weir.Errorf(weir.Internal, "the blob in the spool cannot be opened").WithCause(err)
	}
	return &taken{f}, nil
}

// taken is removed when it is closed.
type taken struct{ *os.File }

// Close closes and removes the file.
func (t *taken) Close() error {
	return errors.Join(t.File.Close(), os.Remove(t.Name()))
}
