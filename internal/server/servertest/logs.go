package servertest

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/steplog"
)

// ReadLog reads from Logs. Every line was printed one second after the one before.
func (f *Farm) ReadLog(_ context.Context, _ weir.AttemptID, step int, ask farm.LogAsk) (farm.LogPiece, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.Logs[step]
	line := ask.Line
	if ask.Tail > 0 {
		line = -ask.Tail
	}
	if line < 0 {
		line = max(0, log.Lines+line)
	}
	p := farm.LogPiece{FirstLine: line, NextLine: line, Lines: log.Lines, Bytes: log.Bytes}
	var b strings.Builder
	for n := line; n < log.Lines; n++ {
		text := log.Line(n) + "\n"
		if b.Len()+len(text) > ask.Bytes {
			if b.Len() == 0 { // one line longer than the limit: cut inside it
				b.WriteString(text[:ask.Bytes])
			}
			break
		}
		b.WriteString(text)
		p.NextLine = n + 1
		if ask.Times {
			p.Times = append(p.Times, steplog.LineTime{Line: n, At: f.Now.Add(time.Duration(n-log.Lines) * time.Second)})
		}
	}
	p.Text = b.String()
	return p, f.Fail
}

// OpenLog opens a log of Logs.
func (f *Farm) OpenLog(_ context.Context, id weir.AttemptID, step int) (farm.LogText, error) {
	f.mu.Lock()
	log := f.Logs[step]
	f.mu.Unlock()
	var b strings.Builder
	for n := range log.Lines {
		fmt.Fprintln(&b, log.Line(n))
	}
	r := strings.NewReader(b.String())
	return farm.LogText{ReadSeeker: r, Closer: io.NopCloser(r), Size: r.Size(), Tag: fmt.Sprintf("%s-%d-%d", id, step, r.Size())}, f.Fail
}

// SearchLog looks through a log of Logs; offsets are those of lines.
func (f *Farm) SearchLog(_ context.Context, _ weir.AttemptID, step int, q steplog.Query) (steplog.Found, error) {
	f.mu.Lock()
	log := f.Logs[step]
	f.mu.Unlock()
	pattern := q.Pattern
	if !q.Regexp {
		pattern = regexp.QuoteMeta(pattern)
	}
	if q.IgnoreCase {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil || q.Pattern == "" {
		return steplog.Found{}, weir.Errorf(weir.Invalid, "%q cannot be searched for", q.Pattern)
	}
	found := steplog.Found{Matches: []steplog.Match{}, Next: q.From}
	for n := q.From; n < log.Lines; n++ {
		text := string(steplog.Strip(nil, []byte(log.Line(n))))
		if at := re.FindStringIndex(text); at != nil {
			found.Total++
			if len(found.Matches) < q.Limit {
				found.Matches = append(found.Matches, steplog.Match{Line: n, Offset: n, Text: text, Start: at[0], End: at[1]})
				found.Next = n + 1
			}
		}
	}
	found.Done = true
	if len(found.Matches) < q.Limit {
		found.Next = log.Lines
	}
	return found, f.Fail
}

// LogSections finds the sections of a log of Logs, if it is not too long.
func (f *Farm) LogSections(_ context.Context, _ weir.AttemptID, step int) (farm.LogSections, error) {
	f.mu.Lock()
	log := f.Logs[step]
	f.mu.Unlock()
	var c steplog.Sectioner
	for n := range min(log.Lines, 100_000) {
		c.Add(n, []byte(log.Line(n)))
	}
	list, complete := c.Sections(log.Lines - 1)
	return farm.LogSections{Sections: append([]steplog.Section{}, list...), Complete: complete}, f.Fail
}
