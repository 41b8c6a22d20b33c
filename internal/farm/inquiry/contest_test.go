package inquiry

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
)

// heard adds builds to the evidence of one victim: "w2@13 bad".
func heard(e *evidence, texts ...string) {
	for _, t := range texts {
		place, said, _ := strings.Cut(t, " ")
		worker, position, _ := strings.Cut(place, "@")
		at, err := strconv.Atoi(position)
		if err != nil {
			panic(err)
		}
		e.add(at, worker, weir.Observed(said))
	}
}

// TestOneMachineAgainstTheOthers: revision 13 broke a test that fails one time in five for
// no reason, six runs have shown it, and then the test fails at revision 17 on machine w0
// for another reason, which looks good. All that was seen before counts for chance then,
// and revision 18 for the culprit, unless the others are asked what they see at 17.
func TestOneMachineAgainstTheOthers(t *testing.T) {
	t.Parallel()
	r := weir.Regression{Victims: []weir.Victim{{Test: weir.TestID{Name: "t"}, Verdict: weir.FailingDifferently}}}
	s := &surroundings{ready: map[string]bool{"w0": true, "w1": true, "w2": true}}
	start := func() *evidence {
		e := &evidence{route: routeOf(leg("up", 18)), lost: map[int]int{}, rates: []float64{0.1955}, checks: []check{s}}
		e.add(18, "w1", weir.ObservedBad)
		e.trials[0].Alarm = true
		heard(e, "w2@18 bad", "w0@18 bad", "w2@10 good", "w0@4 good", "w2@13 bad", "w2@13 bad", "w2@12 good", "w2@12 good", "w0@13 bad", "w1@13 bad", "w1@13 bad", "w1@13 bad")
		return e
	}
	named := func(e *evidence) bisect.Finding { return e.weigh(r, 1).Findings[0] }
	if f := named(start()); f.Kind != bisect.Found || f.First != 13 {
		t.Fatalf("before w0 speaks it is %+v", f)
	}
	e := start()
	heard(e, "w0@17 good", "w1@18 bad", "w2@18 bad", "w2@18 bad", "w2@18 bad", "w2@18 bad", "w2@18 bad", "w0@18 bad")
	f := named(e)
	if f.Kind != bisect.Found || f.First != 18 {
		t.Fatalf("the evidence makes it %+v", f)
	}
	for _, next := range [][2]string{{"w1", "bad"}, {"w2", "bad"}, {"w0", "good"}} {
		list, settled := s.asks(e, []bisect.Finding{f}, 1)
		if len(list) != 1 || settled || list[0].worker != next[0] || list[0].pins["up"] != e.route.Pins(17)["up"] {
			t.Fatalf("before %s was asked what it sees in front of revision 18: %+v", next[0], list)
		}
		heard(e, next[0]+"@17 "+next[1])
	}
	if f = named(e); f.Kind != bisect.Found || f.First != 13 || len(e.overruled) != 1 {
		t.Errorf("two machines against one make it %+v", f)
	}
	if runs := e.runs(0); len(runs) != len(e.trials)-2 {
		t.Errorf("%d of %d runs count", len(runs), len(e.trials))
	}

	e = start()
	heard(e, "w0@17 good", "w1@18 bad", "w2@18 bad", "w2@18 bad", "w2@18 bad", "w2@18 bad", "w2@18 bad", "w0@18 bad", "w1@17 good")
	if f = named(e); f.First != 18 {
		t.Errorf("where another machine agrees it is %+v", f)
	}

	e = start() // only w1 could still be asked, and may have fallen ill
	heard(e, "w0@17 good", "w1@18 bad", "w2@18 bad", "w2@18 bad", "w2@18 bad", "w2@18 bad", "w2@18 bad", "w0@18 bad", "w1@17 bad", "w1@17 bad", "w1@17 bad")
	s.ready["w2"] = false
	findings := []bisect.Finding{named(e)}
	e.outside(findings)
	if list, _ := s.asks(e, findings, 1); findings[0].Kind != bisect.Found || len(list) != 1 || list[0].worker != "w0" {
		t.Errorf("where nobody else can say which is right it is %+v, and asks %+v", findings[0], list)
	}
	heard(e, "w0@17 bad")
	e.outside(findings)
	if f = findings[0]; f.Kind != bisect.Range || f.First != 13 || f.Last != 18 {
		t.Errorf("where w0 does not stand by it, it is %+v", f)
	}
}

// TestWhatOneMachineAloneSays: a test that is accused of failing in a certain way is not
// good because it fails in another one on one machine. It is asked again elsewhere, and three times
// at most; what another machine says too, or was known before, is good.
func TestWhatOneMachineAloneSays(t *testing.T) {
	t.Parallel()
	v := weir.Victim{Test: weir.TestID{Name: "t"}, Verdict: weir.FailingDifferently, Signature: "new"}
	r := weir.Regression{Victims: []weir.Victim{v}}
	s := &surroundings{ready: map[string]bool{"w0": true, "w1": true}}
	e := &evidence{route: routeOf(leg("up", 9)), lost: map[int]int{}, rates: []float64{0.01}, checks: []check{s},
		flakes: map[weir.TestID]weir.TestState{v.Test: {Signature: "new old"}}}
	said := func(texts ...string) (out []weir.Observed) {
		for _, t := range texts {
			place, how, _ := strings.Cut(t, " ")
			outcome := "good"
			if how == "new" {
				how, outcome = "", "bad"
			}
			heard(e, place+" "+outcome)
			e.other = append(e.other, []string{how})
		}
		e.disbelieve(r.Victims, s.ready)
		for _, t := range e.question(r, 1).Subjects[0].Trials {
			out = append(out, t.Outcome)
		}
		return out
	}
	const good, bad, none = weir.ObservedGood, weir.ObservedBad, weir.ObservedNone
	if got := said("w1@9 new", "w0@4 old", "w0@9 no such device", "w0@9 no such device"); !slices.Equal(got, []weir.Observed{bad, good}) {
		t.Errorf("it is believed: %v", got)
	}
	if e.healthy(1) != "w1" {
		t.Errorf("%q is asked instead", e.healthy(1))
	}
	if got := said("w0@9 no such device"); !slices.Equal(got, []weir.Observed{bad, good, none}) {
		t.Errorf("it is asked for ever: %v", got)
	}
	if got := said("w1@6 no such device"); !slices.Equal(got, []weir.Observed{bad, good, good, good, good, good}) || e.healthy(1) != "" {
		t.Errorf("two machines are not believed: %v", got)
	}
	s.ready["w1"] = false
	if got := said("w0@2 what else"); len(got) != 7 {
		t.Errorf("the only machine is not believed: %v", got)
	}
}
