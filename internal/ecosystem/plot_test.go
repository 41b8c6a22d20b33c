package ecosystem_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/ecosystem"
)

// calmAir keeps gnat's flaky test from failing.
const calmAir = "GNAT_WIND=200"

// afterwards is the status that a victim has.
var afterwards = map[weir.Verdict]weir.Status{
	weir.Same:         weir.Fail,
	weir.NewlyFailing: weir.Fail,
	weir.NewlySkipped: weir.Skip,
	weir.Vanished:     weir.Absent,
}

// expected is what must be wrong with each project when the given culprits
// are in.
func expected(eco *ecosystem.Ecosystem, in func(ecosystem.Culprit) bool) map[string]map[weir.TestID]weir.Status {
	all := eco.AlwaysBad()
	for _, c := range eco.Culprits() {
		if in(c) {
			all = append(all, c.Victims...)
		}
	}
	out := map[string]map[weir.TestID]weir.Status{}
	dies := map[string]bool{}
	for _, v := range all {
		if out[v.Project] == nil {
			out[v.Project] = map[weir.TestID]weir.Status{}
		}
		for _, id := range v.Tests {
			out[v.Project][id] = afterwards[v.Verdict]
		}
		dies[v.Project] = dies[v.Project] || v.Verdict == weir.Vanished
	}
	for _, v := range eco.AlwaysBad() {
		for _, id := range v.Tests {
			if dies[v.Project] {
				out[v.Project][id] = weir.Absent
			}
		}
	}
	return out
}

func tip(t *testing.T, eco *ecosystem.Ecosystem, stage int, project string) ecosystem.Commit {
	t.Helper()
	c, ok := eco.Tip(stage, project)
	if !ok {
		t.Fatalf("stage %d has no tip of %s", stage, project)
	}
	return c
}

func downstreams(eco *ecosystem.Ecosystem) []string {
	var out []string
	for _, p := range eco.Projects() {
		if p.Demo && p.Name != "brook" {
			out = append(out, p.Name)
		}
	}
	return out
}

// names are the tests that a project has, as it reports them at stage 0.
func (b *bench) names(t *testing.T) map[string][]weir.TestID {
	t.Helper()
	prefix, _ := b.build(t, tip(t, b.eco, 0, "brook").ID)
	out := map[string][]weir.TestID{}
	for _, name := range downstreams(b.eco) {
		o := b.test(t, name, tip(t, b.eco, 0, name).ID, prefix, calmAir)
		out[name] = slices.Collect(maps.Keys(o.tests))
		if len(out[name]) < 2 && name != "ruin" {
			t.Errorf("%s reports %d tests:\n%s", name, len(out[name]), o.output)
		}
	}
	return out
}

// TestStages runs what a farm runs at each stage: exactly what the plot says
// is wrong.
func TestStages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	names := b.names(t)
	for stage := range b.eco.Stages() {
		t.Run(fmt.Sprint(stage), func(t *testing.T) {
			t.Parallel()
			prefix, built := b.build(t, tip(t, b.eco, stage, "brook").ID)
			if wrong := faults(built, nil); len(wrong) > 0 || len(built.tests) < 10 {
				t.Fatalf("brook has %d tests, wrong are %v:\n%s", len(built.tests), wrong, built.output)
			}
			want := expected(b.eco, func(c ecosystem.Culprit) bool { return c.At(stage) })
			for _, name := range downstreams(b.eco) {
				o := b.test(t, name, tip(t, b.eco, stage, name).ID, prefix, calmAir)
				if got := faults(o, names[name]); !maps.Equal(got, want[name]) {
					t.Errorf("%s: wrong are %v, want %v:\n%s", name, got, want[name], o.output)
				}
			}
		})
	}
}

// TestCulprits checks for each culprit that its victims are good with its
// parent and bad with itself, and good with its fix.
func TestCulprits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	names := b.names(t)
	for _, c := range b.eco.Culprits() {
		t.Run(strings.ReplaceAll(c.Commit.Title(), " ", "-"), func(t *testing.T) {
			t.Parallel()
			earlier := func(o ecosystem.Culprit) bool {
				return o.At(c.Stage) && o.Project == c.Project && o.Commit.Number < c.Commit.Number
			}
			b.check(t, c, c.Parent, expected(b.eco, earlier), names)
			b.check(t, c, c.Commit, expected(b.eco, func(o ecosystem.Culprit) bool {
				return earlier(o) || o.Commit.ID == c.Commit.ID
			}), names)
			if c.FixedStage != 0 {
				b.check(t, c, c.Fixed, expected(b.eco, func(o ecosystem.Culprit) bool { return o.At(c.FixedStage) }), names)
			}
		})
	}
}

// check tests the victims of a culprit at a commit of the culprit's project.
func (b *bench) check(t *testing.T, c ecosystem.Culprit, at ecosystem.Commit,
	want map[string]map[weir.TestID]weir.Status, names map[string][]weir.TestID) {
	t.Helper()
	brook := tip(t, b.eco, c.Stage, "brook")
	if c.Project == "brook" {
		brook = at
	}
	prefix, built := b.build(t, brook.ID)
	if built.step != "" {
		t.Fatalf("brook %d does not build:\n%s", brook.Number, built.output)
	}
	for _, v := range c.Victims {
		own := tip(t, b.eco, c.Stage, v.Project)
		if c.Project == v.Project {
			own = at
		}
		o := b.test(t, v.Project, own.ID, prefix, calmAir)
		if got := faults(o, names[v.Project]); !maps.Equal(got, want[v.Project]) {
			t.Errorf("%s with %q: wrong are %v, want %v:\n%s", v.Project, at.Title(), got, want[v.Project], o.output)
		}
	}
}

// TestUpstreamBuilds builds every commit of brook: just one does not build, it
// is never a tip, and a bisection of its stage starts with it. The other tests
// run brook's own suite, at the tips and around the culprits.
func TestUpstreamBuilds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	broken := b.eco.Unbuildable()
	if len(broken) != 1 {
		t.Fatalf("%d commits are said not to build, want 1", len(broken))
	}
	for _, c := range b.project(t, "brook").Commits {
		t.Run(fmt.Sprint(c.Number), func(t *testing.T) {
			t.Parallel()
			prefix := filepath.Join(t.TempDir(), "brook")
			o := b.job(t, "brook", c.ID, 1, "WEIR_PREFIX="+prefix)
			want := ""
			if c.ID == broken[0].ID {
				want = "install"
			}
			if o.step != want {
				t.Errorf("%q: step %q failed, want %q:\n%s", c.Title(), o.step, want, o.output)
			}
		})
	}
	for stage := range b.eco.Stages() {
		if at := tip(t, b.eco, stage, "brook"); at.ID == broken[0].ID {
			t.Errorf("stage %d ends with the commit that does not build", stage)
		}
	}
	good, bad := tip(t, b.eco, 1, "brook").Number, tip(t, b.eco, 2, "brook").Number
	if middle := (good + bad) / 2; middle != broken[0].Number {
		t.Errorf("the middle of stage 2 is commit %d, want %d", middle, broken[0].Number)
	}
}

// TestGnat checks that just one test depends on the wind.
func TestGnat(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	flaky := b.eco.FlakyTests()
	if len(flaky) != 1 || flaky[0].Project != "gnat" || len(flaky[0].Tests) != 1 {
		t.Fatalf("flaky are %v, want one test of gnat", flaky)
	}
	prefix, _ := b.build(t, tip(t, b.eco, 0, "brook").ID)
	gnat := tip(t, b.eco, 0, "gnat")
	for _, env := range []string{"GNAT_WIND=0", "GNAT_WIND=63", "GNAT_WIND=64", "GNAT_WIND=255", "GNAT_WIND="} {
		got := faults(b.test(t, "gnat", gnat.ID, prefix, env), nil)
		if env == "GNAT_WIND=" { // whatever /dev/urandom says
			delete(got, flaky[0].Tests[0])
		}
		want := map[weir.TestID]weir.Status{}
		if env == "GNAT_WIND=0" || env == "GNAT_WIND=63" {
			want[flaky[0].Tests[0]] = weir.Fail
		}
		if !maps.Equal(got, want) {
			t.Errorf("with %s wrong are %v, want %v", env, got, want)
		}
	}
}

// TestDelta checks that names differ from run to run.
func TestDelta(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	prefix, _ := b.build(t, tip(t, b.eco, 0, "brook").ID)
	delta := tip(t, b.eco, 0, "delta")
	first, second := b.test(t, "delta", delta.ID, prefix), b.test(t, "delta", delta.ID, prefix)
	if len(first.tests) != 3 || len(second.tests) != 3 {
		t.Fatalf("delta has %d and %d tests, want 3", len(first.tests), len(second.tests))
	}
	differ := 0
	for id := range first.tests {
		if _, ok := second.tests[id]; !ok {
			differ++
		}
	}
	if differ != 2 {
		t.Errorf("%d names differ, want 2: %v, %v", differ, first.tests, second.tests)
	}
}

// TestExtras runs those extras that end by themselves.
func TestExtras(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	prefix, _ := b.build(t, tip(t, b.eco, 0, "brook").ID)
	noisy := b.test(t, "noisy", tip(t, b.eco, 0, "noisy").ID, prefix, "NOISY_LINES=25000")
	if n := strings.Count(noisy.output, "\n"); n != 25000 || noisy.step != "" {
		t.Errorf("noisy printed %d lines and failed %q, want 25000 and none", n, noisy.step)
	}
	hungry := b.test(t, "hungry", tip(t, b.eco, 0, "hungry").ID, prefix, "HUNGRY_MIB=2")
	if hungry.step != "" || hungry.tests[weir.TestID{Name: "it is full"}] != weir.Pass {
		t.Errorf("hungry did not eat 2 MiB:\n%s", hungry.output)
	}
	nettle := b.test(t, "nettle", tip(t, b.eco, 0, "nettle").ID, prefix, "NETTLE_URL=http://127.0.0.1:1/")
	if nettle.tests[weir.TestID{Name: "the network answers"}] != weir.Fail {
		t.Errorf("nettle found a server on port 1:\n%s", nettle.output)
	}
}
