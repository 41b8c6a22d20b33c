//go:build unix

package execute

import (
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

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
