package sqlstore

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// LineHeads finds, for each builder that has one, its newest build whose
// cause advances the baseline, whatever its state.
func (s *Store) LineHeads(ctx context.Context, builders []weir.BuilderID) (map[weir.BuilderID]weir.Build, error) {
	var heads map[weir.BuilderID]weir.Build
	err := s.read(ctx, "find the newest builds", func(c conn) error {
		builds, err := c.builds(`WHERE b.id IN (SELECT (SELECT MAX(x.id) FROM builds x WHERE x.builder_id = y.id AND x.advances = 1)
			FROM builders y WHERE y.id IN `+c.In(1)+`)`, sqltx.IDs(builders))
		heads = make(map[weir.BuilderID]weir.Build, len(builds))
		for _, b := range builds {
			heads[b.Builder.ID] = b
		}
		return err
	})
	return heads, err
}
