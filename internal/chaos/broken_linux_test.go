package chaos_test

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/chaos"
)

// TestBrokenServers builds servers with a known mistake, each without one of
// the two things on which delivery rests. A suite that does not notice proves
// nothing.
func TestBrokenServers(t *testing.T) {
	t.Parallel()
	for _, broken := range []struct {
		tag     string
		profile chaos.Profile
		faults  int
		signs   []string // one of them has to be found
	}{
		{"weir_nofence", chaos.Pauses(), 3,
			[]string{"went on after it had been ended", "attempts that decided it", "and tried again after that"}},
		{"weir_noseq", chaos.Echoes(), 25,
			[]string{"is wrong: line"}},
	} {
		t.Run(broken.tag, func(t *testing.T) {
			t.Parallel()
			bin := program(t, broken.tag)
			for seed := uint64(1); seed <= 3; seed++ {
				r := play(t, chaos.Options{Program: bin, Seed: seed, Faults: broken.faults, Profile: broken.profile, Brief: true})
				t.Log(r)
				for _, problem := range r.Problems {
					for _, sign := range broken.signs {
						if strings.Contains(problem, sign) {
							t.Logf("found: %s", problem)
							return
						}
					}
				}
			}
			t.Errorf("nobody noticed that the server was built with %s", broken.tag)
		})
	}
}
