package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
)

// LogAsk says which stretch of a log to read.
type LogAsk struct {
	Line int64 // number of the first line, from 0; negative: counted from the end
	Tail int64 // if positive, the last lines instead, or as many of them as fit
	// ByOffset asks for what begins at byte Offset.
	ByOffset bool
	Offset   int64
	Bytes    int  // at most so much text; 0 means 64 KiB, and 1 MiB is the most
	Times    bool // also when the lines were printed
}

// LogPiece is a stretch of one step's log.
type LogPiece struct {
	FirstLine  int64      `json:"first_line"`      // number of the line that Text begins in, from 0
	Offset     int64      `json:"offset"`          // of the first byte of Text, from 0
	Text       string     `json:"text"`            // may hold escape sequences; bytes that are not UTF-8 are replaced
	NextLine   int64      `json:"next_line"`       // where to read on by lines
	NextOffset int64      `json:"next_offset"`     // where to read on by bytes: before NextLine, if Text is part of a very long line
	Lines      int64      `json:"lines"`           // newlines recorded so far in the whole log
	Bytes      int64      `json:"bytes"`           // bytes recorded so far in the whole log
	Times      []LineTime `json:"times,omitempty"` // when lines were printed, if asked for
}

// LineTime says when lines were printed, to about 200 ms.
type LineTime struct {
	Line int64     `json:"line"` // this one, and those behind it up to the next entry
	At   time.Time `json:"at"`
}

// LogQuery says what to look for in a log.
type LogQuery struct {
	Pattern    string // at most 500 bytes
	Regexp     bool   // it is a regular expression (RE2), held against single lines
	IgnoreCase bool
	From       int64 // byte to begin at: 0, or LogFound.Next of an earlier answer
	Limit      int   // of matches; 0 means 100, and 10,000 is the most
	Count      bool  // go on counting behind the limit
}

// LogFound is the answer to a LogQuery.
type LogFound struct {
	Matches []LogMatch `json:"matches"`
	Total   int64      `json:"total"` // how many lines match in what was searched
	Next    int64      `json:"next"`  // where to go on
	Done    bool       `json:"done"`  // the end was reached: there are no more than Total
}

// LogMatch is a line that matches.
type LogMatch struct {
	Line   int64 `json:"line"`   // from 0
	Offset int64 `json:"offset"` // of the line; in a very long one, of the piece that matches
	// Text is the line around its first match, without escape sequences, at
	// most 400 bytes; Start and End are where in it the match is.
	Text  string `json:"text"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// LogSections is what a log can be folded by.
type LogSections struct {
	Sections []LogSection `json:"sections"` // by first line
	Complete bool         `json:"complete"` // false: there may be more
}

// LogSection is a stretch of lines below a line with a marker.
type LogSection struct {
	FirstLine int64  `json:"first_line"` // the one with the marker
	LastLine  int64  `json:"last_line"`
	Title     string `json:"title"`
	Open      bool   `json:"open"`            // to be shown unfolded
	Muted     bool   `json:"muted,omitempty"` // not worth a look
}

// Log reads a stretch of a step's log, from a line on (negative: counted from
// the end), at most maxBytes of it; 0 means 64 KiB, and 1 MiB is the most.
func (c *Client) Log(ctx context.Context, id weir.AttemptID, step int, line int64, maxBytes int) (LogPiece, error) {
	return c.ReadLog(ctx, id, step, LogAsk{Line: line, Bytes: maxBytes})
}

// ReadLog reads a stretch of a step's log.
func (c *Client) ReadLog(ctx context.Context, id weir.AttemptID, step int, ask LogAsk) (LogPiece, error) {
	query := url.Values{"line": {strconv.FormatInt(ask.Line, 10)}}
	if ask.Tail > 0 {
		query.Set("tail", strconv.FormatInt(ask.Tail, 10))
	}
	if ask.ByOffset {
		query.Set("offset", strconv.FormatInt(ask.Offset, 10))
	}
	if ask.Bytes != 0 {
		query.Set("bytes", strconv.Itoa(ask.Bytes))
	}
	if ask.Times {
		query.Set("times", "true")
	}
	return get[LogPiece](ctx, c, logPath(id, step), query)
}

// SearchLog looks for lines of a step's log. The server answers after five
// seconds with what it has found so far; ask again from Next for the rest.
// weir.Invalid if the pattern cannot be.
func (c *Client) SearchLog(ctx context.Context, id weir.AttemptID, step int, q LogQuery) (LogFound, error) {
	query := url.Values{"q": {q.Pattern}}
	for name, set := range map[string]bool{"regex": q.Regexp, "ignore_case": q.IgnoreCase, "count": q.Count} {
		if set {
			query.Set(name, "true")
		}
	}
	if q.From != 0 {
		query.Set("from", strconv.FormatInt(q.From, 10))
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	return get[LogFound](ctx, c, logPath(id, step)+"/search", query)
}

// LogSections finds what a step's log can be folded by.
func (c *Client) LogSections(ctx context.Context, id weir.AttemptID, step int) (LogSections, error) {
	return get[LogSections](ctx, c, logPath(id, step)+"/sections", nil)
}

// CopyLog writes the whole log of a step to w.
func (c *Client) CopyLog(ctx context.Context, w io.Writer, id weir.AttemptID, step int) error {
	return c.CopyLogFrom(ctx, w, id, step, 0)
}

// CopyLogFrom writes the log of a step to w, from a byte on; nothing if that is
// its end.
func (c *Client) CopyLogFrom(ctx context.Context, w io.Writer, id weir.AttemptID, step int, offset int64) error {
	request, err := c.newRequest(ctx, http.MethodGet, logPath(id, step)+"/raw", nil, nil)
	if err != nil {
		return err
	}
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	answer, err := c.exchange(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return nil
	case answer.StatusCode == http.StatusPartialContent || answer.StatusCode == http.StatusOK && offset <= 0:
	case answer.StatusCode == http.StatusOK:
		return weir.Errorf(weir.Unsupported, "%s sends whole logs only", c.base.Host)
	default:
		return problem(c.base.Host, answer)
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return weir.Errorf(weir.Unavailable, "the log of step %d of attempt %s broke off: %w", step, id, err)
	}
	return nil
}

func logPath(id weir.AttemptID, step int) string {
	return fmt.Sprintf("/api/v1/builds/%d/attempts/%d/steps/%d/log", id.Build, id.Number, step)
}
