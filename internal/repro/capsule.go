package repro

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// A capsule is a tar file in zstd: first manifest.json, then the files that it
// names, each a plain file with a number for a name.
const (
	manifestName = "manifest.json"
	maxManifest  = 256 << 20 // bytes
	maxFiles     = 2 * MaxRecipes
	// MaxSource limits the source of one project in a capsule, in bytes.
	MaxSource = 4 << 30
	// MaxCapsule limits the files of a capsule together, in bytes.
	MaxCapsule = 16 << 30
	maxWindow  = 64 << 20 // memory that a hostile stream can ask for, in bytes
)

// manifest is what a capsule holds.
type manifest struct {
	Case Case `json:"case"`
	// Files are the sources and products, in the order in which they follow.
	Files []file `json:"files"`
}

// file is a source or a product in a capsule.
type file struct {
	Name   string      `json:"name"` // in the capsule
	Size   int64       `json:"size"`
	Digest weir.Digest `json:"digest"`
	// Product is set for a product: the build that made it.
	Product weir.BuildID `json:"product,omitempty"`
	// Source and Revision are set for a source, with its form.
	Source   *sourceName `json:"source,omitempty"`
	Revision string      `json:"revision,omitempty"`
	Form     sourceForm  `json:"form,omitempty"`
	path     string      // on this machine
}

// Capsule is a capsule that was opened: its files lie in a directory.
type Capsule struct {
	Case  Case
	files []file
	inner Checkouter
	dir   string
}

// Save makes a capsule of the lab's case and writes it to w. What it needs on the
// way lies in the lab's directory. If a product cannot be had, or the lab is to
// rebuild, the sources of the upstreams go in instead. progress is told what is
// being fetched.
func Save(ctx context.Context, l *Lab, w io.Writer, progress io.Writer) error {
	p := packer{lab: l, progress: progress, seen: map[weir.BuildID]bool{}}
	for _, t := range l.Case.Trials {
		if err := p.build(ctx, t.Build); err != nil {
			return err
		}
	}
	return p.write(ctx, w)
}

type packer struct {
	lab      *Lab
	progress io.Writer
	seen     map[weir.BuildID]bool
	files    []file
	total    int64
}

// build takes in all that a build needs.
func (p *packer) build(ctx context.Context, id weir.BuildID) error {
	if p.seen[id] {
		return nil
	}
	p.seen[id] = true
	r := p.lab.Case.Recipes[id]
	if err := p.source(ctx, r.Spec); err != nil {
		return err
	}
	for _, in := range r.Spec.Inputs {
		need, ok := r.Needs[in.Project]
		if in.Product.Digest == "" || !ok || p.seen[need] {
			continue
		}
		have := false
		if !p.lab.Rebuild {
			var err error
			if have, err = p.lab.Supply.HasProduct(ctx, need); err != nil {
				return err
			}
		}
		if !have {
			if err := p.build(ctx, need); err != nil {
				return err
			}
			continue
		}
		p.seen[need] = true
		fmt.Fprintf(p.progress, "fetching the product of %s, build %d\n", in.Project, need)
		if err := p.product(ctx, need, in.Product.Digest); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) product(ctx context.Context, id weir.BuildID, want weir.Digest) error {
	content, err := p.lab.Supply.OpenProduct(ctx, id)
	if err != nil {
		return err
	}
	defer content.Close()
	return p.add(file{Product: id, Digest: want}, content, protocol.MaxProduct)
}

// source takes in a project at its revision.
func (p *packer) source(ctx context.Context, spec weir.Spec) error {
	if spec.Source.Kind == weir.None {
		return nil
	}
	for _, f := range p.files {
		if f.Source != nil && *f.Source == nameOf(spec.Source) && f.Revision == spec.Revision {
			return nil
		}
	}
	fmt.Fprintf(p.progress, "checking out %s at %s\n", spec.Project, weir.ShortRevision(spec.Revision))
	path, form, err := packSource(ctx, p.lab.Runner.Checkout, spec, filepath.Join(p.lab.Dir, fmt.Sprintf("source-%d", len(p.files))))
	if err != nil {
		return err
	}
	content, err := os.Open(path)
	if err != nil {
		return err
	}
	defer content.Close()
	src := nameOf(spec.Source)
	return p.add(file{Source: &src, Revision: spec.Revision, Form: form}, content, MaxSource)
}

// add copies a file into the lab's directory and sums it up.
func (p *packer) add(f file, content io.Reader, limit int64) error {
	f.Name = fmt.Sprint(len(p.files) + 1)
	f.path = filepath.Join(p.lab.Dir, "file-"+f.Name)
	out, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	f.Size, err = io.Copy(io.MultiWriter(out, sum), io.LimitReader(content, limit+1))
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	p.total += f.Size
	got := weir.DigestOfSum(sum.Sum(nil))
	switch {
	case err != nil:
		return weir.Errorf(weir.Unavailable, "the capsule cannot be filled: %w", err)
	case f.Size > limit || p.total > MaxCapsule:
		return weir.Errorf(weir.TooLarge, "the capsule would be larger than %d GiB", MaxCapsule>>30)
	case f.Digest != "" && f.Digest != got:
		return weir.Errorf(weir.Invalid, "the product %s arrived as %s", f.Digest.Short(), got.Short()).
			WithHint("the server's copy is damaged; try --rebuild")
	}
	f.Digest = got
	p.files = append(p.files, f)
	return nil
}

func (p *packer) write(ctx context.Context, w io.Writer) error {
	zw, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	tw := tar.NewWriter(zw)
	data, err := json.MarshalIndent(manifest{p.lab.Case, p.files}, "", "  ")
	if err == nil {
		err = entry(tw, manifestName, int64(len(data)), bytes.NewReader(data))
	}
	for _, f := range p.files {
		if err == nil {
			err = p.copy(ctx, tw, f)
		}
	}
	return errors.Join(err, tw.Close(), zw.Close())
}

func (p *packer) copy(ctx context.Context, tw *tar.Writer, f file) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	content, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer content.Close()
	return entry(tw, f.Name, f.Size, content)
}

func entry(tw *tar.Writer, name string, size int64, content io.Reader) error {
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.CopyN(tw, content, size)
	return err
}

// Open reads a capsule and lays its files into dir, an existing empty directory.
// r may come from anybody: nothing is written but the files that the manifest
// names, as 1, 2, 3 and so on, and each must be as large as the manifest says and
// have its digest. Invalid, TooLarge or Unsupported says what is wrong. inner
// checks out what the capsule's sources hold.
func Open(r io.Reader, dir string, inner Checkouter) (*Capsule, error) {
	zr, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, damaged(err)
	}
	defer zr.Close()
	tr := tar.NewReader(zr)
	h, err := tr.Next()
	if err != nil {
		return nil, damaged(err)
	}
	if h.Name != manifestName || h.Typeflag != tar.TypeReg || h.Size > maxManifest {
		return nil, damaged(fmt.Errorf("begins with %.80q", h.Name))
	}
	var m manifest
	if err := json.NewDecoder(io.LimitReader(tr, h.Size)).Decode(&m); err != nil {
		return nil, damaged(err)
	}
	if err := check(m.Case); err != nil {
		return nil, err
	}
	if err := checkFiles(m); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for i := range m.Files {
		f := &m.Files[i]
		h, err := tr.Next()
		if err != nil {
			return nil, damaged(err)
		}
		if h.Name != f.Name || h.Typeflag != tar.TypeReg || h.Size != f.Size {
			return nil, damaged(fmt.Errorf("has %.80q where %s is due", h.Name, f.Name))
		}
		if err := unpackFile(root, f, tr); err != nil {
			return nil, err
		}
		f.path = filepath.Join(dir, f.Name)
	}
	return &Capsule{Case: m.Case, files: m.Files, inner: inner, dir: dir}, nil
}

// checkFiles makes sure that what follows is as many files, and as large, as
// capsules may have.
func checkFiles(m manifest) error {
	var total int64
	if len(m.Files) > maxFiles {
		return odd("has %d files", len(m.Files))
	}
	for i, f := range m.Files {
		limit := int64(protocol.MaxProduct)
		if f.Source != nil {
			limit = MaxSource
		}
		if f.Size < 0 || f.Size > limit {
			return odd("has a file of %d bytes", f.Size)
		}
		if total += f.Size; total > MaxCapsule {
			return odd("has files of more than %d GiB", MaxCapsule>>30)
		}
		if f.Name != fmt.Sprint(i+1) || (f.Source == nil) == (f.Product == 0) {
			return odd("has a file %.80q that is neither a source nor a product", f.Name)
		}
		if f.Source != nil && f.Form != bundle && f.Form != tree {
			return odd("has a source of the form %.20q", f.Form)
		}
	}
	return nil
}

func unpackFile(root *os.Root, f *file, content io.Reader) error {
	out, err := root.OpenFile(f.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return weir.Errorf(weir.Exhausted, "the capsule cannot be unpacked: %w", err)
	}
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(out, sum), content, f.Size)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return damaged(err)
	}
	if got := weir.DigestOfSum(sum.Sum(nil)); got != f.Digest {
		return damaged(fmt.Errorf("file %s is %s", f.Name, got.Short()))
	}
	return nil
}

func damaged(err error) error {
	return weir.Errorf(weir.Invalid, "this is no capsule, or a damaged one: %s", strings.TrimPrefix(err.Error(), "weir: ")).WithCause(err).
		WithHint("capsules are made with: weir repro --save FILE BUILD")
}

// HasProduct reports whether the product of a build is in the capsule.
func (c *Capsule) HasProduct(_ context.Context, id weir.BuildID) (bool, error) {
	_, ok := c.product(id)
	return ok, nil
}

// OpenProduct opens a product of the capsule; NotFound if it is not there.
func (c *Capsule) OpenProduct(_ context.Context, id weir.BuildID) (io.ReadCloser, error) {
	f, ok := c.product(id)
	if !ok {
		return nil, weir.Errorf(weir.NotFound, "the capsule does not hold the product of build %d", id)
	}
	return os.Open(f.path)
}

func (c *Capsule) product(id weir.BuildID) (file, bool) {
	for _, f := range c.files {
		if f.Product == id && id != 0 {
			return f, true
		}
	}
	return file{}, false
}
