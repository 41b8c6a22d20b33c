package verdict

import (
	"slices"

	"github.com/weir-ci/weir"
)

// Confirm holds the accusing changes of a build against another build of the
// same revisions. Those that do not repeat become Flaky. The rest stays as it
// is. A second build that says nothing about a test confirms nothing, so its
// accusation is kept for the search to decide.
//
// That a test is FailingDifferently is believed only if the second build fails
// with the same new signature. If it fails with another one, the message is
// unstable: that is quiet, now and from now on (AnySignature). If it says
// nothing, the signature stays as it was, and the next build asks again.
//
// A build without an outcome that says something, such as the zero Build,
// stands for no second build at all.
func Confirm(c Comparison, first, second weir.ResultSet, again weir.Build) Comparison {
	out := Comparison{Quiet: slices.Clone(c.Quiet), Renames: c.Renames}
	seen := resultsOf(second, func(yield func(weir.TestID)) {
		for _, ch := range c.Changes {
			if ch.Verdict.Worse() {
				yield(ch.Test)
			}
		}
	})
	var unstable map[string]bool
	for _, ch := range c.Changes {
		if !ch.Verdict.Worse() {
			out.Changes = append(out.Changes, ch)
			continue
		}
		if ch.Verdict == weir.Vanished && ch.Cause == weir.Gone && Reached(again) {
			if unstable == nil {
				unstable = unstableSuites(first, second)
			}
			if unstable[ch.Test.Suite] {
				ch.Verdict, ch.Message = weir.Flaky, "the suite lists other tests each time it runs"
				out.Changes = append(out.Changes, ch)
				continue
			}
		}
		r := seen[ch.Test]
		said := observe(victim(ch), r, again)
		if said != weir.ObservedNone && r != nil && r.Status.Bad() && differs(ch.Signature, signatureOf(*r)) {
			ch.Signature = weir.AnySignature
		}
		switch {
		case ch.Verdict == weir.FailingDifferently && ch.Signature == weir.AnySignature:
			ch.Verdict = weir.Same
			out.Quiet = append(out.Quiet, ch)
			continue
		case ch.Verdict == weir.FailingDifferently && said == weir.ObservedNone:
			ch.Verdict, ch.Signature = weir.Same, ""
			out.Quiet = append(out.Quiet, ch)
			continue
		case said == weir.ObservedGood:
			ch.Verdict = weir.Flaky
		}
		out.Changes = append(out.Changes, ch)
	}
	sortChanges(out.Changes)
	return out
}

// victim is a change as something that a build can be asked about.
func victim(c weir.TestChange) weir.Victim {
	return weir.Victim{Test: c.Test, Verdict: c.Verdict, Signature: c.Signature}
}

// resultsOf finds the results of some tests; of several for one the last.
func resultsOf(set weir.ResultSet, tests func(yield func(weir.TestID))) map[weir.TestID]*weir.Result {
	seen := map[weir.TestID]*weir.Result{}
	tests(func(t weir.TestID) { seen[t] = nil })
	if len(seen) == 0 {
		return seen
	}
	for i := range set.Results {
		r := &set.Results[i]
		if _, asked := seen[r.Test]; asked {
			seen[r.Test] = r
		}
	}
	return seen
}

// unstableSuites finds suites whose two runs at the same revisions list
// different tests, though nothing kept them from reporting.
func unstableSuites(a, b weir.ResultSet) map[string]bool {
	suites := map[string]bool{}
	if len(a.Incidents) > 0 || len(b.Incidents) > 0 {
		return suites
	}
	names := map[weir.TestID]int{}
	for _, r := range a.Results {
		names[r.Test]++
	}
	for _, r := range b.Results {
		names[r.Test]--
	}
	for id, n := range names {
		if n != 0 {
			suites[id.Suite] = true
		}
	}
	return suites
}

// ObserveAll says what a build tells about tests that were accused, in their
// order.
func ObserveAll(victims []weir.Victim, b weir.Build, set weir.ResultSet) []weir.Observed {
	seen := resultsOf(set, func(yield func(weir.TestID)) {
		for _, v := range victims {
			yield(v.Test)
		}
	})
	out := make([]weir.Observed, len(victims))
	for i, v := range victims {
		out[i] = observe(v, seen[v.Test], b)
	}
	return out
}

// Otherwise lists with which signature each victim that is accused of failing
// differently failed, if it is not the one that it is accused of; empty for all others.
func Otherwise(victims []weir.Victim, set weir.ResultSet) []string {
	seen := resultsOf(set, func(yield func(weir.TestID)) {
		for _, v := range victims {
			if v.Verdict == weir.FailingDifferently {
				yield(v.Test)
			}
		}
	})
	out := make([]string, len(victims))
	for i, v := range victims {
		if r := seen[v.Test]; v.Verdict == weir.FailingDifferently && r != nil && r.Status.Bad() {
			if now := signatureOf(*r); now != v.Signature && v.Signature != "" {
				out[i] = now
			}
		}
	}
	return out
}

// observe says what a build tells about an accused test; r is nil if it did
// not report.
func observe(v weir.Victim, r *weir.Result, b weir.Build) weir.Observed {
	status := weir.Absent
	if r != nil {
		status = r.Status
	}
	if !b.Outcome.SaysSomething() {
		return weir.ObservedNone
	}
	if !Reached(b) && (v.Test.Suite != weir.StepSuite || status == weir.Absent) {
		return weir.ObservedNone
	}
	switch {
	case status.Good():
		return weir.ObservedGood
	case v.Verdict == weir.FailingDifferently && status.Bad():
		return sameFailure(v.Signature, signatureOf(*r))
	case v.Verdict == weir.NewlyFailing && status.Bad(),
		v.Verdict == weir.NewlySkipped && status == weir.Skip,
		v.Verdict == weir.Vanished && status == weir.Absent:
		return weir.ObservedBad
	case v.Verdict == weir.Vanished: // it reports again, whatever it says
		return weir.ObservedGood
	}
	return weir.ObservedNone
}

// sameFailure says what a failure tells about a test that is accused of failing
// in a certain way. Failing in another way is as good as it was before.
func sameFailure(accused, now string) weir.Observed {
	switch {
	case accused == "" || now == "":
		return weir.ObservedNone
	case accused == now:
		return weir.ObservedBad
	}
	return weir.ObservedGood
}
