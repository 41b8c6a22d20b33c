package release

import (
	"context"

	"github.com/weir-ci/weir"
)

// Fixed finds secrets in a map, which must not change afterwards.
func Fixed(values map[string]string) Secrets {
	return func(_ context.Context, name string) (string, error) {
		if v, ok := values[name]; ok {
			return v, nil
		}
		return "", weir.Errorf(weir.Unavailable, "there is no secret called %.80q here", name).
			WithHint("the farm file names the secrets that there are")
	}
}
