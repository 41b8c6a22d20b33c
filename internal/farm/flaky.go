package farm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/notify"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// newFlaky makes the list of flaky tests.
func (f *Farm) newFlaky() *flaky.Lister {
	return flaky.New(flaky.Options{Store: f.store, Now: f.now, Past: func(ctx context.Context, b weir.BuilderID, test weir.TestID) (history.History, error) {
		kept, err := f.store.History(ctx, b, test, store.MaxHistory)
		if err != nil {
			return history.History{}, err
		}
		return history.Read(pastOf(kept, absolvedIn(kept))), nil
	}})
}

// Flaky lists flaky tests; NotFound if there is no such project.
func (f *Farm) Flaky(ctx context.Context, q flaky.Query) (flaky.List, error) {
	list, err := f.flaky.List(ctx, q)
	if err == nil && q.Project != "" && len(list.New)+len(list.Open)+len(list.Quiet) == 0 {
		err = f.configures(q.Project)
	}
	return list, err
}

// FlakyDigest is what the owners of a project would be told now of its flaky
// tests; NotFound if there is no such project.
func (f *Farm) FlakyDigest(ctx context.Context, project string) (flake.Digest, error) {
	if err := f.configures(project); err != nil {
		return flake.Digest{}, err
	}
	return f.flaky.Digest(ctx, project)
}

func (f *Farm) configures(project string) error {
	if f.config.Load().project(project) == nil {
		return weir.Errorf(weir.NotFound, "there is no project %.80q", project).WithHint("weir status lists those that there are")
	}
	return nil
}

// digestLook is how often it is looked whether it is time for a digest.
const digestLook = 10 * time.Minute

// tellFlaky tells the owners of projects what is new of their flaky tests, once a
// week unless the farm's file says otherwise. It is on the server's log as well,
// and there also if a project has no owners, or the farm sends no mail. Of several
// servers one tells.
func (f *Farm) tellFlaky(ctx context.Context) error {
	c := f.config.Load()
	every := c.Mail.Digest
	if every <= 0 {
		every = recipe.DefaultDigest
	}
	var trouble []error
	for _, p := range c.Projects {
		err := f.flaky.Tell(ctx, p.Name, every, func(d flake.Digest) error { return f.tellOwnersOf(c, p, d) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			trouble = append(trouble, fmt.Errorf("flaky tests of %s: %w", p.Name, err))
		}
	}
	return errors.Join(trouble...)
}

// tellOwnersOf hands a digest over. When it returns without error the notices are on disk.
func (f *Farm) tellOwnersOf(c *config, p weir.Project, d flake.Digest) error {
	f.log.Info("what is new of flaky tests", "project", p.Name, "new", len(d.New), "again", len(d.Again), "closed", len(d.Closed),
		"open", len(d.Open), "owners", len(p.Owners), "digest", firstOf(d.String(), mostLogged))
	if f.notices == nil {
		return nil
	}
	for _, owner := range p.Owners {
		if err := f.notices.Add(notify.Flaky(owner, p.Name, summary(d), d.String(), c.Name, c.URL, f.now())); err != nil {
			return err
		}
	}
	return nil
}

// mostLogged is how much of a digest is on the log, in bytes.
const mostLogged = 4 << 10

func firstOf(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " ..."
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
