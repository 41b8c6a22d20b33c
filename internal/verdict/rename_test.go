package verdict

import (
	"fmt"
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

func TestAlike(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"TestReadFile", "TestReadFiles", true},
		{"TestURLParse", "TestURLParsing", true},
		{"test_read_file", "test_reads_file", true},
		{"TestCase/valid_call_with_argument", "TestCase/valid_call_with_arguments", true},
		{"TestOld/a", "TestOlder/a", true},
		{"a", "b", false},
		{"TestX/a", "TestX/b", false},
		{"test_sum[int]", "test_sum[str]", false},
		{"TestHighlighting3", "TestHighlighting4", false},
		{"TestHighlighting", "TestHighlighting2", false},
		{"TestReadFile", "TestWriteDirectory", false},
		{"TestReadFile", "TestReadFile", false},
		{"", "", false},
	} {
		work := renameWork
		if _, got := alike(tt.a, tt.b, &work); got != tt.want {
			t.Errorf("%q and %q: %v", tt.a, tt.b, got)
		}
	}
}

// TestDistance holds the banded distance against the plain one.
func TestDistance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringMatching(`[ab]{0,12}`).Draw(t, "a"), rapid.StringMatching(`[ab]{0,12}`).Draw(t, "b")
		limit := rapid.IntRange(1, mostEdits).Draw(t, "limit")
		plain := make([][]int, len(a)+1)
		for i := range plain {
			plain[i] = make([]int, len(b)+1)
			for j := range plain[i] {
				switch {
				case i == 0 || j == 0:
					plain[i][j] = i + j
				case a[i-1] == b[j-1]:
					plain[i][j] = plain[i-1][j-1]
				default:
					plain[i][j] = 1 + min(plain[i-1][j-1], plain[i-1][j], plain[i][j-1])
				}
			}
		}
		if got, want := distance(a, b, limit), min(plain[len(a)][len(b)], limit+1); min(got, limit+1) != want {
			t.Fatalf("%q to %q within %d: %d, want %d", a, b, limit, got, want)
		}
	})
}

func TestRenamedTestKeepsItsHistory(t *testing.T) {
	t.Parallel()
	old := state("TestReadFile", weir.Fail)
	old.Since, old.Flakes, old.LastFlake, old.Signature = 3, 2, 4, key("one is wrong")
	good := state("TestWriteFile", weir.Pass)
	good.Since, good.Flakes = 2, 1
	base := Baseline{States: []weir.TestState{old, good}}
	c := Compare(base, passed, set(says("TestReadFiles", weir.Fail, "one is wrong"), result("TestWriteFiles", weir.Pass)))
	if n := weir.CountVerdicts(c.Changes); n != (weir.VerdictCounts{}) || len(c.Renames) != 2 || len(Forget(c.Changes)) != 2 {
		t.Fatalf("renamed tests give %+v", c)
	}
	for _, ch := range c.Changes {
		if ch.Verdict != weir.Removed || ch.Cause != weir.RenamedTest {
			t.Errorf("%+v", ch)
		}
	}
	states := Apply(base, c, 9)
	old.Test.Name, good.Test.Name = "TestReadFiles", "TestWriteFiles"
	if len(states) != 2 || states[0] != old || states[1] != good {
		t.Errorf("the states are %+v", states)
	}
}

// TestRenameHidesNothing makes sure that a new name neither hides that a test
// broke nor makes a failure good.
func TestRenameHidesNothing(t *testing.T) {
	t.Parallel()
	bad := state("TestReadFile", weir.Fail)
	bad.Signature = key("one is wrong")
	masked := state("TestReadFile", weir.Fail)
	masked.Masked, masked.Cause = 5, weir.Gone
	for name, tt := range map[string]struct {
		was  weir.TestState
		now  weir.Result
		more []weir.Incident
		want weir.Verdict
	}{
		"it broke":            {state("TestReadFile", weir.Pass), says("TestReadFiles", weir.Fail, "x is wrong"), nil, weir.Vanished},
		"it is skipped":       {state("TestReadFile", weir.Pass), says("TestReadFiles", weir.Skip, ""), nil, weir.Vanished},
		"it seems mended":     {bad, says("TestReadFiles", weir.Pass, ""), nil, weir.Masked},
		"it fails otherwise":  {bad, says("TestReadFiles", weir.Fail, "two is wrong"), nil, weir.Masked},
		"it was hidden":       {masked, says("TestReadFiles", weir.Fail, ""), nil, weir.New},
		"it was absent":       {state("TestReadFile", weir.Absent), says("TestReadFiles", weir.Pass, ""), nil, weir.New},
		"its suite broke off": {state("TestReadFile", weir.Pass), says("TestReadFiles", weir.Pass, ""), []weir.Incident{{Kind: weir.Exited}}, weir.Vanished},
	} {
		in := set(tt.now)
		in.Incidents = tt.more
		c := Compare(Baseline{States: []weir.TestState{tt.was}}, passed, in)
		if len(c.Renames) > 0 || len(c.Changes) == 0 || c.Changes[0].Verdict != tt.want {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// TestRenamesOfThousands gives the search more than it has time for.
func TestRenamesOfThousands(t *testing.T) {
	t.Parallel()
	var base Baseline
	var in weir.ResultSet
	for i := range 2500 {
		name := fmt.Sprintf("TestThatHasALongNameAndDoesThings%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676)
		base.States = append(base.States, state(name, weir.Pass))
		in.Results = append(in.Results, result(name+"More", weir.Pass))
	}
	base.States = merge(base.States, nil)
	seen := map[weir.TestID]bool{}
	c := Compare(base, passed, in)
	for _, r := range c.Renames {
		if seen[r.From] || seen[r.To] {
			t.Fatalf("%+v is used twice", r)
		}
		seen[r.From], seen[r.To] = true, true
	}
	if len(c.Renames) == 0 {
		t.Error("nothing is renamed")
	}
}
