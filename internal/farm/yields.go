package farm

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/store"
)

// longestKeep is how long a worker may ask for an artifact to be kept.
const longestKeep = 10 * 365 * 24 * time.Hour

// yields notes what a build leaves for people. Files must have been put before,
// like the product; until when they are kept is meant by the server's clock.
func (f *Farm) yields(ctx context.Context, id weir.AttemptID, fin protocol.Finish, record *store.Finish) error {
	if fin.Outcome == weir.Infra {
		return nil
	}
	if len(fin.Artifacts) > weir.MaxArtifacts {
		return weir.Errorf(weir.TooLarge, "attempt %s keeps %d files, allowed are %d", id, len(fin.Artifacts), weir.MaxArtifacts)
	}
	var ahead time.Duration
	if clock := fin.Surroundings.Clock; clock != nil {
		ahead = time.Duration(*clock * float64(time.Second))
	}
	record.Metrics, record.Summary = fin.Metrics, fin.Summary
	for _, a := range fin.Artifacts {
		size, err := f.blobs.Stat(ctx, a.Digest)
		if err != nil && !trail.Unreadable(err) {
			return err
		}
		if err != nil {
			return weir.Errorf(weir.Invalid, "file %s of attempt %s was not uploaded", a.Digest.Short(), id).WithCause(err)
		}
		a.Size, a.Expires = size, a.Expires.Add(-ahead)
		if last := f.now().Add(longestKeep); a.Expires.After(last) {
			a.Expires = last
		}
		record.Artifacts = append(record.Artifacts, a)
	}
	return nil
}
