package api_test

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestFlaky(t *testing.T) {
	t.Parallel()
	c, url := serve(t, servertest.Demo())
	list, err := c.Flaky(t.Context(), "mill")
	if err != nil || list.Project != "mill" || len(list.New) != 1 || len(list.Open) != 2 || len(list.Quiet) != 1 || list.Omitted != 12 {
		t.Fatalf("%+v, %v", list, err)
	}
	f := list.New[0]
	if f.Mark.State != "flaky" || f.Mark.Closes.IsZero() || f.Rate.High == 0 || len(f.Seen) != 1 || !f.Seen[0].Runs[0].Bad || f.Hints[0].In.Bad != 6 {
		t.Errorf("%+v", f)
	}
	if all, err := c.Flaky(t.Context(), ""); err != nil || all.Project != "" || len(all.New) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	if d, err := c.FlakyDigest(t.Context(), "mill"); err != nil || !d.News || !strings.HasPrefix(d.Text, "New flaky tests: 1\n  mill/net TestListen on mill/test") {
		t.Errorf("%+v, %v", d, err)
	}
	empty, _ := serve(t, servertest.New())
	if list, err := empty.Flaky(t.Context(), ""); err != nil || list.New == nil || list.Open == nil || list.Quiet == nil {
		t.Errorf("%+v, %v", list, err)
	}
	for _, project := range []string{"nobody", strings.Repeat("x", 65)} {
		if _, err := c.Flaky(t.Context(), project); err == nil {
			t.Errorf("the project %.10q is known at %s", project, url)
		}
	}
	if _, err := c.FlakyDigest(t.Context(), ""); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("a digest of no project: %v", err)
	}
}
