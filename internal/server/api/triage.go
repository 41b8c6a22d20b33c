package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/triage"
	"github.com/weir-ci/weir/internal/server/rest"
)

// Episodes lists regressions.
type Episodes interface {
	// Episodes lists regressions, newest first.
	Episodes(ctx context.Context, q triage.Query) (triage.Page, error)
}

// Triage is what people say of regressions, and the searches that they start.
type Triage interface {
	// Acknowledge says that somebody has an open regression in hand for a while,
	// Unacknowledge that nobody has any more.
	Acknowledge(ctx context.Context, id weir.RegressionID, h triage.Hold) error
	Unacknowledge(ctx context.Context, id weir.RegressionID, w weir.Word) error
	// Assign says whose business an open regression is; an empty to: nobody's.
	Assign(ctx context.Context, id weir.RegressionID, to string, w weir.Word) error
	// Dismiss closes an open regression, Reopen searches a closed one again.
	Dismiss(ctx context.Context, id weir.RegressionID, w weir.Word) error
	Reopen(ctx context.Context, id weir.RegressionID, w weir.Word) error
	// Merge hands the tests of one regression to another one.
	Merge(ctx context.Context, id, into weir.RegressionID, w weir.Word) error
	// Split makes a regression of its own of some tests.
	Split(ctx context.Context, id weir.RegressionID, picks []triage.Pick, w weir.Word) (weir.RegressionID, error)
	// Bisect starts a search by hand, BisectFix one for what mended a regression.
	Bisect(ctx context.Context, ask triage.Ask) (triage.Asked, error)
	BisectFix(ctx context.Context, id weir.RegressionID, w weir.Word) (triage.Asked, error)
	// Bisections lists such searches, newest first.
	Bisections(ctx context.Context) ([]weir.Regression, error)
}

func (h *handler) triage(a *rest.API) {
	post := func(id, path, summary string) huma.Operation {
		return operation(access.Triage, http.MethodPost, id, "regressions/{id}/"+path, summary)
	}
	rest.Register(a, post("acknowledge", "acknowledge", "Say that you have a regression in hand, for a while"), h.acknowledge)
	rest.Register(a, post("unacknowledge", "unacknowledge", "Say that nobody has a regression in hand any more"), h.said(h.farm.Unacknowledge))
	rest.Register(a, post("assign", "assign", "Say whose business a regression is"), h.assign)
	rest.Register(a, post("dismiss", "dismiss", "Close a regression, or end a search"), h.said(h.farm.Dismiss))
	rest.Register(a, post("reopen", "reopen", "Search a closed regression again"), h.said(h.farm.Reopen))
	rest.Register(a, post("merge", "merge", "Hand the tests of a regression to another one"), h.merge)
	split := post("split", "split", "Make a regression of its own of some tests")
	split.MaxBodyBytes = maxSplitBody
	rest.Register(a, split, h.split)
	rest.Register(a, operation(access.Triage, http.MethodPost, "bisect", "bisections", "Ask which revision made a test bad, or mended a regression"), h.bisect)
	rest.Register(a, get("bisections", "bisections", "Searches that people asked for, or that follow from a regression, newest first"), h.bisections)
}

// maxSplitBody limits the body of a request that names many tests, in bytes.
const maxSplitBody = 1 << 20

// why is at most triage.MaxWhy bytes.
type why struct {
	Why string `json:"why,omitempty" doc:"one line for people" maxLength:"500"`
}

func (w why) by(ctx context.Context) weir.Word { return weir.Word{By: adminOf(ctx), Why: w.Why} }

type saidIn struct {
	ID   int64 `path:"id" minimum:"1" doc:"the regression"`
	Body why
}

// said makes a handler of a verb that needs no more than a regression and a word.
func (h *handler) said(verb func(context.Context, weir.RegressionID, weir.Word) error) func(context.Context, *saidIn) (*body[done], error) {
	return func(ctx context.Context, in *saidIn) (*body[done], error) {
		return &body[done]{}, verb(ctx, weir.RegressionID(in.ID), in.Body.by(ctx))
	}
}

type acknowledgeIn struct {
	ID   int64 `path:"id" minimum:"1" doc:"the regression"`
	Body struct {
		why
		Seconds int64     `json:"for_seconds,omitempty" doc:"for how long, at most 90 days; or say until" minimum:"0" maximum:"1000000000"`
		Until   time.Time `json:"until,omitempty" doc:"until when; or say for_seconds"`
	}
}

func (h *handler) acknowledge(ctx context.Context, in *acknowledgeIn) (*body[done], error) {
	return &body[done]{}, h.farm.Acknowledge(ctx, weir.RegressionID(in.ID),
		triage.Hold{Word: in.Body.by(ctx), For: time.Duration(in.Body.Seconds) * time.Second, Until: in.Body.Until})
}

type assignIn struct {
	ID   int64 `path:"id" minimum:"1" doc:"the regression"`
	Body struct {
		why
		To string `json:"to,omitempty" doc:"a person's name; empty: it is nobody's business any more" maxLength:"100"`
	}
}

func (h *handler) assign(ctx context.Context, in *assignIn) (*body[done], error) {
	return &body[done]{}, h.farm.Assign(ctx, weir.RegressionID(in.ID), in.Body.To, in.Body.by(ctx))
}

type mergeIn struct {
	ID   int64 `path:"id" minimum:"1" doc:"the regression that ends"`
	Body struct {
		why
		Into int64 `json:"into" doc:"the regression that gets its tests" minimum:"1"`
	}
}

func (h *handler) merge(ctx context.Context, in *mergeIn) (*body[done], error) {
	return &body[done]{}, h.farm.Merge(ctx, weir.RegressionID(in.ID), weir.RegressionID(in.Body.Into), in.Body.by(ctx))
}

type splitIn struct {
	ID   int64 `path:"id" minimum:"1" doc:"the regression"`
	Body struct {
		why
		Victims []pick `json:"victims" doc:"the tests that become a regression of their own" minItems:"1" maxItems:"1000"`
	}
}

type pick struct {
	Suite   string `json:"suite,omitempty" doc:"the test's suite; empty: the name is enough, or has the suite in front" maxLength:"2048"`
	Name    string `json:"name" doc:"the test's name" maxLength:"2048"`
	Builder string `json:"builder,omitempty" doc:"the name of the builder, if several have the test" maxLength:"2048"`
}

type splitOut struct {
	Regression weir.RegressionID `json:"regression" doc:"the new one"`
}

func (h *handler) split(ctx context.Context, in *splitIn) (*body[splitOut], error) {
	var picks []triage.Pick
	for _, p := range in.Body.Victims {
		picks = append(picks, triage.Pick{Test: weir.TestID{Suite: p.Suite, Name: p.Name}, Builder: p.Builder})
	}
	made, err := h.farm.Split(ctx, weir.RegressionID(in.ID), picks, in.Body.by(ctx))
	return &body[splitOut]{splitOut{made}}, err
}

type bisectIn struct {
	Body struct {
		why
		Fix      int64             `json:"fix,omitempty" doc:"which revision mended this regression; then nothing else is said" minimum:"0"`
		Project  string            `json:"project,omitempty" doc:"whose test it is" maxLength:"64"`
		Suite    string            `json:"suite,omitempty" doc:"the test's suite" maxLength:"2048"`
		Name     string            `json:"name,omitempty" doc:"the test's name" maxLength:"2048"`
		Job      string            `json:"job,omitempty" doc:"only this job" maxLength:"64"`
		Platform string            `json:"platform,omitempty" doc:"only on this platform, os/arch" maxLength:"64"`
		Builder  string            `json:"builder,omitempty" doc:"only on the builder of this name" maxLength:"2048"`
		Of       string            `json:"of,omitempty" doc:"whose revisions are searched; empty: the project's own" maxLength:"64"`
		Good     string            `json:"good,omitempty" doc:"a good revision; empty: as the test's history knows" maxLength:"2048"`
		Bad      string            `json:"bad,omitempty" doc:"a bad revision behind it; empty: as the test's history knows" maxLength:"2048"`
		At       map[string]string `json:"at,omitempty" doc:"revisions at which other projects stand, by project"`
	}
}

func (h *handler) bisect(ctx context.Context, in *bisectIn) (*body[triage.Asked], error) {
	b := in.Body
	ask := triage.Ask{Word: b.by(ctx), Project: b.Project, Test: weir.TestID{Suite: b.Suite, Name: b.Name}, Job: b.Job, Platform: weir.Platform(b.Platform),
		Builder: b.Builder, Of: b.Of, Good: b.Good, Bad: b.Bad, At: b.At}
	if b.Fix == 0 {
		out, err := h.farm.Bisect(ctx, ask)
		return &body[triage.Asked]{out}, err
	}
	if b.Project+b.Suite+b.Name+b.Job+b.Platform+b.Builder+b.Of+b.Good+b.Bad != "" || len(b.At) > 0 {
		return nil, weir.Errorf(weir.Invalid, "a search for what mended regression %d knows its test and its revisions", b.Fix).
			WithHint("say nothing else, or leave fix out")
	}
	out, err := h.farm.BisectFix(ctx, weir.RegressionID(b.Fix), ask.Word)
	return &body[triage.Asked]{out}, err
}

func (h *handler) bisections(ctx context.Context, _ *none) (*body[[]weir.Regression], error) {
	list, err := h.farm.Bisections(ctx)
	return &body[[]weir.Regression]{orEmpty(list)}, err
}
