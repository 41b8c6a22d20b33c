package farm

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/schedule/relevance"
	"github.com/weir-ci/weir/internal/store"
)

// expireBatch is how many artifacts one transaction removes.
const expireBatch = 500

// expireArtifacts removes artifacts whose time has come, in small steps.
func (f *Farm) expireArtifacts(ctx context.Context) error {
	for {
		removed, unused, err := f.store.ExpireArtifacts(ctx, f.now(), expireBatch)
		if err != nil {
			return err
		}
		for _, d := range unused {
			if err := f.blobs.Remove(ctx, d); err != nil {
				return err
			}
		}
		if removed < expireBatch {
			return nil
		}
	}
}

// keptArtifacts checks what a worker says that a build keeps: each file must have
// been put. For how long it is kept the recipe says, and not the worker. Invalid if
// one is not there, so that the worker puts it again.
func (f *Farm) keptArtifacts(ctx context.Context, id weir.AttemptID, files []weir.Artifact) ([]weir.Artifact, error) {
	if len(files) == 0 {
		return nil, nil
	}
	if len(files) > weir.MaxArtifacts {
		return nil, weir.Errorf(weir.TooLarge, "attempt %s keeps %d files, at most %d are kept", id, len(files), weir.MaxArtifacts)
	}
	spec, err := f.store.BuildSpec(ctx, id.Build)
	if err != nil {
		return nil, err
	}
	now := f.now()
	out := slices.Clone(files)
	for i := range out {
		a := &out[i]
		if a.Size, err = f.blobs.Stat(ctx, a.Digest); err != nil {
			if !trail.Unreadable(err) {
				return nil, err
			}
			return nil, weir.Errorf(weir.Invalid, "the file %.200q of attempt %s was not uploaded", a.Path, id).WithCause(err)
		}
		keep := weir.DefaultKeep
		for _, rule := range spec.Job.Artifacts {
			if pattern := strings.TrimSuffix(rule.Path, "/"); relevance.Match(pattern, a.Path) || relevance.Match(pattern+"/**", a.Path) {
				keep = cmp.Or(rule.Keep, weir.DefaultKeep)
				break
			}
		}
		a.Expires = now.Add(keep)
	}
	return out, nil
}

// Artifacts lists the files that a build keeps, by path; NotFound if there is no
// such build.
func (f *Farm) Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error) {
	if _, err := f.store.Build(ctx, id); err != nil {
		return nil, err
	}
	return f.store.Artifacts(ctx, id)
}

// OpenArtifact opens a file that a build keeps; NotFound if it does not keep it, or
// not any more.
func (f *Farm) OpenArtifact(ctx context.Context, id weir.BuildID, path string) (weir.Artifact, io.ReadSeekCloser, error) {
	list, err := f.Artifacts(ctx, id)
	if err != nil {
		return weir.Artifact{}, nil, err
	}
	i := slices.IndexFunc(list, func(a weir.Artifact) bool { return a.Path == path })
	if i < 0 {
		return weir.Artifact{}, nil, weir.Errorf(weir.NotFound, "build %d keeps no file %.200q", id, path).
			WithHint("perhaps its time is over: artifacts in docs/recipe.md says how long files are kept")
	}
	content, err := f.blobs.Open(ctx, list[i].Digest)
	return list[i], content, err
}

// Notes is what a build says of itself.
type Notes = store.Notes

// Notes are the metrics and the summary of a build; NotFound if there is no such build.
func (f *Farm) Notes(ctx context.Context, id weir.BuildID) (Notes, error) {
	if _, err := f.store.Build(ctx, id); err != nil {
		return Notes{}, err
	}
	return f.store.Notes(ctx, id)
}
