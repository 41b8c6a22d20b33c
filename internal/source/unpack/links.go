package unpack

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
)

// link remembers a symbolic link for the end.
func (t *tree) link(name, target string) error {
	switch {
	case name == "":
		return refused("/")
	case target == "" || len(target) > MaxPath || strings.ContainsRune(target, 0):
		t.omit(name, "it is a link that leads nowhere")
		return nil
	}
	t.links = append(t.links, link{name: name, target: target})
	return nil
}

// finish leaves away the one directory at the top, and makes the links.
func (t *tree) finish() error {
	top, err := t.top()
	if err != nil {
		return err
	}
	if top != "" {
		if err := t.lift(top); err != nil {
			return err
		}
		prefix := top + "/"
		for i := range t.links {
			l := &t.links[i]
			l.name = strings.TrimPrefix(l.name, prefix)
			if l.hard {
				l.target = strings.TrimPrefix(l.target, prefix)
			}
		}
	}
	for _, l := range t.links {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		if err := t.makeLink(l); err != nil {
			return err
		}
	}
	t.recheck()
	return nil
}

// top is the one directory at the top, if that is to be stripped and all, links
// too, lies in it.
func (t *tree) top() (string, error) {
	if t.strip != StripSingle {
		return "", nil
	}
	list, err := t.root.Open(".")
	if err != nil {
		return "", unusable(err)
	}
	defer list.Close()
	entries, err := list.ReadDir(-1)
	if err != nil {
		return "", unusable(err)
	}
	if len(entries) != 1 || !entries[0].IsDir() {
		return "", nil
	}
	name := entries[0].Name()
	for _, l := range t.links {
		if !strings.HasPrefix(l.name, name+"/") || l.hard && !strings.HasPrefix(l.target, name+"/") {
			return "", nil
		}
	}
	return name, nil
}

// lift moves what lies in the directory top one up. top itself makes way first,
// because something in it may have its name.
func (t *tree) lift(top string) error {
	dir, err := t.root.Open(top)
	if err != nil {
		return unusable(err)
	}
	names, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		return unusable(err)
	}
	taken := map[string]bool{}
	for _, n := range names {
		taken[n] = true
	}
	aside := ".unpacked"
	for taken[aside] {
		aside += "_"
	}
	if err := t.root.Rename(top, aside); err != nil {
		return unusable(err)
	}
	for _, n := range names {
		if err := t.root.Rename(aside+"/"+n, n); err != nil {
			return unusable(err)
		}
	}
	if err := t.root.Remove(aside); err != nil {
		return unusable(err)
	}
	return nil
}

func (t *tree) makeLink(l link) error {
	if dir := path.Dir(l.name); dir != "." {
		if err := t.dir(dir); err != nil {
			return err
		}
	}
	if l.hard {
		if info, err := t.root.Lstat(l.target); err != nil || !info.Mode().IsRegular() {
			t.omit(l.name, "it is a link to no file of the archive")
			return nil
		}
		return t.remake(l.name, func() error { return t.root.Link(l.target, l.name) })
	}
	if !inside(l.name, l.target) {
		t.omit(l.name, "it is a link that leads outside")
		return nil
	}
	err := t.remake(l.name, func() error { return t.root.Symlink(filepath.FromSlash(l.target), l.name) })
	if err != nil && weir.CodeOf(err) != weir.Exhausted && os.PathSeparator == '\\' {
		t.omit(l.name, "this machine makes no links")
		return nil
	}
	return err
}

// remake makes a link, in the place of an earlier file of that name if there is
// one, as tar does.
func (t *tree) remake(name string, link func() error) error {
	err := link()
	if errors.Is(err, fs.ErrExist) {
		if info, statErr := t.root.Lstat(name); statErr == nil && !info.IsDir() {
			if err = t.root.Remove(name); err == nil {
				err = link()
			}
		}
	}
	if err != nil {
		return made(name, err)
	}
	return nil
}

// inside reports whether a link's words stay inside. What they lead through is
// checked when all links are there.
func inside(name, target string) bool {
	if path.IsAbs(target) || filepath.IsAbs(target) || strings.ContainsAny(target, `\`) || filepath.VolumeName(target) != "" {
		return false
	}
	joined := path.Join(path.Dir(name), target)
	return joined == "." || filepath.IsLocal(filepath.FromSlash(joined))
}

// recheck removes links that lead outside through other links.
func (t *tree) recheck() {
	for _, l := range t.links {
		if l.hard {
			continue
		}
		if _, err := t.root.Stat(l.name); err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if t.root.Remove(l.name) == nil {
			t.omit(l.name, "it is a link that leads outside, or in a circle")
		}
	}
}
