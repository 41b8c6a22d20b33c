package sqlstore

import (
	"database/sql"
	"errors"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// The specifications of a builder's builds differ by their revisions, and those
// are in the builds' pins. Without them a specification is the same for months,
// and is kept once.

// withoutPins takes the revisions and the product key out of a specification.
// It reports false if fillPins would not put the same ones in.
func withoutPins(spec weir.Spec, pins weir.Pins) (weir.Spec, bool) {
	if spec.Revision != pins[spec.Project] {
		return spec, false
	}
	spec.Revision, spec.ProductKey = "", ""
	spec.Inputs = slices.Clone(spec.Inputs)
	for i := range spec.Inputs {
		in := &spec.Inputs[i]
		if in.Revision != pins[in.Project] {
			return spec, false
		}
		in.Revision = ""
	}
	return spec, true
}

// fillPins puts the revisions into a specification again.
func fillPins(spec *weir.Spec, pins weir.Pins) {
	spec.Revision = pins[spec.Project]
	for i := range spec.Inputs {
		spec.Inputs[i].Revision = pins[spec.Inputs[i].Project]
	}
}

// recipe is a specification as it is kept.
type recipe struct {
	text, hash string
	pinned     bool
}

func recipeOf(nb store.NewBuild) (r recipe, err error) {
	spec, pinned := withoutPins(nb.Spec, nb.Pins)
	if !pinned {
		spec = nb.Spec
	}
	text, err := sqltx.Encode(spec)
	return recipe{text, RecipeHash(text, pinned), pinned}, err
}

// RecipeHash is what tells specifications apart in an index: without the pins or with them.
func RecipeHash(text string, pinned bool) string {
	return sqltx.HashOf(text, itoa(sqltx.Flag(pinned)))[:32]
}

func (p *plan) askRecipe(hash string) sqltx.Asked {
	return p.Later(`SELECT id FROM recipes WHERE hash = $1`, hash)
}

// recipe finds or makes the row that holds a build's specification.
func (p *plan) recipe(i int) (id int64, err error) {
	r, ok := p.asked.made[i]
	if !ok {
		if r, err = recipeOf(p.nr.Builds[i]); err != nil {
			return 0, err
		}
	}
	hash := r.hash
	if id := p.recipes[hash]; id != 0 {
		return id, nil
	}
	// Another server may add the same one between the two statements; the
	// insertion then waits for its end, and finds nothing to do.
	for asked, ok := p.asked.recipes[hash]; id == 0 && err == nil; ok = false {
		if !ok {
			asked = p.askRecipe(hash)
		}
		err = asked.Row().Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			err = p.Row(`INSERT INTO recipes (hash, pinned, spec) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id`,
				hash, sqltx.Flag(r.pinned), r.text).Scan(&id)
			if errors.Is(err, sql.ErrNoRows) {
				err = nil
			}
		}
	}
	p.recipes[hash] = id
	return id, err
}
