// Package schedsim plays weeks of a farm's life in seconds: upstreams that move many
// times a day, thousands of projects that are tested against each move, ordinary
// projects beside them, and workers that are far too few for all of it. What is built
// and where is decided by the real schedule.Plan and schedule.Queue.Pick; the rest is
// synthetic. It counts what people would feel: how long a change waits for its first
// verdict, whether anything starves, what was saved by passing revisions over.
//
// Every farm is drawn from a seed, and comes out the same each time.
package schedsim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/weir-ci/weir"
)

// Scale is how large a farm is.
type Scale struct {
	Days      int
	Platforms int // 1 to 3
	Workers   int
	Upstreams []Upstream
	Projects  int     // ordinary ones, which nothing is upstream of
	Changes   float64 // of each of those a day
}

// Upstream is a project that others are tested against.
type Upstream struct {
	Name        string
	Changes     float64       // a day
	Downstreams int           // each on every platform
	Build       time.Duration // what its product takes
}

// Thirty is thirty days of one upstream with 20 changes a day and 2,000 projects behind
// it, of a small one, and of ordinary projects, on 40 workers of three platforms.
func Thirty() Scale {
	return Scale{Days: 30, Platforms: 3, Workers: 40, Projects: 30, Changes: 10,
		Upstreams: []Upstream{{"big", 20, 2000, 20 * time.Minute}, {"small", 3, 50, 5 * time.Minute}}}
}

// Short is a day or two of the same in small, for tests.
func Short() Scale {
	return Scale{Days: 4, Platforms: 2, Workers: 6, Projects: 5, Changes: 6,
		Upstreams: []Upstream{{"big", 20, 150, 20 * time.Minute}, {"small", 3, 10, 5 * time.Minute}}}
}

// How builds are.
const (
	ownChanges   = 0.2 // of a downstream a day
	deadShare    = 0.03
	lockShare    = 0.04 // of the ordinary and the downstream projects, whose builds want a lock
	breaks       = 0.05 // of an upstream's changes
	victims      = 0.01 // of its downstreams, of each of those
	mendedAfter  = 30   // changes
	unbuildable  = 0.02 // of an upstream's changes
	coldMirror   = 40 * time.Second
	coldProduct  = 60 * time.Second
	mirrorsKept  = 150 // by a worker
	productsKept = 3
	// latent is how many of the changes of a day fall into its working half.
	latent = 0.75
)

// platforms lists those there are, and how many of the workers each has.
func platforms() []struct {
	name  weir.Platform
	share float64
} {
	return []struct {
		name  weir.Platform
		share float64
	}{{"linux/amd64", 0.5}, {"linux/arm64", 0.3}, {"darwin/arm64", 0.2}}
}

// kind is what a project is.
type kind int

const (
	isUpstream kind = iota
	isDownstream
	isOrdinary
)

// project is one of the farm's.
type project struct {
	name     string
	kind     kind
	upstream *project      // nil: none
	build    time.Duration // what its builds take
	dead     bool
	locks    []weir.LockUse
	lines    []*line
	behind   []*project          // its downstreams
	changes  []time.Time         // when each of its revisions came; the first is before everything
	broken   map[int]bool        // its revisions without a product
	culprits map[int]*breakage   // by revision
	breaks   []*breakage         // of its upstream, that hit it
	products map[productKey]*job // of its revisions
	pins     weir.Pins           // the tips
}

// breakage is a change that breaks projects, until a later one mends it.
type breakage struct {
	from, to int // bad from the one on and before the other
	searched bool
}

type productKey struct {
	revision int
	platform int
}

func (p *project) tip() int { return len(p.changes) - 1 }

// revision names one.
func revision(n int) string { return fmt.Sprintf("r%05d", n) }

// newProjects draws all projects. Those of kind isUpstream come first.
func newProjects(s Scale, rng *rand.Rand) []*project {
	var all []*project
	add := func(name string, k kind, build time.Duration) *project {
		p := &project{name: name, kind: k, build: build, changes: []time.Time{{}},
			broken: map[int]bool{}, culprits: map[int]*breakage{}, products: map[productKey]*job{}}
		all = append(all, p)
		return p
	}
	for _, u := range s.Upstreams {
		add(u.Name, isUpstream, u.Build)
	}
	for i, u := range s.Upstreams {
		for n := range u.Downstreams {
			p := add(fmt.Sprintf("%s-%04d", u.Name, n), isDownstream, drawTime(rng))
			p.upstream = all[i]
			p.dead = rng.Float64() < deadShare
			all[i].behind = append(all[i].behind, p)
		}
	}
	for n := range s.Projects {
		add(fmt.Sprintf("app-%03d", n), isOrdinary, 2*drawTime(rng))
	}
	for _, p := range all {
		if p.kind != isUpstream && rng.Float64() < lockShare {
			p.locks = []weir.LockUse{{Name: lockNames[rng.IntN(len(lockNames))]}}
		}
	}
	return all
}

// lockNames are the locks of the farm: one with three shares, and one of each worker.
var lockNames = [...]string{"license", "port"}

// locks lists them.
func locks() map[string]weir.Lock {
	return map[string]weir.Lock{
		"license": {Name: "license", Count: 3},
		"port":    {Name: "port", Scope: weir.LockWorker},
	}
}

// drawTime draws how long a project's builds take: four minutes in the middle, and
// for some of them much more.
func drawTime(rng *rand.Rand) time.Duration {
	minutes := 3.2 * math.Exp(0.7*rng.NormFloat64())
	return time.Duration(min(max(minutes, 0.5), 45) * float64(time.Minute))
}

// drawChanges draws when a project changes, with three quarters of it by day.
func drawChanges(rng *rand.Rand, begin time.Time, days int, rate float64) (out []time.Time) {
	for day := range days {
		n := int(rate)
		if rng.Float64() < rate-float64(n) {
			n++
		}
		for range n {
			hour := 12 * rng.Float64()
			if rng.Float64() < latent {
				hour += 8
			} else if hour += 20; hour >= 24 {
				hour -= 24
			}
			out = append(out, begin.AddDate(0, 0, day).Add(time.Duration(hour*float64(time.Hour))))
		}
	}
	return out
}
