// Package unpack builds a tree of files out of an archive that somebody else
// made: tar, plain or in gzip, bzip2, xz or zstd, and zip.
//
// What an archive is, its first bytes say, never its name. Nothing is written
// outside of the directory it is unpacked into: names that lead out of it are
// refused; links that lead out of it, and what is neither file, directory nor link,
// are left out, and the log says so. Links are made when all files are there, so
// that nothing is ever written through one. Limits hold on the number of entries, on
// the bytes of all files, and on how much larger than the archive they may be
// (MaxRatio): an archive of a few kilobytes can hold petabytes of zeros.
//
// Files keep their times, because build systems such as make and autoconf
// compare them, and of their modes only whether they are executable.
//
// Errors are those of the port (package source): Invalid for an archive that is
// damaged or refused, TooLarge over a limit, Exhausted on a full disk.
package unpack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/weir-ci/weir"
)

// Limits of what one archive may hold, where Options name no lower ones.
const (
	MaxEntries  = 500_000 // files, directories, links, and what is left out
	MaxUnpacked = 8 << 30 // bytes of all files together
	MaxPath     = 4 << 10 // bytes of one name, and of what a link leads to
	MaxRatio    = 250     // bytes of files for each byte of the archive, over freeBytes
	freeBytes   = 64 << 20
	maxWindow   = 128 << 20 // bytes that a decompressor may remember
	maxOmitted  = 10        // lines in the log about what was left out
)

// Strip says what becomes of the directories at the top of an archive.
type Strip int

// The ways to strip.
const (
	StripNothing Strip = iota // everything keeps its name
	StripSingle               // if all lies in one directory, that is left away
	StripFirst                // the first element of each name is left away
)

// Options say how an archive is unpacked. The zero value is ready to use.
type Options struct {
	Strip Strip
	Log   io.Writer // gets a line for what is left out; may be nil
	// Entries and Bytes replace MaxEntries and MaxUnpacked if they are lower; 0: not.
	Entries int
	Bytes   int64
	// Free is how many bytes of files any archive may have, however small it is;
	// 0: 64 MiB. MaxRatio counts over them.
	Free int64
}

// Into unpacks the archive in the file packed below dir, an existing empty
// directory. After an error whatever was written stays for the caller to remove.
func Into(ctx context.Context, packed *os.File, dir string, o Options) error {
	info, err := packed.Stat()
	if err != nil {
		return unusable(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return unusable(err)
	}
	defer root.Close()
	t := &tree{ctx: ctx, root: root, strip: o.Strip, log: o.Log, entries: MaxEntries, bytes: MaxUnpacked}
	if o.Entries > 0 {
		t.entries = min(t.entries, o.Entries)
	}
	if o.Bytes > 0 {
		t.bytes = min(t.bytes, o.Bytes)
	}
	free := int64(freeBytes)
	if o.Free > 0 {
		free = o.Free
	}
	if ratio := free + info.Size()*MaxRatio; ratio < t.bytes {
		t.bytes, t.ratio = ratio, true
	}
	head := make([]byte, 6)
	n, err := packed.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return unusable(err)
	}
	if bytes.HasPrefix(head[:n], []byte("PK")) {
		err = t.zip(packed, info.Size())
	} else {
		err = t.compressed(io.NewSectionReader(packed, 0, info.Size()), head[:n])
	}
	if err == nil {
		err = t.finish()
	}
	return err
}

// tree is what is unpacked so far.
type tree struct {
	ctx     context.Context
	root    *os.Root
	strip   Strip
	log     io.Writer
	entries int   // that may still come
	bytes   int64 // that may still come
	ratio   bool  // bytes comes from the archive's size
	links   []link
	omitted int
}

// link is one that is made at the end.
type link struct {
	name, target string
	hard         bool
}

// count takes an entry off the limit.
func (t *tree) count() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if t.entries--; t.entries < 0 {
		return weir.Errorf(weir.TooLarge, "the archive has too many entries").WithHint("the limit is %d", MaxEntries)
	}
	return nil
}

// place makes a name of the archive into one below the root. An empty name
// means that there is nothing to make.
func (t *tree) place(name string) (string, error) {
	if len(name) > MaxPath || strings.ContainsRune(name, 0) || strings.HasPrefix(name, "/") || strings.Contains(name, `\`) {
		return "", refused(name)
	}
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", refused(name)
	}
	name = path.Clean(name)
	if t.strip == StripFirst {
		_, name, _ = strings.Cut(name, "/")
	}
	if name == "." || name == "" {
		return "", nil
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", refused(name)
	}
	return name, nil
}

func refused(name string) error {
	return weir.Errorf(weir.Invalid, "the archive has an entry named %.200q, which is refused", name).
		WithHint("names must stay inside of the directory that the archive is unpacked into")
}

// dir makes a directory.
func (t *tree) dir(name string) error {
	if name == "" {
		return nil
	}
	if err := t.root.MkdirAll(name, 0o755); err != nil {
		return made(name, err)
	}
	return nil
}

// file writes a file. Of one that comes twice the later counts, as in tar.
func (t *tree) file(name string, executable bool, modified time.Time, content io.Reader) error {
	if name == "" {
		return refused("/")
	}
	if dir := path.Dir(name); dir != "." {
		if err := t.dir(dir); err != nil {
			return err
		}
	}
	mode := fs.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	f, err := t.root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return made(name, err)
	}
	src := &reader{ctx: t.ctx, r: content}
	n, err := io.Copy(f, io.LimitReader(src, t.bytes+1))
	t.bytes -= n
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	switch {
	case src.err != nil:
		return damaged(src.err)
	case err != nil:
		return made(name, err)
	case t.bytes < 0 && t.ratio:
		return weir.Errorf(weir.TooLarge, "the archive unpacks to over %d times its size", MaxRatio).
			WithHint("such archives are made to fill disks; nothing of it was kept")
	case t.bytes < 0:
		return weir.Errorf(weir.TooLarge, "the archive unpacks to too many bytes").WithHint("the limit is %d GiB", MaxUnpacked>>30)
	}
	if err := t.root.Chmod(name, mode); err != nil {
		return made(name, err)
	}
	if modified.Unix() <= 0 {
		return nil
	}
	if err := t.root.Chtimes(name, modified, modified); err != nil {
		return made(name, err)
	}
	return nil
}

// omit says that an entry is left out.
func (t *tree) omit(name, why string) {
	t.omitted++
	if t.log != nil && t.omitted <= maxOmitted {
		_, _ = fmt.Fprintf(t.log, "left out %.200q: %s\n", name, why)
	}
}

// reader remembers an error of the archive's, to tell it from one of the disk's,
// and ends when the context does.
type reader struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		r.err = err
		return 0, err
	}
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// damaged makes an error of one that came out of the archive.
func damaged(err error) error {
	var known *weir.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return weir.Errorf(weir.Invalid, "the archive is damaged, or of a kind that is not read here").WithCause(err).
		WithHint("read are zip, and tar, also in gzip, bzip2, xz and zstd")
}

// made makes an error of one that came from making an entry.
func made(name string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return unusable(err)
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return weir.Errorf(weir.Invalid, "the archive has %.200q both as a directory and as something else", name).WithCause(err)
	}
	return weir.Errorf(weir.Invalid, "the archive's entry %.200q cannot be made here", name).WithCause(err)
}

// unusable makes an error of one that this machine is to blame for.
func unusable(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return weir.Errorf(weir.Exhausted, "no space left for unpacking an archive").WithHint("make room on the disk").WithCause(err)
	}
	return weir.Errorf(weir.Internal, "an archive cannot be read back from the disk").WithCause(err)
}
