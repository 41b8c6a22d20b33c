// Package cache keeps what builds leave on their worker for later builds of the
// same project: downloaded packages, compiled objects.
//
// A cache is saved under a key when a build has passed, and never changes
// afterwards: who wants something else uses another key, usually one with a hash
// of the files that decide. A build takes the cache with its key, or else the
// newest whose key begins with one of its fall-backs.
//
//	root/PROJECT-HASH/HASH/meta.json   key, paths, size; when it was used last is its time
//	root/PROJECT-HASH/HASH/N.tar.zst   what was at the Nth path
//	root/tmp-*                         what is being saved or removed
//
// A cache appears and disappears as a whole, by a rename. What it holds is as
// little trusted as the build that saved it: unpacking writes nowhere but below
// the path that was saved, whatever the archive says and whatever lies there.
//
// Caches save time and decide nothing, so nothing that is wrong with one is an
// error of the build's.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/disk"
)

// Limits.
const (
	DefaultLimit = 20 << 30 // bytes of all caches of a worker, packed
	MaxKey       = 1 << 10  // bytes of a key
	MaxPaths     = 100      // of one cache
	maxMeta      = 1 << 20
	tempAge      = 24 * time.Hour // after which what was being saved is removed
)

const (
	metaFile   = "meta.json"
	tempPrefix = "tmp-"
)

// Store keeps the caches of one worker. Several processes may use one root.
type Store struct {
	Root  string
	Limit int64 // bytes; zero means DefaultLimit
}

// Root is where the caches of jobs lie, below the directory that holds all that
// builds share.
func Root(shared string) string { return filepath.Join(shared, "jobs") }

// Place is where one path of a cache lies in a build.
type Place struct {
	Name string // as the recipe writes it: it is a part of what the cache is
	Base string // absolute directory: the checkout, or the home directory
	Path string // below Base, with slashes, not empty
}

// Want is a cache as a build asks for it.
type Want struct {
	Project  string
	Key      string
	Fallback []string // beginnings of keys
	Places   []Place
}

// meta describes a saved cache.
type meta struct {
	Project string    `json:"project"`
	Key     string    `json:"key"`
	Paths   []string  `json:"paths"`
	Parts   []int     `json:"parts"` // indices of the paths that were there
	Bytes   int64     `json:"bytes"` // packed
	Created time.Time `json:"created"`
}

func (w Want) names() []string {
	names := make([]string, len(w.Places))
	for i, p := range w.Places {
		names[i] = p.Name
	}
	return names
}

func (s Store) projectDir(project string) string {
	sum := sha256.Sum256([]byte(project))
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r < ' ' || strings.ContainsRune(`<>:"|?*`, r) {
			return '_'
		}
		return r
	}, project)
	return filepath.Join(s.Root, name[:min(len(name), 64)]+"-"+hex.EncodeToString(sum[:4]))
}

// dir is where a cache with this key lies, if it is there.
func (s Store) dir(w Want, key string) string {
	sum := sha256.Sum256([]byte(strings.Join(append(w.names(), key), "\x00")))
	return filepath.Join(s.projectDir(w.Project), hex.EncodeToString(sum[:16]))
}

func readMeta(dir string) (m meta, ok bool) {
	info, err := os.Lstat(filepath.Join(dir, metaFile))
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxMeta {
		return m, false
	}
	data, err := os.ReadFile(filepath.Join(dir, metaFile))
	return m, err == nil && json.Unmarshal(data, &m) == nil
}

// find looks for what fits best: its directory, empty if there is nothing.
func (s Store) find(w Want) (dir string, m meta) {
	dir = s.dir(w, w.Key)
	if m, ok := readMeta(dir); ok {
		return dir, m
	}
	dir = ""
	entries, _ := os.ReadDir(s.projectDir(w.Project))
	for _, prefix := range w.Fallback {
		for _, e := range entries {
			at := filepath.Join(s.projectDir(w.Project), e.Name())
			if found, ok := readMeta(at); ok && strings.HasPrefix(found.Key, prefix) && slices.Equal(found.Paths, w.names()) &&
				(dir == "" || found.Created.After(m.Created)) {
				dir, m = at, found
			}
		}
		if dir != "" {
			break
		}
	}
	return dir, m
}

// Restore brings the cache that fits best to its places, and tells key, the key
// under which that was saved, empty if there is none. A place where something lies
// already is left alone. say gets sentences for the log.
func (s Store) Restore(ctx context.Context, w Want, say func(format string, args ...any)) (key string) {
	dir, m := s.find(w)
	if dir == "" {
		say("nothing is cached under %s", w.Key)
		return ""
	}
	now := time.Now()
	_ = os.Chtimes(filepath.Join(dir, metaFile), now, now)
	say("using what was cached under %s on %s", m.Key, m.Created.UTC().Format(time.RFC3339))
	for _, part := range m.Parts {
		if part < 0 || part >= len(w.Places) {
			continue
		}
		p := w.Places[part]
		stats, err := restore(ctx, filepath.Join(dir, partName(part)), p)
		switch {
		case errors.Is(err, fs.ErrExist):
			say("%s: something lies there already", p.Name)
		case err != nil:
			say("%s: %v", p.Name, err)
			if weir.CodeOf(err) == weir.Invalid { // it will never be of use
				_ = s.remove(dir)
			}
			return ""
		default:
			say("%s: %d entries, %d bytes", p.Name, stats.Entries, stats.Bytes)
		}
	}
	return m.Key
}

func partName(i int) string { return strconv.Itoa(i) + ".tar.zst" }

// restore unpacks one part. After an error its place is as it was.
func restore(ctx context.Context, archive string, p Place) (Stats, error) {
	f, err := os.Open(archive)
	if err != nil {
		return Stats{}, err
	}
	defer f.Close()
	root, err := os.OpenRoot(p.Base)
	if err != nil {
		return Stats{}, err
	}
	defer root.Close()
	if err := vacant(root, p.Path); err != nil {
		return Stats{}, err
	}
	stats, err := unpack(ctx, f, root, p.Path)
	if err != nil {
		_ = root.RemoveAll(p.Path)
	}
	return stats, err
}

// vacant makes room for a path: fs.ErrExist if something lies there.
func vacant(root *os.Root, path string) error {
	info, err := root.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return root.MkdirAll(filepath.Dir(filepath.FromSlash(path)), 0o755)
	case err != nil:
		return err
	case !info.IsDir():
		return fs.ErrExist
	}
	if root.Remove(path) != nil { // it is not empty
		return fs.ErrExist
	}
	return nil
}

// Save keeps what lies at the places under the key, unless something is kept
// there already: that never changes.
func (s Store) Save(ctx context.Context, w Want, say func(format string, args ...any)) error {
	if len(w.Key) > MaxKey || len(w.Places) > MaxPaths || w.Key == "" {
		return weir.Errorf(weir.Invalid, "a cache has a key of 1 to %d bytes and at most %d paths", MaxKey, MaxPaths)
	}
	final := s.dir(w, w.Key)
	if _, ok := readMeta(final); ok {
		say("%s is cached already", w.Key)
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o700); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(s.Root, tempPrefix)
	if err != nil {
		return err
	}
	defer func() { _ = disk.RemoveAll(temp) }()
	m := meta{Project: w.Project, Key: w.Key, Paths: w.names(), Created: time.Now().UTC()}
	for i, p := range w.Places {
		stats, bytes, err := save(ctx, filepath.Join(temp, partName(i)), p, s.limit()-m.Bytes)
		if errors.Is(err, fs.ErrNotExist) {
			say("%s: there is no such thing", p.Name)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		m.Parts, m.Bytes = append(m.Parts, i), m.Bytes+bytes
		say("%s: %d entries, %d bytes; packed %d", p.Name, stats.Entries, stats.Bytes, bytes)
	}
	if len(m.Parts) == 0 {
		return nil
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(temp, metaFile), data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(temp, final); err != nil {
		if _, ok := readMeta(final); !ok {
			return err
		}
		say("another build has cached %s meanwhile", w.Key)
		return nil
	}
	say("cached under %s", w.Key)
	return s.Prune()
}

// save packs one place.
func save(ctx context.Context, archive string, p Place, limit int64) (stats Stats, packed int64, err error) {
	root, err := os.OpenRoot(p.Base)
	if err != nil {
		return stats, 0, err
	}
	defer root.Close()
	if _, err := root.Lstat(p.Path); err != nil {
		return stats, 0, err
	}
	f, err := os.OpenFile(archive, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return stats, 0, err
	}
	w := &bounded{w: f, left: limit}
	stats, err = pack(ctx, w, root, p.Path)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return stats, limit - w.left, err
}

func (s Store) limit() int64 {
	if s.Limit <= 0 {
		return DefaultLimit
	}
	return s.Limit
}

// remove makes a cache disappear at once.
func (s Store) remove(dir string) error {
	temp, err := os.MkdirTemp(s.Root, tempPrefix)
	if err != nil {
		return err
	}
	err = os.Rename(dir, filepath.Join(temp, "old"))
	return errors.Join(err, disk.RemoveAll(temp))
}

// saved is a cache that Prune looks at.
type saved struct {
	dir   string
	bytes int64
	used  time.Time
}

// Prune removes caches, the least recently used ones first, until the rest fits
// the limit.
func (s Store) Prune() error {
	list, err := s.list()
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b saved) int { return b.used.Compare(a.used) })
	var total int64
	var problems []error
	for _, c := range list {
		if total += c.bytes; total > s.limit() {
			problems = append(problems, s.remove(c.dir))
			total -= c.bytes
		}
	}
	return errors.Join(problems...)
}

// list finds all caches, and removes what was being saved long ago.
func (s Store) list() ([]saved, error) {
	projects, err := os.ReadDir(s.Root)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	var list []saved
	for _, p := range projects {
		at := filepath.Join(s.Root, p.Name())
		if strings.HasPrefix(p.Name(), tempPrefix) {
			if info, err := p.Info(); err == nil && time.Since(info.ModTime()) > tempAge {
				_ = disk.RemoveAll(at)
			}
			continue
		}
		entries, _ := os.ReadDir(at)
		for _, e := range entries {
			dir := filepath.Join(at, e.Name())
			info, err := os.Lstat(filepath.Join(dir, metaFile))
			if m, ok := readMeta(dir); ok && err == nil {
				list = append(list, saved{dir, m.Bytes, info.ModTime()})
			}
		}
	}
	return list, nil
}

// Projects lists the projects that have caches, sorted.
func (s Store) Projects() []string {
	dirs, _ := os.ReadDir(s.Root)
	var names []string
	for _, d := range dirs {
		if strings.HasPrefix(d.Name(), tempPrefix) {
			continue
		}
		entries, _ := os.ReadDir(filepath.Join(s.Root, d.Name()))
		for _, e := range entries {
			if m, ok := readMeta(filepath.Join(s.Root, d.Name(), e.Name())); ok {
				names = append(names, m.Project)
				break
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
