//go:build unix

package shell

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// slowWriter takes the first piece when it is let.
type slowWriter struct {
	bytes.Buffer
	begun, let chan struct{}
}

func (w *slowWriter) Write(p []byte) (int, error) {
	if w.Len() == 0 {
		close(w.begun)
		<-w.let
	}
	return w.Buffer.Write(p)
}

// TestNothingIsLostOnABusyMachine: what a command has said arrives, however much
// later it can be read, although somebody still holds the pipe.
func TestNothingIsLostOnABusyMachine(t *testing.T) {
	t.Parallel()
	for name, held := range map[string]bool{"held": true, "closed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			out := &slowWriter{begun: make(chan struct{}), let: make(chan struct{})}
			p := newPump(r, out)
			say := func(text string) {
				if _, err := w.WriteString(text); err != nil {
					t.Error(err)
				}
			}
			say("first\n")
			<-out.begun
			say("last\n")
			if !held {
				w.Close()
			}
			if err := r.SetReadDeadline(time.Now()); err != nil { // linger is over before anybody reads
				t.Fatal(err)
			}
			close(out.let)
			p.stop(0)
			if got := out.String(); got != "first\nlast\n" {
				t.Errorf("arrived is %q", got)
			}
		})
	}
}

// TestSomebodySpeaksForEver: who left the group and goes on does not hold up the end.
func TestSomebodySpeaksForEver(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 64<<10))
		}
	}()
	if err := r.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	newPump(r, &out).stop(0)
	if out.Len() > maxPipe {
		t.Errorf("%d bytes were read after the end", out.Len())
	}
	<-ended // nobody reads any more
	_ = w.Close()
}
