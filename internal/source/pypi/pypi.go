// Package pypi reads projects of the Python package index, or of any server that
// speaks its simple API, in HTML or JSON.
//
// The revisions of a project are its versions in the order that Python gives
// them (PEP 440), never in that of dates. Prereleases, development releases and versions
// of which every file was yanked count only when the source names them in Versions,
// From or To. Package release says what else counts. A version is written as
// its files write it.
//
// The index is the source's. Without one it is the one that pip would ask as
// this user: PIP_INDEX_URL, or index-url in the user's pip.conf; otherwise the
// public one. Times come from the simple API, or where that has none from the
// JSON API that stands beside it on most servers; authors and summaries only
// from there, for the newest version.
//
// A checkout is the version's source distribution, unpacked without the directory
// that holds it all. If there is none it is a wheel: one for every platform,
// or one for this machine's. The file must have the SHA-256 that the index
// states; of an index that states none, the log says so.
package pypi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/release"
	"github.com/weir-ci/weir/internal/source/unpack"
)

// PublicIndex is asked where nothing else is set up.
const PublicIndex = "https://pypi.org/simple"

// Limits.
const (
	maxName  = 200     // bytes of a project's name
	maxFiles = 100_000 // files of a project that are looked at
)

// accept is what we would rather have, as the simple API's specification
// proposes it.
const accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"

// Projects reads projects of a Python package index. It implements source.Adapter.
type Projects struct {
	client *release.Client
	env    []string
}

var _ source.Adapter = (*Projects)(nil)

// New reads projects over client, with the environment env, as NAME=VALUE; nil
// means this process's own.
func New(client *release.Client, env []string) *Projects {
	if env == nil {
		env = os.Environ()
	}
	return &Projects{client, env}
}

// index is where one project is asked for.
type index struct {
	name  string // normalised
	url   string // of the simple API, without a slash at its end
	login string
}

// Normalize is the form in which two names of projects are compared: lower case,
// and one dash for each row of dashes, dots and underscores.
func Normalize(name string) string {
	out := make([]byte, 0, len(name))
	for i := range len(name) {
		c := name[i]
		switch {
		case c != '-' && c != '_' && c != '.':
			out = append(out, c)
		case len(out) == 0 || out[len(out)-1] != '-':
			out = append(out, '-')
		}
	}
	return strings.ToLower(string(out))
}

// open checks src and finds its index.
func (p *Projects) open(ctx context.Context, src weir.Source) (index, error) {
	form := regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	if len(src.Location) > maxName || !form.MatchString(src.Location) {
		return index{}, weir.Errorf(weir.Invalid, "%.200q is not the name of a Python project", release.Shown(src.Location)).
			WithHint("write it as pip install has it, for example attrs")
	}
	at := src.Index
	if at == "" {
		at = configured(p.env)
	}
	x := index{name: Normalize(src.Location), url: strings.TrimRight(at, "/")}
	u, err := url.Parse(x.url)
	if err != nil || u.Host == "" {
		return index{}, weir.Errorf(weir.Invalid, "the index of project %s is not a URL", src.Location).
			WithHint("write the source's index like %s", PublicIndex)
	}
	if src.Index == "" && u.User != nil { // as people write it for pip
		password, _ := u.User.Password()
		x.login = u.User.Username() + ":" + password
		u.User = nil
		x.url = u.String()
	}
	if src.Credentials != "" {
		// A token alone is the password of a user with this name.
		if x.login, err = release.Login(ctx, src); x.login != "" && !strings.Contains(x.login, ":") {
			x.login = "__token__:" + x.login
		}
	}
	return x, err
}

// files asks for the files of a project.
func (p *Projects) files(ctx context.Context, x index, src weir.Source) ([]file, error) {
	data, answer, err := p.client.Document(ctx, release.Request{URL: x.url + "/" + x.name + "/", Accept: accept, Login: x.login}, release.MaxDocument)
	if weir.CodeOf(err) == weir.NotFound {
		return nil, weir.Errorf(weir.NotFound, "the index %s has no project %s", release.Shown(x.url), src.Location).WithCause(err).
			WithHint("pip index versions %s shows what there is", src.Location)
	}
	if err != nil {
		return nil, err
	}
	var files []file
	if strings.HasSuffix(answer.Type, "json") {
		if files, err = parseJSON(data, answer.URL); err != nil {
			return nil, weir.Errorf(weir.Unavailable, "what the index %s says of project %s is not JSON as the simple API has it",
				release.Shown(x.url), src.Location).WithCause(err)
		}
	} else {
		files = parseHTML(data, answer.URL)
	}
	for i := range files {
		files[i].read(x.name)
	}
	return slices.DeleteFunc(files, func(f file) bool { return f.kind == other }), nil
}

// released lists the versions that count without being named.
func released(files []file) []string {
	good, at := map[string]string{}, []string{}
	for _, f := range files {
		v, err := parse(f.version)
		if err != nil || f.yanked || v.IsPreRelease() {
			continue
		}
		if _, ok := good[v.String()]; !ok {
			at = append(at, v.String())
			good[v.String()] = f.version
		}
	}
	versions := make([]string, len(at))
	for i, key := range at {
		versions[i] = good[key]
	}
	return versions
}

// Revisions implements source.Lister. known need not be listed any more: what
// is above it counts. Rewritten is never set.
func (p *Projects) Revisions(ctx context.Context, src weir.Source, known string) (source.Listing, error) {
	x, err := p.open(ctx, src)
	if err != nil {
		return source.Listing{}, err
	}
	var files []file
	line, more, err := release.Line(ctx, src, known, newOrder(), func() ([]string, error) {
		if files, err = p.files(ctx, x, src); err != nil {
			return nil, err
		}
		return released(files), nil
	})
	if err != nil || len(line) == 0 {
		return source.Listing{}, err
	}
	l := source.Listing{More: more}
	times := uploaded(files)
	for _, v := range line {
		l.Revisions = append(l.Revisions, weir.Revision{ID: v, Message: src.Location + " " + v, Time: times[key(v)]})
	}
	about, err := p.about(ctx, x)
	if err != nil && ctx.Err() != nil {
		return source.Listing{}, err
	}
	about.describe(l.Revisions)
	return l, nil
}

// Checkout implements source.Checkouter.
func (p *Projects) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	if log == nil {
		log = io.Discard
	}
	x, err := p.open(ctx, src)
	if err == nil {
		err = newOrder().Check(revision)
	}
	if err != nil {
		return err
	}
	return release.Checkout(ctx, dir, func() error {
		files, err := p.files(ctx, x, src)
		if err != nil {
			return err
		}
		f, err := choose(files, revision, src.Location)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(log, "%s %s is %s\n", src.Location, revision, f.name)
		strip := unpack.StripSingle
		if f.kind == wheel {
			strip = unpack.StripNothing
		}
		if !f.digest.Known() {
			_, _ = fmt.Fprintln(log, "the index states no digest that could be checked")
		}
		err = p.client.Tree(ctx, release.Request{URL: f.url, Named: x.url, Login: x.login}, f.digest, strip, dir, log)
		var known *weir.Error
		if errors.As(err, &known) && known.Code == weir.NotFound {
			// The index names it, so that it is the index that has a gap.
			return weir.Errorf(weir.Unavailable, "the index names %s, which is not there", f.name).WithCause(err)
		}
		return err
	})
}
