//go:build unix

package execute

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

func TestFromOutside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		e         exit
		told, oom bool
		want      bool
	}{
		{"passed", exit{}, true, false, false},
		{"failed", exit{code: 1}, true, false, false},
		{"failed while the machine goes down", exit{code: 2}, true, false, false},
		{"killed", exit{signal: "killed", number: 9}, false, false, true},
		{"killed for want of memory", exit{signal: "killed", number: 9}, false, true, false},
		{"killed while the machine goes down", exit{signal: "killed", number: 9}, true, true, true},
		{"a command was killed", exit{code: 137}, false, false, false},
		{"a command was killed while the machine goes down", exit{code: 137}, true, false, true},
		{"terminated itself", exit{signal: "terminated", number: 15}, false, false, false},
		{"terminated while the machine goes down", exit{signal: "terminated", number: 15}, true, false, true},
		{"a command was terminated", exit{code: 143}, true, false, true},
		{"crashed", exit{signal: "segmentation fault", number: 11}, true, false, false},
		{"a command crashed", exit{code: 139}, true, false, false},
		{"ended by the worker", exit{signal: "killed", number: 9, why: errors.New("limit")}, true, false, false},
		{"never started", exit{start: os.ErrNotExist}, true, false, false},
	} {
		if got := fromOutside(c.e, c.told, c.oom); got != c.want {
			t.Errorf("%s: from outside is %v", c.name, got)
		}
	}
}

func TestOutside(t *testing.T) {
	t.Parallel()
	now, never := time.Now, func() time.Time { return time.Time{} }
	for _, c := range []struct {
		name, run string
		told      func() time.Time
		code      weir.ReasonCode
	}{
		{"killed", "kill -9 $$", nil, weir.ReasonWorker},
		{"terminated itself", "kill $$", never, weir.ReasonStep},
		{"the machine goes down", "kill $$", now, weir.ReasonWorker},
		{"the machine goes down and a command ends", "sh -c 'kill $$'; echo not reached", now, weir.ReasonWorker},
		{"the machine goes down and a test fails", "exit 1", now, weir.ReasonStep},
		{"it went down long ago", "kill $$", func() time.Time { return time.Now().Add(-time.Hour) }, weir.ReasonStep},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runner := newRunner(t, files{})
			runner.Told = c.told
			r := run(t, runner, spec(c.run), newRecorder())
			if r.Reason.Code != c.code {
				t.Errorf("%s: %+v", c.run, r.Reason)
			}
		})
	}
}
