package gomod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
)

// Revisions implements source.Lister. known need not be listed any more: what
// is above it counts. Rewritten is never set. With From, the first call yields
// all versions from there on.
func (m *Modules) Revisions(ctx context.Context, src weir.Source, known string) (source.Listing, error) {
	s, err := m.schemeOf(src)
	if err == nil && known != "" {
		err = s.check(known)
	}
	if err != nil {
		return source.Listing{}, err
	}
	line, err := m.line(ctx, s, src)
	if err != nil {
		return source.Listing{}, err
	}
	if len(line) == 0 && known == "" {
		return source.Listing{}, weir.Errorf(weir.NotFound, "module %s has no released version within the source's bounds", src.Location).
			WithHint("name prereleases or pseudo-versions in the source's versions; go list -m -versions %s shows what there is", src.Location)
	}
	switch {
	case known != "":
		line = slices.DeleteFunc(line, func(v string) bool { return s.compare(v, known) <= 0 })
	case src.From == "":
		line = line[len(line)-1:]
	}
	var l source.Listing
	if l.More = len(line) > source.MaxRevisions; l.More {
		line = line[:source.MaxRevisions]
	}
	l.Revisions, err = m.describe(ctx, s, src, line)
	return l, err
}

// line lists the versions that count, in order.
func (m *Modules) line(ctx context.Context, s scheme, src weir.Source) ([]string, error) {
	line := slices.Clone(src.Versions)
	if !src.Closed {
		entries, err := m.list(ctx, src)
		if err != nil && (len(src.Versions) == 0 || ctx.Err() != nil || weir.CodeOf(err) != weir.Unavailable) {
			return nil, err
		}
		for _, e := range entries {
			if v, ok := s.fromList(e); ok && s.release(v) {
				line = append(line, v)
			}
		}
		for _, named := range []string{src.From, src.To} {
			if named != "" {
				line = append(line, named)
			}
		}
	}
	line = slices.DeleteFunc(line, func(v string) bool {
		return src.From != "" && s.compare(v, src.From) < 0 || src.To != "" && s.compare(v, src.To) > 0
	})
	slices.SortFunc(line, s.compare)
	return slices.CompactFunc(line, func(a, b string) bool { return s.compare(a, b) == 0 }), nil
}

// list asks for the versions that the registry knows, without retracted ones.
// Which are retracted stands in the newest one's go.mod; if the registry does
// not hand that out, none counts as retracted.
func (m *Modules) list(ctx context.Context, src weir.Source) ([]string, error) {
	var answer struct {
		Versions []string
		Error    errText
	}
	for _, retracted := range []string{"-retracted=false", "-retracted=true"} {
		out, err := m.run(ctx, nil, "list", "-m", "-e", "-versions", retracted, "-json", src.Location)
		answer.Error = ""
		if err == nil {
			err = json.Unmarshal(out, &answer)
		}
		if err != nil {
			return nil, reading(ctx, src, err, "")
		}
		if !strings.Contains(string(answer.Error), "loading module retractions") {
			break
		}
	}
	if answer.Error != "" {
		return nil, reading(ctx, src, nil, answer.Error)
	}
	return answer.Versions, nil
}

// describe asks for the times of versions. One that cannot be described keeps
// the zero time: a list may name what the registry does not hand out, and then
// the checkout says so. If none can, it is the registry that does not answer.
func (m *Modules) describe(ctx context.Context, s scheme, src weir.Source, line []string) ([]weir.Revision, error) {
	revs := make([]weir.Revision, len(line))
	for i, v := range line {
		revs[i].ID = v
	}
	// One go command asks for one version after the other.
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	var failed atomic.Pointer[errText]
	var dated atomic.Bool
	for part := range slices.Chunk(revs, chunk) {
		g.Go(func() error {
			times, text, err := m.times(inner, s, src, part)
			if text != "" {
				failed.Store(&text)
			}
			for i := range part {
				if t, ok := times[s.query(part[i].ID)]; ok {
					part[i].Time = t
					dated.Store(true)
				}
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if text := failed.Load(); text != nil && !dated.Load() {
		return nil, missing(ctx, src, *text)
	}
	return revs, nil
}

// times asks for the times of a few versions, by what the go command calls
// them. failed is the last trouble with one of them.
func (m *Modules) times(ctx context.Context, s scheme, src weir.Source, revs []weir.Revision) (times map[string]time.Time, failed errText, err error) {
	args := []string{"list", "-m", "-e", "-json"}
	for _, r := range revs {
		args = append(args, s.query(r.ID))
	}
	out, err := m.run(ctx, nil, args...)
	if err != nil {
		return nil, "", reading(ctx, src, err, "")
	}
	times = map[string]time.Time{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var answer struct {
			Path, Version string
			Time          time.Time
			Error         errText
		}
		switch err := d.Decode(&answer); {
		case errors.Is(err, io.EOF):
			return times, failed, nil
		case err != nil:
			return nil, "", reading(ctx, src, err, "")
		case answer.Error != "":
			failed = answer.Error
		default:
			times[answer.Path+"@"+answer.Version] = answer.Time.UTC()
		}
	}
}

// missing tells a version that does not exist from a registry that cannot be
// reached, by the go command's words.
func missing(ctx context.Context, src weir.Source, text errText) error {
	f := command.Failure{Stderr: string(text)}
	if ctx.Err() != nil || !f.Has("unknown revision", "404 Not Found", "410 Gone", "403 Forbidden", "no such file or directory",
		"cannot find the file", "invalid version", "no matching versions") {
		return reading(ctx, src, nil, text)
	}
	return weir.Errorf(weir.NotFound, "module %s does not have that version: %s", src.Location, text.line(src)).
		WithHint("go list -m -versions %s shows what there is", src.Location)
}
