package command

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// excerpt keeps the first and the last lines of what is written to it, and
// passes all lines on to log. Lines are redacted whole, before anything is cut,
// because half a URL no longer looks like one.
type excerpt struct {
	log io.Writer // may be nil

	mu   sync.Mutex
	line []byte // not yet ended
	long bool   // the rest of the line is over the limit and dropped
	head []byte
	tail []byte
}

// Write never fails: a log that takes no more must not end the program.
func (e *excerpt) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		piece, rest, ended := bytes.Cut(p, []byte("\n"))
		if room := MaxStderr - len(e.line); len(piece) > room {
			piece, e.long = piece[:room], true
		}
		if !e.long || len(e.line) < MaxStderr {
			e.line = append(e.line, piece...)
		}
		if ended {
			e.endLine()
		}
		p = rest
	}
	return n, nil
}

// endLine redacts the line and files it.
func (e *excerpt) endLine() {
	line := []byte(strings.ToValidUTF8(Redact(string(e.line)), "\uFFFD") + "\n")
	e.line, e.long = e.line[:0], false
	if e.log != nil {
		_, _ = e.log.Write(line)
	}
	const half = MaxStderr / 2
	if len(e.tail) == 0 && len(e.head)+len(line) <= half {
		e.head = append(e.head, line...)
		return
	}
	e.tail = append(e.tail, line...)
	if over := len(e.tail) - half; over > 0 {
		e.tail = append(e.tail[:0], e.tail[over:]...)
	}
}

// flush files a last line that has no end.
func (e *excerpt) flush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.line) > 0 {
		e.endLine()
	}
}

// String returns the excerpt: valid UTF-8, redacted.
func (e *excerpt) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.ToValidUTF8(strings.TrimSpace(string(e.head)+string(e.tail)), "")
}
