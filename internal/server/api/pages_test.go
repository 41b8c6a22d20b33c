package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestWhatPagesShow asks operations for what their pages can be asked for.
func TestWhatPagesShow(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	h := api.New(api.Options{Farm: f, Views: f.Views(&servertest.Acts{}), Version: "1"})
	read := func(path string, into any) {
		t.Helper()
		_, text := ask(t, h, path)
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%s: %v in %.200s", path, err, text)
		}
	}
	var o api.OverviewPage
	if read("/api/v1/overview?q=mill&group=state", &o); o.Projects == nil || o.Projects.Found != 1 || len(o.Projects.Groups) == 0 || len(o.Regressions) == 0 {
		t.Errorf("the overview has the projects %+v", o.Projects)
	}
	if len(o.Builders) == 0 || len(o.Builders[0].Recent) < 2 {
		t.Fatalf("the overview has the builders %+v", o.Builders)
	}
	var one, front api.OverviewPage
	read("/api/v1/overview?recent=1", &one)
	read("/api/v1/overview?recent=0", &front)
	if len(one.Builders) != len(o.Builders) || len(one.Builders[0].Recent) != 1 || len(front.Builders) != 0 || len(front.Regressions) == 0 {
		t.Errorf("with one build of each there are the builders %+v, with none %+v", one.Builders, front.Builders)
	}
	var plain, bad, some api.BuildPage
	read("/api/v1/builds/41", &plain)
	read("/api/v1/builds/41?tab=tests", &bad)
	read("/api/v1/builds/41?q=upper", &some)
	if plain.Build.ID != 41 || plain.Tests != nil || bad.Tests == nil || some.Tests == nil || len(some.Tests.Results) == 0 || len(some.Tests.Results) >= len(bad.Tests.Results) {
		t.Errorf("the build has the tests %+v, %+v and %+v", plain.Tests, bad.Tests, some.Tests)
	}
	var starts, none api.AllStarts
	read("/api/v1/starts/all?q=MIL", &starts)
	read("/api/v1/starts/all?q=nobody", &none)
	if len(starts.Projects) != 1 || len(starts.Projects[0].Jobs) != 2 || starts.Pulls == nil || starts.Ticks == nil || len(none.Projects) != 0 {
		t.Errorf("there are the starts %+v", starts)
	}
	var problem struct{ Code weir.Code }
	if read("/api/v1/builds/41?status=nonsense", &problem); problem.Code != weir.Invalid {
		t.Errorf("tests that are nonsense: %+v", problem)
	}
	if _, text := ask(t, h, "/api/v1/regressions/3"); !strings.Contains(text, `"author":"`) || strings.Contains(text, `"author":"Ada Wells <`) {
		t.Errorf("the culprit's author for somebody who is not known: %.2000s", text)
	}
}
