package bisect

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weir-ci/weir"
)

// BenchmarkNext measures one decision of a large search: 50 tests that all
// have evidence of their own, on a path of 1,024 steps. It must take less than
// 50 ms, so that a farm with a hundred searches decides within seconds.
func BenchmarkNext(b *testing.B) {
	for _, width := range []int{1, 8} {
		for _, trials := range []int{1, 20, 200} {
			b.Run(fmt.Sprintf("width=%d/trials=%d", width, trials), func(b *testing.B) {
				q := large(50, 1024, trials, width)
				for b.Loop() {
					if a := Next(q); a.Done() {
						b.Fatal("the search is over")
					}
				}
			})
		}
	}
}

// large is a question in the middle of a search, in which no two tests have
// the same evidence.
func large(tests, steps, trials, width int) Question {
	rng := rand.New(rand.NewPCG(1, 2))
	q := Question{Steps: steps, Width: width}
	for i := range tests {
		culprit := 1 + rng.IntN(steps)
		s := Subject{FlakeRate: 0.1 + float64(i)*1e-6, Trials: bad(steps)}
		for len(s.Trials) < trials {
			p := rng.IntN(steps)
			o := weir.ObservedGood
			if p >= culprit || rng.IntN(10) == 0 {
				o = weir.ObservedBad
			}
			s.Trials = append(s.Trials, Trial{Position: p, Outcome: o})
		}
		q.Subjects = append(q.Subjects, s)
	}
	return q
}
