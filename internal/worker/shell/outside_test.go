//go:build unix

package shell

import (
	"errors"
	"os"
	"testing"
)

func TestFromOutside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		e         Exit
		told, oom bool
		want      bool
	}{
		{"passed", Exit{}, true, false, false},
		{"failed", Exit{Code: 1}, true, false, false},
		{"failed while the machine goes down", Exit{Code: 2}, true, false, false},
		{"killed", Exit{Signal: "killed", Number: 9}, false, false, true},
		{"killed for want of memory", Exit{Signal: "killed", Number: 9}, false, true, false},
		{"killed while the machine goes down", Exit{Signal: "killed", Number: 9}, true, true, true},
		{"a command was killed", Exit{Code: 137}, false, false, false},
		{"a command was killed while the machine goes down", Exit{Code: 137}, true, false, true},
		{"terminated itself", Exit{Signal: "terminated", Number: 15}, false, false, false},
		{"terminated while the machine goes down", Exit{Signal: "terminated", Number: 15}, true, false, true},
		{"a command was terminated", Exit{Code: 143}, true, false, true},
		{"crashed", Exit{Signal: "segmentation fault", Number: 11}, true, false, false},
		{"a command crashed", Exit{Code: 139}, true, false, false},
		{"ended by the worker", Exit{Signal: "killed", Number: 9, Why: errors.New("limit")}, true, false, false},
		{"never started", Exit{Start: os.ErrNotExist}, true, false, false},
	} {
		if got := FromOutside(c.e, c.told, c.oom); got != c.want {
			t.Errorf("%s: from outside is %v", c.name, got)
		}
	}
}
