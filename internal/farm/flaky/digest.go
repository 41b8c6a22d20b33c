package flaky

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir/internal/flake"
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
