package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/rest"
	"github.com/weir-ci/weir/internal/steplog"
)

// StepPath names a step; it is exported so that operations can embed it.
type StepPath struct {
	ID      int64 `path:"id" minimum:"1" doc:"the build"`
	Attempt int   `path:"attempt" minimum:"1" doc:"number of the attempt"`
	Step    int   `path:"step" minimum:"0" doc:"index of the step"`
}

type logIn struct {
	StepPath
	Line   int64 `query:"line" doc:"number of the first line, from 0; negative: counted from the end"`
	Tail   int64 `query:"tail" minimum:"0" doc:"the last lines instead, or as many of them as fit"`
	Offset int64 `query:"offset" default:"-1" doc:"begin at this byte instead, from 0"`
	Bytes  int   `query:"bytes" minimum:"0" maximum:"1048576" default:"65536" doc:"at most so much text"`
	Times  bool  `query:"times" doc:"also when the lines were printed"`
}

// step checks what can be checked without the farm.
func (in *StepPath) step() (weir.AttemptID, error) {
	id := weir.AttemptID{Build: weir.BuildID(in.ID), Number: in.Attempt}
	if in.Step >= protocol.MaxSteps {
		return id, weir.Errorf(weir.NotFound, "attempt %s has no step %d", id, in.Step)
	}
	return id, nil
}

func (h *handler) readLog(ctx context.Context, in *logIn) (*body[farm.LogPiece], error) {
	id, err := in.step()
	if err != nil {
		return nil, err
	}
	limit := in.Bytes
	if limit <= 0 {
		limit = defaultLog
	}
	piece, err := h.farm.ReadLog(ctx, id, in.Step, farm.LogAsk{Line: in.Line, Tail: in.Tail,
		ByOffset: in.Offset >= 0, Offset: in.Offset, Bytes: min(limit, maxLogBytes), Times: in.Times})
	return &body[farm.LogPiece]{piece}, err
}

type searchIn struct {
	StepPath
	Pattern    string `query:"q" required:"true" minLength:"1" maxLength:"500" doc:"what to look for"`
	Regexp     bool   `query:"regex" doc:"q is a regular expression (RE2)"`
	IgnoreCase bool   `query:"ignore_case" doc:"upper and lower case are the same"`
	From       int64  `query:"from" minimum:"0" doc:"byte to begin at: next of an earlier answer"`
	Limit      int    `query:"limit" minimum:"0" maximum:"10000" default:"100" doc:"at most so many matches"`
	Count      bool   `query:"count" doc:"go on counting behind the limit"`
}

func (h *handler) searchLog(ctx context.Context, in *searchIn) (*body[steplog.Found], error) {
	id, err := in.step()
	if err != nil {
		return nil, err
	}
	found, err := h.farm.SearchLog(ctx, id, in.Step, steplog.Query{Pattern: in.Pattern, Regexp: in.Regexp,
		IgnoreCase: in.IgnoreCase, From: in.From, Limit: in.Limit, Count: in.Count})
	return &body[steplog.Found]{found}, err
}

func (h *handler) logSections(ctx context.Context, in *StepPath) (*body[farm.LogSections], error) {
	id, err := in.step()
	if err != nil {
		return nil, err
	}
	sections, err := h.farm.LogSections(ctx, id, in.Step)
	return &body[farm.LogSections]{sections}, err
}

type rawIn struct {
	StepPath
	Download bool `query:"download" doc:"as a file, not to be shown"`
}

// rawLog streams a log, or the byte ranges of it that were asked for. It looks
// the step up first: once bytes flow, an error can only be told by breaking
// the connection.
func (h *handler) rawLog(ctx context.Context, in *rawIn) (*huma.StreamResponse, error) {
	id, err := in.step()
	if err != nil {
		return nil, err
	}
	build, err := h.farm.Build(ctx, id.Build)
	if err != nil {
		return nil, err
	}
	if !hasStep(build, in.Attempt, in.Step) {
		return nil, weir.Errorf(weir.NotFound, "attempt %s has no step %d", id, in.Step)
	}
	text, err := h.farm.OpenLog(ctx, id, in.Step)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer text.Close() // it was only read
		r, w := humago.Unwrap(hctx)
		header := w.Header()
		header.Set("Content-Type", "text/plain; charset=utf-8")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		disposition := "inline"
		if in.Download {
			disposition = "attachment"
		}
		header.Set("Content-Disposition", fmt.Sprintf(`%s; filename="weir-%s-%d.log"`, disposition, id, in.Step))
		header.Set("Accept-Ranges", "bytes")
		header.Set("ETag", `"`+text.Tag+`"`)
		watched := &reading{ReadSeeker: text}
		http.ServeContent(steady{w}, r, "", time.Time{}, watched)
		if watched.err != nil {
			h.log.DebugContext(ctx, "log not sent to its end", "attempt", id, "step", in.Step, "error", watched.err)
			panic(http.ErrAbortHandler) // so that nobody takes the part for the whole
		}
	}}, nil
}

// reading remembers why reading ended.
type reading struct {
	io.ReadSeeker
	err error
}

// Read reads.
func (r *reading) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func hasStep(d farm.BuildDetail, attempt, step int) bool {
	return slices.ContainsFunc(d.Attempts, func(a farm.AttemptDetail) bool {
		return a.ID.Number == attempt && slices.ContainsFunc(a.Steps, func(s farm.StepDetail) bool { return s.Index == step })
	})
}

// steady lets a download take as long as it needs, provided that it moves.
type steady struct{ http.ResponseWriter }

// Write sends p and puts the deadline off.
func (s steady) Write(p []byte) (int, error) {
	rest.Sending(s.ResponseWriter, time.Minute)
	return s.ResponseWriter.Write(p)
}
