// Package policyfile keeps the policy of a worker's owner current: it reads the
// file when the worker starts, and again whenever it has changed.
//
// Between two reads nothing is allowed by mistake. A file that has become
// unreadable, or has a mistake, is an error for as long as it is like that, and a
// file that somebody is just writing is not looked at before it is left alone:
// its first half might forbid less than the whole.
package policyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
	"github.com/weir-ci/weir/internal/worker/policy"
)

// settled is how long a file must not have been written to before it is read again.
const settled = time.Second

// File is a policy in a file. Make one with Open.
type File struct {
	path string

	mu   sync.Mutex
	seen fs.FileInfo // of what was read last; nil if it could not be
	last policy.Policy
	err  error
}

// Open reads a policy. Its error has the code Invalid; it is strict.Problems if the
// file is there and has mistakes.
func Open(path string) (*File, error) {
	f := &File{path: path}
	f.read()
	_, mistakes := errors.AsType[strict.Problems](f.err)             // which name the file
	if e, ok := errors.AsType[*weir.Error](f.err); ok && !mistakes { // the farm need not know the path, but who starts a worker
		return f, weir.Errorf(e.Code, "%s: %s", path, e.Message).WithHint("%s", e.Hint)
	}
	return f, f.err
}

// Current is the policy as the file says at present. With an error nothing is
// allowed; its text is one sentence that may be told to the farm. If the file has
// just been written to it is what it was before, an error included.
func (f *File) Current(now time.Time) (policy.Policy, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	switch {
	case err == nil && f.seen != nil && same(info, f.seen):
	case err == nil && now.Sub(info.ModTime()).Abs() < settled:
	default:
		f.read()
	}
	if f.err != nil {
		return policy.Policy{}, sentence(f.err)
	}
	return f.last, nil
}

// same reports whether a file has not changed. One that was replaced by another
// one with an old date has.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// read reads the file, whatever it holds.
func (f *File) read() {
	f.seen, f.last, f.err = nil, policy.Policy{}, nil
	info, text, err := contents(f.path)
	if err != nil {
		f.err = unreadable(err)
		return
	}
	f.seen = info
	f.last, f.err = policy.Parse(f.path, text)
}

// contents reads no more of a file than a policy may have, and what it was like then.
func contents(path string) (info fs.FileInfo, text []byte, err error) {
	if info, err = os.Stat(path); err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe might wait for ever
		return nil, nil, errors.New("it is not a file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, nil, err
	}
	text, err = io.ReadAll(io.LimitReader(file, policy.MaxFile+1))
	return info, text, err
}

func unreadable(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // others need not know the path
	}
	return weir.Errorf(weir.Invalid, "the policy cannot be read: %v", err).
		WithHint("name a file that the worker's user may read; docs/workers.md says what it holds")
}

// sentence says in one what is wrong with a policy, without where the file lies.
func sentence(err error) error {
	problems, ok := errors.AsType[strict.Problems](err)
	if !ok || len(problems) == 0 {
		if e, ok := errors.AsType[*weir.Error](err); ok {
			err = errors.New(e.Message)
		}
		return err
	}
	first, more := problems[0], ""
	if n := len(problems) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return fmt.Errorf("the policy has a mistake in line %d: %s%s", first.Line, first.Message, more)
}
