// Package release is what sources of released versions share: which versions of
// a list count, the HTTP client that asks for lists and files, and the way a
// file becomes a checkout.
//
// # Which versions count
//
// The revisions of such a source are its versions, in the order that their kind
// of registry gives them ([Scheme]), never in that of dates. What the registry
// lists counts unless it is a prerelease or was taken back (yanked, deprecated);
// those count only when the source names them in Versions, From or To. A version
// that appears late, below the newest known one (a fix of an older line), is not
// reported: positions only grow, and it lies behind them.
//
// Lists have gaps. Source.Versions is united with the list, and with Closed it
// replaces the list. If a list cannot be had but Versions are given, they are
// the list.
package release

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

// Limits of what a source may say.
const (
	MaxVersion  = 100  // bytes of a version
	MaxVersions = 5000 // entries of Source.Versions
	// MaxListed limits the versions of a registry's list that are looked at.
	MaxListed = 100_000
)

// Scheme is how the versions of one source are written and ordered.
type Scheme interface {
	// Check is Invalid unless it is one exact version.
	Check(version string) error
	// Compare orders two versions that Check accepted.
	Compare(a, b string) int
}

// Line lists the versions of src behind known, as source.Lister has it: those
// that list answers and src names, within src's bounds, in order. list answers
// what the registry has without what must be named to count. The first call
// without From yields the newest alone. more says that the line is cut at
// source.MaxRevisions.
func Line(ctx context.Context, src weir.Source, known string, s Scheme, list func() ([]string, error)) (line []string, more bool, err error) {
	if err := check(src, known, s); err != nil {
		return nil, false, err
	}
	line = slices.Clone(src.Versions)
	if !src.Closed {
		listed, err := list()
		if err != nil && (len(src.Versions) == 0 || ctx.Err() != nil || weir.CodeOf(err) != weir.Unavailable) {
			return nil, false, err
		}
		for _, v := range listed[:min(len(listed), MaxListed)] {
			if s.Check(v) == nil {
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
		return src.From != "" && s.Compare(v, src.From) < 0 || src.To != "" && s.Compare(v, src.To) > 0
	})
	slices.SortStableFunc(line, s.Compare)
	line = slices.CompactFunc(line, func(a, b string) bool { return s.Compare(a, b) == 0 })
	switch {
	case len(line) == 0 && known == "":
		return nil, false, weir.Errorf(weir.NotFound, "%.200s has no released version within the source's bounds", Shown(src.Location)).
			WithHint("prereleases, and what was taken back, count only when the source's versions name them")
	case known != "":
		line = slices.DeleteFunc(line, func(v string) bool { return s.Compare(v, known) <= 0 })
	case src.From == "":
		line = line[len(line)-1:]
	}
	if more = len(line) > source.MaxRevisions; more {
		line = line[:source.MaxRevisions]
	}
	return line, more, nil
}

func check(src weir.Source, known string, s Scheme) error {
	if len(src.Versions) > MaxVersions {
		return weir.Errorf(weir.TooLarge, "%.200s names %d versions, more than %d", Shown(src.Location), len(src.Versions), MaxVersions)
	}
	for _, v := range append([]string{src.From, src.To, known}, src.Versions...) {
		if v == "" {
			continue
		}
		if err := s.Check(v); err != nil {
			return err
		}
	}
	return nil
}

// Checkout makes dir with what fill writes into it. dir must be empty or absent,
// and is again after an error of fill's.
func Checkout(ctx context.Context, dir string, fill func() error) error {
	if entries, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		return weir.Errorf(weir.Conflict, "the directory %s for the checkout is not an empty directory", filepath.Base(dir)).
			WithHint("check out into a new directory").WithCause(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as of every checkout
		return weir.Errorf(weir.Internal, "the directory %s cannot be made", filepath.Base(dir)).WithCause(err)
	}
	err := fill()
	if err == nil {
		return nil
	}
	code := weir.CodeOf(err)
	if ctx.Err() != nil {
		err = Stopped(ctx)
		code = weir.Unavailable
	}
	if clear := clearDir(dir); clear != nil {
		// What kept the checkout from being made is what matters; that the
		// directory is not empty either is found by the next one.
		return weir.Errorf(code, "%w", err).WithCause(errors.Join(err, clear))
	}
	return err
}

// Stopped is the error of what ended because its context did.
func Stopped(ctx context.Context) error {
	return weir.Errorf(weir.Unavailable, "reading the source was stopped: %w", context.Cause(ctx))
}

// clearDir empties dir.
func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
