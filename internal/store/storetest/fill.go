package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Past is a builder with a long history.
type Past struct {
	Builder weir.Builder
	Builds  int // settled ones
	Tests   int
	Changes int // of test outcomes, not counting that each was new
	// Busiest is the test that changed most often, so many times.
	Busiest weir.TestID
	Most    int
}

// FillPast gives a store a builder of mill/test with so many settled builds of
// so many tests. From each build to the next one outcome in a thousand changes:
// half of those tests break, with a message, and half are good again. The
// judgements go through Settle, as a farm's do.
func FillPast(tb testing.TB, s store.Store, builds, tests int) Past {
	tb.Helper()
	p := &pastFiller{TB: tb, Store: s, at: epoch, Past: Past{Builds: builds, Tests: tests}, states: make([]weir.TestState, tests), moved: make([]int, tests)}
	got, err := s.EnsureBuilders(tb.Context(), []weir.BuilderKey{{Project: "mill", Job: "test", Platform: linux, Branch: "main", Upstreams: "brook"}})
	p.ok(err)
	p.Builder = got[0]
	for n, id := range p.finished() {
		p.settle(n, id)
	}
	return p.Past
}

type pastFiller struct {
	testing.TB
	store.Store
	Past
	at     time.Time
	states []weir.TestState
	moved  []int
}

func (p *pastFiller) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// finished makes the builds, and ends them.
func (p *pastFiller) finished() []weir.BuildID {
	p.Helper()
	run := store.NewRun{Cause: weir.CauseChange, Project: "mill", Now: p.at}
	for n := range p.Builds {
		pins := weir.Pins{"mill": fmt.Sprintf("%040x", n/2), "brook": fmt.Sprintf("%040x", (n+1)/2)}
		run.Builds = append(run.Builds, store.NewBuild{Builder: p.Builder.ID, Pins: pins, Share: store.ShareNone})
	}
	_, ids, err := p.CreateRun(p.Context(), run)
	p.ok(err)
	_, _, err = p.Hello(p.Context(), weir.Worker{Name: "heron", Platform: linux, Slots: store.CandidateLimit, Seen: p.at}, nil)
	p.ok(err)
	for left := p.Builds; left > 0; {
		ask := store.LeaseAsk{Worker: "heron", Platform: linux, Now: p.at, Deadline: p.at.Add(weir.LeaseTime)}
		for i := range min(left, store.CandidateLimit) {
			ask.Tokens = append(ask.Tokens, fmt.Sprintf("token-%d-%d", left, i))
		}
		leased, err := p.Lease(p.Context(), ask, func(q store.Queue) (all []weir.BuildID) {
			for _, c := range q.Candidates {
				all = append(all, c.Build)
			}
			return all
		})
		p.ok(err)
		for _, l := range leased {
			p.at = p.at.Add(time.Minute)
			_, err := p.Finish(p.Context(), store.Finish{Attempt: l.Attempt, Token: l.Token, Now: p.at, Outcome: weir.Failed, Reason: weir.Reason{Code: weir.ReasonTests}})
			p.ok(err)
		}
		left -= len(leased)
		if len(leased) == 0 {
			p.Fatal("nothing to lease")
		}
	}
	return ids
}

func pastTest(i int) weir.TestID {
	return weir.TestID{Suite: fmt.Sprintf("mill.text.test_%03d.CaseFoldingTests", i/50), Name: fmt.Sprintf("test_fold_%06d", i)}
}

// settle judges the build with index n.
func (p *pastFiller) settle(n int, id weir.BuildID) {
	st := store.Settlement{Build: id, Become: weir.Settled, Now: p.at}
	if n == 0 {
		for i := range p.states {
			p.states[i] = weir.TestState{Test: pastTest(i), Status: weir.Pass, Since: id}
			st.Changes = append(st.Changes, weir.TestChange{Test: pastTest(i), Verdict: weir.New, To: weir.Pass})
		}
		st.States = p.states
		p.ok(p.Settle(p.Context(), st))
		return
	}
	for k := range max(p.Tests/1000, 1) {
		i := (n*7919 + k*104729) % p.Tests
		if k%2 == 0 { // some tests change far more often than others
			i %= max(p.Tests/100, 1)
		}
		was := p.states[i]
		c := weir.TestChange{Test: was.Test, Verdict: weir.Fixed, From: was.Status, To: weir.Pass}
		next := weir.TestState{Test: was.Test, Status: weir.Pass, Since: id}
		if was.Status == weir.Pass {
			c.Verdict, c.To, c.Signature = weir.NewlyFailing, weir.Fail, fmt.Sprintf("%016x", i)
			c.Message = "test_fold.py:41: AssertionError: 'STRASSE' != 'STRAßE': the folding of sharp s differs"
			next.Status, next.Signature = weir.Fail, c.Signature
		}
		p.states[i] = next
		st.States, st.Changes = append(st.States, next), append(st.Changes, c)
		p.Changes++
		if p.moved[i]++; p.moved[i] > p.Most {
			p.Most, p.Busiest = p.moved[i], was.Test
		}
	}
	p.ok(p.Settle(p.Context(), st))
}
