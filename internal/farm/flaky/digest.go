package flaky

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/notify"
	"github.com/weir-ci/weir/internal/store"
)

// Digest is what the owners of a project would be told now: what has changed since
// they were told the last time.
func (l *Lister) Digest(ctx context.Context, project string) (flake.Digest, error) {
	d, _, err := l.digest(ctx, project)
	return d, err
}

func (l *Lister) digest(ctx context.Context, project string) (flake.Digest, []store.ToldFlake, error) {
	list, err := l.List(ctx, Query{Project: project})
	if err != nil {
		return flake.Digest{}, nil, err
	}
	var entries []flake.Entry
	var told []store.ToldFlake
	for _, t := range slices.Concat(list.New, list.Open, list.Quiet) {
		entries = append(entries, flake.Entry{Builder: t.Builder.Name(), Test: t.Test, Before: t.told, Mark: t.Mark, Model: t.model})
		told = append(told, store.ToldFlake{Builder: t.Builder.ID, Test: t.Test, State: string(t.Mark.State)})
	}
	return flake.Sort(entries), told, nil
}

// Tell makes the digest of a project if it is time for one and no other server does
// it, and hands it over if it has news. It is told once tell returns nil; if tell
// fails, or the server dies before that, it is told again, by this server or another.
func (l *Lister) Tell(ctx context.Context, project string, every time.Duration, tell func(flake.Digest) error) error {
	claimed, err := l.o.Store.ClaimDigest(ctx, project, every, l.o.Now())
	if err != nil || !claimed {
		return err
	}
	d, told, err := l.digest(ctx, project)
	if err != nil {
		return err
	}
	if d.News() {
		if err := tell(d); err != nil {
			return err
		}
	}
	return l.o.Store.DigestTold(ctx, project, told, l.o.Now())
}

// Bulletin is what digests of all projects have in common.
type Bulletin struct {
	Farm, URL string // its name and address
	Every     time.Duration
	Projects  []weir.Project
}

// TellAll tells the owners of projects what is new of their flaky tests, if it is
// time for that. It is on the log as well, and there also if a project has no
// owners, or nobody can be told. Of several servers one tells.
func (l *Lister) TellAll(ctx context.Context, b Bulletin) error {
	var trouble []error
	for _, p := range b.Projects {
		err := l.Tell(ctx, p.Name, b.Every, func(d flake.Digest) error { return l.hand(b, p, d) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			trouble = append(trouble, fmt.Errorf("flaky tests of %s: %w", p.Name, err))
		}
	}
	return errors.Join(trouble...)
}

// mostLogged is how much of a digest is on the log, in bytes.
const mostLogged = 4 << 10

// hand gives a digest away. When it returns without error the notices are on disk.
func (l *Lister) hand(b Bulletin, p weir.Project, d flake.Digest) error {
	text := d.String()
	l.o.Log.Info("what is new of flaky tests", "project", p.Name, "new", len(d.New), "again", len(d.Again), "closed", len(d.Closed),
		"open", len(d.Open), "owners", len(p.Owners), "digest", strings.ToValidUTF8(text[:min(len(text), mostLogged)], ""))
	if l.o.Notices == nil {
		return nil
	}
	for _, owner := range p.Owners {
		if err := l.o.Notices.Add(notify.Flaky(owner, p.Name, summary(d), text, b.Farm, b.URL, l.o.Now())); err != nil {
			return err
		}
	}
	return nil
}

// summary says in a few words what is new.
func summary(d flake.Digest) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{len(d.New), "new"}, {len(d.Again), "again"}, {len(d.Closed), "no longer"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return "flaky tests: " + strings.Join(parts, ", ")
}
