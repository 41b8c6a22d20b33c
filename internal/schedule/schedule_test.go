package schedule

import (
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	start, tips := weir.Pins{"brook": "a", "mill": "x"}, weir.Pins{"brook": "c", "mill": "x"}
	at := func(p weir.Pins) *weir.Build { return &weir.Build{Pins: p} }
	now := time.Unix(1_000_000, 0)
	infra := func(finished time.Time) *weir.Build {
		return &weir.Build{Pins: tips, State: weir.Finished, Outcome: weir.Infra, Finished: finished}
	}
	tests := []struct {
		name string
		line Line
		want []weir.Pins
		over bool // the last one supersedes
	}{
		{"not all tips are known", Line{Start: start}, nil, false},
		{"new builder with history", Line{Start: start, Tips: tips}, []weir.Pins{start, tips}, false},
		{"new builder without history", Line{Start: tips, Tips: tips}, []weir.Pins{tips}, false},
		{"crashed between the two", Line{Start: start, Tips: tips, Head: at(start)}, []weir.Pins{tips}, false},
		{"tip moved", Line{Start: start, Tips: tips, Head: at(weir.Pins{"brook": "b", "mill": "x"})}, []weir.Pins{tips}, true},
		{"at the tip", Line{Start: start, Tips: tips, Head: at(tips)}, nil, false},
		{"the farm could not build the tip just now", Line{Start: start, Tips: tips, Head: infra(now.Add(-time.Minute))}, nil, false},
		{"the farm could not build the tip a while ago", Line{Start: start, Tips: tips, Head: infra(now.Add(-InfraPause))}, []weir.Pins{tips}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Plan([]Line{tt.line}, now)
			if len(got) != len(tt.want) {
				t.Fatalf("decides %+v, want %v", got, tt.want)
			}
			for i, d := range got {
				if d.Pins.Key() != tt.want[i].Key() {
					t.Errorf("build %d at %v, want %v", i, d.Pins, tt.want[i])
				}
			}
			if len(got) > 0 && got[len(got)-1].Supersede != tt.over {
				t.Errorf("supersede is %v, want %v", !tt.over, tt.over)
			}
		})
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	c := func(id weir.BuildID, project string, priority int, labels ...string) Candidate {
		return Candidate{Build: id, Priority: priority, Labels: labels, Queued: time.Unix(int64(id), 0),
			Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: project, Platform: "linux/amd64"}}}
	}
	foreign := c(9, "z", 99)
	foreign.Builder.Platform = "darwin/arm64"
	queue := []Candidate{c(1, "a", 10), c(2, "a", 10), c(3, "b", 10), c(4, "b", 40), c(5, "c", 10, "gpu"), foreign}
	worker := weir.Worker{Platform: "linux/amd64"}
	if got, want := Pick(queue, worker, 10), []weir.BuildID{4, 1, 3, 2}; !slices.Equal(got, want) {
		t.Errorf("picks %v, want %v", got, want)
	}
	worker.Labels = []string{"gpu", "fast"}
	if got, want := Pick(queue, worker, 4), []weir.BuildID{4, 1, 3, 5}; !slices.Equal(got, want) {
		t.Errorf("with a label picks %v, want %v", got, want)
	}
	if got := Pick(queue, worker, 0); len(got) != 0 {
		t.Errorf("without room picks %v", got)
	}
}

// TestNobodyStarves plays a queue in which one project always has more to do:
// every build of the others is picked within one round of all projects.
func TestNobodyStarves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		projects := rapid.IntRange(2, 8).Draw(t, "projects")
		greedy := rapid.IntRange(5, 50).Draw(t, "greedy")
		var queue []Candidate
		id := weir.BuildID(0)
		add := func(project int) {
			id++
			queue = append(queue, Candidate{Build: id, Priority: PriorityChange, Queued: time.Unix(int64(id), 0),
				Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: string(rune('a' + project)), Platform: "linux/amd64"}}})
		}
		for range greedy {
			add(0)
		}
		for p := 1; p < projects; p++ {
			add(p)
		}
		got := Pick(queue, weir.Worker{Platform: "linux/amd64"}, projects)
		for p := 1; p < projects; p++ {
			if !slices.Contains(got, weir.BuildID(greedy+p)) {
				t.Fatalf("project %d waits behind a project with %d builds: %v", p, greedy, got)
			}
		}
	})
}
