package gomod

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/weir-ci/weir"
)

// Checkout implements source.Checkouter. The files come writable from the
// module's zip, which the go command keeps in its cache after checking it
// against the checksum database as the user has set that up.
func (m *Modules) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	if log == nil {
		log = io.Discard
	}
	s, err := m.schemeOf(src)
	if err == nil {
		err = s.check(revision)
	}
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		return weir.Errorf(weir.Conflict, "the directory %s for the checkout is not an empty directory", filepath.Base(dir)).
			WithHint("check out into a new directory").WithCause(err)
	}
	archive, err := m.download(ctx, s, src, revision, log)
	if err != nil {
		return err
	}
	what := s.query(revision)
	err = zip.Unzip(dir, module.Version{Path: src.Location, Version: what[strings.LastIndex(what, "@")+1:]}, archive)
	if err == nil {
		err = finish(ctx, dir, src.Location == toolchainPath)
	}
	if err != nil {
		err = errors.Join(err, clearDir(dir))
		if errors.Is(err, syscall.ENOSPC) {
			return reading(ctx, src, err, noSpace)
		}
		if ctx.Err() != nil {
			return reading(ctx, src, err, "")
		}
		return weir.Errorf(weir.Internal, "the zip of %s@%s cannot be unpacked", src.Location, revision).
			WithHint("go clean -modcache removes it, and it is fetched again").WithCause(err)
	}
	_, _ = fmt.Fprintf(log, "checked out %s@%s\n", src.Location, revision)
	return nil
}

// download has the go command bring a version into its cache, and says where
// its zip is.
func (m *Modules) download(ctx context.Context, s scheme, src weir.Source, revision string, log io.Writer) (string, error) {
	out, err := m.run(ctx, log, "mod", "download", "-json", s.query(revision))
	var answer struct {
		Zip, Sum string
		Error    errText
	}
	text := ""
	if len(out) > 0 && json.Unmarshal(out, &answer) == nil && ctx.Err() == nil {
		text = string(answer.Error)
	}
	switch {
	case answer.Zip != "" && answer.Sum != "" && (text == "" || strings.Contains(text, "requires go >= ")):
		// What is too new for this go command is downloaded and checked all
		// the same; a newer Go may be what it is to be tested with.
		return answer.Zip, nil
	case strings.Contains(text, "checksum mismatch"):
		return "", weir.Errorf(weir.Invalid, "%s@%s is not what it was before: checksum mismatch", src.Location, revision).
			WithHint("go mod download %s says more", s.query(revision)).WithCause(err)
	case text != "":
		return "", missing(ctx, src, answer.Error)
	}
	return "", reading(ctx, src, err, "")
}

// finish makes unpacked files writable. A toolchain needs two things more, as
// in the go command: its zip marks no file executable, and has each go.mod
// under the name _go.mod.
func finish(ctx context.Context, dir string, toolchain bool) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if toolchain && executable(filepath.ToSlash(name)) {
			mode = 0o755
		}
		if err := os.Chmod(file, mode); err != nil || !toolchain || d.Name() != "_go.mod" {
			return err
		}
		return os.Rename(file, filepath.Join(filepath.Dir(file), "go.mod"))
	})
}

// executable reports whether a toolchain's file is a program.
func executable(name string) bool {
	wrapper, _ := path.Match("go_?*_?*_exec", path.Base(name))
	return strings.HasPrefix(name, "bin/") || strings.HasPrefix(name, "pkg/tool/") || strings.HasPrefix(name, "lib/") && wrapper
}

// clearDir empties dir.
func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
