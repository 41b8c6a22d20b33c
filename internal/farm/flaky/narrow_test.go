package flaky

import (
	"testing"

	"github.com/weir-ci/weir"
)

func TestOnly(t *testing.T) {
	t.Parallel()
	test := func(name, platform string) Test {
		return Test{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Platform: weir.Platform(platform)}}, Test: weir.TestID{Suite: "Net", Name: name}}
	}
	all := List{New: []Test{test("Dial", "linux/amd64")}, Open: []Test{test("Listen", "darwin/arm64"), test("Dial", "darwin/arm64")}, Quiet: []Test{test("Slow", "linux/amd64")}, Omitted: 3}
	for _, c := range []struct {
		n                Narrow
		fresh, open, old int
	}{
		{Narrow{}, 1, 2, 1}, {Narrow{State: "open"}, 0, 2, 0}, {Narrow{State: "odd"}, 0, 0, 0}, {Narrow{Platform: "linux/amd64"}, 1, 0, 1},
		{Narrow{Text: "dial"}, 1, 1, 0}, {Narrow{Text: "NET"}, 1, 2, 1}, {Narrow{Text: "dial", Platform: "darwin/arm64", State: "open"}, 0, 1, 0},
	} {
		l := all.Only(c.n)
		if len(l.New) != c.fresh || len(l.Open) != c.open || len(l.Quiet) != c.old || l.Omitted != 3 {
			t.Errorf("%+v leaves %+v", c.n, l)
		}
	}
	if len(all.Open) != 2 || all.Open[0].Test.Name != "Listen" {
		t.Errorf("the list itself was changed: %+v", all.Open)
	}
}
