package detect

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/weir-ci/weir"
)

// tree is a repository's files, indexed.
type tree struct {
	files    Files
	paths    []string // sorted
	contents map[string]string
	err      error // of the first file that could not be read
}

func newTree(files Files) (*tree, error) {
	paths, err := files.Paths()
	if err != nil {
		return nil, err
	}
	t := &tree{files: files, contents: map[string]string{}}
	for _, p := range paths[:min(len(paths), MaxPaths)] {
		if fs.ValidPath(p) && p != "." && len(p) <= maxPath && !strings.ContainsFunc(p, odd) {
			t.paths = append(t.paths, p)
		}
	}
	slices.Sort(t.paths)
	t.paths = slices.Compact(t.paths)
	return t, nil
}

// maxPath limits a path, in bytes; longer ones are passed over.
const maxPath = 400

// odd reports whether paths with this character are passed over: nothing that is
// looked for has such a name.
func odd(r rune) bool { return !unicode.IsPrint(r) || r == '\\' || r == unicode.ReplacementChar }

func (t *tree) has(p string) bool {
	_, ok := slices.BinarySearch(t.paths, p)
	return ok
}

// below lists what lies below a directory; "" is the top.
func (t *tree) below(dir string) []string {
	if dir == "" {
		return t.paths
	}
	from, _ := slices.BinarySearch(t.paths, dir+"/")
	to, _ := slices.BinarySearch(t.paths, dir+"0") // the character behind the slash
	return t.paths[from:to]
}

// text is what a file holds; empty if there is no such file.
func (t *tree) text(p string) string {
	if s, ok := t.contents[p]; ok {
		return s
	}
	if !t.has(p) || t.err != nil || len(t.contents) >= maxReads {
		return ""
	}
	data, err := t.files.Read(p)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			t.err = err
		}
		data = nil
	}
	s := strings.ToValidUTF8(string(data[:min(len(data), MaxRead)]), "\uFFFD")
	t.contents[p] = s
	return s
}

// maxCandidates is how many directories below the top are looked at.
const maxCandidates = 200

// aside are names of directories that hold something else than the project.
var aside = regexp.MustCompile(`^(?:\..*|_.*|vendor|vendored|third[-_]?party|external|deps|node_modules|examples?|samples?|demos?|docs?|` +
	`documentation|tests?|testing|testdata|fixtures|spec|benchmarks?|bench|fuzz|contrib|debian|packaging|dist|build|target|tools|scripts|website|site)$`)

// plainDir is a name that a recipe can have as a part of a path.
var plainDir = regexp.MustCompile(`^[\pL\pN_][\pL\pN ._+@,=-]{0,60}$`)

// candidates lists the directories in which a project may lie: the top, and what
// is at most two levels below it, the nearer ones first.
func (t *tree) candidates() []string {
	seen := map[string]bool{}
	var out []string
	for _, p := range t.paths {
		parts := strings.Split(p, "/")
		for depth := 1; depth < len(parts) && depth <= 2; depth++ {
			if aside.MatchString(parts[depth-1]) || !plainDir.MatchString(parts[depth-1]) {
				break
			}
			dir := strings.Join(parts[:depth], "/")
			if !seen[dir] && len(seen) < maxCandidates {
				seen[dir] = true
				out = append(out, dir)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), strings.Compare(a, b))
	})
	return append([]string{""}, out...)
}

// dirView is a directory of the tree, as a detector sees it.
type dirView struct {
	tree *tree
	dir  string
}

// has reports whether there is such a file below the directory.
func (d dirView) has(name string) bool { return d.tree.has(path.Join(d.dir, name)) }

// text is what such a file holds; empty if there is none.
func (d dirView) text(name string) string { return d.tree.text(path.Join(d.dir, name)) }

// first is the first of the names that is there; empty if none is.
func (d dirView) first(names ...string) string {
	for _, n := range names {
		if d.has(n) {
			return n
		}
	}
	return ""
}

// match lists the files below the directory whose path, relative to it, is
// matched by a pattern of path.Match: at most limit.
func (d dirView) match(pattern string, limit int) []string {
	var out []string
	for _, p := range d.all() {
		if ok, _ := path.Match(pattern, p); ok {
			if out = append(out, p); len(out) == limit {
				break
			}
		}
	}
	return out
}

// find is the first file below the directory for which ok holds; empty if there
// is none. Directories of other people's code are left out.
func (d dirView) find(ok func(p string) bool) string {
	for _, p := range d.all() {
		if !foreign(p) && ok(p) {
			return p
		}
	}
	return ""
}

// foreignDirs hold other people's code.
var foreignDirs = regexp.MustCompile(`(?:^|/)(?:vendor|third[-_]?party|external|node_modules|\.[^/]+)/`)

func foreign(p string) bool { return foreignDirs.MatchString(p) }

// all lists the files below the directory, relative to it.
func (d dirView) all() []string {
	paths := d.tree.below(d.dir)
	if d.dir == "" {
		return paths
	}
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = p[len(d.dir)+1:]
	}
	return out
}

// directory is a file system as Files.
type directory struct{ fsys fs.FS }

// litter are directories that tools leave in a working tree.
var litter = map[string]bool{".git": true, ".hg": true, ".svn": true, "node_modules": true, ".venv": true, "venv": true, ".tox": true,
	".nox": true, "__pycache__": true, ".mypy_cache": true, ".pytest_cache": true, ".gradle": true, ".idea": true, ".cache": true}

// Paths lists the files.
func (d directory) Paths() ([]string, error) {
	var out []string
	err := fs.WalkDir(d.fsys, ".", func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && p == ".":
			return err
		case err != nil: // a directory that may not be read is none of ours
			return fs.SkipDir
		case e.IsDir() && litter[e.Name()]:
			return fs.SkipDir
		case e.IsDir():
			return nil
		case len(out) == MaxPaths:
			return fs.SkipAll
		}
		out = append(out, p)
		return nil
	})
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "the directory cannot be listed").WithHint("name one that this user may read").WithCause(err)
	}
	return out, nil
}

// Read reads the beginning of a file. Only plain files are read: a link may lead
// anywhere, and a pipe has no end.
func (d directory) Read(p string) ([]byte, error) {
	info, err := fs.Lstat(d.fsys, p)
	if err != nil || !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	f, err := d.fsys.Open(p)
	if err != nil {
		return nil, fs.ErrNotExist
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxRead))
	if err != nil {
		return nil, fs.ErrNotExist
	}
	return data, nil
}
