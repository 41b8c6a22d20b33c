package web

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
)

func TestBuildersView(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	list := farmOf(t, 1000)
	v := buildersView(list, now, "")
	var titles []string
	for _, p := range v.Parts {
		titles = append(titles, fmt.Sprint(p.Title, " ", p.Open))
	}
	if want := []string{"3 in trouble, the newest trouble first true", "996 fine false", "1 without a finished build false"}; !slices.Equal(titles, want) {
		t.Errorf("parts %q, want %q", titles, want)
	}
	if !v.Many || v.More != 0 || len(v.Projects) != 0 {
		t.Errorf("of 1,000 builders: %+v", v)
	}
	var trouble []string
	for _, b := range v.Parts[0].Builders {
		trouble = append(trouble, b.Name)
	}
	if want := []string{"project-0500/test linux/amd64", "project-0007/test linux/amd64", "project-0300/test linux/amd64"}; !slices.Equal(trouble, want) {
		t.Errorf("in trouble are %q, want %q", trouble, want)
	}
	if runs := v.Parts[0].Builders[0].Runs; !slices.Equal(runs, []Stroke{{page.KindPass, "✓✓✓✓✓✓✓✓✓✓✓"}, {page.KindFail, "✕"}}) {
		t.Errorf("runs %+v", runs)
	}
	if v := buildersView(list, now, "PROJECT-05"); len(v.Projects) != 100 || v.None || !v.Many || v.Total != 1000 {
		t.Errorf("filtered: %d projects", len(v.Projects))
	}
	if v := buildersView(list, now, "nobody"); !v.None || len(v.Projects) != 0 {
		t.Errorf("filtered by what nobody has: %+v", v)
	}
	if v := buildersView(farmOf(t, 2500), now, ""); v.More != 1500 || len(v.Parts[0].Builders) != 3 || len(v.Parts[1].Builders) != 997 {
		t.Errorf("of 2,500 builders %d are left out", v.More)
	}
	if v := buildersView(farmOf(t, 200), now, ""); len(v.Projects) != 200 || v.Many {
		t.Errorf("of 200 builders: %+v", v)
	}
}

// farmOf makes glances at so many builders with twelve builds each. Numbers 7,
// 300 and 500 are in trouble, 500 since the last build; the last has no build.
func farmOf(t *testing.T, n int) []farm.Glance {
	t.Helper()
	f := servertest.Many(n)
	front, err := f.Front(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(front.Glances) != n || front.Glances[0].Recent[0].State != weir.Finished {
		t.Fatalf("the farm has %d builders", len(front.Glances))
	}
	return front.Glances
}
