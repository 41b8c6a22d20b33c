package mirror

import (
	"context"
	"errors"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/command"
)

// Explain makes a *weir.Error of any error: what is one already as it is, then an
// end of ctx, a full disk, or that the program did not work on place.
func Explain(ctx context.Context, program string, src weir.Source, place string, err error) error {
	var known *weir.Error
	var f *command.Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return weir.Errorf(weir.Unavailable, "reading %s was stopped: %w", src.Location, ctx.Err())
	case NoSpace(err), errors.As(err, &f) && f.Has("No space left on device"):
		return weir.Errorf(weir.Exhausted, "no space left for the files of %s", src.Location).
			WithHint("make room on the disk of the cache or of the work directory").WithCause(err)
	}
	return weir.Errorf(weir.Internal, "%s did not work on %s", program, place).
		WithHint("the log of this program has %s's own words", program).WithCause(err)
}
