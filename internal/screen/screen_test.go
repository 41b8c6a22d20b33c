package screen_test

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/screen"
)

// runs reads "a0g b3b": worker, position, good or bad.
func runs(texts ...string) (out []screen.Run) {
	for _, t := range texts {
		said := weir.ObservedGood
		if t[2] == 'b' {
			said = weir.ObservedBad
		}
		out = append(out, screen.Run{Position: int(t[1] - '0'), Worker: t[:1], Said: said})
	}
	return out
}

func TestWitnesses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		runs     []screen.Run
		want     []string
		worker   string // that is asked next, of a and b
		position int
	}{
		{nil, nil, "a", 3},
		{runs("a0g", "b5b"), nil, "a", 3}, // elsewhere
		{runs("a2g", "a3b"), nil, "a", 2}, // it may have fallen ill in between
		{runs("a3b", "a2g"), nil, "a", 3}, // or recovered
		{runs("a2g", "a3b", "a2g"), []string{"a"}, "a", 3},
		{runs("b3b", "b2g", "b2g", "b3b"), []string{"b"}, "b", 2},
		{runs("a2g", "b3b", "a2g"), nil, "a", 3},
		{runs("b3b", "b3b", "b2b", "a2g"), nil, "a", 3}, // one is ill
		{runs("b3b", "b2b", "b2b", "b2b", "b2b", "b2b", "b2b", "a2g", "a3g", "a3g", "a3g", "a3g", "a3g", "a3g"), nil, "", 0},
	} {
		if got := screen.Witnesses(c.runs, 2, 3); !slices.Equal(got, c.want) {
			t.Errorf("%v: seen by %v", c.runs, got)
		}
		if w, p, ok := screen.Next(c.runs, 2, 3, map[string]bool{"b": true, "a": true, "c": false}); w != c.worker || p != c.position || ok != (c.worker != "") {
			t.Errorf("%v: asks %q at %d, %v", c.runs, w, p, ok)
		}
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		runs []screen.Run
		want bool
	}{
		{nil, false},
		{runs("a2g", "a3b", "a2b", "a2b", "a2b"), false},
		{runs("a2g", "a3b", "a2b", "b2b", "a2b", "a2b"), true},
		{runs("a2g", "a3b", "a2b", "a2b", "b2g", "a2b", "a2b"), false}, // one machine is ill
		{runs("a3b", "a2b", "a2b", "a2b", "a2b"), false},               // it never was good
		{runs("a2g", "a3b", "a2g", "a2b", "a2b", "a2b", "a2b"), false},
	} {
		if got := screen.Changed(c.runs, 2, 3); got != c.want {
			t.Errorf("%v: %v", c.runs, got)
		}
	}
}

func TestIll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		runs []screen.Run
		want []string
	}{
		{nil, nil},
		{runs("a1g", "b1b", "b5b"), nil}, // may be a flake
		{runs("a1g", "b1b", "a4g", "b4b", "a5b"), []string{"b"}},
		{runs("a1g", "b1b", "a4g", "b4b", "b3g"), nil},
		{runs("b1b", "b4b", "a5b"), nil},
	} {
		if got := screen.Ill(c.runs); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v", c.runs, got)
		}
	}
}

func TestDivide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		runs []screen.Run
		want screen.Division
		ok   bool
	}{
		{nil, screen.Division{Position: -1}, false},
		{runs("a0g", "b5b"), screen.Division{Position: -1, Good: []string{"a"}, Bad: []string{"b"}, GoodRuns: 1, BadRuns: 1}, false}, // may be the revision
		{runs("a0g", "a5g", "b5b", "b0b", "c5b"), screen.Division{Position: 5, Good: []string{"a"}, Bad: []string{"b", "c"}, GoodRuns: 2, BadRuns: 3}, true},
		{runs("a0g", "a5g", "b5b", "b0g"), screen.Division{}, false},
	} {
		got, ok := screen.Divide(c.runs)
		if ok != c.ok || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %+v, %v", c.runs, got, ok)
		}
	}
	d, _ := screen.Divide(runs("a0g", "a5g", "a5g", "a5g", "b5b", "b0b", "b0b", "b0b"))
	if want := (weir.Clue{Facet: "worker", Value: "on b", Bad: 4, Runs: 4, OtherRuns: 4, Chance: 2.0 / 70}); math.Abs(d.Chance()-want.Chance) > 1e-9 || d.Chance() >= screen.Apart ||
		d.Clue().Value != want.Value || d.Clue().Bad != want.Bad || d.Clue().OtherRuns != want.OtherRuns {
		t.Errorf("%+v", d.Clue())
	}
}

func TestClues(t *testing.T) {
	t.Parallel()
	var all []flake.Outcome
	for i := range 12 {
		o := flake.Outcome{Bad: i >= 8, Worker: "a", Directory: "go-hclog"}
		if o.Bad {
			o.Directory = "hclog"
		}
		all = append(all, o)
	}
	got := screen.Clues(all)
	if len(got) != 1 || got[0].Facet != "directory" || got[0].Value != "directory hclog" || got[0].Bad != 4 || got[0].Runs != 4 || got[0].OtherRuns != 8 || got[0].Chance > 0.01 {
		t.Errorf("clues are %+v", got)
	}
	if got := screen.Clues(all[:8]); len(got) != 0 {
		t.Errorf("nothing was bad: %+v", got)
	}
}
