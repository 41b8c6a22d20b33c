package servertest

import (
	"bytes"
	"context"
	"io"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
)

// Artifacts lists the one file that every build keeps.
func (f *Farm) Artifacts(context.Context, weir.BuildID) ([]weir.Artifact, error) {
	content := []byte(ArtifactText)
	return []weir.Artifact{{Path: ArtifactPath, Digest: weir.DigestOf(content), Size: int64(len(content))}}, f.Fail
}

// The file that every build keeps: a page that must not become one of the farm.
const (
	ArtifactPath = "report/<b>index.html"
	ArtifactText = "<script>document.title = 'taken over'</script>"
)

// OpenArtifact opens that file.
func (f *Farm) OpenArtifact(ctx context.Context, id weir.BuildID, path string) (weir.Artifact, io.ReadSeekCloser, error) {
	if path != ArtifactPath {
		return weir.Artifact{}, nil, weir.Errorf(weir.NotFound, "build %d keeps no file %q", id, path)
	}
	list, err := f.Artifacts(ctx, id)
	return list[0], nopCloser{bytes.NewReader([]byte(ArtifactText))}, err
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// Notes are a summary and a metric.
func (f *Farm) Notes(context.Context, weir.BuildID) (farm.Notes, error) {
	return farm.Notes{Summary: "# All is <b>well</b>", Metrics: []weir.Metric{{Name: "size", Value: 12.5, Unit: "MB"}}}, f.Fail
}
