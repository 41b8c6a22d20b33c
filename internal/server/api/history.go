package api

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
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
