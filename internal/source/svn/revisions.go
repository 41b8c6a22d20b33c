package svn

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// maxLog limits the text of one answer of svn log, in bytes.
const maxLog = 128 << 20

// Revisions implements source.Lister. From and To are "r12" or "12". A To that
// did not touch the path ends the line where it would stand.
func (m *Repositories) Revisions(ctx context.Context, src weir.Source, known string) (source.Listing, error) {
	l := source.Listing{Branch: src.Branch}
	if err := checkSource(src); err != nil {
		return l, err
	}
	if known != "" {
		if err := checkID(known); err != nil {
			return l, err
		}
	}
	at, err := m.lookup(ctx, src, target(src, "", 0))
	if err != nil {
		return l, explain(ctx, src, err)
	}
	before := mirror.ReadStamp(m.identity(src))
	last := at.Commit.Revision
	if to := number(src.To); to > 0 {
		last = min(last, to)
	}
	switch n := number(known); {
	case known == "" && src.From == "":
		err = m.log(ctx, &l, src, last, 1, 1)
	case known == "":
		err = m.from(ctx, &l, src, last)
	case before != "" && before != at.UUID:
		l.Rewritten = true
		err = m.log(ctx, &l, src, last, 1, 1)
	case n == last, n > last && n <= at.Commit.Revision: // To was moved behind what is known
	case n > at.Commit.Revision:
		l.Rewritten = true // set back; what is left is known already
	default:
		err = m.since(ctx, &l, src, n, last)
	}
	if err == nil && before != at.UUID { // not before all is read: else nobody would hear of it
		err = m.remember(ctx, src, at.UUID)
	}
	if err != nil {
		return source.Listing{Branch: src.Branch}, explain(ctx, src, unreachable(ctx, src, err))
	}
	return l, nil
}

// from lists the line from the source's From on, inclusive.
func (m *Repositories) from(ctx context.Context, l *source.Listing, src weir.Source, last int64) error {
	n := number(src.From)
	if n <= last {
		if err := m.log(ctx, l, src, n, last, source.MaxRevisions); err != nil {
			return err
		}
	}
	if len(l.Revisions) == 0 || l.Revisions[0].ID != id(n) {
		return weir.Errorf(weir.NotFound, "revision %s did not touch branch %s of %s", id(n), src.Branch, src.Location).
			WithHint("svn log --stop-on-copy %s lists those that did", strings.TrimSuffix(target(src, "", 0), "@"))
	}
	return nil
}

// since lists the line behind a revision. If the path was made anew since, the
// revision is not on its line any more, and the lines share nothing.
func (m *Repositories) since(ctx context.Context, l *source.Listing, src weir.Source, n, last int64) error {
	if err := m.log(ctx, l, src, n, last, source.MaxRevisions+1); err != nil {
		return err
	}
	if len(l.Revisions) > 0 && l.Revisions[0].ID == id(n) {
		l.Revisions = l.Revisions[1:]
		return nil
	}
	*l = source.Listing{Branch: src.Branch, Rewritten: true}
	return m.log(ctx, l, src, last, 1, 1)
}

// entry is one revision in the answer of svn log.
type entry struct {
	Revision int64  `xml:"revision,attr"`
	Author   string `xml:"author"`
	Date     string `xml:"date"`
	Message  string `xml:"msg"`
	Paths    []struct {
		Name string `xml:",chardata"`
	} `xml:"paths>path"`
}

// revision makes one of ours of it, within limits.
func (e entry) revision() weir.Revision {
	r := weir.Revision{ID: id(e.Revision), Author: mirror.Text(strings.TrimSpace(e.Author), mirror.MaxAuthor),
		Message: strings.TrimSpace(mirror.Text(e.Message, weir.MaxMessage))}
	if t, err := time.Parse(time.RFC3339Nano, e.Date); err == nil {
		r.Time = mirror.Second(t.Unix())
	}
	return r
}

// log adds the revisions first to last of the branch's line to l, at most limit.
// The path is the one that has its name at the later of the two.
func (m *Repositories) log(ctx context.Context, l *source.Listing, src weir.Source, first, last int64, limit int) error {
	args := []string{"log", "--xml", "--stop-on-copy", fmt.Sprintf("--revision=%d:%d", first, last), fmt.Sprintf("--limit=%d", limit+1),
		"--", target(src, "", max(first, last))}
	if limit == 1 {
		args[4] = "--limit=1"
	}
	return m.entries(ctx, src, args, func(e entry) error {
		if len(l.Revisions) == limit {
			l.More = true
			return command.ErrStop
		}
		l.Revisions = append(l.Revisions, e.revision())
		return nil
	})
}

// entries calls yield for each entry of an svn log as it comes.
func (m *Repositories) entries(ctx context.Context, src weir.Source, args []string, yield func(entry) error) error {
	c, err := m.remote(ctx, src, args...)
	if err != nil {
		return err
	}
	return command.Stream(ctx, c, func(r *bufio.Reader) error {
		d := decoder(r, maxLog)
		for {
			token, err := d.Token()
			if err != nil {
				return tooLong(src, err) // or it is the end, or svn says itself why it stopped
			}
			start, ok := token.(xml.StartElement)
			if !ok || start.Name.Local != "logentry" {
				continue
			}
			var e entry
			if err := d.DecodeElement(&e, &start); tooLong(src, err) != nil {
				return tooLong(src, err)
			} else if err != nil {
				return weir.Errorf(weir.Unavailable, "the log of %s is cut short", src.Location).WithCause(err)
			}
			if err := yield(e); err != nil {
				return err
			}
		}
	})
}

// Touched implements source.PathLister. A directory that was copied or removed is
// one path, and so is one whose properties changed.
func (m *Repositories) Touched(ctx context.Context, src weir.Source, revision string) (source.Paths, error) {
	if err := checkSource(src); err != nil {
		return source.Paths{}, err
	}
	if err := checkID(revision); err != nil {
		return source.Paths{}, err
	}
	n := number(revision)
	at, err := m.lookup(ctx, src, target(src, "", n))
	if err != nil {
		return source.Paths{}, explain(ctx, src, err)
	}
	prefix, err := below(at)
	if err != nil {
		return source.Paths{}, explain(ctx, src, err)
	}
	var paths source.Paths
	err = m.entries(ctx, src, []string{"log", "--xml", "--verbose", "--quiet", fmt.Sprintf("--revision=%d", n), "--", target(src, "", n)},
		func(e entry) error {
			for _, p := range e.Paths {
				if name, ok := strings.CutPrefix(p.Name, prefix); ok && name != "" {
					paths.Names = append(paths.Names, mirror.Text(name, source.MaxPath))
				}
			}
			return nil
		})
	if err != nil {
		return source.Paths{}, explain(ctx, src, unreachable(ctx, src, err))
	}
	slices.Sort(paths.Names)
	if len(paths.Names) > source.MaxPaths {
		paths.Names, paths.More = paths.Names[:source.MaxPaths], true
	}
	return paths, nil
}

// Resolve implements source.Resolver. For a revision that did not touch the path
// it is the last one before that did.
func (m *Repositories) Resolve(ctx context.Context, src weir.Source, ref, revision string) (weir.Revision, error) {
	src, err := withRef(src, ref)
	if err != nil {
		return weir.Revision{}, err
	}
	if revision != "" && !written.MatchString(revision) {
		return weir.Revision{}, badRevision(revision)
	}
	n := number(revision)
	if n == 0 {
		at, err := m.lookup(ctx, src, target(src, "", 0))
		if err != nil {
			return weir.Revision{}, explain(ctx, src, err)
		}
		n = at.Commit.Revision
	}
	var l source.Listing
	if err := m.log(ctx, &l, src, n, 1, 1); err != nil {
		return weir.Revision{}, explain(ctx, src, unreachable(ctx, src, err))
	}
	if len(l.Revisions) == 0 {
		return weir.Revision{}, weir.Errorf(weir.NotFound, "%s has no revision %s", src.Location, id(n))
	}
	return l.Revisions[0], nil
}

// withRef is src with the branch that a ref stands for, checked. Names that git
// has for tags mean those here too.
func withRef(src weir.Source, ref string) (weir.Source, error) {
	if ref != "" {
		src.Branch = strings.TrimPrefix(ref, "refs/")
	}
	return src, checkSource(src)
}

// below is the path of a place in its repository, as logs begin paths in it.
func below(at place) (string, error) {
	path, ok := strings.CutPrefix(at.URL, at.Root)
	path, err := url.PathUnescape(path)
	if err != nil || !ok {
		return "", weir.Errorf(weir.Internal, "svn says that %.80q lies outside of its repository", command.Redact(at.URL)).WithCause(err)
	}
	return strings.TrimSuffix(path, "/") + "/", nil
}
