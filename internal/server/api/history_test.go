package api_test

import (
	"testing"

	"github.com/weir-ci/weir"
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
