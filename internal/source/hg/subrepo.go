package hg

import (
	"context"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// The files with which a repository names its subrepositories.
const (
	subFile   = ".hgsub"      // PATH = LOCATION
	stateFile = ".hgsubstate" // HASH PATH
)

// Limits of subrepositories.
const (
	maxSubFile  = 256 << 10 // bytes of each of the two files
	maxSubrepos = 200       // of one checkout, all levels together
	maxSubDepth = 10
)

// subrepo is one line of both files.
type subrepo struct{ path, location, revision string }

// subrepos reads what subrepositories a revision has.
func (m *clone) subrepos(ctx context.Context, revision string) ([]subrepo, error) {
	locations, err := m.readFile(ctx, revision, subFile, maxSubFile)
	if err != nil {
		return nil, err
	}
	states, err := m.readFile(ctx, revision, stateFile, maxSubFile)
	if weir.CodeOf(err) == weir.NotFound {
		return nil, nil // none was ever committed
	} else if err != nil {
		return nil, err
	}
	return parseSubrepos(string(locations), string(states))
}

// parseSubrepos joins the two files.
func parseSubrepos(locations, states string) ([]subrepo, error) {
	where := map[string]string{}
	for line := range strings.Lines(locations) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			break // [subpaths] is a matter of people's clones
		}
		if name, location, ok := strings.Cut(line, "="); ok && line[0] != '#' && line[0] != ';' {
			where[strings.TrimSpace(name)] = strings.TrimSpace(location)
		}
	}
	var subs []subrepo
	for line := range strings.Lines(states) {
		hash, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if hash == "" || strings.Trim(hash, "0") == "" || where[name] == "" {
			continue
		}
		bad := strings.Contains(where[name], "$")
		for part := range strings.SplitSeq(strings.ToLower(name), "/") {
			bad = bad || part == ".hg" || strings.HasPrefix(part, "hg~")
		}
		switch {
		case strings.HasPrefix(where[name], "["):
			return nil, weir.Errorf(weir.Unsupported, "the subrepository %.80q is none of Mercurial's", name).
				WithHint("set submodules to false and get it in a step")
		case bad, source.CheckPath(name) != nil, !hashHex.MatchString(hash):
			return nil, weir.Errorf(weir.Invalid, "%s or %s has a line for %.80q that Weir does not take", subFile, stateFile, name)
		}
		subs = append(subs, subrepo{name, where[name], hash})
	}
	return subs, nil
}

// resolve makes the source of a subrepository, whose location may be relative to
// that of the repository it is in. A remote repository may not name places in the
// file system of this machine, and the credential stays with its host.
func (s subrepo) resolve(parent weir.Source) (weir.Source, error) {
	sub := weir.Source{Kind: weir.Hg, Location: s.location, Credentials: parent.Credentials, Checkout: parent.Checkout}
	u, err := url.Parse(parent.Location)
	switch {
	case strings.Contains(s.location, "://") || filepath.IsAbs(s.location) && local(parent.Location):
	case filepath.IsAbs(parent.Location):
		sub.Location = filepath.Join(parent.Location, filepath.FromSlash(s.location))
	case err == nil && strings.HasPrefix(s.location, "/"):
		u.Path, u.RawPath = path.Clean(s.location), ""
		sub.Location = u.String()
	case err == nil:
		u.Path, u.RawPath = path.Join(u.Path, s.location), ""
		sub.Location = u.String()
	}
	if err := checkLocation(sub.Location); err != nil {
		return sub, err
	}
	if local(sub.Location) && !local(parent.Location) {
		return sub, weir.Errorf(weir.Invalid, "the subrepository %.80q lies in the file system, though %s does not", s.path, parent.Location).
			WithHint("a repository from elsewhere may not read this machine's files")
	}
	if v, err2 := url.Parse(sub.Location); err != nil || err2 != nil || v.Host != u.Host || v.Scheme != u.Scheme {
		sub.Credentials = ""
	}
	return sub, nil
}

// subrepos checks subrepositories out below dir.
func (c *checkout) subrepos(ctx context.Context, parent weir.Source, subs []subrepo, dir string, depth int) error {
	if c.left -= len(subs); c.left < 0 || len(subs) > 0 && depth == maxSubDepth {
		return weir.Errorf(weir.Invalid, "%s has over %d subrepositories, or over %d levels of them", parent.Location, maxSubrepos, maxSubDepth)
	}
	for _, s := range subs {
		src, err := s.resolve(parent)
		if err != nil {
			return err
		}
		if err := mirror.MakeDir(dir, s.path); err != nil {
			return err
		}
		if err := c.fill(ctx, src, s.revision, filepath.Join(dir, filepath.FromSlash(s.path)), depth+1); err != nil {
			return err
		}
	}
	return nil
}
