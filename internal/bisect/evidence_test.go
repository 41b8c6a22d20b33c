package bisect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

func alarm(position int) Trial {
	return Trial{Position: position, Outcome: weir.ObservedBad, Alarm: true}
}

// TestAlarmIsNoEvidence: that a search began says nothing about who did it.
func TestAlarmIsNoEvidence(t *testing.T) {
	t.Parallel()
	way := newPath(Question{Steps: 8})
	mass := newBelief(way, Subject{FlakeRate: 0.1, Trials: []Trial{alarm(8)}}).mass
	if got := mass[9]; math.Abs(got-priorNobody) > 1e-9 {
		t.Errorf("nobody has %v after the alarm, want %v", got, priorNobody)
	}
	again := newBelief(way, Subject{FlakeRate: 0.1, Trials: append(bad(8), alarm(8))}).mass
	if got := again[9]; got > 0.11 {
		t.Errorf("nobody has %v after a second failure", got)
	}
}

// TestVerified: a culprit is not named before it was seen to fail and its
// parent to pass, however suspicious it is.
func TestVerified(t *testing.T) {
	t.Parallel()
	weights := []float64{1, 1, 1, 1e9, 1, 1, 1, 1}
	seen := map[int]bool{}
	trials := append(bad(8, 8, 8, 8, 8, 8, 8, 8), alarm(8))
	for range 40 {
		a := Next(Question{Steps: 8, Width: 1, Weights: weights, Subjects: []Subject{{FlakeRate: 0.1, Trials: trials}}})
		if a.Done() {
			if f := a.Findings[0]; f.Kind != Found || f.First != 4 || !f.Verified || !seen[3] || !seen[4] {
				t.Errorf("%+v after trials at %v", f, seen)
			}
			return
		}
		for _, p := range a.Probes {
			seen[p] = true
			o := weir.ObservedGood
			if p >= 4 {
				o = weir.ObservedBad
			}
			trials = append(trials, Trial{Position: p, Outcome: o})
		}
	}
	t.Error("the search does not end")
}

func TestSuspicionIsBounded(t *testing.T) {
	t.Parallel()
	prior := newPath(Question{Steps: 4, Weights: []float64{0, 1e9, math.Inf(1), math.NaN()}}).prior
	sum := 0.0
	for _, p := range prior {
		sum += p
	}
	if share := prior[1] / (sum - prior[0] - prior[5]); math.Abs(sum-1) > 1e-9 || share < leastShare/4-1e-9 {
		t.Errorf("prior %v sums to %v, the least step has %v of the steps' share", prior, sum, share)
	}
}

// TestIdenticalProducts: what is seen at one position holds for all with the
// same product, and nothing between two of them is a culprit.
func TestIdenticalProducts(t *testing.T) {
	t.Parallel()
	same := []int{0, 0, 0, 1, 1, 2, 2, 2, 2} // only steps 3 and 5 changed anything
	q := Question{Steps: 8, Width: 1, Same: same, Subjects: []Subject{{FlakeRate: 0.1,
		Trials: append(bad(7, 8, 6, 5, 8), append(good(3), alarm(8))...)}}}
	if f := Next(q).Findings[0]; f.Kind != Found || f.First != 5 {
		t.Errorf("%+v, want step 5", f)
	}
	q.Subjects[0].Trials = append(bad(4, 3, 4, 3, 4), append(good(2), alarm(8))...)
	if f := Next(q).Findings[0]; f.Kind != Found || f.First != 3 {
		t.Errorf("%+v, want step 3", f)
	}
	q.Same = make([]int, 9) // nothing changed at all
	q.Subjects[0].Trials = append(bad(8, 8, 8, 8, 8, 8), alarm(8))
	if f := Next(q).Findings[0]; f.Kind != Environment {
		t.Errorf("%+v, want the environment", f)
	}
}

// TestBuiltIsCheaper: of two positions that tell about the same, the one that
// is built is asked.
func TestBuiltIsCheaper(t *testing.T) {
	t.Parallel()
	q := Question{Steps: 64, Width: 1, BuildCost: 2, Subjects: []Subject{{FlakeRate: 0.1, Trials: bad(64, 64, 64, 64)}}}
	free := Next(q).Probes
	q.Built = []int{26}
	if got := Next(q).Probes; slices.Equal(got, free) || !slices.Equal(got, []int{26}) {
		t.Errorf("asks for %v although 26 is built, and for %v if it is not", got, free)
	}
}

// TestContradictionsRaiseTheRate: a test that passes and fails at the same
// position is flakier than was thought, and one more failure convicts nobody.
func TestContradictionsRaiseTheRate(t *testing.T) {
	t.Parallel()
	way := newPath(Question{Steps: 32})
	calm := newBelief(way, Subject{FlakeRate: 0.01, Trials: append(join(bad(20, 20), good(8, 19)), alarm(32))})
	torn := newBelief(way, Subject{FlakeRate: 0.01, Trials: append(join(bad(20, 20), good(8, 19), bad(8, 8, 19)), alarm(32))})
	if calm.rate[20] > 0.02 || torn.rate[20] < 0.3 {
		t.Errorf("the rate is taken for %.3f without and %.3f with contradictions", calm.rate[20], torn.rate[20])
	}
	if calm.mass[20] < 0.95 || torn.mass[20] > calm.mass[20] {
		t.Errorf("step 20 has %.3f without and %.3f with contradictions", calm.mass[20], torn.mass[20])
	}
}

// TestMendedBetween: what was broken, mended and broken again was broken last
// by the step behind the last pass.
func TestMendedBetween(t *testing.T) {
	t.Parallel()
	trials := append(join(bad(10, 11, 12, 10, 11), good(20), bad(25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25), good(24)), alarm(32))
	if f := Next(Question{Steps: 32, Width: 1, Subjects: []Subject{{FlakeRate: 0.1, Trials: trials}}}).Findings[0]; f.Kind != Found || f.First != 25 {
		t.Errorf("%+v, want step 25", f)
	}
}

// TestNeverAWrongName plays any path with identical products, suspicion and
// revisions that do not build, with a test that never lies although the
// search thinks it may: it ends, and names nobody but the culprit.
func TestNeverAWrongName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 400).Draw(t, "steps")
		culprit := rapid.IntRange(1, n).Draw(t, "culprit")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		w := world{steps: n, culprit: culprit, unbuildable: map[int]bool{}, rng: rng}
		same, weights := make([]int, n+1), make([]float64, n)
		dead := rng.Float64() * 0.5
		for i := 1; i <= n; i++ {
			same[i] = same[i-1]
			if i == culprit || rng.IntN(2) == 0 {
				same[i]++
			}
			weights[i-1] = rng.ExpFloat64()
			w.unbuildable[i] = i < n && rng.Float64() < dead
		}
		q := Question{Steps: n, Same: same, Weights: weights, Width: rapid.IntRange(1, 8).Draw(t, "width"),
			Subjects: []Subject{{FlakeRate: rapid.Float64Range(0.001, 0.4).Draw(t, "rate"), Trials: []Trial{alarm(n)}}}}
		for runs := 0; ; {
			a := Next(q)
			if a.Done() {
				f := a.Findings[0]
				if f.Kind != Found && f.Kind != Range || culprit < f.First || culprit > f.Last || f.Kind == Found && !f.Verified {
					t.Fatalf("culprit %d of %d: %+v", culprit, n, f)
				}
				return
			}
			if runs += len(a.Probes); runs > 500 || len(a.Probes) == 0 {
				t.Fatalf("the search does not end: %+v", a)
			}
			for _, p := range a.Probes {
				q.Subjects[0].Trials = append(q.Subjects[0].Trials, Trial{Position: p, Outcome: w.run(p)})
			}
		}
	})
}
