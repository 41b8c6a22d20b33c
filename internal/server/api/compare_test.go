package api_test

import (
	"net/http/httptest"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/farm/compare"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// comparing serves a farm with the views that compare.
func comparing(t *testing.T) *client.Client {
	t.Helper()
	f := servertest.Demo()
	server := httptest.NewServer(api.New(api.Options{Farm: f, Views: f.Views(&servertest.Acts{})}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompareBuilds(t *testing.T) {
	t.Parallel()
	c := comparing(t)
	got, err := c.Compare(t.Context(), 33, servertest.FailedBuild)
	if err != nil {
		t.Fatal(err)
	}
	if got.A.Build.ID != 33 || got.B.Build.ID != servertest.FailedBuild || len(got.Steps) != 4 || got.Tests.Known || len(got.Moves) != 2 || !got.Packages.A || got.Packages.Same != 3 {
		t.Errorf("%+v", got)
	}
	for _, pair := range [][2]weir.BuildID{{1, 999}, {999, 1}} {
		if _, err := c.Compare(t.Context(), pair[0], pair[1]); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("%v: %v", pair, err)
		}
	}
	if _, err := c.Compare(t.Context(), 0, 1); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("without a build: %v", err)
	}
	b, err := c.Beside(t.Context(), servertest.FailedBuild)
	if err != nil || len(b.Moves) != 2 || len(b.Metrics) != 1 || b.Metrics[0].Name != "size" {
		t.Errorf("beside: %+v, %v", b, err)
	}
}

func TestFindResults(t *testing.T) {
	t.Parallel()
	c := comparing(t)
	for _, q := range []struct {
		client.ResultQuery
		want, omitted int
		first         string
	}{
		{client.ResultQuery{}, 3, 0, "TestUpper/case_1"},
		{client.ResultQuery{Text: "CASE_2"}, 1, 0, "TestUpper/case_2"},
		{client.ResultQuery{Status: "skipped", Limit: 5}, 5, 7, "TestMesh/0"},
		{client.ResultQuery{Status: "all", Suite: "mill/grain", Offset: 1200}, 4, 0, "TestGrain/996"},
		{client.ResultQuery{Status: "changed"}, 2, 0, "TestUpper/case_1"},
		{client.ResultQuery{Status: "good", Text: "nonsense"}, 0, 0, ""},
	} {
		got, err := c.FindResults(t.Context(), servertest.FailedBuild, q.ResultQuery)
		if err != nil || len(got.Results) != q.want || got.Omitted != q.omitted || got.Counts.Pass != 1204 {
			t.Errorf("%+v: %d results, %d omitted, %v", q.ResultQuery, len(got.Results), got.Omitted, err)
			continue
		}
		if q.want > 0 && got.Results[0].Test.Name != q.first {
			t.Errorf("%+v: the first one is %s", q.ResultQuery, got.Results[0].Test.Name)
		}
	}
	if _, err := c.FindResults(t.Context(), 1, client.ResultQuery{Text: "x"}); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("a build without results: %v", err)
	}
}

func TestBuildsWithFilters(t *testing.T) {
	t.Parallel()
	c := comparing(t)
	for _, q := range []struct {
		client.BuildQuery
		want int
	}{
		{client.BuildQuery{Outcome: weir.Failed}, 1}, {client.BuildQuery{State: weir.Running}, 1}, {client.BuildQuery{Worker: "heron"}, 2},
		{client.BuildQuery{Platform: "amd64", Project: "mill"}, 15}, {client.BuildQuery{Platform: "darwin"}, 0}, {client.BuildQuery{Cause: weir.CauseForce}, 0},
	} {
		got, err := c.Builds(t.Context(), q.BuildQuery)
		if err != nil || len(got) != q.want {
			t.Errorf("%+v: %d builds, %v", q.BuildQuery, len(got), err)
		}
	}
	for _, bad := range []client.BuildQuery{{Outcome: "x"}, {State: "x"}, {Cause: "x"}} {
		if _, err := c.Builds(t.Context(), bad); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestClientKnowsComparisons is TestClientKnowsEveryField for what compares builds.
func TestClientKnowsComparisons(t *testing.T) {
	t.Parallel()
	roundTrip[compare.Comparison, client.Comparison](t)
	roundTrip[beside.Beside, client.Beside](t)
}
