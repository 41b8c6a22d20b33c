package farm

import (
	"context"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/source"
)

// askedSources notes who is asked for.
type askedSources chan string

// Revisions says that there is nothing.
func (a askedSources) Revisions(ctx context.Context, src weir.Source, _ string) (source.Listing, error) {
	select {
	case a <- src.Location:
	case <-ctx.Done():
	}
	return source.Listing{}, nil
}

// TestPollFollowsTheConfiguration: a project that comes later is looked at.
func TestPollFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("a"))
	asked := make(askedSources)
	f := New(Options{Store: s.store, Blobs: s.blobs, Sources: asked, Host: simPlatform})
	config := func(names ...string) *recipe.Farm {
		c := &recipe.Farm{}
		for _, name := range names {
			c.Projects = append(c.Projects, weir.Project{Name: name, Source: weir.Source{Kind: weir.Git, Location: name}})
		}
		return c
	}
	s.must(f.Configure(s.ctx, config("first")))
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error)
	go func() { ended <- f.poller.Run(ctx) }()
	for _, names := range [][]string{{"first"}, {"first", "second"}, {"third"}} {
		s.must(f.Configure(s.ctx, config(names...)))
		select {
		case got := <-asked:
			if got != names[len(names)-1] {
				t.Errorf("with %v, %s is asked for", names, got)
			}
		case <-time.After(3 * time.Minute):
			t.Errorf("with %v, nobody is asked for", names)
		}
	}
	cancel()
	s.must(<-ended)
}
