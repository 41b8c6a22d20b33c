package flake

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/history/beta"
)

// Facet is one thing about the surroundings of a run.
type Facet string

// The closed set of facets.
const (
	ByWorker    Facet = "worker"
	ByPlatform  Facet = "platform"
	ByUser      Facet = "user" // root or not
	ByLoad      Facet = "load"
	ByNetwork   Facet = "network"
	ByClock     Facet = "clock"
	ByHour      Facet = "hour" // of the day, UTC
	ByDirectory Facet = "directory"
)

// Outcome is one run of a test and its surroundings. What is not known is left
// zero; a run whose facet is not known says nothing about that facet.
type Outcome struct {
	Bad       bool
	Worker    string
	Platform  weir.Platform
	Root      *bool     // whether it ran as the superuser
	Load      *float64  // of the machine per processor, when the run began
	Network   *bool     // whether the machine had an address that others could reach
	Clock     *float64  // how far its clock was ahead of the server's, in seconds
	At        time.Time // when it began
	Directory string    // of the checkout; its last element counts
}

// Share is how many of some runs were bad.
type Share struct {
	Bad  int `json:"bad"`
	Runs int `json:"runs"`
}

// Hint is a facet that separates bad runs from good ones better than chance.
type Hint struct {
	Facet Facet  `json:"facet"`
	Value string `json:"value"` // what is special, for people: "directory hclog", "load of 2.5 or more"
	In    Share  `json:"in"`    // runs with it
	Out   Share  `json:"out"`   // runs without
	// P is the probability that chance alone, with no facet mattering, would
	// show any hint as strong as this one.
	P float64 `json:"p"`
	// Same lists what holds for exactly the same runs, so that it may as well be
	// the reason.
	Same []string `json:"same,omitempty"`
}

const (
	// MaxOutcomes is how many outcomes are looked at, the last of them.
	MaxOutcomes = 2000
	// hintAt is the P that a hint must stay below.
	hintAt = 0.01
	// maxHints is how many hints are given.
	maxHints = 5
	// maxThresholds is how many loads are tried as a threshold.
	maxThresholds = 8
	// clockOff is from how many seconds on a clock is wrong: what tests notice
	// that compare times of files or certificates.
	clockOff = 5
	// hourWindow is how many hours a time of day is taken to last, and
	// hourStep how far apart they begin.
	hourWindow, hourStep = 6, 3
)

// Hints says which facets separate bad runs from good ones, the clearest first.
//
// Each value of a facet, each of some loads and each quarter of a day parts the
// runs in two. Whether the bad ones are parted too is Fisher's exact test, two
// times its smaller tail. Many splits are tried, so some look good by chance:
// p is multiplied by their number (Bonferroni), those left out that are too small
// to show anything (R. Tarone, "A modified Bonferroni method for discrete
// data", 1990), so that a farm with a hundred workers can still accuse one.
//
// The runs must be independent of each other but for the facets: one per
// attempt. It is an observation and no experiment: that the bad runs were all on
// one worker may mean that worker, or what else was special about it.
func Hints(outcomes []Outcome) []Hint {
	outcomes = outcomes[max(0, len(outcomes)-MaxOutcomes):]
	splits := parted(outcomes)
	if len(splits) == 0 {
		return nil
	}
	f := newFisher(len(outcomes))
	least := make([]float64, len(splits))
	for i, s := range splits {
		least[i] = f.least(s.in, s.out)
	}
	slices.Sort(least)
	tests := 1 // the least k so that at most k splits could reach hintAt / k
	for ; tests < len(least); tests++ {
		if least[tests] > hintAt/float64(tests) { // the first k are those below
			break
		}
	}
	var hints []Hint
	for _, s := range splits {
		if p := float64(tests) * f.p(s.in, s.out); p < hintAt {
			hints = append(hints, Hint{Facet: s.facet, Value: s.value, In: s.in, Out: s.out, P: p, Same: s.same})
		}
	}
	slices.SortStableFunc(hints, func(a, b Hint) int { return cmp.Compare(a.P, b.P) })
	return hints[:min(len(hints), maxHints)]
}

// String says a hint for people.
func (h Hint) String() string {
	s := fmt.Sprintf("%s: %d of %d runs are bad, and %d of %d others (p = %.1g)", h.Value, h.In.Bad, h.In.Runs, h.Out.Bad, h.Out.Runs, h.P)
	if len(h.Same) > 0 {
		s += "; the same runs: " + strings.Join(h.Same, ", ")
	}
	return s
}

// split is one way to part the runs.
type split struct {
	facet   Facet
	value   string
	in, out Share
	same    []string
	sameOf  []Facet
	first   side // of the first run that it knows
}

// parting collects splits; equal ones once.
type parting struct {
	outcomes []Outcome
	splits   []*split
	known    map[string]*split
}

func parted(outcomes []Outcome) []*split {
	p := parting{outcomes: outcomes, known: map[string]*split{}}
	p.names(ByWorker, func(o *Outcome) string { return o.Worker })
	p.names(ByPlatform, func(o *Outcome) string { return string(o.Platform) })
	p.names(ByDirectory, func(o *Outcome) string { return base(o.Directory) })
	p.add(ByUser, "root", func(o *Outcome) side {
		if o.Root == nil {
			return neither
		}
		return sideOf(*o.Root)
	})
	p.add(ByNetwork, "no network", func(o *Outcome) side {
		if o.Network == nil {
			return neither
		}
		return sideOf(!*o.Network)
	})
	p.add(ByClock, fmt.Sprintf("clock wrong by %d s or more", clockOff), func(o *Outcome) side {
		if o.Clock == nil || math.IsNaN(*o.Clock) {
			return neither
		}
		return sideOf(math.Abs(*o.Clock) >= clockOff)
	})
	p.loads()
	for from := 0; from < 24; from += hourStep {
		p.add(ByHour, fmt.Sprintf("%02d:00 to %02d:00 UTC", from, (from+hourWindow)%24), func(o *Outcome) side {
			if o.At.IsZero() {
				return neither
			}
			return sideOf((o.At.UTC().Hour()-from+24)%24 < hourWindow)
		})
	}
	return p.splits
}

// base is the last element of a directory, of any system.
func base(dir string) string {
	dir = strings.TrimRight(strings.ReplaceAll(dir, `\`, "/"), "/")
	if dir == "" {
		return ""
	}
	return path.Base(dir)
}

// side is where a run is in a split.
type side byte

const (
	neither side = iota
	inside
	outside
)

func sideOf(in bool) side {
	if in {
		return inside
	}
	return outside
}

// names splits by each value of a facet.
func (p *parting) names(facet Facet, of func(*Outcome) string) {
	var values []string
	for i := range p.outcomes {
		values = append(values, of(&p.outcomes[i]))
	}
	slices.Sort(values)
	for i := 0; i < len(values); {
		value, runs := values[i], 0
		for ; i < len(values) && values[i] == value; i++ {
			runs++
		}
		if value == "" || runs < 2 { // one run shows nothing
			continue
		}
		p.add(facet, fmt.Sprintf("%s %.60s", facet, value), func(o *Outcome) side {
			if v := of(o); v != "" {
				return sideOf(v == value)
			}
			return neither
		})
	}
}

// loads splits by thresholds between equally many runs.
func (p *parting) loads() {
	var loads []float64
	for _, o := range p.outcomes {
		if o.Load != nil && !math.IsNaN(*o.Load) {
			loads = append(loads, *o.Load)
		}
	}
	slices.Sort(loads)
	for k := 1; k <= maxThresholds; k++ {
		at := k * len(loads) / (maxThresholds + 1)
		if at == 0 || loads[at] == loads[0] {
			continue
		}
		p.add(ByLoad, fmt.Sprintf("load of %.3g or more", loads[at]), func(o *Outcome) side {
			if o.Load == nil || math.IsNaN(*o.Load) {
				return neither
			}
			return sideOf(*o.Load >= loads[at])
		})
	}
}

// add notes a split, unless another one parts the runs in the same way.
func (p *parting) add(facet Facet, value string, of func(*Outcome) side) {
	s := &split{facet: facet, value: value}
	key := make([]byte, len(p.outcomes))
	first := neither
	for i := range p.outcomes {
		o := &p.outcomes[i]
		at := of(o)
		share := &s.out
		switch at {
		case neither:
			continue
		case inside:
			share = &s.in
		}
		share.Runs++
		if o.Bad {
			share.Bad++
		}
		if first == neither {
			first = at
		}
		if key[i] = 1; at != first { // a split and its reverse are one
			key[i] = 2
		}
	}
	if s.in.Runs == 0 || s.out.Runs == 0 {
		return
	}
	s.first = first
	old := p.known[string(key)]
	if old == nil {
		p.known[string(key)] = s
		p.splits = append(p.splits, s)
		return
	}
	switch {
	case old.facet == facet && share(s.in) > share(old.in): // name what the bad runs have
		old.value, old.in, old.out, old.first = value, s.in, s.out, first
	case old.facet == facet:
	case old.first == first:
		old.also(facet, value, true)
	default:
		old.also(facet, "not "+value, false)
	}
}

// also notes another facet that parts the runs in the same way, rather by what
// the runs have than by what they lack.
func (s *split) also(facet Facet, value string, has bool) {
	switch i := slices.Index(s.sameOf, facet); {
	case i < 0:
		s.same, s.sameOf = append(s.same, value), append(s.sameOf, facet)
	case has:
		s.same[i] = value
	}
}

func share(s Share) float64 { return float64(s.Bad) / float64(max(s.Runs, 1)) }

// fisher is Fisher's exact test, with the logarithms of factorials.
type fisher []float64

func newFisher(n int) fisher {
	f := make(fisher, n+1)
	for i := range f {
		f[i] = beta.LogGamma(float64(i) + 1)
	}
	return f
}

func (f fisher) choose(n, k int) float64 { return f[n] - f[k] - f[n-k] }

// tails sums the probabilities that at most, and that at least, so many of the bad
// runs fall among the first if they are dealt at random.
func (f fisher) tails(bad, runs, allBad, all int) (below, above float64) {
	total := f.choose(all, allBad)
	for k := max(0, allBad-(all-runs)); k <= min(runs, allBad); k++ {
		q := math.Exp(f.choose(runs, k) + f.choose(all-runs, allBad-k) - total)
		if k <= bad {
			below += q
		}
		if k >= bad {
			above += q
		}
	}
	return below, above
}

// p is how likely a split this clear is by chance.
func (f fisher) p(in, out Share) float64 {
	below, above := f.tails(in.Bad, in.Runs, in.Bad+out.Bad, in.Runs+out.Runs)
	return min(2*min(below, above), 1)
}

// least is the smallest p that runs parted like this can show.
func (f fisher) least(in, out Share) float64 {
	bad, all := in.Bad+out.Bad, in.Runs+out.Runs
	low, high := max(0, bad-out.Runs), min(in.Runs, bad)
	total := f.choose(all, bad)
	edge := func(k int) float64 { return math.Exp(f.choose(in.Runs, k) + f.choose(out.Runs, bad-k) - total) }
	return min(2*min(edge(low), edge(high)), 1)
}
