package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/release"
	"github.com/weir-ci/weir/internal/source/unpack"
)

// filePath is the path in a URL of a file.
func filePath(at string) (string, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" || u.Path == "" {
		return "", weir.Errorf(weir.Invalid, "%.200q is not the URL of a file of this machine", release.Shown(at)).
			WithHint("write it like file:///srv/dist/tool-%s.tar.gz", placeholder)
	}
	p := u.Path
	if runtime.GOOS == "windows" {
		p = strings.TrimPrefix(p, "/")
	}
	return filepath.FromSlash(p), nil
}

// listDir lists the entries of a directory as links.
func listDir(index string) ([]string, error) {
	dir, err := filePath(index)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, absent(index, err)
	}
	defer f.Close()
	entries, err := f.ReadDir(maxLinks)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, absent(index, err)
	}
	var links []string
	for _, e := range entries {
		l := strings.TrimRight(index, "/") + "/" + e.Name()
		if e.IsDir() {
			l += "/"
		}
		links = append(links, l)
	}
	return links, nil
}

func fileTime(at string) time.Time {
	p, err := filePath(at)
	if err != nil {
		return time.Time{}
	}
	info, err := os.Stat(p)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime().UTC()
}

// open unpacks an archive that lies on this machine.
func (a *Archives) open(ctx context.Context, at, dir string, log io.Writer) error {
	name, err := filePath(at)
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return absent(at, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return absent(at, err)
	}
	if !info.Mode().IsRegular() {
		return weir.Errorf(weir.Invalid, "%s is not a file", at)
	}
	if info.Size() > release.MaxFile {
		return weir.Errorf(weir.TooLarge, "%s is over %d GiB", at, release.MaxFile>>30)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return absent(at, err)
	}
	_, _ = fmt.Fprintf(log, "read %s: %d bytes, sha256 %x\n", at, info.Size(), sum.Sum(nil))
	return unpack.Into(ctx, f, dir, unpack.Options{Strip: unpack.StripSingle, Log: log})
}

func absent(at string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return weir.Errorf(weir.NotFound, "there is no %s", release.Shown(at)).WithCause(err).
			WithHint("the file must be on the machine that reads it: the server lists, and workers check out")
	}
	return weir.Errorf(weir.Unavailable, "%s cannot be read", release.Shown(at)).WithCause(err)
}
