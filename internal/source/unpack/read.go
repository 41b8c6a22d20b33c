package unpack

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/weir-ci/weir"
)

// compressed unpacks a tar file in whatever head says it is compressed with.
func (t *tree) compressed(r io.Reader, head []byte) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var plain io.Reader = in
	var err error
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		plain, err = gzip.NewReader(in)
	case bytes.HasPrefix(head, []byte("BZh")):
		plain = bzip2.NewReader(in)
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		if err = checkXZ(in); err == nil {
			plain, err = xz.NewReader(in)
		}
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		var z *zstd.Decoder
		if z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)); err == nil {
			defer z.Close()
			plain = z
		}
	}
	if err != nil {
		return damaged(err)
	}
	return t.tar(plain)
}

// checkXZ refuses a dictionary that is over maxWindow: the decoder allocates
// what the first block asks for. That is the fifth byte of a block that has
// nothing but LZMA2, behind 12 bytes of stream header.
func checkXZ(in *bufio.Reader) error {
	const header, lzma2 = 12, 0x21
	b, err := in.Peek(header + 6)
	if err != nil {
		return err
	}
	block := b[header:]
	sizes := block[1]&0xc0 != 0 // then the place is another, which no common program writes for a first block
	bits := block[4]
	if sizes || block[2] != lzma2 {
		return nil
	}
	if size := (2 | uint64(bits&1)) << (bits/2 + 11); bits > 40 || size > maxWindow {
		return weir.Errorf(weir.TooLarge, "the archive wants over %d MiB of memory to be unpacked", maxWindow>>20).
			WithHint("pack it with a smaller dictionary, for example with: xz -9")
	}
	return nil
}

// tar unpacks a tar file.
func (t *tree) tar(plain io.Reader) error {
	r := tar.NewReader(&tarLimit{r: plain, left: t.bytes + int64(t.entries)*1024 + freeBytes})
	for first := true; ; first = false {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			if first {
				return damaged(err)
			}
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		if err := t.count(); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		name, err := t.place(h.Name)
		if err != nil {
			return err
		}
		if err := t.tarEntry(name, h, r); err != nil {
			return err
		}
	}
}

func (t *tree) tarEntry(name string, h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return t.dir(name)
	case tar.TypeReg:
		return t.file(name, h.Mode&0o111 != 0, h.ModTime, content)
	case tar.TypeSymlink:
		return t.link(name, h.Linkname)
	case tar.TypeLink:
		target, err := t.place(h.Linkname)
		if err != nil || target == "" || name == "" {
			return refused(h.Linkname)
		}
		t.links = append(t.links, link{name: name, target: target, hard: true})
		return nil
	}
	t.omit(h.Name, "it is neither a file nor a directory nor a link")
	return nil
}

// tarLimit ends a tar file that never ends: what lies between entries, and the
// extended headers, count for no file.
type tarLimit struct {
	r    io.Reader
	left int64
}

func (l *tarLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, weir.Errorf(weir.TooLarge, "the archive unpacks to too many bytes").WithHint("the limit is %d GiB", MaxUnpacked>>30)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// zip unpacks a zip file.
func (t *tree) zip(r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return damaged(err)
	}
	for _, f := range z.File {
		if err := t.count(); err != nil {
			return err
		}
		name, err := t.place(f.Name)
		if err != nil {
			return err
		}
		if err := t.zipEntry(name, f); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) zipEntry(name string, f *zip.File) error {
	mode := f.Mode()
	if mode.IsDir() || strings.HasSuffix(f.Name, "/") {
		return t.dir(name)
	}
	if !mode.IsRegular() && mode.Type() != fs.ModeSymlink {
		t.omit(f.Name, "it is neither a file nor a directory nor a link")
		return nil
	}
	content, err := f.Open()
	if err != nil {
		return damaged(err)
	}
	defer content.Close()
	if mode.IsRegular() {
		return t.file(name, mode&0o111 != 0, f.Modified, content)
	}
	target, err := io.ReadAll(io.LimitReader(content, MaxPath+1))
	if err != nil {
		return damaged(err)
	}
	return t.link(name, string(target))
}
