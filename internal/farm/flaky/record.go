package flaky

import (
	"cmp"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/store"
)

const (
	mostSeen = 10 // sightings of a test that are shown
	mostRuns = 20 // runs of each
)

// judge makes the mark of a test; false if it was never good and bad at equal
// revisions after all.
func judge(k store.FlakyTest, now time.Time) (Test, bool) {
	t := Test{Builder: k.Builder, Test: k.State.Test, Status: k.State.Status, Hidden: k.State.Masked != 0, Seen: []Sighting{}, told: flake.State(k.Told)}
	evidence, seen := sightings(k.Runs)
	slices.Reverse(seen)
	t.Seen = append(t.Seen, seen[:min(len(seen), mostSeen)]...)
	t.Older = len(seen) - len(t.Seen)
	if e, ok := before(k, seen); ok {
		evidence = append(evidence, e)
	}
	t.Mark = flake.Judge(flake.Record{Evidence: evidence, Number: k.Ran, Now: now})
	if t.Mark.State == flake.Steady {
		if k.State.Flakes == 0 || k.State.Status.Bad() && k.State.Signature == weir.AnySignature {
			return t, false // it fails all the time, and says something else each time
		}
		t.Mark = flake.Mark{State: flake.Quiet, Flakes: k.State.Flakes, Reason: "the builds in which it had both outcomes are not kept any more"}
	}
	t.measure(flake.Of(t.Mark.Fresh, t.Mark.Fresh+t.Mark.Exposures))
	return t, true
}

// sightings groups runs by their revisions: what each run says, in order, and
// those revisions at which both was seen, oldest first.
func sightings(runs []store.SeenRun) ([]flake.Evidence, []Sighting) {
	var evidence []flake.Evidence
	var order []string
	at := map[string]*Sighting{}
	for _, r := range runs {
		e := flake.Evidence{Inputs: r.Inputs, Build: r.Build, Number: r.Number, At: r.At, Good: 1}
		if r.Bad {
			e.Good, e.Bad = 0, 1
		}
		evidence = append(evidence, e)
		s := at[r.Inputs]
		if s == nil {
			s = &Sighting{}
			at[r.Inputs], order = s, append(order, r.Inputs)
		}
		s.Number = max(s.Number, r.Number)
		if s.At.Before(r.At) {
			s.At = r.At
		}
		s.Runs = append(s.Runs, TestRun{Build: r.Build, Bad: r.Bad, Worker: r.Place.Worker})
	}
	var seen []Sighting
	for _, inputs := range order {
		s := at[inputs]
		bad := slices.IndexFunc(s.Runs, func(r TestRun) bool { return r.Bad })
		good := slices.IndexFunc(s.Runs, func(r TestRun) bool { return !r.Bad })
		if bad < 0 || good < 0 {
			continue
		}
		if n := len(s.Runs); n > mostRuns { // with one of each at least
			first := s.Runs[min(bad, good)]
			other := s.Runs[max(bad, good)]
			rest := slices.DeleteFunc(slices.Clone(s.Runs), func(r TestRun) bool { return r.Build == first.Build || r.Build == other.Build })
			s.Runs = append([]TestRun{first, other}, rest[len(rest)-mostRuns+2:]...)
		}
		seen = append(seen, *s)
	}
	slices.SortStableFunc(seen, func(a, b Sighting) int { return cmp.Or(cmp.Compare(a.Number, b.Number), a.At.Compare(b.At)) })
	return evidence, seen
}

// before is the last flake of a test, if the runs that showed it were not recorded:
// it was seen before that was done.
func before(k store.FlakyTest, seen []Sighting) (flake.Evidence, bool) {
	if k.State.Flakes == 0 || k.LastFlake.Build == 0 || k.State.Status.Bad() && k.State.Signature == weir.AnySignature {
		return flake.Evidence{}, false
	}
	for _, s := range seen {
		if slices.ContainsFunc(s.Runs, func(r TestRun) bool { return r.Build >= k.LastFlake.Build }) {
			return flake.Evidence{}, false
		}
	}
	return flake.Evidence{Build: k.LastFlake.Build, Number: k.LastFlake.Number, At: k.LastFlake.At, Good: 1, Bad: 1}, true
}

// learn measures how often the test fails for no reason from its past.
func (t *Test) learn(h history.History) {
	m := flake.OfHistory(h)
	t.measure(flake.Of(max(m.Flakes, t.Mark.Fresh), max(m.Builds, t.Mark.Fresh+t.Mark.Exposures)))
}

func (t *Test) measure(m flake.Model) {
	t.model = m
	t.Rate = Rate{Mean: m.Rate.Mean, Low: m.Rate.Low, High: m.Rate.High, Flakes: m.Flakes, Builds: m.Builds, Says: history.RateText(m.Rate)}
}

// hints looks for what the bad runs of a test have in common. The good ones that it
// is compared with are those that were recorded, and the builder's newest builds
// since the test came into its status, if that is good.
func hints(k store.FlakyTest, settled []store.SettledRun) []Hint {
	var outcomes []flake.Outcome
	add := func(p store.Place, bad bool) {
		if p.Worker != "" {
			outcomes = append(outcomes, flake.Outcome{Bad: bad, Worker: p.Worker, Platform: k.Builder.Platform, Root: p.Root, Load: p.Load,
				Network: p.Network, Clock: p.Clock, At: p.Leased, Directory: p.Directory})
		}
	}
	for _, s := range settled {
		known := slices.ContainsFunc(k.Runs, func(r store.SeenRun) bool { return r.Build == s.Build })
		if !known && k.State.Status.Good() && k.State.Masked == 0 && s.Build >= k.State.Since {
			add(s.Place, false)
		}
	}
	for _, r := range k.Runs {
		add(r.Place, r.Bad)
	}
	var out []Hint
	for _, h := range flake.Hints(outcomes) {
		out = append(out, Hint{Hint: h, Says: h.String()})
	}
	return out
}
