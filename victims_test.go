package weir_test

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
)

func TestVictimsByProject(t *testing.T) {
	t.Parallel()
	victim := func(project string) weir.Victim {
		return weir.Victim{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: project}}}
	}
	got := weir.VictimsByProject([]weir.Victim{victim("mill"), victim("loom"), victim("mill"), victim("ferry")})
	want := []weir.ProjectVictims{{"ferry", 1}, {"loom", 1}, {"mill", 2}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := weir.VictimsByProject(nil); len(got) != 0 {
		t.Errorf("no victims count as %v", got)
	}
}

func TestProbeSays(t *testing.T) {
	t.Parallel()
	p := weir.Probe{Build: 7, Good: 9}.Says([]weir.Observed{weir.ObservedGood, weir.ObservedBad, weir.ObservedBad, weir.ObservedNone, "?"})
	if p.Build != 7 || p.Good != 1 || p.Bad != 2 || p.None != 2 || len(p.Victims) != 5 {
		t.Errorf("got %+v", p)
	}
}
