package api

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/timing"
)

type testIn struct {
	Project string `query:"project" required:"true" minLength:"1" maxLength:"64" doc:"the project whose test it is"`
	Job     string `query:"job" maxLength:"64" doc:"only builders of this job"`
	Suite   string `query:"suite" maxLength:"1024" doc:"the test's suite; leave it out if it has none"`
	Name    string `query:"name" required:"true" minLength:"1" maxLength:"1024" doc:"the test's name in its suite"`
}

func (h *handler) test(ctx context.Context, in *testIn) (*body[farm.TestHistory], error) {
	past, err := h.farm.TestHistory(ctx, farm.TestQuery{Project: in.Project, Job: in.Job, Test: weir.TestID{Suite: in.Suite, Name: in.Name}})
	past.Builders = orEmpty(past.Builders)
	for i := range past.Builders {
		past.Builders[i].Segments = orEmpty(past.Builders[i].Segments)
	}
	return &body[farm.TestHistory]{past}, err
}

// testTimes tells how long a test took lately, as its page does.
func (h *handler) testTimes(ctx context.Context, in *testIn) (*body[[]timing.Series], error) {
	test := weir.TestID{Suite: in.Suite, Name: in.Name}
	past, err := h.farm.TestHistory(ctx, farm.TestQuery{Project: in.Project, Job: in.Job, Test: test})
	if err != nil {
		return nil, err
	}
	var on []timing.Known
	for _, b := range past.Builders {
		if !b.Now.Removed {
			on = append(on, timing.Known{Builder: b.Builder.ID, Bad: b.Now.Status.Bad()})
		}
	}
	list, err := h.views.Times.Of(ctx, on, test)
	return &body[[]timing.Series]{orEmpty(list)}, err
}
