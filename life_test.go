package weir_test

import (
	"testing"

	"github.com/weir-ci/weir"
)

func TestSurroundingsInWords(t *testing.T) {
	t.Parallel()
	yes, no, load, ahead, behind, right := true, false, 1.234, 4.0, -90.0, 0.0
	for want, s := range map[string]weir.Surroundings{
		"": {},
		"not as root, load 1.23, with network, clock 4 s ahead, in mill": {Root: &no, Load: &load, Network: &yes, Clock: &ahead, Directory: "mill"},
		"as root, without network, clock 90 s behind":                    {Root: &yes, Network: &no, Clock: &behind},
		"in mill": {Clock: &right, Directory: "mill"},
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
