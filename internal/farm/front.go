package farm

import (
	"context"

	"github.com/weir-ci/weir/internal/store"
)

// Front is what the front page shows: an overview with glances at the builders
// in the place of their builds, so that it stays quick on a farm with thousands.
type Front struct {
	Overview // without Builders
	Glances  []Glance
}

// Glance is a builder with a glance at its recent builds.
type Glance = store.Glance

// BuildGlance says how a build stands.
type BuildGlance = store.BuildGlance

// Front reads the state of the whole farm, in the order of Overview.
func (f *Farm) Front(ctx context.Context) (Front, error) {
	glances, err := f.store.Glances(ctx, recentBuilds)
	if err != nil {
		return Front{}, err
	}
	o, err := f.overview(ctx)
	return Front{Overview: o, Glances: glances}, err
}

// GlancesOf makes of rows of an overview what Front has for them.
func GlancesOf(rows []BuilderRow) []Glance {
	glances := make([]Glance, len(rows))
	for i, row := range rows {
		g := Glance{Builder: row.Builder}
		for j, b := range row.Recent {
			if j == 0 {
				g.Revision, g.Created, g.Started, g.Finished, g.Changes = b.Revision(), b.Created, b.Started, b.Finished, b.Changes
			}
			g.Recent = append(g.Recent, BuildGlance{ID: b.ID, State: b.State, Outcome: b.Outcome})
		}
		glances[i] = g
	}
	return glances
}
