package chaos_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/chaos"
)

func TestScript(t *testing.T) {
	t.Parallel()
	for _, p := range []chaos.Profile{chaos.Mixed(), chaos.NoRetry(), chaos.Pauses(), chaos.Echoes(), chaos.Disks()} {
		script := chaos.Script(7, p, 200)
		if again := chaos.Script(7, p, 200); !reflect.DeepEqual(again, script) {
			t.Errorf("%s: the same seed makes another script", p.Name)
		}
		if other := chaos.Script(8, p, 200); len(p.Doses) > 1 && reflect.DeepEqual(other, script) {
			t.Errorf("%s: another seed makes the same script", p.Name)
		}
		tally := chaos.Tally{}
		last := time.Duration(0)
		for _, f := range script {
			tally[f.Kind]++
			d, ok := p.Doses[f.Kind]
			if !ok || f.For < d.Min || f.For > d.Max || f.Amount < d.MinAmount || f.Amount > d.MaxAmount || f.At < last {
				t.Errorf("%s: %+v is not in its bounds", p.Name, f)
			}
			if p.Patient && f.For > p.Lease/3 && f.Kind != chaos.DoubleLater && f.Kind != chaos.Late {
				t.Errorf("%s: %+v is too long for a lease of %s", p.Name, f, p.Lease)
			}
			last = f.At
		}
		if missing := tally.Missing(p); len(missing) > 0 || tally.Total() != 200 {
			t.Errorf("%s: %d faults, without %v: %s", p.Name, tally.Total(), missing, tally)
		}
	}
	if d := chaos.Mixed().Doses; len(d) != len(chaos.Kinds()) {
		t.Errorf("the mixed profile has %d of %d kinds", len(d), len(chaos.Kinds()))
	}
}

// printed is what a step of the load prints: the rule is written down twice,
// here and in the shell script.
func printed(build int, step, run string, from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		pad := "the quick brown fox jumps over the lazy dog, again and again."
		fmt.Fprintf(&b, "%d %s %s %d %s\n", build, step, run, n, pad[:n*7919%61])
	}
	return b.String()
}

func TestReadLog(t *testing.T) {
	t.Parallel()
	whole := printed(3, "try", "r", 1, 25)
	for _, c := range []struct {
		name, log string
		want      chaos.Log
	}{
		{"nothing", "", chaos.Log{}},
		{"all", whole, chaos.Log{Run: "r", Lines: 25}},
		{"cut", whole[:len(whole)-3], chaos.Log{Run: "r", Lines: 24, Cut: true}},
		{"cut in the first", "3 t", chaos.Log{Cut: true}},
		{"doubled", whole + whole, chaos.Log{Run: "r", Lines: 25, Wrong: "line 26"}},
		{"gap", printed(3, "try", "r", 1, 3) + printed(3, "try", "r", 5, 9), chaos.Log{Run: "r", Lines: 3, Wrong: "line 4"}},
		{"swapped", printed(3, "try", "r", 2, 2) + printed(3, "try", "r", 1, 1), chaos.Log{Run: "r", Wrong: "line 1"}},
		{"another's", printed(3, "try", "r", 1, 3) + printed(3, "try", "q", 4, 9), chaos.Log{Run: "r", Lines: 3, Wrong: "line 4"}},
		{"another build's", printed(4, "try", "r", 1, 3), chaos.Log{Run: "r", Wrong: "line 1"}},
		{"torn", whole[:40] + whole[60:], chaos.Log{Run: "r", Wrong: "line"}},
		{"a wrong end", whole + "3 try r 27", chaos.Log{Run: "r", Lines: 25, Wrong: "behind line 25", Cut: true}},
	} {
		got, err := chaos.ReadLog(strings.NewReader(c.log), 3, "try")
		if err != nil || got.Run != c.want.Run || got.Cut != c.want.Cut || c.name != "torn" && got.Lines != c.want.Lines ||
			(got.Wrong == "") != (c.want.Wrong == "") || !strings.Contains(got.Wrong, c.want.Wrong) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

// fine is what a farm leaves behind that has run one build of the job "bad" in
// two attempts, of which the first was lost.
func fine() chaos.Evidence {
	attempt := func(number, lines int, run string, reason weir.ReasonCode) chaos.AttemptSeen {
		a := chaos.AttemptSeen{}
		a.ID, a.Worker, a.Ended = weir.AttemptID{Build: 9, Number: number}, "w", time.Unix(1, 0)
		a.Outcome, a.Reason.Code = reason.Outcome(), reason
		for i, s := range []struct {
			name  string
			lines int
		}{{"try", 25}, {"break", 3}} {
			step := chaos.StepSeen{StepRecord: weir.StepRecord{Index: i + 1, Name: s.name, State: weir.StepPassed}}
			step.Log = chaos.Log{Run: run + s.name, Lines: min(s.lines, lines)}
			a.Steps = append(a.Steps, step)
		}
		a.Steps[1].State = weir.StepFailed
		return a
	}
	lost := attempt(1, 20, "a", weir.ReasonLost)
	lost.Steps[1].State, lost.Steps[1].Log = weir.StepWaiting, chaos.Log{}
	b := chaos.BuildSeen{Attempts: []chaos.AttemptSeen{lost, attempt(2, 100, "b", weir.ReasonStep)}}
	b.ID, b.State, b.Outcome, b.Reason.Code, b.Builder.Job = 9, weir.Finished, weir.Failed, weir.ReasonStep, "bad"
	e := chaos.Evidence{Asked: []weir.BuildID{9}, Builds: []chaos.BuildSeen{b}, Runs: map[string]*chaos.Run{},
		Ended: []chaos.Ended{{Attempt: lost.ID, Then: "x", Later: "x"}}}
	for _, r := range []chaos.Run{{"9", "try", "atry", 1, 0}, {"9", "try", "btry", 1, 1}, {"9", "break", "bbreak", 1, 1}} {
		e.Runs[r.Name] = &r
	}
	return e
}

func TestCheck(t *testing.T) {
	t.Parallel()
	counts, problems := chaos.Check(fine(), false)
	if want := (chaos.Counts{Builds: 1, Attempts: 2, Lost: 1, Lines: 48, Reasons: "lost 1"}); len(problems) > 0 || counts != want {
		t.Fatalf("%+v, %q; want %+v", counts, problems, want)
	}
	if _, problems := chaos.Check(fine(), true); len(problems) != 2 || !strings.Contains(problems[0], "attempt 9.1") ||
		!strings.Contains(problems[1], "step try of build 9 was run 2 times") {
		t.Errorf("a lost attempt where none may be: %q", problems)
	}
	for says, harm := range map[string]func(e *chaos.Evidence, b *chaos.BuildSeen){
		"is gone":            func(e *chaos.Evidence, _ *chaos.BuildSeen) { e.Asked = append(e.Asked, 10) },
		"builds are still":   func(e *chaos.Evidence, _ *chaos.BuildSeen) { e.Queue = map[weir.State]int{weir.Leased: 1} },
		"went on after":      func(e *chaos.Evidence, _ *chaos.BuildSeen) { e.Ended[0].Later = "y" },
		"build 9 is running": func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.State = weir.Running },
		"is live until":      func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.Attempts[0].Ended = time.Time{} },
		"it has to be failed": func(_ *chaos.Evidence, b *chaos.BuildSeen) {
			b.Outcome, b.Reason.Code = weir.Passed, weir.ReasonNone
		},
		"that decided it": func(_ *chaos.Evidence, b *chaos.BuildSeen) {
			b.Attempts[0].Outcome, b.Attempts[0].Reason.Code = weir.Failed, weir.ReasonStep
		},
		"tried again after that": func(_ *chaos.Evidence, b *chaos.BuildSeen) {
			b.Attempts[0], b.Attempts[1] = b.Attempts[1], b.Attempts[0]
		},
		"none of its 2 attempts": func(_ *chaos.Evidence, b *chaos.BuildSeen) {
			b.Attempts[1].Outcome, b.Attempts[1].Reason.Code = weir.Infra, weir.ReasonLost
		},
		"was refused": func(_ *chaos.Evidence, b *chaos.BuildSeen) {
			b.Attempts[0].Reason.Code = weir.ReasonRefused
		},
		"has 24 of 25 lines": func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.Attempts[1].Steps[0].Log.Lines = 24 },
		"cut within one":     func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.Attempts[1].Steps[0].Log.Cut = true },
		"is wrong: line 3":   func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.Attempts[0].Steps[0].Log.Wrong = "line 3" },
		"two attempts":       func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.Attempts[0].Steps[0].Log.Run = "btry" },
		"is that of nobody":  func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.Attempts[0].Steps[0].Log.Run = "nobody" },
		"knows nothing of":   func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.Attempts[1].Steps = b.Attempts[1].Steps[:1] },
		"is passed, it has":  func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.Attempts[1].Steps[1].State = weir.StepPassed },
		"nobody asked for":   func(_ *chaos.Evidence, b *chaos.BuildSeen) { b.Builder.Job = "odd" },
		"ended 0 times":      func(e *chaos.Evidence, _ *chaos.BuildSeen) { e.Runs["btry"].Done = 0 },
		"began 2 times":      func(e *chaos.Evidence, _ *chaos.BuildSeen) { e.Runs["btry"].Begun = 2 },
		"does not know":      func(e *chaos.Evidence, _ *chaos.BuildSeen) { e.Runs["btry"].Build = "11" },
		"3 times in 2 attempts": func(e *chaos.Evidence, _ *chaos.BuildSeen) {
			e.Runs["c"] = &chaos.Run{Build: "9", Step: "try", Name: "c", Begun: 1}
		},
	} {
		e := fine()
		harm(&e, &e.Builds[0])
		if _, problems := chaos.Check(e, false); !strings.Contains(strings.Join(problems, "\n"), says) {
			t.Errorf("%s: not noticed: %q", says, problems)
		}
	}
}
