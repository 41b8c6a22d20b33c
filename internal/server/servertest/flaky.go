package servertest

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/history"
)

// demoFlakes is a test that is flaky since yesterday, on one worker, one that has
// been for long, one that does not run, and one that has been silent for long.
func demoFlakes() flaky.List {
	day := 24 * time.Hour
	mark := func(name string, days ...int) flaky.Test {
		var evidence []flake.Evidence
		t := flaky.Test{Builder: builder("mill"), Test: weir.TestID{Suite: "mill/net", Name: name}, Status: weir.Pass}
		for _, d := range days {
			n, at := 200-5*d, noon().Add(-time.Duration(d)*day)
			evidence = append(evidence, flake.Evidence{Inputs: at.String(), Build: weir.BuildID(n), Number: n, At: at, Good: 1, Bad: 1})
			t.Seen = append(t.Seen, flaky.Sighting{Number: n, At: at, Runs: []flaky.TestRun{
				{Build: weir.BuildID(2 * n), Bad: true, Worker: "bittern"}, {Build: weir.BuildID(2*n + 1), Worker: "heron"}}})
		}
		t.Mark = flake.Judge(flake.Record{Evidence: evidence, Number: 200, Now: noon()})
		m := flake.Of(t.Mark.Fresh, 40+t.Mark.Exposures)
		t.Rate = flaky.Rate{Mean: m.Rate.Mean, Low: m.Rate.Low, High: m.Rate.High, Flakes: m.Flakes, Builds: m.Builds, Says: history.RateText(m.Rate)}
		return t
	}
	fresh, hidden := mark("TestListen", 1), mark("TestDial", 9, 20)
	hint := flake.Hint{Facet: flake.ByWorker, Value: "worker bittern", In: flake.Share{Bad: 6, Runs: 6}, Out: flake.Share{Runs: 40}, P: 0.0002, Same: []string{"root"}}
	fresh.Hints = []flaky.Hint{{Hint: hint, Says: hint.String()}}
	fresh.Mark.Rearmed, fresh.Older = 1, 4
	hidden.Hidden, hidden.Status = true, weir.Absent
	return flaky.List{At: noon(), New: []flaky.Test{fresh}, Open: []flaky.Test{mark("TestTimeout/after_a_while", 8, 9, 11, 20), hidden},
		Quiet: []flaky.Test{mark("TestSlow", 150)}, Omitted: 12}
}

// Flaky answers from Flakes, whatever the builder or the test.
func (f *Farm) Flaky(_ context.Context, q flaky.Query) (flaky.List, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.Flakes
	if list.Project = q.Project; q.Project == "nobody" {
		return list, weir.Errorf(weir.NotFound, "there is no project %s", q.Project)
	}
	return list, f.Fail
}

// FlakyDigest tells the new ones of Flakes.
func (f *Farm) FlakyDigest(ctx context.Context, project string) (flake.Digest, error) {
	list, err := f.Flaky(ctx, flaky.Query{Project: project})
	var entries []flake.Entry
	for _, t := range list.New {
		entries = append(entries, flake.Entry{Builder: t.Builder.Name(), Test: t.Test, Mark: t.Mark, Model: flake.Of(t.Rate.Flakes, t.Rate.Builds)})
	}
	return flake.Sort(entries), err
}
