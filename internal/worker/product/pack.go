package product

import (
	"archive/tar"
	"errors"
	"fmt"
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

// epoch is the time of everything in a product, so that equal trees have equal
// digests. It is the earliest that zip files can hold, which some installers make.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Pack writes the tree below dir to w. Equal trees give equal bytes: entries
// are sorted, and of a file's attributes only its content and whether it is
// executable are kept.
//
// Links are kept if they lead to a place below dir; an absolute target is made
// relative. Links that lead elsewhere, devices, sockets and pipes are Invalid;
// more than MaxEntries or MaxUnpacked is TooLarge.
func Pack(dir string, w io.Writer) (Stats, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Stats{}, err
	}
	defer root.Close()
	// One goroutine only: with more, where blocks end could depend on timing.
	zw, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return Stats{}, err
	}
	p := packer{dir: dir, root: root, tar: tar.NewWriter(zw)}
	err = fs.WalkDir(root.FS(), ".", p.add)
	if err == nil {
		err = p.tar.Close()
	}
	if closeErr := zw.Close(); err == nil {
		err = closeErr
	}
	return p.stats, err
}

type packer struct {
	dir   string
	root  *os.Root
	tar   *tar.Writer
	stats Stats
}

func (p *packer) add(name string, d fs.DirEntry, err error) error {
	if err != nil || name == "." {
		return err
	}
	p.stats.Entries++
	if p.stats.Entries > MaxEntries {
		return weir.Errorf(weir.TooLarge, "the product has more than %d files", MaxEntries)
	}
	if len(name) > MaxPath {
		return weir.Errorf(weir.Invalid, "the path %.80q... in the product is longer than %d bytes", name, MaxPath)
	}
	h := &tar.Header{Name: name, ModTime: epoch, Format: tar.FormatPAX, Mode: 0o755}
	switch d.Type() {
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		return p.tar.WriteHeader(h)
	case fs.ModeSymlink:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = p.target(name); err != nil {
			return err
		}
		return p.tar.WriteHeader(h)
	case 0:
		return p.file(h)
	}
	return weir.Errorf(weir.Invalid, "%s in the product is a %s, which cannot be handed down", name, kind(d.Type())).
		WithHint("products are made of files, directories and links")
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
	if info.Mode()&0o111 == 0 {
		h.Mode = 0o644
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if p.stats.Bytes += h.Size; p.stats.Bytes > MaxUnpacked {
		return weir.Errorf(weir.TooLarge, "the product has more than %d GiB of files", MaxUnpacked>>30)
	}
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.CopyN(p.tar, f, h.Size); err != nil {
		if errors.Is(err, io.EOF) {
			return weir.Errorf(weir.Conflict, "%s became shorter while it was packed", h.Name).
				WithHint("something still writes into the product; let the steps wait for it")
		}
		return err
	}
	return nil
}

// target reads a link and returns its target relative to the link.
func (p *packer) target(name string) (string, error) {
	target, err := p.root.Readlink(name)
	if err != nil {
		return "", err
	}
	if filepath.IsAbs(target) {
		rel, err := filepath.Rel(p.dir, target)
		if err != nil || !filepath.IsLocal(rel) {
			return "", outside(name, target)
		}
		if rel, err = filepath.Rel(filepath.FromSlash(path.Dir(name)), rel); err != nil {
			return "", outside(name, target)
		}
		return filepath.ToSlash(rel), nil
	}
	target = filepath.ToSlash(target)
	if !localLink(name, target) {
		return "", outside(name, target)
	}
	return target, nil
}

// localLink reports whether a link's target lies below the root by its
// spelling. Unpack follows it as well, since links may lead through links.
func localLink(name, target string) bool {
	return target != "" && len(target) <= MaxPath && !path.IsAbs(target) &&
		!strings.ContainsAny(target, "\x00") &&
		filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), target)))
}

func outside(name, target string) *weir.Error {
	return weir.Errorf(weir.Invalid, "the link %.200s in the product leads to %.200s, outside of it", name, target).
		WithHint("copy the file into the product instead: users of the product may run on another machine")
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	}
	return fmt.Sprintf("special file (%v)", m)
}
