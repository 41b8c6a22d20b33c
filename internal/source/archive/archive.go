// Package archive reads sources that are archives behind a URL: tar, plain or
// in gzip, bzip2, xz or zstd, and zip.
//
// The location is a URL of http, https or file with {version} in it, once or more:
//
//	https://example.org/dist/{version}/tool-{version}.tar.xz
//
// Its revisions are versions. Which there are, the source's versions say, and if it has an
// index, that page: every link on it that has the form of the location counts,
// and so do links to directories that have the form of its beginning, such as
// 1.4/. The index of files may be a directory itself. Versions of which something in
// the name says that they are prereleases (alpha, beta, rc, dev and their like)
// count only when the source names them. [Compare] has the order.
//
// A checkout is what the archive holds; if all of it lies in one directory, as is
// the custom, what that holds. The log says which file it was, with its
// SHA-256. Nobody states what it should be, so that nothing but the transport
// (https) vouches for it.
package archive

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/release"
	"github.com/weir-ci/weir/internal/source/unpack"
)

// Limits.
const (
	maxLocation = 2000     // bytes of a location
	maxIndex    = 16 << 20 // bytes of an index
	maxLinks    = 100_000  // links of an index that are looked at
	maxDated    = 32       // versions of one listing whose time is asked for: the newest
	parallel    = 4        // requests at once for that
)

// Archives reads archives. It implements source.Adapter.
type Archives struct{ client *release.Client }

var _ source.Adapter = (*Archives)(nil)

// New reads archives over client.
func New(client *release.Client) *Archives { return &Archives{client: client} }

// Revisions implements source.Lister. known need not be listed any more: what
// is above it counts. Rewritten is never set.
func (a *Archives) Revisions(ctx context.Context, src weir.Source, known string) (source.Listing, error) {
	p, err := newPattern(src.Location)
	if err != nil {
		return source.Listing{}, err
	}
	line, more, err := release.Line(ctx, src, known, order{}, func() ([]string, error) { return a.list(ctx, src, p) })
	if err != nil {
		return source.Listing{}, err
	}
	revs, err := a.describe(ctx, src, p, line)
	return source.Listing{Revisions: revs, More: more}, err
}

// list reads the versions that the index knows.
func (a *Archives) list(ctx context.Context, src weir.Source, p *pattern) ([]string, error) {
	if src.Index == "" {
		return nil, nil
	}
	links, err := a.links(ctx, src)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var versions []string
	for _, l := range links {
		if v, ok := p.version(l); ok && !seen[v] && !Prerelease(v) {
			seen[v] = true
			versions = append(versions, v)
		}
	}
	return versions, nil
}

// links reads the links of the index, made absolute.
func (a *Archives) links(ctx context.Context, src weir.Source) ([]string, error) {
	if strings.HasPrefix(src.Index, "file:") {
		return listDir(src.Index)
	}
	login, err := release.Login(ctx, src)
	if err != nil {
		return nil, err
	}
	data, answer, err := a.client.Document(ctx, release.Request{URL: src.Index, Login: login, Accept: "text/html, */*;q=0.5"}, maxIndex)
	if err != nil {
		return nil, err
	}
	return Links(data, answer.URL), nil
}

// describe asks when the newest of some versions were made. A version without
// an answer has no time: the checkout will say what is wrong with it.
func (a *Archives) describe(ctx context.Context, src weir.Source, p *pattern, line []string) ([]weir.Revision, error) {
	revs := make([]weir.Revision, len(line))
	for i, v := range line {
		revs[i] = weir.Revision{ID: v, Message: source.DirName(src) + " " + v}
	}
	login, err := release.Login(ctx, src)
	if err != nil {
		return nil, err
	}
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := max(0, len(revs)-maxDated); i < len(revs); i++ {
		g.Go(func() error {
			revs[i].Time = a.modified(inner, p.url(revs[i].ID), src, login)
			return inner.Err()
		})
	}
	if g.Wait() != nil && ctx.Err() != nil {
		return nil, release.Stopped(ctx)
	}
	return revs, nil
}

// modified is when an archive was made, as far as its server knows.
func (a *Archives) modified(ctx context.Context, at string, src weir.Source, login string) time.Time {
	if strings.HasPrefix(at, "file:") {
		return fileTime(at)
	}
	answer, err := a.client.Do(ctx, release.Request{Method: http.MethodHead, URL: at, Named: src.Location, Login: login})
	if err != nil {
		return time.Time{}
	}
	answer.Body.Close()
	t, err := http.ParseTime(answer.Header.Get("Last-Modified"))
	if err != nil || t.Unix() <= 0 {
		return time.Time{}
	}
	return t.UTC()
}

// Checkout implements source.Checkouter.
func (a *Archives) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	if log == nil {
		log = io.Discard
	}
	p, err := newPattern(src.Location)
	if err == nil {
		err = order{}.Check(revision)
	}
	if err != nil {
		return err
	}
	return release.Checkout(ctx, dir, func() error {
		at := p.url(revision)
		if strings.HasPrefix(at, "file:") {
			return a.open(ctx, at, dir, log)
		}
		login, err := release.Login(ctx, src)
		if err != nil {
			return err
		}
		return a.client.Tree(ctx, release.Request{URL: at, Named: src.Location, Login: login}, release.Digest{}, unpack.StripSingle, dir, log)
	})
}

// order is the scheme of archives.
type order struct{}

// Check implements release.Scheme.
func (order) Check(v string) error {
	if !isVersion(v) {
		return weir.Errorf(weir.Invalid, "%.60q is not a version of an archive", v).
			WithHint("write it as it stands in the archive's name, for example 1.4.2")
	}
	return nil
}

// Compare implements release.Scheme.
func (order) Compare(a, b string) int { return Compare(a, b) }
