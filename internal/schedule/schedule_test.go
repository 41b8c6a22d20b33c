package schedule

import (
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	start, tips := weir.Pins{"brook": "a", "mill": "x"}, weir.Pins{"brook": "c", "mill": "x"}
	at := func(p weir.Pins) *weir.Build { return &weir.Build{Pins: p, State: weir.Running} }

	now := time.Unix(1_000_000, 0)
	waiting := func(p weir.Pins) *weir.Build { return &weir.Build{Pins: p, State: weir.Queued, Created: now} }
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
		{"tip moved", Line{Start: start, Tips: tips, Head: waiting(weir.Pins{"brook": "b", "mill": "x"})}, []weir.Pins{tips}, true},
		{"tip moved on from a build that runs", Line{Start: start, Tips: tips, Head: at(weir.Pins{"brook": "b", "mill": "x"})}, []weir.Pins{tips}, false},
		{"at the tip", Line{Start: start, Tips: tips, Head: at(tips)}, nil, false},
		{"the farm could not build the tip just now", Line{Start: start, Tips: tips, Head: infra(now.Add(-time.Minute))}, nil, false},
		{"the farm could not build the tip a while ago", Line{Start: start, Tips: tips, Head: infra(now.Add(-InfraPause))}, []weir.Pins{tips}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _ := Plan([]Line{tt.line}, now)
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
