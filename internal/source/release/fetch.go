package release

import (
	"context"
	"crypto/sha1" //nolint:gosec // what old packages state, and better than nothing
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/unpack"
)

// Document asks for a list and reads it whole; TooLarge if it is over limit
// bytes.
func (c *Client) Document(ctx context.Context, r Request, limit int64) ([]byte, *Answer, error) {
	for i := 1; ; i++ {
		a, err := c.Do(ctx, r)
		if err != nil {
			return nil, nil, err
		}
		data, err := io.ReadAll(io.LimitReader(a.Body, limit+1))
		a.Body.Close()
		switch {
		case err == nil && int64(len(data)) > limit:
			return nil, nil, weir.Errorf(weir.TooLarge, "%s is over %d MiB", Shown(r.URL), limit>>20)
		case err == nil:
			return data, a, nil
		case ctx.Err() != nil:
			return nil, nil, Stopped(ctx)
		case i == attempts:
			return nil, nil, weir.Errorf(weir.Unavailable, "%s breaks off", Shown(r.URL)).WithCause(err)
		}
	}
}

// Digest is what a registry says that a file's bytes amount to.
type Digest struct {
	Algorithm string // sha512, sha384, sha256 or sha1
	Hex       string // in lower case
}

// Known reports whether there is anything to hold a file against.
func (d Digest) Known() bool { _, ok := d.hash(); return ok && d.Hex != "" }

func (d Digest) hash() (hash.Hash, bool) {
	switch d.Algorithm {
	case "sha512":
		return sha512.New(), true
	case "sha384":
		return sha512.New384(), true
	case "sha256":
		return sha256.New(), true
	case "sha1":
		return sha1.New(), true //nolint:gosec // as above
	}
	return nil, false
}

// Tree fetches a packed file and unpacks it below dir, an existing empty
// directory. The file must have the digest want if that is known. log gets what
// it was: its size and its SHA-256.
func (c *Client) Tree(ctx context.Context, r Request, want Digest, strip unpack.Strip, dir string, log io.Writer) error {
	packed, err := os.CreateTemp("", "weir-source-")
	if err != nil {
		return onDisk(err)
	}
	defer os.Remove(packed.Name())
	defer packed.Close()
	for i := 1; ; i++ {
		again, err := c.download(ctx, r, want, packed, log)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return Stopped(ctx)
		}
		if !again || i == attempts {
			return err
		}
	}
	return unpack.Into(ctx, packed, dir, unpack.Options{Strip: strip, Log: log})
}

// download fetches into packed. again says that another attempt may do better.
func (c *Client) download(ctx context.Context, r Request, want Digest, packed *os.File, log io.Writer) (again bool, err error) {
	a, err := c.Do(ctx, r)
	if err != nil {
		return false, err
	}
	defer a.Body.Close()
	if a.Size > MaxFile {
		return false, tooLarge(r)
	}
	if _, err := packed.Seek(0, io.SeekStart); err != nil {
		return false, onDisk(err)
	}
	if err := packed.Truncate(0); err != nil {
		return false, onDisk(err)
	}
	sum := sha256.New()
	stated, known := want.hash()
	if !known {
		stated = sha256.New()
	}
	body := &remote{r: a.Body}
	n, err := io.Copy(io.MultiWriter(packed, sum, stated), io.LimitReader(body, MaxFile+1))
	switch {
	case body.err != nil:
		return true, weir.Errorf(weir.Unavailable, "%s breaks off", Shown(r.URL)).WithCause(body.err)
	case err != nil:
		return false, onDisk(err)
	case n > MaxFile:
		return false, tooLarge(r)
	}
	_, _ = fmt.Fprintf(log, "fetched %s: %d bytes, sha256 %x\n", Shown(a.URL.String()), n, sum.Sum(nil))
	if !want.Known() {
		return false, nil
	}
	got := hex.EncodeToString(stated.Sum(nil))
	if subtle.ConstantTimeCompare([]byte(got), []byte(want.Hex)) != 1 {
		return false, weir.Errorf(weir.Invalid, "%s is not what the registry says: its %s is %s, not %.128s",
			Shown(r.URL), want.Algorithm, got, want.Hex).
			WithHint("somebody changed the file, or a proxy on the way did")
	}
	_, _ = fmt.Fprintf(log, "its %s is what the registry says\n", want.Algorithm)
	return false, nil
}

func tooLarge(r Request) error {
	return weir.Errorf(weir.TooLarge, "%s is over %d GiB", Shown(r.URL), MaxFile>>30)
}

// remote remembers an error of the other side's, to tell it from one of the disk's.
type remote struct {
	r   io.Reader
	err error
}

func (r *remote) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

func onDisk(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return weir.Errorf(weir.Exhausted, "no space left for a download").WithHint("make room where temporary files are kept").WithCause(err)
	}
	return weir.Errorf(weir.Internal, "a download cannot be written").WithCause(err)
}
