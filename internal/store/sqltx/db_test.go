package sqltx

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/weir-ci/weir"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	away, full, busy := errors.New("away"), errors.New("full"), errors.New("busy")
	dial := fmt.Errorf("dial: %w", context.DeadlineExceeded)
	db := New(nil, nil, Dialect{Name: "Test", Classify: func(err error) Failure {
		switch err {
		case away, dial:
			return Away
		case full:
			return Full
		case busy:
			return TryAgain
		}
		return Unknown
	}})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want weir.Code
	}{
		{t.Context(), weir.Errorf(weir.Conflict, "on purpose"), weir.Conflict},
		{t.Context(), away, weir.Unavailable},
		{t.Context(), dial, weir.Unavailable}, // the driver's deadline, not the request's
		{t.Context(), busy, weir.Unavailable},
		{t.Context(), full, weir.Exhausted},
		{t.Context(), errors.New("secret"), weir.Internal},
		{over, context.Canceled, weir.Internal},
		{over, dial, weir.Internal},
		{over, full, weir.Exhausted},
	} {
		err := db.explain(c.ctx, "do it", c.err)
		if weir.CodeOf(err) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v: code %q of %v, want %q", c.err, weir.CodeOf(err), err, c.want)
		}
	}
	if err := db.explain(t.Context(), "do it", nil); err != nil {
		t.Errorf("nothing went wrong: %v", err)
	}
}
