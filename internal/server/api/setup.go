package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/server/rest"
)

// Setups reads the farm file again.
type Setups interface {
	// Setup tells how the farm stands with its configuration.
	Setup() setup.Status
	// Reload puts the file in force if it has no mistakes.
	Reload(ctx context.Context, by string) (setup.Result, error)
	// Compare says what would change if data took the file's place; nil stands for
	// the file as it is now.
	Compare(ctx context.Context, data []byte) (setup.Result, error)
}

// maxFarmFile limits the body of a comparison, in bytes: what a farm file may
// have, and one more, so that the reader of farm files can say that it is too large.
const maxFarmFile = 4<<20 + 1

func (h *handler) setups(a *rest.API) {
	rest.Register(a, get("config", "config", "How the farm stands with its configuration"),
		func(context.Context, *none) (*body[setup.Status], error) {
			return &body[setup.Status]{h.farm.Setup()}, nil
		})
	rest.Register(a, operation(access.Config, http.MethodPost, "reload", "reload", "Read the farm file again, and put it in force if it has no mistakes"),
		func(ctx context.Context, _ *none) (*body[setup.Result], error) {
			r, err := h.farm.Reload(ctx, adminOf(ctx))
			return answer(r), err
		})
	compare := operation(access.Config, http.MethodPost, "compare", "reload/compare", "What would change if a farm file, or the server's own as it is now, were put in force")
	compare.Tags = []string{onlyLooks}
	compare.MaxBodyBytes = maxFarmFile
	compare.RequestBody = &huma.RequestBody{Description: "a farm file; without one, the server's own is meant"}
	rest.Register(a, compare, h.compare)
	compare.RequestBody.Required = false // which huma has no other way to say
}

type compareIn struct {
	RawBody []byte `contentType:"application/yaml"`
}

func (h *handler) compare(ctx context.Context, in *compareIn) (*body[setup.Result], error) {
	if len(in.RawBody) >= maxFarmFile {
		return nil, weir.Errorf(weir.TooLarge, "a farm file has at most %d MiB", maxFarmFile>>20)
	}
	data := in.RawBody
	if len(data) == 0 {
		data = nil
	}
	r, err := h.farm.Compare(ctx, data)
	return answer(r), err
}

// answer makes sure that a list without changes is [], never null.
func answer(r setup.Result) *body[setup.Result] {
	r.Diff.Changes = orEmpty(r.Diff.Changes)
	return &body[setup.Result]{r}
}
