package svn

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// Limits of externals.
const (
	maxExternals     = 200 // of one checkout, all levels together
	maxExternalDepth = 10
)

// external is one line of an svn:externals property.
type external struct {
	url  string // as written: perhaps relative
	peg  int64  // 0: none
	rev  int64  // 0: none
	path string // from the directory that has the property
}

// parseExternals reads a property: [-r N] URL[@PEG] PATH, or, as it was written
// before Subversion 1.5, PATH [-r N] URL.
func parseExternals(text string) ([]external, error) {
	var all []external
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		words, err := split(line)
		if err != nil {
			return nil, err
		}
		bad := weir.Errorf(weir.Invalid, "svn:externals has a line that Weir does not take: %.80q", command.Redact(line)).
			WithHint("write URL@REVISION PATH")
		var e external
		var rest []string
		for i := 0; i < len(words); i++ {
			number, isRev := strings.CutPrefix(words[i], "-r")
			if !isRev {
				rest = append(rest, words[i])
				continue
			}
			if number == "" && i+1 < len(words) {
				i++
				number = words[i]
			}
			if e.rev, err = strconv.ParseInt(strings.TrimPrefix(number, "r"), 10, 64); err != nil || e.rev < 1 {
				return nil, bad
			}
		}
		if len(rest) != 2 {
			return nil, bad
		}
		e.url, e.path = rest[0], rest[1]
		if strings.Contains(rest[1], "://") { // the old form, without pegs
			e.url, e.path = rest[1], rest[0]
		} else if i := strings.LastIndexByte(e.url, '@'); i > strings.LastIndexByte(e.url, '/') {
			if e.peg, err = strconv.ParseInt(e.url[i+1:], 10, 64); err != nil && e.url[i+1:] != "" && e.url[i+1:] != "HEAD" {
				return nil, bad
			}
			e.url = e.url[:i]
		}
		e.path = strings.TrimSuffix(strings.TrimPrefix(e.path, "./"), "/")
		for part := range strings.SplitSeq(strings.ToLower(e.path), "/") {
			if part == ".svn" {
				return nil, bad
			}
		}
		if source.CheckPath(e.path) != nil {
			return nil, bad
		}
		all = append(all, e)
	}
	return all, nil
}

// split cuts a line into words, some in quotes and some with backslashes.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, inside, escaped := rune(0), false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\':
			escaped, inside = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inside = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if inside {
				words, inside = append(words, word.String()), false
				word.Reset()
			}
		default:
			word.WriteRune(c)
			inside = true
		}
	}
	if quote != 0 || escaped {
		return nil, weir.Errorf(weir.Invalid, "svn:externals has a line with an open quote: %.80q", command.Redact(line))
	}
	if inside {
		words = append(words, word.String())
	}
	return words, nil
}

// resolve makes the source of an external of the directory at: relative URLs
// mean the directory (../), its repository (^/), its scheme (//) or its server (/).
// A repository from elsewhere may not name places in the file system of this
// machine, and the credential stays with its server.
func (e external) resolve(parent weir.Source, at place) (weir.Source, error) {
	src := weir.Source{Kind: weir.Svn, Credentials: parent.Credentials, Checkout: parent.Checkout}
	here, err := url.Parse(at.URL)
	if err != nil {
		return src, weir.Errorf(weir.Internal, "svn says that a directory is at %.80q", command.Redact(at.URL)).WithCause(err)
	}
	from, below := "", e.url
	switch {
	case strings.Contains(e.url, "://"):
		src.Location = e.url
	case strings.HasPrefix(e.url, "^/"):
		from, below = at.Root, e.url[1:]
	case strings.HasPrefix(e.url, "//"):
		src.Location = here.Scheme + ":" + e.url
	case strings.HasPrefix(e.url, "/"):
		from = here.Scheme + "://" + here.Host
	case strings.HasPrefix(e.url, "../"):
		from, below = at.URL, "/"+e.url
	}
	if from != "" {
		u, err := url.Parse(from)
		if err == nil {
			below, err = url.PathUnescape(below)
		}
		if err != nil {
			return src, weir.Errorf(weir.Invalid, "svn:externals has the URL %.80q", command.Redact(e.url)).WithCause(err)
		}
		u.Path, u.RawPath = path.Join(u.Path, below), ""
		src.Location = u.String()
	}
	if err := checkLocation(src.Location); err != nil {
		return src, err
	}
	there, err := url.Parse(src.Location)
	if err != nil || inFiles(src.Location) && !inFiles(at.URL) {
		return src, weir.Errorf(weir.Invalid, "the external %.80q lies in the file system, though %s does not", e.path, parent.Location).
			WithHint("a repository from elsewhere may not read this machine's files")
	}
	if there.Host != here.Host || there.Scheme != here.Scheme {
		src.Credentials = ""
	}
	return src, nil
}

// externals checks out what the working copy in dir names.
func (c *checkout) externals(ctx context.Context, parent weir.Source, dir string, depth int) error {
	out, err := command.Output(ctx, c.local("propget", "svn:externals", "--recursive", "--xml", "--", dir+"@"))
	if err != nil {
		return err
	}
	var found struct {
		Targets []struct {
			Path string `xml:"path,attr"`
			Text string `xml:"property"`
		} `xml:"target"`
	}
	if err := decode(out, &found); err != nil {
		return weir.Errorf(weir.Invalid, "the externals of %s cannot be read", parent.Location).WithCause(err)
	}
	for _, t := range found.Targets {
		all, err := parseExternals(t.Text)
		if err != nil {
			return err
		}
		if c.left -= len(all); c.left < 0 || len(all) > 0 && depth == maxExternalDepth {
			return weir.Errorf(weir.Invalid, "%s has over %d externals, or over %d levels of them", parent.Location, maxExternals, maxExternalDepth)
		}
		at, err := c.lookup(ctx, parent, t.Path+"@") // asks the working copy
		if err != nil {
			return err
		}
		for _, e := range all {
			if err := c.external(ctx, parent, e, at, t.Path, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// external checks one out, below the directory in that has the property.
func (c *checkout) external(ctx context.Context, parent weir.Source, e external, at place, in string, depth int) error {
	src, err := e.resolve(parent, at)
	if err != nil {
		return err
	}
	there, err := c.lookup(ctx, src, target(src, "", e.peg))
	if err != nil {
		return err
	}
	n := e.rev
	switch {
	case n > 0:
	case e.peg > 0:
		n = e.peg
	case there.UUID == at.UUID:
		n = c.revision
	default:
		n = there.Head
	}
	peg := e.peg
	if peg == 0 {
		peg = n
	}
	if err := mirror.MakeDir(in, e.path); err != nil {
		return err
	}
	dir := filepath.Join(in, filepath.FromSlash(e.path))
	err = c.run(ctx, src, "checkout", "--quiet", "--ignore-externals", c.at(n), "--", target(src, "", peg), dir)
	var f *command.Failure
	if errors.As(err, &f) && f.Has("E200007") { // it is a file
		if err := os.Remove(dir); err != nil {
			return err
		}
		return c.run(ctx, src, "export", "--quiet", "--force", c.at(n), "--", target(src, "", peg), dir)
	}
	if err != nil {
		return err
	}
	return c.externals(ctx, src, dir, depth+1)
}
