package product

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
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

// Store keeps the products of one machine. Use New.
type Store struct {
	root  string
	limit int64
}

// DefaultRoot is where products lie if nobody says otherwise: a directory of
// the user's, the same for every worker that runs under the same user name.
func DefaultRoot() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", weir.Errorf(weir.Invalid, "there is no directory for products").
			WithHint("set HOME, or give the worker a directory for products").WithCause(err)
	}
	return filepath.Join(cache, "weir", "products"), nil
}

// New makes a store below root, an absolute path. limit is how many bytes its
// trees may hold together; zero means DefaultLimit.
func New(root string, limit int64) (*Store, error) {
	if !filepath.IsAbs(root) || len(root) > MaxPath/2 {
		return nil, weir.Errorf(weir.Invalid, "the directory for products, %.200q, is not an absolute path", root)
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Store{root: filepath.Clean(root), limit: limit}, nil
}

// Prefix is where the product with the given key is made on this machine.
func (s *Store) Prefix(key string) (string, error) {
	prefix := filepath.Join(s.root, key)
	if filepath.Dir(prefix) != s.root {
		return "", weir.Errorf(weir.Invalid, "%.80q is not a product key", key)
	}
	return prefix, checkPrefix(prefix)
}

// Hold is the right to use or to make the tree at a prefix. While it lasts
// nobody replaces or removes the tree.
type Hold struct {
	Prefix  string
	Stats   Stats // of the tree; zero while it is being made
	Reused  bool  // it lay there already
	lock    *filelock.Lock
	making  bool
	settled bool
}

// Make empties the place of a product and keeps everybody else out of it until
// Release. It waits for attempts that use an older tree there; waiting is then
// called once.
func (s *Store) Make(ctx context.Context, key string, waiting func()) (*Hold, error) {
	prefix, err := s.Prefix(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.root, 0o755); err != nil { //nolint:gosec // as readable as any installed program
		return nil, err
	}
	lock, err := filelock.Acquire(ctx, prefix+lockSuffix, filelock.Exclusive, waiting)
	if err != nil {
		return nil, err
	}
	err = clear(prefix)
	if err == nil {
		err = os.Mkdir(prefix, 0o755) //nolint:gosec // see above
	}
	if err != nil {
		lock.Release()
		return nil, err
	}
	return &Hold{Prefix: prefix, lock: lock, making: true}, nil
}

// Settle says that the tree that was made is the product with this digest, so
// that builds on the same machine use it as it lies there.
func (h *Hold) Settle(d weir.Digest) error {
	sum, stats, err := fingerprint(h.Prefix)
	if err != nil {
		return err
	}
	h.Stats = stats
	err = writeMarker(h.Prefix, marker{Digest: d, Bytes: stats.Bytes, Entries: stats.Entries, Fingerprint: sum})
	h.settled = err == nil
	return err
}

// Distrust says that the tree is used by somebody who may change it so that
// nobody notices: the next build that is to use it gets it anew.
func (h *Hold) Distrust() error {
	m, ok := readMarker(h.Prefix)
	if !ok || m.Fingerprint == "" {
		return nil
	}
	m.Fingerprint = "" // that of no tree
	return writeMarker(h.Prefix, m)
}

// Release gives the place free. A tree that was made and not settled is
// removed. Later calls do nothing.
func (h *Hold) Release() {
	if h == nil || h.lock == nil {
		return
	}
	if h.making && !h.settled {
		_ = clear(h.Prefix)
	}
	h.lock.Release()
	h.lock = nil
}

// clear removes the tree at a prefix; its marker goes first.
func clear(prefix string) error {
	if err := os.Remove(prefix + markerSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(disk.RemoveAll(prefix+tempSuffix), disk.RemoveAll(prefix))
}

// maxTurns limits how often Use starts over because others replaced the tree
// between unpacking it and locking it.
const maxTurns = 10

// Use makes sure that product p lies at its prefix, unaltered, and keeps it
// there until Release. It fetches it if need be. waiting is called once if
// others have to finish first.
//
// An Invalid error says that the prefix or the content cannot be used; other
// errors are those of fetch and of the disk.
func (s *Store) Use(ctx context.Context, p weir.Product, fetch Fetch, waiting func()) (*Hold, error) {
	if err := s.admit(p.Prefix); err != nil {
		return nil, err
	}
	fetched := false
	for range maxTurns {
		lock, err := filelock.Acquire(ctx, p.Prefix+lockSuffix, filelock.Shared, waiting)
		if err != nil {
			return nil, err
		}
		if m, ok := intact(p); ok {
			now := time.Now()
			_ = os.Chtimes(p.Prefix+markerSuffix, now, now)
			return &Hold{Prefix: p.Prefix, Stats: Stats{m.Entries, m.Bytes}, Reused: !fetched, lock: lock}, nil
		}
		lock.Release()
		if lock, err = filelock.Acquire(ctx, p.Prefix+lockSuffix, filelock.Exclusive, waiting); err != nil {
			return nil, err
		}
		if _, ok := intact(p); !ok {
			fetched = true
			err = install(ctx, p, fetch)
		}
		lock.Release()
		if err != nil {
			return nil, err
		}
	}
	return nil, weir.Errorf(weir.Conflict, "the product at %s is replaced all the time by other builds", p.Prefix)
}

// admit checks a prefix that came from the server. Below the store's own root
// everything is the store's; elsewhere only what a store put there.
func (s *Store) admit(prefix string) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	if filepath.Dir(prefix) != s.root {
		_, lockErr := os.Lstat(prefix + lockSuffix)
		if _, err := os.Lstat(prefix); err == nil && lockErr != nil {
			return weir.Errorf(weir.Invalid, "the product was built for %s, where something else lies; this worker keeps products in %s",
				prefix, s.root).WithHint("give all workers of a platform the same directory for products")
		}
	}
	if err := os.MkdirAll(filepath.Dir(prefix), 0o755); err != nil { //nolint:gosec // as readable as any installed program
		if disk.IsFull(err) {
			return err
		}
		return weir.Errorf(weir.Invalid, "the product was built for %s, where this worker cannot write; it keeps products in %s",
			prefix, s.root).WithHint("give all workers of a platform the same directory for products").WithCause(err)
	}
	return nil
}

func intact(p weir.Product) (marker, bool) {
	m, ok := readMarker(p.Prefix)
	if !ok || m.Digest != p.Digest {
		return m, false
	}
	sum, _, err := fingerprint(p.Prefix)
	return m, err == nil && sum == m.Fingerprint
}

// install unpacks a product next to its place and moves it there only when its
// digest turns out right. The caller holds the exclusive lock.
func install(ctx context.Context, p weir.Product, fetch Fetch) (err error) {
	if err := clear(p.Prefix); err != nil {
		return err
	}
	content, err := fetch(ctx, p.Digest)
	if err != nil {
		return err
	}
	defer content.Close()
	temp := p.Prefix + tempSuffix
	if err := os.Mkdir(temp, 0o755); err != nil { //nolint:gosec // as readable as any installed program
		return err
	}
	defer func() {
		if err != nil {
			_ = disk.RemoveAll(temp)
		}
	}()
	sum := sha256.New()
	if _, err := Unpack(io.TeeReader(interruptible{ctx, content}, sum), temp); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	if got := weir.DigestOfSum(sum.Sum(nil)); got != p.Digest {
		return weir.Errorf(weir.Invalid, "the product %s arrived as %s", p.Digest.Short(), got.Short()).
			WithHint("the server's copy is damaged; force the upstream's build again")
	}
	print, stats, err := fingerprint(temp)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, p.Prefix); err != nil {
		return err
	}
	return writeMarker(p.Prefix, marker{Digest: p.Digest, Bytes: stats.Bytes, Entries: stats.Entries, Fingerprint: print})
}

// interruptible ends reading when its context does.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// Digests lists the products that lie below the store's root, the most recently
// used ones first, at most limit. Some may be damaged or gone when they are used.
func (s *Store) Digests(limit int) []weir.Digest {
	entries, _ := os.ReadDir(s.root)
	type tree struct {
		digest weir.Digest
		used   time.Time
	}
	var trees []tree
	for _, e := range entries {
		key, ok := strings.CutSuffix(e.Name(), markerSuffix)
		info, err := e.Info()
		if !ok || !ValidKey(key) || err != nil {
			continue
		}
		if m, ok := readMarker(filepath.Join(s.root, key)); ok {
			trees = append(trees, tree{m.Digest, info.ModTime()})
		}
	}
	slices.SortFunc(trees, func(a, b tree) int { return b.used.Compare(a.used) })
	var digests []weir.Digest
	for _, t := range trees[:min(len(trees), limit)] {
		digests = append(digests, t.digest)
	}
	return digests
}

// Prune removes trees below the store's root, the least recently used ones
// first, until the rest fits the limit. Trees in use stay. It returns how many
// bytes it removed.
func (s *Store) Prune() (int64, error) {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		return 0, err
	}
	type tree struct {
		prefix string
		bytes  int64
		used   time.Time
	}
	var trees []tree
	var total int64
	for _, e := range entries {
		key, ok := strings.CutSuffix(e.Name(), markerSuffix)
		info, err := e.Info()
		if !ok || !ValidKey(key) || err != nil {
			continue
		}
		prefix := filepath.Join(s.root, key)
		m, _ := readMarker(prefix)
		trees = append(trees, tree{prefix, m.Bytes, info.ModTime()})
		total += m.Bytes
	}
	slices.SortFunc(trees, func(a, b tree) int { return a.used.Compare(b.used) })
	var freed int64
	var problems []error
	for _, t := range trees {
		if total-freed <= s.limit {
			break
		}
		lock, err := filelock.Try(t.prefix+lockSuffix, filelock.Exclusive)
		if err != nil {
			continue // in use
		}
		if err := clear(t.prefix); err != nil {
			problems = append(problems, fmt.Errorf("removing %s: %w", t.prefix, err))
		} else {
			freed += t.bytes
		}
		lock.Release()
	}
	return freed, errors.Join(problems...)
}
