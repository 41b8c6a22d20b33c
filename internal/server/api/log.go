package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/rest"
)

type stepIn struct {
	ID      int64 `path:"id" minimum:"1" doc:"the build"`
	Attempt int   `path:"attempt" minimum:"1" doc:"number of the attempt"`
	Step    int   `path:"step" minimum:"0" doc:"index of the step"`
}

type logIn struct {
	ID      int64 `path:"id" minimum:"1" doc:"the build"`
	Attempt int   `path:"attempt" minimum:"1" doc:"number of the attempt"`
	Step    int   `path:"step" minimum:"0" doc:"index of the step"`
	Line    int64 `query:"line" doc:"number of the first line, from 0; negative: counted from the end"`
	Bytes   int   `query:"bytes" minimum:"0" maximum:"1048576" default:"65536" doc:"at most so much text"`
}

func (h *handler) readLog(ctx context.Context, in *logIn) (*body[farm.LogPiece], error) {
	id := weir.AttemptID{Build: weir.BuildID(in.ID), Number: in.Attempt}
	if in.Step >= protocol.MaxSteps {
		return nil, weir.Errorf(weir.NotFound, "attempt %s has no step %d", id, in.Step)
	}
	limit := in.Bytes
	if limit <= 0 {
		limit = defaultLog
	}
	piece, err := h.farm.ReadLog(ctx, id, in.Step, in.Line, min(limit, maxLogBytes))
	return &body[farm.LogPiece]{piece}, err
}

// rawLog streams a log. It looks the step up first: once bytes flow, an error
// can only be told by breaking the connection.
func (h *handler) rawLog(ctx context.Context, in *stepIn) (*huma.StreamResponse, error) {
	id := weir.AttemptID{Build: weir.BuildID(in.ID), Number: in.Attempt}
	build, err := h.farm.Build(ctx, id.Build)
	if err != nil {
		return nil, err
	}
	if !hasStep(build, in.Attempt, in.Step) {
		return nil, weir.Errorf(weir.NotFound, "attempt %s has no step %d", id, in.Step)
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		header := w.Header()
		header.Set("Content-Type", "text/plain; charset=utf-8")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		header.Set("Content-Disposition", fmt.Sprintf(`inline; filename="weir-%s-%d.log"`, id, in.Step))
		if err := h.farm.CopyLog(ctx, steady{w}, id, in.Step); err != nil {
			h.log.DebugContext(ctx, "log not sent to its end", "attempt", id, "step", in.Step, "error", err)
			panic(http.ErrAbortHandler) // so that nobody takes the part for the whole
		}
	}}, nil
}

func hasStep(d farm.BuildDetail, attempt, step int) bool {
	return slices.ContainsFunc(d.Attempts, func(a farm.AttemptDetail) bool {
		return a.ID.Number == attempt && slices.ContainsFunc(a.Steps, func(s farm.StepDetail) bool { return s.Index == step })
	})
}

// steady lets a download take as long as it needs, provided that it moves.
type steady struct{ w http.ResponseWriter }

// Write sends p and puts the deadline off.
func (s steady) Write(p []byte) (int, error) {
	rest.Patience(s.w, readTime, time.Minute)
	return s.w.Write(p)
}
