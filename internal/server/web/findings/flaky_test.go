package findings

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/flake"
)

func TestFlakyView(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	b := weir.Builder{BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/amd64"}}
	test := flaky.Test{Builder: b, Test: weir.TestID{Suite: "s", Name: "n\n<b>"}, Older: 3, Hidden: true,
		Mark: flake.Mark{State: flake.Flaky, Reason: "both outcomes", Rearmed: 2, Chance: 0.2, Closes: now.Add(48 * time.Hour)},
		Rate: flaky.Rate{Flakes: 1, Builds: 1200, Says: "2 % of runs"}, Hints: []flaky.Hint{{Says: "worker a: 3 of 3"}},
		Seen: []flaky.Sighting{{At: now, Runs: []flaky.TestRun{{Build: 7, Bad: true, Worker: "a"}, {Build: 8}}}}}
	quiet := test
	quiet.Mark = flake.Mark{State: flake.Quiet, Reason: "silent"}
	v := NewFlakyView(flaky.List{Project: "mill", New: []flaky.Test{test}, Quiet: []flaky.Test{quiet}, Omitted: 1}, FlakyFilter{Project: "mill"}, now)
	c := v.New[0]
	if v.Title != "Flaky tests of mill" || v.Omitted != "and 1 more, which have not flaked for longer" || len(v.Open) != 0 || len(v.Quiet) != 1 {
		t.Errorf("%+v", v)
	}
	if strings.Contains(c.Test, "\n") || c.URL != "/tests?job=test&name=n%0A%3Cb%3E&project=mill&suite=s" || c.Rearmed != "was quiet 2 times before" ||
		c.Closes != "2026-03-16" || c.Silence != "such a silence by chance: 20 %" || c.Of != "1 flake in 1,200 builds" || !c.Hidden ||
		c.Older != "and at 3 other sets of revisions" || c.Hints[0] != "worker a: 3 of 3" {
		t.Errorf("%+v", c)
	}
	if runs := c.Seen[0].Runs; runs[0].Mark.Word != "bad" || runs[0].URL != "/builds/7" || runs[1].Mark.Word != "passed" || runs[0].Worker != "a" {
		t.Errorf("%+v", runs)
	}
	if q := v.Quiet[0]; q.Rate != "" || q.Closes != "" || q.Mark.Word != "quiet" || q.Silence != "" {
		t.Errorf("%+v", q)
	}
	if u := FlakyURL("a b"); u != "/flaky?project=a+b" {
		t.Errorf("the address is %s", u)
	}
}
