package findings

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestNoPath: where nothing has moved there is no path to draw.
func TestNoPath(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	d := f.Cases[servertest.Culprit]
	r := &d.Regression
	d.Points, d.Probes, r.Path, r.Suspects, r.Culprit = nil, nil, nil, weir.Span{}, weir.Culprit{}
	r.Bad.Pins = r.Good.Pins
	r.State, r.Blame = weir.Dismissed, weir.BlameEnvironment
	r.Corners = []weir.Corner{{Pins: r.Good.Pins, Build: 41, Said: weir.ObservedBad}}
	html := rendered(t, NewRegressionView(d, "", f.Now))
	for _, want := range []string{"no revision broke", "nothing moved between them"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(html, "<svg class=\"path") || strings.Contains(html, "0 revisions") {
		t.Error("the page draws a path of nothing")
	}
}
