package api

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/flake"
)

// Flaky lists flaky tests.
type Flaky interface {
	// Flaky lists flaky tests; NotFound if there is no such project.
	Flaky(ctx context.Context, q flaky.Query) (flaky.List, error)
	// FlakyDigest is what the owners of a project would be told now; NotFound
	// if there is no such project.
	FlakyDigest(ctx context.Context, project string) (flake.Digest, error)
}

type flakyIn struct {
	Project  string `query:"project" maxLength:"64" doc:"only tests of this project"`
	State    string `query:"state" enum:"new,open,quiet" doc:"only those that are new, known, or silent for long; empty: all"`
	Platform string `query:"platform" maxLength:"64" doc:"only on this platform, os/arch"`
	Text     string `query:"q" maxLength:"200" doc:"only tests with this in their name or their suite's; case does not matter"`
}

func (h *handler) flaky(ctx context.Context, in *flakyIn) (*body[flaky.List], error) {
	list, err := h.farm.Flaky(ctx, flaky.Query{Project: in.Project})
	list = list.Only(flaky.Narrow{State: in.State, Platform: weir.Platform(in.Platform), Text: in.Text})
	list.New, list.Open, list.Quiet = orEmpty(list.New), orEmpty(list.Open), orEmpty(list.Quiet)
	return &body[flaky.List]{list}, err
}

type digestIn struct {
	Project string `query:"project" required:"true" minLength:"1" maxLength:"64" doc:"the project whose owners would be told"`
}

// FlakyDigest is what the owners of a project would be told now.
type FlakyDigest struct {
	Project string `json:"project"`
	// News says that something has changed since the last digest; one without is not sent.
	News bool   `json:"news"`
	Text string `json:"text"` // for people; empty if no test is flaky
}

func (h *handler) flakyDigest(ctx context.Context, in *digestIn) (*body[FlakyDigest], error) {
	d, err := h.farm.FlakyDigest(ctx, in.Project)
	return &body[FlakyDigest]{FlakyDigest{Project: in.Project, News: d.News(), Text: d.String()}}, err
}
