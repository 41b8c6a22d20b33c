package past

import (
	"context"
	"fmt"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/store"
)

// told is a change in the build of a number; builds are numbered by hundreds.
func told(number int, v weir.Verdict, from, to weir.Status) store.TestEvent {
	return store.TestEvent{SettledBuild: store.SettledBuild{Number: number, Build: weir.BuildID(100 * number)},
		Change: weir.TestChange{Verdict: v, From: from, To: to}}
}

func kept(oldestFirst ...store.TestEvent) store.TestHistory {
	h := store.TestHistory{First: store.SettledBuild{Number: 1, Build: 100}}
	for _, e := range oldestFirst {
		h.Events = append([]store.TestEvent{e}, h.Events...)
	}
	return h
}

func TestPastOf(t *testing.T) {
	t.Parallel()
	isNew := func(number int) store.TestEvent { return told(number, weir.New, "", weir.Pass) }
	flaky := func(number int) store.TestEvent { return told(number, weir.Flaky, weir.Pass, weir.Fail) }
	breaks := func(number int) store.TestEvent { return told(number, weir.NewlyFailing, weir.Pass, weir.Fail) }
	mended := func(number int) store.TestEvent { return told(number, weir.Fixed, weir.Fail, weir.Pass) }
	for name, c := range map[string]struct {
		h       store.TestHistory
		verdict weir.Verdict
		want    string
	}{
		"nothing is known":             {store.TestHistory{}, weir.NewlyFailing, "{0 []}"},
		"from the first build on":      {kept(isNew(1), breaks(5000)), weir.NewlyFailing, "{4999 []}"},
		"new in an old line":           {kept(isNew(4997), breaks(5000)), weir.NewlyFailing, "{3 []}"},
		"one of very many new ones":    {kept(breaks(5000)), weir.NewlyFailing, "{4999 []}"},
		"what is broken cannot flake":  {kept(isNew(1), breaks(11), mended(4900), breaks(5000)), weir.NewlyFailing, "{110 []}"},
		"but may fail differently":     {kept(isNew(1), breaks(11), told(5000, weir.FailingDifferently, weir.Fail, weir.Fail)), weir.FailingDifferently, "{4999 []}"},
		"flakes":                       {kept(isNew(1), flaky(4000), flaky(4990), breaks(5000)), weir.NewlyFailing, "{4999 [999 9]}"},
		"a search says that it flaked": {kept(isNew(1), breaks(4990), breaks(5000)), weir.NewlyFailing, "{4999 [9]}"},
		"what came later":              {kept(isNew(1), breaks(5000), mended(5001), flaky(5002), breaks(6000)), weir.NewlyFailing, "{4999 []}"},
		"the accusation is not listed": {kept(isNew(1), flaky(4000)), weir.NewlyFailing, "{3999 [0]}"},
	} {
		if got := fmt.Sprint(pastOf(c.h, weir.Victim{Verdict: c.verdict}, 500_000)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	long := kept(isNew(1))
	for n := range longPast {
		long = kept(append([]store.TestEvent{flaky(100 + n)}, long.Events...)...)
	}
	long.Events = long.Events[:longPast]
	if p := pastOf(long, weir.Victim{Verdict: weir.NewlyFailing}, 500_000); p.builds >= longPast {
		t.Errorf("of a long past %d builds are counted", p.builds)
	}
}

// TestLately: a test that was steady for years is as flaky as it is now.
func TestLately(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p         past
		flakes    int
		low, high float64
	}{
		{past{}, 0, 0.2, 0.3},
		{past{builds: 90}, 0, 0.015, 0.025},
		{past{builds: 5000}, 0, 0.0002, 0.0005},
		{past{builds: 5000, since: []int{0}}, 1, 0.0004, 0.001},                  // one flake says little
		{past{builds: 5000, since: []int{20, 12, 10, 0}}, 4, 0.2, 0.4},           // some within a few builds say much
		{past{builds: 5000, since: []int{4000, 3000, 2000, 3}}, 4, 0.001, 0.005}, // and four in years do not
	} {
		if got := c.p.rate(c.flakes); got < c.low || got > c.high {
			t.Errorf("%v with %d flakes: %.5f, want %v to %v", c.p, c.flakes, got, c.low, c.high)
		}
	}
}

// pasts is a store that has nothing but pasts.
type pasts struct {
	of    map[string]store.TestHistory
	reads *int
}

func (p pasts) History(_ context.Context, _ weir.BuilderID, test weir.TestID, limit int) (store.TestHistory, error) {
	*p.reads++
	return p.of[test.Name], nil
}

// TestRatesOfMany: of many victims those that flaked are looked at, and the
// others are not taken for older than any of them.
func TestRatesOfMany(t *testing.T) {
	t.Parallel()
	name := func(i int) weir.TestID { return weir.TestID{Name: fmt.Sprint("t", i)} }
	r := weir.Regression{Bad: weir.Evidence{Build: 500_000}}
	s := pasts{of: map[string]store.TestHistory{}, reads: new(int)}
	const flaked = 150
	states := map[weir.TestID]weir.TestState{name(flaked): {Flakes: 7}}
	for i := range 200 {
		r.Victims = append(r.Victims, weir.Victim{Test: name(i), Verdict: weir.NewlyFailing})
		s.of[name(i).Name] = kept(told(1+10*i, weir.New, "", weir.Pass), told(5000, weir.NewlyFailing, weir.Pass, weir.Fail))
	}
	r.Victims[3].Was = weir.TestID{Name: "old"}
	s.of["old"] = s.of["t3"]
	s.of["t3"] = store.TestHistory{}
	rates, err := Rates(t.Context(), s, r, states)
	if err != nil || len(rates) != 200 || *s.reads != mostPasts {
		t.Fatalf("%d rates after %d reads: %v", len(rates), *s.reads, err)
	}
	newest := flake.Rate(0, 5000-1-10*flaked) // of those that were read
	for i, want := range map[int]float64{0: flake.Rate(0, 4999), 3: flake.Rate(0, 4969), flaked: flake.Rate(7, 4999-10*flaked), 100: newest, 199: newest} {
		if rates[i] != want {
			t.Errorf("victim %d: %.6f, want %.6f", i, rates[i], want)
		}
	}
}
