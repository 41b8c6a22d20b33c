package bisect

import (
	"math/rand/v2"
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

func bad(positions ...int) []Trial  { return trials(weir.ObservedBad, positions) }
func good(positions ...int) []Trial { return trials(weir.ObservedGood, positions) }
func none(positions ...int) []Trial { return trials(weir.ObservedNone, positions) }

func trials(o weir.Observed, positions []int) []Trial {
	var out []Trial
	for _, p := range positions {
		out = append(out, Trial{Position: p, Outcome: o})
	}
	return out
}

func join(parts ...[]Trial) []Trial {
	var out []Trial
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func TestFinding(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		steps  int
		trials []Trial
		want   Finding // Confidence is checked to be at least Sure unless open
	}{
		{"nothing known", 8, nil, Finding{Kind: Open, First: 1, Last: 8}},
		{"one failure is not enough for the only step", 1, bad(1), Finding{Kind: Open, First: 1, Last: 1}},
		{"failures and a passing parent", 8, join(bad(5, 5, 5, 5, 5, 5), good(4)), Finding{Kind: Found, First: 5, Last: 5}},
		{"first step needs the good end to be good still", 4, bad(1, 1, 1, 1, 4, 4), Finding{Kind: Open, First: 1, Last: 1}},
		{"first step", 4, join(bad(1, 1, 1, 1), good(0)), Finding{Kind: Found, First: 1, Last: 1}},
		{"environment", 4, bad(0, 0, 0, 0, 0, 0, 4, 4), Finding{Kind: Environment}},
		{"a pass at the bad end excuses everybody", 8, join(bad(8), good(8)), Finding{Kind: Nobody}},
		{"revisions that cannot be tested leave a range", 8,
			join(bad(6, 6, 6, 6, 8), good(3), none(4, 5)), Finding{Kind: Range, First: 4, Last: 6}},
		{"untestable elsewhere does not matter", 8,
			join(bad(6, 6, 6, 6, 8), good(5), none(4, 7)), Finding{Kind: Found, First: 6, Last: 6}},
		{"a trial outside the path says nothing", 2, good(9), Finding{Kind: Open, First: 1, Last: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := Next(Question{Steps: tt.steps, Width: 1, Subjects: []Subject{{FlakeRate: 0.1, Trials: tt.trials}}})
			got := a.Findings[0]
			if got.Kind != Open && got.Confidence < Sure {
				t.Errorf("confidence %v of %s is under %v", got.Confidence, got.Kind, Sure)
			}
			if got.Kind == Open && len(a.Probes) != 1 {
				t.Errorf("an open search asks for %d probes, want 1", len(a.Probes))
			}
			if got.Kind == Found && !got.Verified {
				t.Error("found without having seen the culprit fail and its parent pass")
			}
			got.Confidence, got.Verified = 0, false
			if got.Kind == Nobody || got.Kind == Environment {
				got.First, got.Last = 0, 0
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestPendingProbesAreNotAskedForAgain(t *testing.T) {
	t.Parallel()
	q := Question{Steps: 64, Width: 4, Subjects: []Subject{{FlakeRate: 0.1, Trials: bad(64, 64)}}}
	first := Next(q).Probes
	if len(first) != 4 {
		t.Fatalf("asks for %d probes, want 4", len(first))
	}
	q.Pending = first
	if more := Next(q).Probes; len(more) != 0 {
		t.Errorf("asks for %v while %v are pending", more, first)
	}
	q.Pending = first[:2]
	if more := Next(q).Probes; len(more) != 2 {
		t.Errorf("asks for %v beside %v, want two", more, q.Pending)
	}
}

// world is a synthetic regression: a test that fails from culprit on (0: it
// is only flaky), and for no reason with rate f.
type world struct {
	steps, culprit int
	f              float64
	unbuildable    map[int]bool
	rng            *rand.Rand
}

func (w world) run(position int) weir.Observed {
	switch {
	case w.unbuildable[position]:
		return weir.ObservedNone
	case w.culprit > 0 && position >= w.culprit, w.rng.Float64() < w.f:
		return weir.ObservedBad
	}
	return weir.ObservedGood
}

// search plays a whole search and returns its finding, how many runs it took
// and how many different revisions had to be built.
func (w world) search(t interface{ Fatalf(string, ...any) }, width int) (f Finding, runs, builds int) {
	s := Subject{FlakeRate: w.f, Trials: []Trial{{Position: w.steps, Outcome: weir.ObservedBad, Alarm: true}}}
	built := map[int]bool{}
	for {
		a := Next(Question{Steps: w.steps, Width: width, Subjects: []Subject{s}})
		if a.Done() {
			return a.Findings[0], runs, len(built)
		}
		if runs++; runs > 2000 || len(a.Probes) == 0 {
			t.Fatalf("search in %+v does not end: %+v", w, a)
		}
		for _, p := range a.Probes {
			built[p] = true
			s.Trials = append(s.Trials, Trial{Position: p, Outcome: w.run(p)})
		}
	}
}

// TestSearchEnds checks for any path, culprit, flake rate and set of
// untestable revisions that a search ends and never names a wrong revision
// when the test is not flaky.
func TestSearchEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "steps")
		w := world{steps: n, culprit: rapid.IntRange(1, n).Draw(t, "culprit"), unbuildable: map[int]bool{},
			rng: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))}
		for _, p := range rapid.SliceOf(rapid.IntRange(1, n)).Draw(t, "unbuildable") {
			if p < n {
				w.unbuildable[p] = true
			}
		}
		q := w
		q.f = 0 // the test never lies, but the search thinks it may
		f, _, _ := q.search(t, rapid.IntRange(1, 8).Draw(t, "width"))
		if f.Kind != Found && f.Kind != Range || w.culprit < f.First || w.culprit > f.Last {
			t.Fatalf("culprit %d of %d, finding %+v", w.culprit, n, f)
		}
		if f.Kind == Found && len(w.unbuildable) == 0 && f.First != w.culprit {
			t.Fatalf("culprit %d, finding %+v", w.culprit, f)
		}
	})
}

func TestSeveralSubjectsShareProbes(t *testing.T) {
	t.Parallel()
	culprits := []int{3, 3, 20}
	subjects := make([]Subject, len(culprits))
	for i := range subjects {
		subjects[i] = Subject{FlakeRate: 0.05, Trials: bad(32)}
	}
	builds := map[int]bool{}
	for {
		a := Next(Question{Steps: 32, Width: 1, Subjects: subjects})
		if a.Done() {
			for i, f := range a.Findings {
				if f.Kind != Found || f.First != culprits[i] {
					t.Errorf("subject %d: %+v, want %d", i, f, culprits[i])
				}
			}
			break
		}
		for _, p := range a.Probes {
			builds[p] = true
			for i, c := range culprits {
				o := weir.ObservedGood
				if p >= c {
					o = weir.ObservedBad
				}
				subjects[i].Trials = append(subjects[i].Trials, Trial{Position: p, Outcome: o})
			}
		}
	}
	if len(builds) > 10 {
		t.Errorf("two culprits in 32 steps took %d builds", len(builds))
	}
}

// TestDeadStretches: revisions that cannot be tested come in stretches, and
// trying each of them would cost as many builds as there are.
func TestDeadStretches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ steps, first, last, culprit int }{
		{80, 20, 70, 40}, {80, 20, 70, 71}, {80, 20, 70, 20}, {80, 20, 70, 10}, {80, 20, 70, 75},
		{80, 1, 79, 30}, {80, 0, 80, 30}, {400, 100, 390, 200}, {12, 4, 6, 5},
	} {
		trials := bad(test.steps, test.steps)
		var f Finding
		for len(trials) < 60 {
			a := Next(Question{Steps: test.steps, Width: 1, Subjects: []Subject{{FlakeRate: 0.15, Trials: trials}}})
			if f = a.Findings[0]; a.Done() {
				break
			}
			for _, p := range a.Probes {
				o := weir.ObservedGood
				if p >= test.first && p <= test.last {
					o = weir.ObservedNone
				} else if p >= test.culprit {
					o = weir.ObservedBad
				}
				trials = append(trials, Trial{Position: p, Outcome: o})
			}
		}
		if f.Kind == Open || f.First > test.culprit || f.Last < test.culprit || len(trials) > 50 {
			t.Errorf("%+v: %+v after %d trials", test, f, len(trials))
		}
	}
}

// TestNothingLeftToAsk: where no position can tell the hypotheses apart, the
// search ends instead of asking the same ones forever.
func TestNothingLeftToAsk(t *testing.T) {
	t.Parallel()
	for name, trials := range map[string][]Trial{
		"the good end cannot be tested": join(bad(1, 1, 1, 1, 1, 1, 1, 1), none(0)),
		"no position can be tested":     none(0, 1),
	} {
		a := Next(Question{Steps: 1, Width: 4, Subjects: []Subject{{FlakeRate: 0.1, Trials: trials}}})
		for range 20 { // it may still ask what tells a flake from the rest
			if a.Done() {
				break
			}
			trials = append(trials, bad(a.Probes...)...)
			a = Next(Question{Steps: 1, Width: 4, Subjects: []Subject{{FlakeRate: 0.1, Trials: trials}}})
		}
		if !a.Done() || a.Findings[0].Kind != Range || len(a.Probes) > 0 {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
