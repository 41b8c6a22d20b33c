package api_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, servertest.Demo())
	h, err := c.Test(t.Context(), "mill", "test", servertest.DemoTest())
	if err != nil || h.Project != "mill" || len(h.Builders) != 3 || h.Where.Spread != "only_here" {
		t.Fatalf("%+v, %v", h, err)
	}
	b := h.Builders[1]
	if len(b.Segments) < 2 || len(b.Changes) == 0 || b.Rate.Runs == 0 || b.Says == "" || b.Now.Status != weir.Fail || b.Segments[0].Runs == 0 {
		t.Errorf("%+v", b)
	}
	for _, q := range []struct {
		project string
		test    weir.TestID
		want    weir.Code
	}{
		{"mill", weir.TestID{Name: "none"}, weir.NotFound},
		{"mill", weir.TestID{Suite: "mill/text"}, weir.Invalid},
		{"", servertest.DemoTest(), weir.Invalid},
	} {
		if _, err := c.Test(t.Context(), q.project, "", q.test); weir.CodeOf(err) != q.want {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestTestTimes reads how long a test took, through the client.
func TestTestTimes(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	s := httptest.NewServer(api.New(api.Options{Farm: f, Views: f.Views(&servertest.Acts{}), Version: "1.2.3"}))
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	times, err := c.TestTimes(t.Context(), "mill", "test", servertest.DemoTest())
	if err != nil || len(times) != 2 || times[0].Builder != f.Pasts[servertest.DemoTest()].Builders[1].Builder.ID {
		t.Fatalf("%+v, %v", times, err)
	}
	points := times[0].Points
	if last := points[len(points)-1]; last.Build != servertest.FailedBuild || last.Took != 3*time.Second || last.Status != weir.Fail || last.At.IsZero() {
		t.Errorf("%+v", points)
	}
	if _, err := c.TestTimes(t.Context(), "mill", "", weir.TestID{Name: "none"}); weir.CodeOf(err) != weir.NotFound {
		t.Error(err)
	}
}
