// Package timing tells how long a test took in the newest builds of its builders.
//
// The farm keeps of a test's past what changed, and no times; those are in the
// results of each build, one blob a build. So the newest few blobs are read, and
// what was found in them is remembered: a blob never changes.
package timing

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/store"
)

// Limits of one answer.
const (
	MaxBuilders = 4  // whose builds are looked at, the first ones
	MaxBlobs    = 12 // results that are read
	// MaxTests is how many tests all results that are read have together: at about
	// a microsecond each that is a few hundredths of a second.
	MaxTests = 30_000
	// perBuilder is how many of a builder's newest builds are listed.
	perBuilder = 15
	// maxKnown is how many durations are remembered.
	maxKnown = 20_000
)

// Builds lists builds, newest first.
type Builds interface {
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
}

// Open opens the results of a build.
type Open func(ctx context.Context, d weir.Digest) (io.ReadCloser, error)

// Series is how long a test took on one builder.
type Series struct {
	Builder weir.BuilderID `json:"builder"`
	Points  []Point        `json:"points"` // oldest first
}

// Known is a builder that knows a test.
type Known struct {
	Builder weir.BuilderID
	Bad     bool // the test is bad there: perhaps because it takes too long
}

// Point is one run of a test.
type Point struct {
	Build  weir.BuildID  `json:"build"`
	At     time.Time     `json:"at"` // when the build ended
	Took   time.Duration `json:"took"`
	Status weir.Status   `json:"status"`
}

// Reader reads them. Make one with New; it is safe for concurrent use.
type Reader struct {
	builds Builds
	open   Open
	mu     sync.Mutex
	known  map[key]found
}

type key struct {
	set  weir.Digest
	test weir.TestID
}

type found struct {
	took   time.Duration
	status weir.Status // empty: the test is not among the results
}

// New makes a reader.
func New(builds Builds, open Open) *Reader {
	return &Reader{builds: builds, open: open, known: map[key]found{}}
}

// Of reads how long a test took lately on the first of some builders, those where
// it is bad first, the newest build of each before their older ones, within the limits. Results that are not kept
// any more are left out, and so is a builder of which nothing is known.
func (r *Reader) Of(ctx context.Context, on []Known, test weir.TestID) ([]Series, error) {
	var builders []weir.BuilderID
	for _, bad := range []bool{true, false} {
		for _, k := range on {
			if k.Bad == bad && len(builders) < MaxBuilders {
				builders = append(builders, k.Builder)
			}
		}
	}
	lists := make([][]weir.Build, len(builders))
	for i, id := range builders {
		all, err := r.builds.ListBuilds(ctx, store.BuildFilter{Builder: id, States: []weir.State{weir.Finished}, Limit: perBuilder})
		if err != nil {
			return nil, err
		}
		for _, b := range all {
			if b.Results != "" {
				lists[i] = append(lists[i], b)
			}
		}
	}
	points := make([][]Point, len(builders))
	blobs, tests := 0, 0
	for n := range perBuilder {
		for i, list := range lists {
			if n >= len(list) {
				continue
			}
			b := list[n]
			f, ok := r.recall(key{b.Results, test})
			if !ok {
				if blobs++; blobs > MaxBlobs {
					continue
				}
				if tests += b.Counts.Total(); tests > MaxTests {
					continue
				}
				var err error
				if f, err = r.read(ctx, b.Results, test); err != nil {
					return nil, err
				}
			}
			if f.status != "" {
				points[i] = append(points[i], Point{Build: b.ID, At: b.Finished, Took: f.took, Status: f.status})
			}
		}
	}
	var out []Series
	for i, p := range points {
		if len(p) > 0 {
			slices.Reverse(p)
			out = append(out, Series{Builder: builders[i], Points: p})
		}
	}
	return out, nil
}

func (r *Reader) recall(k key) (found, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.known[k]
	return f, ok
}

// read finds a test in a blob, and remembers it. What cannot be read any more has
// nothing.
func (r *Reader) read(ctx context.Context, d weir.Digest, test weir.TestID) (found, error) {
	content, err := r.open(ctx, d)
	if weir.CodeOf(err) == weir.NotFound {
		return found{}, nil
	}
	if err != nil {
		return found{}, err
	}
	defer content.Close()
	result, _, err := results.Find(content, test)
	if err != nil {
		return found{}, err
	}
	f := found{result.Duration, result.Status}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxKnown {
		clear(r.known)
	}
	r.known[key{d, test}] = f
	return f, nil
}
