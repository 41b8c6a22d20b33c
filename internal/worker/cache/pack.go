package cache

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// Limits on one part of a cache.
const (
	MaxEntries  = 2_000_000
	MaxUnpacked = 64 << 30 // bytes of files
	maxLink     = 4 << 10  // bytes of a link's target
	maxWindow   = 64 << 20 // memory that an archive can ask for, in bytes
)

// Stats says how much there was.
type Stats struct {
	Entries int
	Bytes   int64
}

// pack writes what lies at name below root. Unlike products, caches keep times,
// which build tools compare, and links as they are, wherever they lead. What is
// neither file nor directory nor link is left out.
func pack(ctx context.Context, w io.Writer, root *os.Root, name string) (Stats, error) {
	zw, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return Stats{}, err
	}
	p := packer{ctx: ctx, root: root, tar: tar.NewWriter(zw)}
	info, err := root.Lstat(name)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 { // a walk would begin behind it
		err = p.add(name, fs.FileInfoToDirEntry(info), nil)
	} else if err == nil {
		err = fs.WalkDir(root.FS(), name, p.add)
	}
	if err == nil {
		err = p.tar.Close()
	}
	if closeErr := zw.Close(); err == nil {
		err = closeErr
	}
	return p.stats, err
}

type packer struct {
	ctx   context.Context
	root  *os.Root
	tar   *tar.Writer
	stats Stats
}

func (p *packer) add(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if p.stats.Entries++; p.stats.Entries > MaxEntries {
		return weir.Errorf(weir.TooLarge, "there are more than %d entries", MaxEntries)
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, ModTime: info.ModTime(), Format: tar.FormatPAX, Mode: int64(info.Mode().Perm())}
	switch d.Type() {
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		return p.tar.WriteHeader(h)
	case fs.ModeSymlink:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = p.root.Readlink(name); err != nil {
			return err
		}
		return p.tar.WriteHeader(h)
	case 0:
		return p.file(h)
	}
	return nil
}

func (p *packer) file(h *tar.Header) error {
	f, err := p.root.Open(h.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if p.stats.Bytes += h.Size; p.stats.Bytes > MaxUnpacked {
		return weir.Errorf(weir.TooLarge, "there is more than %d GiB", MaxUnpacked>>30)
	}
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(p.tar, f, h.Size)
	return err
}

// unpack builds what pack wrote at name below root, where nothing is. Nothing
// that the archive says makes it write elsewhere.
func unpack(ctx context.Context, r io.Reader, root *os.Root, name string) (Stats, error) {
	zr, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return Stats{}, damaged(err)
	}
	defer zr.Close()
	u := unpacker{root: root, name: name, tar: tar.NewReader(zr)}
	for {
		if err := ctx.Err(); err != nil {
			return u.stats, err
		}
		h, err := u.tar.Next()
		if errors.Is(err, io.EOF) {
			return u.stats, u.finish()
		}
		if err != nil {
			return u.stats, damaged(err)
		}
		if err := u.entry(h); err != nil {
			return u.stats, err
		}
	}
}

func damaged(err error) error {
	return weir.Errorf(weir.Invalid, "what was cached is damaged").WithCause(err)
}

type unpacker struct {
	root  *os.Root
	name  string
	tar   *tar.Reader
	stats Stats
	dirs  []*tar.Header
}

func (u *unpacker) entry(h *tar.Header) error {
	name := strings.TrimSuffix(h.Name, "/")
	if name != u.name && !strings.HasPrefix(name, u.name+"/") || !fs.ValidPath(name) || strings.Contains(name, "\x00") ||
		!filepath.IsLocal(filepath.FromSlash(name)) {
		return weir.Errorf(weir.Invalid, "what was cached has an entry %.200q", h.Name)
	}
	if u.stats.Entries++; u.stats.Entries > MaxEntries {
		return weir.Errorf(weir.Invalid, "what was cached has more than %d entries", MaxEntries)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		u.dirs = append(u.dirs, h)
		return u.root.Mkdir(name, 0o755)
	case tar.TypeSymlink:
		if len(h.Linkname) > maxLink {
			return weir.Errorf(weir.Invalid, "what was cached has a link that is too long")
		}
		return u.root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		return u.file(name, h)
	}
	return weir.Errorf(weir.Invalid, "what was cached has an entry of the kind %q", h.Typeflag)
}

func (u *unpacker) file(name string, h *tar.Header) error {
	if u.stats.Bytes += h.Size; h.Size < 0 || u.stats.Bytes > MaxUnpacked {
		return weir.Errorf(weir.Invalid, "what was cached has more than %d GiB", MaxUnpacked>>30)
	}
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	source := &sourceError{r: u.tar}
	_, err = io.Copy(f, source)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if source.err != nil {
		return damaged(source.err)
	}
	if err != nil {
		return err
	}
	return u.settle(name, h)
}

// settle gives an entry its rights and its time.
func (u *unpacker) settle(name string, h *tar.Header) error {
	if err := u.root.Chmod(name, fs.FileMode(h.Mode).Perm()|0o400); err != nil { //nolint:gosec // nine bits are used
		return err
	}
	return u.root.Chtimes(name, time.Time{}, h.ModTime)
}

// finish gives directories their rights and times, the deepest first.
func (u *unpacker) finish() error {
	for i := len(u.dirs) - 1; i >= 0; i-- {
		if err := u.settle(path.Clean(u.dirs[i].Name), u.dirs[i]); err != nil {
			return err
		}
	}
	return nil
}

// sourceError remembers an error of the reader, to tell it from the writer's.
type sourceError struct {
	r   io.Reader
	err error
}

func (s *sourceError) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// bounded stops when too much was written.
type bounded struct {
	w    io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, weir.Errorf(weir.TooLarge, "it is larger than all caches of this worker may be")
	}
	return b.w.Write(p)
}
