package execute

import (
	"errors"
	"io"
)

// tail passes output on and remembers its end, for messages.
type tail struct {
	w   io.Writer
	buf []byte
	err error
}

// errOutput hides the writer's error from processes; tail.err has it.
var errOutput = errors.New("the output cannot be kept")

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p[max(0, len(p)-tailBytes):]...)
	if len(t.buf) > 2*tailBytes {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailBytes:]...)
	}
	n, err := t.w.Write(p)
	if err != nil {
		t.err = err
		return n, errOutput
	}
	return n, nil
}
