// Package trees keeps the checkouts of builders on a worker between builds, for
// those whose recipe does not want an empty directory each time.
//
// A builder's checkout always lies at the same place, because compilers and
// build systems remember paths. One build at a time uses it; another one of the
// same builder, in another slot, does without. Whether a build left it as the
// next one may find it is noted only when the build has ended well enough to say
// something: what a killed build left is thrown away.
//
//	root/NAME-HASH       the builder's directory; the checkout is below it
//	root/NAME-HASH.lock  held while a build uses it
//	root/NAME-HASH.used  exists from the beginning of a build until it settles
package trees

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/filelock"
)

// Defaults of a Store.
const (
	DefaultCount = 16                  // trees that are kept
	DefaultAge   = 14 * 24 * time.Hour // since a tree was used last
)

const (
	lockSuffix = ".lock"
	usedSuffix = ".used"
	maxName    = 40
)

// Store keeps the trees of one worker.
type Store struct {
	Root  string
	Count int           // zero means DefaultCount
	Age   time.Duration // zero means DefaultAge
}

// Tree is a builder's directory that a build uses.
type Tree struct {
	Dir string // absolute; it exists
	// Reused says that an earlier build left something there.
	Reused bool
	lock   *filelock.Lock
}

// Take gives the tree of a builder to a build until Release. name begins the
// directory's name, for people. It is nil if another build has it.
func (s Store) Take(name, key string) (*Tree, error) {
	sum := sha256.Sum256([]byte(key))
	dir := filepath.Join(s.Root, plain(name)+"-"+hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(s.Root, 0o755); err != nil { //nolint:gosec // steps may run helpers as other users
		return nil, err
	}
	lock, err := filelock.Try(dir+lockSuffix, filelock.Exclusive)
	if weir.CodeOf(err) == weir.Conflict {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := &Tree{Dir: dir, lock: lock}
	if err := t.begin(); err != nil {
		lock.Release()
		return nil, err
	}
	return t, nil
}

func (t *Tree) begin() error {
	_, err := os.Lstat(t.Dir + usedSuffix)
	if err == nil { // its last build was not over
		err = disk.RemoveAll(t.Dir)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = os.WriteFile(t.Dir+usedSuffix, nil, 0o600)
	}
	if err == nil {
		err = os.MkdirAll(t.Dir, 0o755) //nolint:gosec // see Take
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(t.Dir)
	t.Reused = len(entries) > 0
	return err
}

// Empty removes what is in the tree.
func (t *Tree) Empty() error {
	t.Reused = false
	if err := disk.RemoveAll(t.Dir); err != nil {
		return err
	}
	return os.Mkdir(t.Dir, 0o755) //nolint:gosec // see Take
}

// Settle says that the next build may find the tree as it is now.
func (t *Tree) Settle() error { return os.Remove(t.Dir + usedSuffix) }

// Release lets others have the tree.
func (t *Tree) Release() {
	if t == nil || t.lock == nil {
		return
	}
	now := time.Now()
	_ = os.Chtimes(t.Dir, now, now)
	t.lock.Release()
	t.lock = nil
}

// Prune removes the trees that were not used for long, and of the others the
// least recently used ones, down to Count. Those in use stay.
func (s Store) Prune() error {
	count, age := s.Count, s.Age
	if count <= 0 {
		count = DefaultCount
	}
	if age <= 0 {
		age = DefaultAge
	}
	entries, err := os.ReadDir(s.Root)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	type tree struct {
		dir  string
		used time.Time
	}
	var list []tree
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() {
			list = append(list, tree{filepath.Join(s.Root, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b tree) int { return b.used.Compare(a.used) })
	var problems []error
	for i, t := range list {
		if i < count && time.Since(t.used) < age {
			continue
		}
		lock, err := filelock.Try(t.dir+lockSuffix, filelock.Exclusive)
		if err != nil {
			continue // in use
		}
		// The mark first: should this be cut short, the rest is no tree.
		err = os.WriteFile(t.dir+usedSuffix, nil, 0o600)
		if err == nil {
			err = disk.RemoveAll(t.dir)
		}
		if err == nil {
			err = os.Remove(t.dir + usedSuffix)
		}
		problems = append(problems, err)
		lock.Release()
	}
	return errors.Join(problems...)
}

// plain makes a part of a file's name of any text.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), maxName)]
}
