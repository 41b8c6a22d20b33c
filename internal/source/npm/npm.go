// Package npm reads packages of the npm registry, or of any server that speaks
// its protocol.
//
// The revisions of a package are its versions in the order of semantic
// versioning, never in that of dates or of dist-tags. Prereleases and deprecated versions
// count only when the source names them in Versions, From or To. Versions may also name
// dist-tags, such as next: that is the version which has the tag at the time.
// Package release says what else counts.
//
// The registry is the source's index. Without one it is the registry that npm
// itself would ask as this user: NPM_CONFIG_REGISTRY, or registry and
// @scope:registry in the user's .npmrc, with the logins that stand there
// for its address; otherwise the public one.
//
// A checkout is the package as it was published: the tarball, which must have
// the digest that the registry states (integrity; for the oldest packages
// shasum), without the directory that holds it all. Nothing is installed, and no
// script of the package runs.
package npm

import (
	"context"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/release"
	"github.com/weir-ci/weir/internal/source/unpack"
)

// PublicRegistry is asked where nothing else is set up.
const PublicRegistry = "https://registry.npmjs.org"

// maxName limits the name of a package, in bytes; npm has the same limit.
const maxName = 214

// What is asked for: a list with what installing needs, or all there is, which
// may be twenty times as long.
const (
	acceptShort = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"
	acceptFull  = "application/json"
)

// Packages reads npm packages. It implements source.Adapter.
type Packages struct {
	client *release.Client
	env    []string
}

var _ source.Adapter = (*Packages)(nil)

// New reads packages over client, with the environment env, as NAME=VALUE; nil
// means this process's own.
func New(client *release.Client, env []string) *Packages {
	if env == nil {
		env = os.Environ()
	}
	return &Packages{client, env}
}

// registry is where one package is asked for.
type registry struct {
	url   string // without a slash at its end
	login string
}

// open checks src and finds its registry.
func (p *Packages) open(ctx context.Context, src weir.Source) (registry, error) {
	if len(src.Location) > maxName || !nameForm().MatchString(src.Location) {
		return registry{}, weir.Errorf(weir.Invalid, "%.200q is not the name of an npm package", release.Shown(src.Location)).
			WithHint("write it as in package.json, for example left-pad or @scope/name")
	}
	conf := readConfig(p.env)
	r := registry{url: src.Index}
	if r.url == "" {
		r.url = conf.registry(src.Location)
	}
	r.url = strings.TrimRight(r.url, "/")
	if u, err := url.Parse(r.url); err != nil || u.Host == "" {
		return registry{}, weir.Errorf(weir.Invalid, "the registry of package %s is not a URL", src.Location).
			WithHint("write the source's index like %s", PublicRegistry)
	}
	var err error
	if r.login, err = release.Login(ctx, src); err == nil && src.Credentials == "" {
		r.login = conf.login(r.url)
	}
	return r, err
}

func nameForm() *regexp.Regexp {
	return regexp.MustCompile(`^(@[A-Za-z0-9~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]*$`)
}

// document asks for what the registry knows of a package.
func (p *Packages) document(ctx context.Context, r registry, src weir.Source, accept string) (*document, error) {
	data, _, err := p.client.Document(ctx, release.Request{
		URL: r.url + "/" + strings.Replace(src.Location, "/", "%2f", 1), Accept: accept, Login: r.login}, release.MaxDocument)
	if weir.CodeOf(err) == weir.NotFound {
		return nil, weir.Errorf(weir.NotFound, "the registry %s has no package %s", release.Shown(r.url), src.Location).WithCause(err).
			WithHint("npm view %s shows what there is", src.Location)
	}
	if err != nil {
		return nil, err
	}
	return parse(data, src.Location)
}

// Revisions implements source.Lister. known need not be listed any more: what
// is above it counts. Rewritten is never set.
func (p *Packages) Revisions(ctx context.Context, src weir.Source, known string) (source.Listing, error) {
	r, err := p.open(ctx, src)
	if err != nil {
		return source.Listing{}, err
	}
	var short *document
	list := func() ([]string, error) {
		if short == nil {
			if short, err = p.document(ctx, r, src, acceptShort); err != nil {
				return nil, err
			}
		}
		return short.released(), nil
	}
	if src.Versions, err = tagged(src, func() (*document, error) {
		_, err := list()
		return short, err
	}); err != nil {
		return source.Listing{}, err
	}
	line, more, err := release.Line(ctx, src, known, order{}, list)
	if err != nil || len(line) == 0 {
		return source.Listing{}, err
	}
	full, err := p.document(ctx, r, src, acceptFull)
	if err != nil && (ctx.Err() != nil || weir.CodeOf(err) != weir.Unavailable) {
		return source.Listing{}, err
	}
	l := source.Listing{More: more}
	for _, v := range line {
		l.Revisions = append(l.Revisions, full.revision(src.Location, v))
	}
	return l, nil
}

// tagged replaces the dist-tags among the versions that a source names.
func tagged(src weir.Source, read func() (*document, error)) ([]string, error) {
	var versions []string
	for _, v := range src.Versions {
		if isVersion(v) || !tagForm().MatchString(v) {
			versions = append(versions, v)
			continue
		}
		d, err := read()
		if err != nil {
			return nil, err
		}
		at := string(d.Tags[v])
		if !isVersion(at) {
			return nil, weir.Errorf(weir.NotFound, "package %s has no dist-tag %q", src.Location, v).
				WithHint("npm dist-tag ls %s shows what there is", src.Location)
		}
		versions = append(versions, at)
	}
	return versions, nil
}

func tagForm() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,99}$`) }

// Checkout implements source.Checkouter.
func (p *Packages) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	if log == nil {
		log = io.Discard
	}
	r, err := p.open(ctx, src)
	if err == nil {
		err = order{}.Check(revision)
	}
	if err != nil {
		return err
	}
	return release.Checkout(ctx, dir, func() error {
		d, err := p.document(ctx, r, src, acceptShort)
		if err != nil {
			return err
		}
		m, ok := d.Versions[revision]
		if !ok {
			return weir.Errorf(weir.NotFound, "package %s has no version %s", src.Location, revision).
				WithHint("npm view %s versions shows what there is", src.Location)
		}
		digest := m.Dist.digest()
		if !digest.Known() {
			return weir.Errorf(weir.Invalid, "the registry states no digest of %s@%s that can be checked", src.Location, revision)
		}
		return p.client.Tree(ctx, release.Request{URL: r.tarball(string(m.Dist.Tarball)), Named: r.url, Login: r.login},
			digest, unpack.StripFirst, dir, log)
	})
}

// tarball is where a package lies. Mirrors hand on documents that name the
// public registry; like npm we ask the mirror instead.
func (r registry) tarball(at string) string {
	u, err := url.Parse(at)
	public, _ := url.Parse(PublicRegistry)
	mine, mineErr := url.Parse(r.url)
	if err != nil || mineErr != nil || u.Host != public.Host {
		return at
	}
	u.Scheme, u.Host = mine.Scheme, mine.Host
	u.Path, u.RawPath = mine.Path+u.Path, ""
	return u.String()
}

// order is the scheme of npm's versions.
type order struct{}

// Check implements release.Scheme.
func (order) Check(v string) error {
	if !isVersion(v) {
		return weir.Errorf(weir.Invalid, "%.60q is not a version of an npm package", v).
			WithHint("write an exact version, for example 1.2.3")
	}
	return nil
}

func isVersion(v string) bool {
	return len(v) <= release.MaxVersion && semver.Canonical("v"+v) == "v"+v
}

// Compare implements release.Scheme.
func (order) Compare(a, b string) int { return semver.Compare("v"+a, "v"+b) }
