package kin_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/kin"
)

// victim is a failing test.
func victim(signature, message string) weir.Victim {
	return weir.Victim{Verdict: weir.NewlyFailing, Signature: signature, Message: message}
}

func TestSayings(t *testing.T) {
	t.Parallel()
	removed := func(file string) string {
		return "Traceback (most recent call last):\n  File \"/w/" + file + "\", line 7, in f\n    g()\n" +
			"AttributeError: module 'collections' has no attribute 'Callable'"
	}
	for _, c := range []struct {
		name string
		a, b weir.Victim
		want bool
	}{
		{"the same signature", victim("0011223344556677", "x"), victim("0011223344556677", "y"), true},
		{"another one", victim("0011223344556677", ""), victim("7766554433221100", ""), false},
		{"none", victim("", ""), victim("", ""), false},
		{"one that is never the same", victim(weir.AnySignature, removed("a.py")), victim(weir.AnySignature, removed("a.py")), false},
		{"the same in another file", victim("1", removed("a.py")), victim("2", removed("b.py")), true},
		{"what everything says", victim("1", "a_test.go:3: want 7, got 5"), victim("2", "b_test.go:8: want 3, got 4"), false},
		{"of an unlike kind", victim("1", "x"), weir.Victim{Verdict: weir.NewlySkipped, Signature: "1"}, false},
	} {
		says := func(v weir.Victim) kin.Sayings { return kin.SayingsOf(weir.Regression{Victims: []weir.Victim{v}}) }
		if got := says(c.a).Meet(says(c.b)); got != c.want {
			t.Errorf("%s: %v, %v", c.name, says(c.a), says(c.b))
		}
	}
}

func TestLeader(t *testing.T) {
	t.Parallel()
	// open makes a regression of project p<id> by revisions of up from ... to.
	open := func(id weir.RegressionID, from, to int64, change ...func(*weir.Regression)) weir.Regression {
		r := weir.Regression{ID: id, State: weir.Searching, Builder: weir.Builder{ID: weir.BuilderID(id)},
			Path: []weir.Leg{{Project: "up", From: from, To: to}}, Victims: []weir.Victim{victim("1", "")}}
		r.Builder.Project = fmt.Sprint("p", id)
		for _, c := range change {
			c(&r)
		}
		return r
	}
	located := func(at int64) func(*weir.Regression) {
		return func(r *weir.Regression) {
			r.State, r.Culprit = weir.Located, weir.Culprit{Project: "up", Revision: weir.Revision{Position: at}}
		}
	}
	for _, c := range []struct {
		name string
		open []weir.Regression
		want weir.RegressionID
	}{
		{"nobody", []weir.Regression{open(5, 10, 20)}, 0},
		{"an older one", []weir.Regression{open(4, 1, 11)}, 4},
		{"the oldest", []weir.Regression{open(4, 10, 20), open(2, 10, 20), open(3, 10, 20)}, 2},
		{"a younger one waits for us", []weir.Regression{open(6, 10, 20)}, 0},
		{"one that ends where we begin", []weir.Regression{open(4, 1, 10)}, 0},
		{"one that begins where we end", []weir.Regression{open(4, 20, 30)}, 0},
		{"another branch", []weir.Regression{open(4, 10, 20, func(r *weir.Regression) { r.Path[0].Branch = "x" })}, 0},
		{"another project", []weir.Regression{open(4, 10, 20, func(r *weir.Regression) { r.Path[0].Project = "x" })}, 0},
		{"one that says something else", []weir.Regression{open(4, 10, 20, func(r *weir.Regression) { r.Victims[0].Signature = "2" })}, 0},
		{"one of the same builder", []weir.Regression{open(4, 10, 20, func(r *weir.Regression) { r.Builder.ID = 5 })}, 0},
		{"one that nobody has to mend", []weir.Regression{open(4, 10, 20, func(r *weir.Regression) { r.Aim = weir.AimFix })}, 0},
		{"a culprit that is known", []weir.Regression{open(4, 10, 20), open(7, 10, 20, located(15))}, 7},
		{"a culprit in front of us", []weir.Regression{open(4, 1, 20, located(10))}, 0},
		{"a culprit that stands at our end", []weir.Regression{open(4, 1, 20, located(20))}, 4},
	} {
		got, ok := kin.Leader(open(5, 10, 20), c.open, kin.SayingsOf)
		if got.ID != c.want || ok != (c.want != 0) {
			t.Errorf("%s: regression %d leads, want %d", c.name, got.ID, c.want)
		}
	}
}

func TestWeights(t *testing.T) {
	t.Parallel()
	way := kin.NewWay(4, func(i int) (string, weir.Revision) { return "up", weir.Revision{ID: fmt.Sprint("r", i)} })
	culprit := func(id, merge string) []int {
		return way.Step(weir.Culprit{Project: "up", Revision: weir.Revision{ID: id}, Merge: merge})
	}
	for _, c := range []struct {
		lead, others []int
		want         []float64
	}{
		{nil, nil, nil},
		{culprit("elsewhere", ""), culprit("", ""), nil},
		{culprit("r2", ""), nil, []float64{1, 4001, 1, 1}},
		{culprit("of the side", "r3"), nil, []float64{1, 1, 4001, 1}},
		{nil, []int{4, 1, 4}, []float64{3, 1, 1, 3}},
		{[]int{1, 2}, []int{2}, []float64{2001, 2005, 1, 1}},
	} {
		if got := way.Weights(c.lead, c.others); !slices.Equal(got, c.want) {
			t.Errorf("Weights(%v, %v) = %v, want %v", c.lead, c.others, got, c.want)
		}
	}
}

func TestProducts(t *testing.T) {
	t.Parallel()
	at := func(p int) weir.Pins { // three steps of up, then one of d
		return weir.Pins{"up": fmt.Sprint("u", min(p, 3)), "plain": "x", "d": fmt.Sprint("d", max(p-3, 0))}
	}
	made := func(products ...string) []kin.Input {
		in := kin.Input{Of: []string{"up"}, Made: map[string]weir.Build{}}
		for i, p := range products {
			key := weir.Pins{"up": fmt.Sprint("u", i)}.Key()
			switch p {
			case "":
			case "runs":
				in.Made[key] = weir.Build{State: weir.Running}
			case "broken":
				in.Made[key] = weir.Build{State: weir.Finished, Outcome: weir.Failed}
			default:
				in.Made[key] = weir.Build{State: weir.Finished, Outcome: weir.Passed, Product: weir.Product{Digest: weir.Digest(p)}}
			}
		}
		return []kin.Input{in}
	}
	for _, c := range []struct {
		name        string
		inputs      []kin.Input
		built, same []int
	}{
		{"no products", nil, nil, nil},
		{"nothing built", made(), nil, nil},
		{"the ends", made("a", "", "", "b"), []int{0, 3, 4}, nil}, // d's own step needs no product of its own
		{"one runs", made("a", "runs", "", "b"), []int{0, 1, 3, 4}, nil},
		{"one does not build", made("a", "broken", "", "b"), []int{0, 3, 4}, nil},
		{"identical ones", made("a", "a", "", "b"), []int{0, 1, 3, 4}, []int{0, 0, 2, 3, 4}},
		{"there and back", made("a", "b", "a", "b"), []int{0, 1, 2, 3, 4}, []int{0, 1, 0, 1, 4}},
	} {
		built, same := kin.Products(4, at, c.inputs, map[string]bool{"plain": true, "d": true})
		if !slices.Equal(built, c.built) || !slices.Equal(same, c.same) {
			t.Errorf("%s: built %v, same %v; want %v, %v", c.name, built, same, c.built, c.same)
		}
	}
}

// TestFollowersNeedFewRuns: where a test seldom fails for no reason, three runs of
// the leader's culprit and its parent are enough. A wrong lead costs some more.
func TestFollowersNeedFewRuns(t *testing.T) {
	t.Parallel()
	const steps, culprit = 64, 24
	way := kin.NewWay(steps, func(i int) (string, weir.Revision) { return "up", weir.Revision{ID: fmt.Sprint(i)} })
	for _, c := range []struct {
		rate        float64
		lead        string
		least, most int // runs
	}{{0.005, "24", 2, 3}, {0.02, "24", 2, 3}, {0.15, "24", 3, 5}, {0.005, "40", 5, 12}, {0.005, "", 5, 9}} {
		s := bisect.Subject{FlakeRate: c.rate, Trials: []bisect.Trial{
			{Position: steps, Outcome: weir.ObservedBad, Alarm: true}, {Position: steps, Outcome: weir.ObservedBad}}} // and its retry
		q := bisect.Question{Steps: steps, Width: 1, Built: []int{culprit, culprit - 1}, BuildCost: 0.5,
			Weights: way.Weights(way.Step(weir.Culprit{Project: "up", Revision: weir.Revision{ID: c.lead}}), nil)}
		runs := 0
		for ; ; runs++ {
			q.Subjects = []bisect.Subject{s}
			answer := bisect.Next(q)
			if answer.Done() || runs > 50 {
				if f := answer.Findings[0]; f.Kind != bisect.Found || f.First != culprit {
					t.Errorf("rate %g, lead %q: %+v", c.rate, c.lead, f)
				}
				break
			}
			said := weir.ObservedGood
			if answer.Probes[0] >= culprit {
				said = weir.ObservedBad
			}
			s.Trials = append(s.Trials, bisect.Trial{Position: answer.Probes[0], Outcome: said})
		}
		if runs < c.least || runs > c.most {
			t.Errorf("rate %g, lead %q: %d runs, want %d to %d", c.rate, c.lead, runs, c.least, c.most)
		}
	}
}
