package flake

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

// draw draws runs on many workers; bad says how likely each is to be bad.
func draw(seed uint64, n int, bad func(Outcome) float64) []Outcome {
	rng := rand.New(rand.NewPCG(seed, 9))
	var out []Outcome
	for range n {
		root, load := rng.IntN(3) == 0, math.Floor(rng.ExpFloat64()*100)/100
		o := Outcome{Worker: fmt.Sprintf("w%d", rng.IntN(12)), Root: &root, Load: &load, At: start.Add(time.Duration(rng.IntN(90*24)) * time.Hour),
			Platform: []weir.Platform{"linux/amd64", "linux/arm64", "darwin/arm64"}[rng.IntN(3)], Directory: "/b/" + []string{"src", "checkout", "go-hclog"}[rng.IntN(3)]}
		o.Bad = rng.Float64() < bad(o)
		out = append(out, o)
	}
	return out
}

func either(yes bool, high, low float64) float64 {
	if yes {
		return high
	}
	return low
}

func TestHints(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		bad  func(Outcome) float64
		want Facet
		text string
	}{
		{"one worker", func(o Outcome) float64 { return either(o.Worker == "w3", 0.9, 0.05) }, ByWorker, "worker w3: "},
		{"one platform", func(o Outcome) float64 { return either(o.Platform == "darwin/arm64", 0.4, 0.02) }, ByPlatform, "platform darwin/arm64: "},
		{"as root", func(o Outcome) float64 { return either(*o.Root, 1, 0) }, ByUser, "root: "},
		{"under load", func(o Outcome) float64 { return either(*o.Load > 1.5, 0.5, 0.02) }, ByLoad, "load of 1."},
		{"at night", func(o Outcome) float64 { return either(o.At.Hour() < 6, 0.6, 0.05) }, ByHour, "00:00 to 06:00 UTC: "},
		{"in another directory", func(o Outcome) float64 { return either(o.Directory != "/b/go-hclog", 1, 0) }, ByDirectory, "directory go-hclog: 0 of "},
	} {
		hints := Hints(draw(1, 300, tt.bad))
		if len(hints) == 0 || hints[0].Facet != tt.want || !strings.HasPrefix(hints[0].String(), tt.text) || hints[0].P > 0.001 {
			t.Errorf("%s: %v", tt.name, hints)
		}
	}
}

// TestHintsByChance counts hints where nothing matters.
func TestHintsByChance(t *testing.T) {
	t.Parallel()
	const games = 400
	for _, rate := range []float64{0.02, 0.2, 0.5} {
		wrong := 0
		for seed := range uint64(games) {
			if len(Hints(draw(seed, 120, func(Outcome) float64 { return rate }))) > 0 {
				wrong++
			}
		}
		if wrong > games/50 {
			t.Errorf("rate %v: %d of %d have a hint", rate, wrong, games)
		}
	}
}

// TestManyWorkers makes sure that one of a hundred workers can be named.
func TestManyWorkers(t *testing.T) {
	t.Parallel()
	var out []Outcome
	for w := range 100 {
		for range 6 {
			out = append(out, Outcome{Worker: fmt.Sprintf("w%02d", w), Bad: w == 42})
		}
	}
	if h := Hints(out); len(h) != 1 || h[0].Value != "worker w42" || h[0].In != (Share{6, 6}) || h[0].Out != (Share{0, 594}) {
		t.Errorf("%v", h)
	}
}

func TestNoHints(t *testing.T) {
	t.Parallel()
	yes, nan := true, math.NaN()
	for name, out := range map[string][]Outcome{
		"nothing": nil, "one": {{Bad: true, Worker: "a"}}, "two": {{Bad: true, Worker: "a"}, {Worker: "b"}},
		"unknown": make([]Outcome, 500), "all bad": {{Bad: true, Worker: "a"}, {Bad: true, Worker: "a"}, {Bad: true, Worker: "b"}, {Bad: true, Worker: "b"}},
		"not numbers": {{Load: &nan, Root: &yes}, {Load: &nan, Root: &yes, Bad: true}},
	} {
		if h := Hints(out); len(h) > 0 {
			t.Errorf("%s: %v", name, h)
		}
	}
}

// TestSameRuns is about facets that nobody can tell apart.
func TestSameRuns(t *testing.T) {
	t.Parallel()
	var out []Outcome
	for i := range 40 {
		root := i%2 == 0
		o := Outcome{Worker: "b", Directory: `C:\ci\src\`, Root: &root, Bad: root}
		if root {
			o.Worker, o.Directory = "a", "/srv/x/"
		}
		out = append(out, o)
	}
	h := Hints(out)
	if len(h) != 1 || h[0].Value != "worker a" || strings.Join(h[0].Same, ", ") != "directory x, root" {
		t.Errorf("%+v", h)
	}
}

// TestFisher holds the test against all ways to deal the bad runs.
func TestFisher(t *testing.T) {
	t.Parallel()
	// R. A. Fisher's lady: 4 of 8 cups, all right. Two tails of 1/70.
	if p := newFisher(8).p(Share{4, 4}, Share{0, 4}); math.Abs(p-2./70) > 1e-9 {
		t.Error(p)
	}
	rapid.Check(t, func(t *rapid.T) {
		in := Share{Runs: rapid.IntRange(1, 40).Draw(t, "in")}
		out := Share{Runs: rapid.IntRange(1, 40).Draw(t, "out")}
		in.Bad, out.Bad = rapid.IntRange(0, in.Runs).Draw(t, "bad in"), rapid.IntRange(0, out.Runs).Draw(t, "bad out")
		f := newFisher(80)
		p, least := f.p(in, out), f.least(in, out)
		if !(p >= 0 && p <= 1) || p < least*(1-1e-9) || math.Abs(p-f.p(out, in)) > 1e-9 {
			t.Fatalf("%v %v: p %v, least %v, reversed %v", in, out, p, least, f.p(out, in))
		}
		if below, above := f.tails(in.Bad, in.Runs, in.Bad+out.Bad, in.Runs+out.Runs); below+above < 1-1e-9 {
			t.Fatalf("tails %v and %v", below, above)
		}
	})
}

func BenchmarkHints(b *testing.B) {
	out := draw(1, MaxOutcomes, func(o Outcome) float64 { return either(*o.Root, 0.5, 0.1) })
	for b.Loop() {
		Hints(out)
	}
}
