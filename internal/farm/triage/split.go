package triage

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Pick names tests of a regression.
type Pick struct {
	// Test is a test's suite and name. Without a suite, the name alone is enough,
	// or both with a space between them, as people see it.
	Test weir.TestID
	// Builder is the name of a builder; empty: the only one that has the test.
	Builder string
}

// Split takes some tests out of an open regression: they become one of their
// own. Invalid if none or all of the tests are named, or one is not a test of
// it; Conflict if several builders have one of them, or it is closed.
func (d *Desk) Split(ctx context.Context, id weir.RegressionID, picks []Pick, w weir.Word) (weir.RegressionID, error) {
	w.At = d.now()
	if err := checkWord(w); err != nil {
		return 0, err
	}
	if len(picks) == 0 || len(picks) > MaxSplit {
		return 0, weir.Errorf(weir.Invalid, "%d tests are named, it must be 1 to %d", len(picks), MaxSplit)
	}
	if err := d.episode(ctx, id); err != nil {
		return 0, err
	}
	r, err := d.store.Regression(ctx, id)
	if err != nil {
		return 0, err
	}
	var keys []store.VictimKey
	for _, p := range picks {
		key, err := victimOf(r, p)
		if err != nil {
			return 0, err
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	made, err := d.store.Split(ctx, id, keys, w)
	if err != nil {
		return 0, err
	}
	d.stir()
	return made, nil
}

// victimOf finds the one victim that is meant.
func victimOf(r weir.Regression, p Pick) (store.VictimKey, error) {
	var found []store.VictimKey
	var on []string
	suites := map[string]bool{}
	for _, v := range r.Victims {
		means := v.Test == p.Test || p.Test.Suite == "" && (v.Test.Name == p.Test.Name || v.Test.String() == p.Test.Name)
		if means && (p.Builder == "" || p.Builder == v.Builder.Name()) {
			found, on = append(found, store.VictimKey{Builder: v.Builder.ID, Test: v.Test}), append(on, v.Builder.Name())
			suites[v.Test.Suite] = true
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && p.Builder != "":
		return store.VictimKey{}, weir.Errorf(weir.Invalid, "%.200q is not a test of regression %d on %.200q", p.Test.String(), r.ID, p.Builder).
			WithHint("weir regressions %d lists them, with their builders", r.ID)
	case len(found) == 0:
		return store.VictimKey{}, weir.Errorf(weir.Invalid, "%.200q is not a test of regression %d", p.Test.String(), r.ID).
			WithHint("weir regressions %d lists them", r.ID)
	case len(suites) > 1:
		return store.VictimKey{}, weir.Errorf(weir.Conflict, "%d suites of regression %d have a test %.200q", len(suites), r.ID, p.Test.String()).
			WithHint("write the suite in front of it, with a space between")
	}
	return store.VictimKey{}, weir.Errorf(weir.Conflict, "%d builders of regression %d have the test %.200q: %s", len(found), r.ID, p.Test.String(), some(on)).
		WithHint("choose one with --builder")
}
