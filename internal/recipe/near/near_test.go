package near_test

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/recipe/near"
)

func TestName(t *testing.T) {
	t.Parallel()
	known := []string{"timeout", "platforms", "on", "steps", "Branch"}
	for s, want := range map[string]string{"tiemout": "timeout", "platform": "platforms", "step": "steps", "branch": "Branch",
		"no": "on", "quiet": "", "": "", "x": "", strings.Repeat("timeout", 20): ""} {
		if got := near.Name(s, known); got != want {
			t.Errorf("near %q is %q, want %q", s, got, want)
		}
	}
}
