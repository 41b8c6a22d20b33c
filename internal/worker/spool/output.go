package spool

import (
	"bytes"
	"fmt"
	"time"

	"github.com/weir-ci/weir"
)

// output is the log of one step. The writer's mutex guards it.
type output struct {
	w    *Writer
	step int

	offset int64     // of the first byte in buf
	line   int64     // that it belongs to
	buf    *[]byte   // not yet in a frame; nil if there is nothing
	at     time.Time // when its last byte came
	last   byte      // the last byte of the log

	taken int64 // bytes of the step's own that were kept from its beginning
	tail  *tail // what comes once the limit is reached
}

// add takes what the step wrote.
func (o *output) add(p []byte) {
	if o.tail == nil {
		room := o.w.roomFor(o)
		if int64(len(p)) <= room {
			o.keep(p)
			return
		}
		head := p[:room]
		if i := bytes.LastIndexByte(head, '\n'); i >= 0 || o.last == '\n' {
			head = head[:i+1]
		}
		o.keep(head)
		p = p[len(head):]
		o.say("the log has reached its limit of %d bytes; from here on only its end is kept", o.w.limit)
		o.tail = o.w.newTail()
	}
	o.tail.add(p)
}

// keep writes a part of the beginning.
func (o *output) keep(p []byte) {
	o.taken += int64(len(p))
	o.w.room = max(0, o.w.room-int64(len(p)))
	o.write(p)
}

// say writes a line of the spool's own.
func (o *output) say(format string, args ...any) {
	line := "[weir: " + fmt.Sprintf(format, args...) + "]\n"
	if o.last != '\n' && (o.offset > 0 || o.buf != nil) {
		line = "\n" + line
	}
	o.write([]byte(line))
}

// end writes what is kept of the end.
func (o *output) end() {
	if o.tail != nil {
		kept, left, lines := o.tail.take()
		if left > 0 {
			o.say("%d bytes in %d lines were left out here", left, lines)
		}
		o.write(kept)
	}
	o.flush(true)
}

// write puts bytes into frames.
func (o *output) write(p []byte) {
	for len(p) > 0 {
		if o.buf == nil {
			o.buf = o.w.pipe.buffer()
		}
		n := min(len(p), weir.MaxFrame-len(*o.buf))
		*o.buf = append(*o.buf, p[:n]...)
		o.last = p[n-1]
		p = p[n:]
		if len(*o.buf) == weir.MaxFrame {
			o.flush(false)
		}
	}
}

// flush makes a frame of what is there: up to the last line end if there is
// one, unless everything is wanted.
func (o *output) flush(all bool) {
	if o.buf == nil {
		return
	}
	content, rest := o.buf, (*[]byte)(nil)
	if i := bytes.LastIndexByte(*content, '\n'); i >= 0 && i+1 < len(*content) && !all {
		rest = o.w.pipe.buffer()
		*rest = append(*rest, (*content)[i+1:]...)
		*content = (*content)[:i+1]
	}
	f := weir.LogFrame{Step: o.step, Offset: o.offset, FirstLine: o.line, Size: len(*content),
		Lines: bytes.Count(*content, []byte{'\n'}), At: o.at}
	o.offset, o.line, o.buf = o.offset+int64(f.Size), o.line+int64(f.Lines), rest
	o.w.flushed = o.at
	o.w.pipe.frame(f, content)
}

// tail keeps the end of what is added to it, and counts the rest.
type tail struct {
	limit int
	buf   []byte // at most twice the limit
	left  int64  // bytes left out
	lines int64  // line ends among them
	whole bool   // what was left out ended with a line
}

func (t *tail) add(p []byte) {
	if extra := len(p) - t.limit; extra > 0 {
		t.drop(t.buf)
		t.drop(p[:extra])
		t.buf, p = t.buf[:0], p[extra:]
	}
	if extra := len(t.buf) + len(p) - 2*t.limit; extra > 0 {
		extra = len(t.buf) + len(p) - t.limit
		t.drop(t.buf[:extra])
		t.buf = t.buf[:copy(t.buf, t.buf[extra:])]
	}
	t.buf = append(t.buf, p...)
}

func (t *tail) drop(p []byte) {
	if len(p) == 0 {
		return
	}
	t.left += int64(len(p))
	t.lines += int64(bytes.Count(p, []byte{'\n'}))
	t.whole = p[len(p)-1] == '\n'
}

// take returns the end, which begins with a line if it holds the beginning of
// one, and the count of what was left out before it. It starts afresh.
func (t *tail) take() (kept []byte, left, lines int64) {
	if extra := len(t.buf) - t.limit; extra > 0 {
		t.drop(t.buf[:extra])
		t.buf = t.buf[extra:]
	}
	if t.left > 0 && !t.whole {
		if i := bytes.IndexByte(t.buf, '\n'); i >= 0 && i+1 < len(t.buf) {
			t.drop(t.buf[:i+1])
			t.buf = t.buf[i+1:]
		}
	}
	kept, left, lines = t.buf, t.left, t.lines
	*t = tail{limit: t.limit}
	return kept, left, lines
}
