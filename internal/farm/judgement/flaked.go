package judgement

import (
	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// mostFlaked is how many runs one judgement hands over.
const mostFlaked = 5000

// flaked is what a doubted build and those that repeat it show about tests that
// they do not agree on. accused are the changes of the first before they were held
// against the others. Of tests that have flaked before, all count also
// where they agree, if their revisions are those of an earlier flake.
func (j judged) flaked(accused []weir.TestChange, repeats []repeat) []store.FlakeRun {
	before := map[weir.TestID]bool{}
	for _, s := range j.base.States {
		if s.Flakes > 0 {
			before[s.Test] = true
		}
	}
	flaky := map[weir.TestID]bool{}
	for _, c := range j.comparison.Changes {
		if c.Verdict == weir.Flaky {
			flaky[c.Test] = true
		}
	}
	var asked []weir.Victim
	for _, c := range accused {
		if c.Verdict.Worse() && c.Verdict != weir.FailingDifferently && (flaky[c.Test] || before[c.Test]) && len(asked)*(len(repeats)+1) < mostFlaked {
			asked = append(asked, weir.Victim{Test: c.Test, Verdict: c.Verdict, Signature: c.Signature})
		}
	}
	said := make([][]weir.Observed, len(repeats))
	for n, r := range repeats {
		said[n] = verdict.ObserveAll(asked, r.build, r.set)
	}
	var out []store.FlakeRun
	for i, v := range asked {
		out = append(out, store.FlakeRun{Test: v.Test, Build: j.build.ID, Bad: true, Known: !flaky[v.Test]})
		for n, r := range repeats {
			if said[n][i] != weir.ObservedNone {
				out = append(out, store.FlakeRun{Test: v.Test, Build: r.build.ID, Bad: said[n][i] == weir.ObservedBad, Known: !flaky[v.Test]})
			}
		}
	}
	return out
}
