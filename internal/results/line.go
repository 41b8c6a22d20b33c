package results

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
)

// lineReader reads the lines of results. It hands the same string out for equal
// suites that follow each other, since a suite may have a million tests.
type lineReader struct{ suite string }

// read decodes the line of one result.
func (l *lineReader) read(line []byte, r *weir.Result) error {
	if l.fast(line, r) {
		return nil
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		return damaged(nil)
	}
	*r = weir.Result{}
	if err := json.Unmarshal(line, r); err != nil {
		return damaged(err)
	}
	if r.Test.Suite == l.suite {
		r.Test.Suite = l.suite
	}
	l.suite, r.Status = r.Test.Suite, status([]byte(r.Status))
	return nil
}

// fast decodes a line as Encode writes nearly all of them: no blanks, the fields
// in their order, and no text that needs a closer look. It gives up on
// everything else, which is up to the JSON decoder then.
func (l *lineReader) fast(line []byte, r *weir.Result) bool {
	*r = weir.Result{}
	s := scan{rest: line, ok: true}
	s.expect(`{"test":{`)
	if s.skip(`"suite":`) {
		if suite := s.text(); string(suite) != l.suite {
			l.suite = string(suite)
		}
		s.expect(",")
	} else {
		l.suite = ""
	}
	r.Test.Suite = l.suite
	s.expect(`"name":`)
	r.Test.Name = string(s.text())
	s.expect("}")
	if s.skip(`,"raw":`) {
		r.Raw = string(s.text())
	}
	s.expect(`,"status":`)
	r.Status = status(s.text())
	if s.skip(`,"duration":`) {
		r.Duration = s.duration()
	}
	if s.skip(`,"message":`) {
		r.Message = string(s.text())
	}
	if s.skip(`,"output":`) {
		r.Output = string(s.text())
	}
	r.Mixed = s.skip(`,"mixed":true`)
	s.expect("}")
	return s.ok && len(s.rest) == 0
}

// status is the known status with that text, so that there is one string for
// all of them, or else a new one.
func status(text []byte) weir.Status {
	for _, s := range [...]weir.Status{weir.Pass, weir.Fail, weir.Fault, weir.Skip, weir.ExpectedFailure} {
		if string(text) == string(s) {
			return s
		}
	}
	return weir.Status(text)
}

// scan goes through a line. Once ok is false nothing it returns means anything.
type scan struct {
	rest []byte
	ok   bool
}

func (s *scan) skip(what string) bool {
	if !s.ok || len(s.rest) < len(what) || string(s.rest[:len(what)]) != what {
		return false
	}
	s.rest = s.rest[len(what):]
	return true
}

func (s *scan) expect(what string) { s.ok = s.skip(what) }

// text returns what is between quotes, if it is ASCII without escapes.
func (s *scan) text() []byte {
	if !s.ok || len(s.rest) == 0 || s.rest[0] != '"' {
		s.ok = false
		return nil
	}
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			text := s.rest[1:i]
			s.rest = s.rest[i+1:]
			return text
		case c < ' ', c == '\\', c >= 0x80:
			s.ok = false
			return nil
		}
	}
	s.ok = false
	return nil
}

func (s *scan) duration() time.Duration {
	n := 0
	for n < len(s.rest) && s.rest[n] >= '0' && s.rest[n] <= '9' {
		n++
	}
	v, err := strconv.ParseInt(string(s.rest[:n]), 10, 64)
	if err != nil || n > 1 && s.rest[0] == '0' {
		s.ok = false
		return 0
	}
	s.rest = s.rest[n:]
	return time.Duration(v)
}
