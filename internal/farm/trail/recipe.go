package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/weir-ci/weir"
)

// RecipeChange says what changed in the recipe between two builds; empty if nothing did.
func (t Trail) RecipeChange(ctx context.Context, before, now weir.BuildID) (string, error) {
	a, err := t.Store.BuildSpec(ctx, before)
	if weir.CodeOf(err) == weir.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	b, err := t.Store.BuildSpec(ctx, now)
	if err != nil {
		return "", err
	}
	var parts []string
	if a.Job.Dir != b.Job.Dir {
		parts = append(parts, fmt.Sprintf("dir was %q and is %q", a.Job.Dir, b.Job.Dir))
	}
	for _, p := range []struct {
		name string
		a, b any
	}{{"steps", a.Job.Steps, b.Job.Steps}, {"env", a.Job.Env, b.Job.Env}, {"labels", a.Job.Labels, b.Job.Labels}, {"results", a.Job.Results, b.Job.Results},
		{"timeout", a.Job.Timeout, b.Job.Timeout}} {
		if !sameJSON(p.a, p.b) {
			parts = append(parts, p.name+" changed")
		}
	}
	if len(parts) == 0 {
		return "", nil
	}
	return fmt.Sprintf("the recipe has changed since build %d: %s", before, strings.Join(parts, ", ")), nil
}

func sameJSON(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}
