package api_test

import (
	"net/http/httptest"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm/find"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestStanding asks by the client how projects stand.
func TestStanding(t *testing.T) {
	t.Parallel()
	roundTrip[standing.Projects, client.Projects](t)
	roundTrip[standing.ProjectDetail, client.ProjectDetail](t)
	roundTrip[standing.BuilderDetail, client.BuilderDetail](t)
	roundTrip[standing.RunDetail, client.RunDetail](t)
	roundTrip[find.Found, client.Found](t)
	f := servertest.Demo()
	s := httptest.NewServer(api.New(api.Options{Farm: f, Views: f.Views(&servertest.Acts{}), Version: "1"}))
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Projects(t.Context(), client.ProjectQuery{Group: "state", Text: "m"})
	if err != nil || list.Total != 3 || len(list.Groups) == 0 || list.Groups[0].Name != "bad" || len(list.Groups[0].Projects[0].History) == 0 {
		t.Errorf("projects %+v, %v", list, err)
	}
	p, err := c.Project(t.Context(), "mill")
	if err != nil || p.Class != "bad" || len(p.Rows) == 0 || p.Rows[0].Newest.ID == 0 || len(p.Above) != 1 || len(p.Branches) != 1 || len(p.Revisions) != 1 || len(p.Regressions) == 0 {
		t.Errorf("project %+v, %v", p, err)
	}
	b, err := c.Builder(t.Context(), p.Rows[0].Builder.ID)
	if err != nil || b.Builder.Project != "mill" || len(b.Builds) == 0 || b.Usual == 0 {
		t.Errorf("builder %+v, %v", b, err)
	}
	r, err := c.Run(t.Context(), 11)
	if err != nil || r.Run.ID != 11 || len(r.Builds) == 0 {
		t.Errorf("run %+v, %v", r, err)
	}
	found, err := c.Search(t.Context(), "regression 3", 5)
	if err != nil || found.Exact == nil || found.Exact.ID != 3 || found.Exact.Kind != "regression" {
		t.Errorf("found %+v, %v", found, err)
	}
	for what, ask := range map[string]func() error{
		"project": func() error { _, err := c.Project(t.Context(), "nobody"); return err },
		"name":    func() error { _, err := c.Project(t.Context(), "../x"); return err },
		"builder": func() error { _, err := c.Builder(t.Context(), 99); return err },
		"run":     func() error { _, err := c.Run(t.Context(), 99); return err },
	} {
		if err := ask(); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("%s that is not there: %v", what, err)
		}
	}
}
