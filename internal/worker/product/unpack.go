package product

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// maxWindow limits the memory that a hostile zstd stream can ask for, in bytes.
const maxWindow = 64 << 20

// Unpack reads what Pack wrote and builds the tree below dir, an existing
// empty directory. r may come from anybody: nothing is ever written outside of
// dir, and names that leave it, links that leave it, entries that come twice
// and anything but files, directories and links are Invalid; too much of it is
// TooLarge. What was unpacked before an error stays for the caller to remove.
func Unpack(r io.Reader, dir string) (Stats, error) {
	return unpack(r, dir, Stats{Entries: MaxEntries, Bytes: MaxUnpacked})
}

func unpack(r io.Reader, dir string, limit Stats) (Stats, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Stats{}, err
	}
	defer root.Close()
	zr, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return Stats{}, corrupt(err)
	}
	defer zr.Close()
	u := unpacker{root: root, tar: tar.NewReader(zr), limit: limit}
	for {
		h, err := u.tar.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u.stats, corrupt(err)
		}
		if err := u.entry(h); err != nil {
			return u.stats, err
		}
	}
	// The rest must be read for the digest, and may hide a bomb.
	if n, err := io.Copy(io.Discard, io.LimitReader(zr, maxWindow)); err != nil {
		return u.stats, corrupt(err)
	} else if n == maxWindow {
		return u.stats, weir.Errorf(weir.Invalid, "the product has more behind its end than before it")
	}
	return u.stats, u.finish()
}

type unpacker struct {
	root  *os.Root
	tar   *tar.Reader
	limit Stats
	stats Stats
	links []string
	dirs  []string
}

func (u *unpacker) entry(h *tar.Header) error {
	if u.stats.Entries++; u.stats.Entries > u.limit.Entries {
		return weir.Errorf(weir.TooLarge, "the product has more than %d entries", u.limit.Entries)
	}
	name := h.Name
	if h.Typeflag == tar.TypeDir {
		name = strings.TrimSuffix(name, "/")
	}
	if !fs.ValidPath(name) || name == "." || len(name) > MaxPath || !filepath.IsLocal(filepath.FromSlash(name)) ||
		strings.Contains(name, "\x00") {
		return weir.Errorf(weir.Invalid, "the product has an entry named %.200q", h.Name)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		u.dirs = append(u.dirs, name)
		return u.once(name, u.root.Mkdir(name, 0o755))
	case tar.TypeReg:
		return u.file(name, h)
	case tar.TypeSymlink:
		if !localLink(name, h.Linkname) {
			return outside(name, h.Linkname)
		}
		u.links = append(u.links, name)
		return u.once(name, u.root.Symlink(h.Linkname, name))
	}
	return weir.Errorf(weir.Invalid, "the entry %.200q of the product is of the kind %q", name, h.Typeflag).
		WithHint("products are made of files, directories and links")
}

func (u *unpacker) file(name string, h *tar.Header) error {
	if u.stats.Bytes += h.Size; h.Size < 0 || u.stats.Bytes > u.limit.Bytes {
		return weir.Errorf(weir.TooLarge, "the product has more than %d bytes of files", u.limit.Bytes)
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	// O_EXCL: a link that was unpacked before must not be written through.
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return u.once(name, err)
	}
	src := &sourceError{r: u.tar}
	_, err = io.Copy(f, src)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	switch {
	case src.err != nil:
		return corrupt(src.err)
	case err != nil:
		return err
	}
	return u.settle(name, mode)
}

// settle gives an entry its final attributes, independent of the umask.
func (u *unpacker) settle(name string, mode fs.FileMode) error {
	if err := u.root.Chmod(name, mode); err != nil {
		return err
	}
	return u.root.Chtimes(name, epoch, epoch)
}

// once explains the errors of making an entry that only a wrong archive has.
func (u *unpacker) once(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return weir.Errorf(weir.Invalid, "the product has the entry %.200q twice", name)
	case errors.Is(err, fs.ErrNotExist):
		return weir.Errorf(weir.Invalid, "the product has no directory for its entry %.200q", name)
	}
	return err
}

// finish follows every link, because one that looks local may leave through
// another one, and sets the attributes of directories, the deepest first.
func (u *unpacker) finish() error {
	for _, name := range u.links {
		if _, err := u.root.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			target, _ := u.root.Readlink(name)
			return outside(name, path.Clean(target)).WithCause(err)
		}
	}
	for i := len(u.dirs) - 1; i >= 0; i-- {
		if err := u.settle(u.dirs[i], 0o755); err != nil {
			return err
		}
	}
	return nil
}

func corrupt(err error) *weir.Error {
	e := weir.Errorf(weir.Invalid, "the product is damaged").WithCause(err)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		e.Message = "the product ends in the middle"
	}
	return e
}

// sourceError tells errors of reading from errors of writing.
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
