package api

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/rest"
)

// Artifacts hands out what builds left for people.
type Artifacts interface {
	// Artifacts lists the files that a build keeps; NotFound if there is no such build.
	Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error)
	// OpenArtifact opens one; NotFound if the build does not keep it any more.
	OpenArtifact(ctx context.Context, id weir.BuildID, path string) (weir.Artifact, io.ReadSeekCloser, error)
	// Notes are the metrics and the summary of a build.
	Notes(ctx context.Context, id weir.BuildID) (farm.Notes, error)
}

func (h *handler) artifacts(a *rest.API) {
	rest.Register(a, get("artifacts", "builds/{id}/artifacts", "The files that a build keeps"),
		func(ctx context.Context, in *byBuild) (*body[[]weir.Artifact], error) {
			list, err := h.farm.Artifacts(ctx, weir.BuildID(in.ID))
			if list == nil {
				list = []weir.Artifact{}
			}
			return &body[[]weir.Artifact]{list}, err
		})
	rest.Register(a, get("artifact", "builds/{id}/artifact", "One of the files that a build keeps"), h.artifact)
	rest.Register(a, get("notes", "builds/{id}/notes", "What a build measured, and says of itself"),
		func(ctx context.Context, in *byBuild) (*body[farm.Notes], error) {
			n, err := h.farm.Notes(ctx, weir.BuildID(in.ID))
			return &body[farm.Notes]{n}, err
		})
}

type artifactIn struct {
	ID   int64  `path:"id" minimum:"1" doc:"the build"`
	Path string `query:"path" required:"true" maxLength:"1024" doc:"of the file, as the list has it"`
}

// artifact streams a file. Whatever it is, a browser that gets it must neither
// show nor run it as a page of the farm.
func (h *handler) artifact(ctx context.Context, in *artifactIn) (*huma.StreamResponse, error) {
	file, content, err := h.farm.OpenArtifact(ctx, weir.BuildID(in.ID), in.Path)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer content.Close() // it was only read
		r, w := humago.Unwrap(hctx)
		header := w.Header()
		header.Set("Content-Type", "application/octet-stream")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		header.Set("Content-Disposition", attachment(path.Base(file.Path), in.ID))
		header.Set("ETag", `"`+file.Digest.Hex()+`"`)
		watched := &reading{ReadSeeker: content}
		http.ServeContent(steady{w}, r, "", time.Time{}, watched)
		if watched.err != nil {
			h.log.DebugContext(ctx, "artifact not sent to its end", "build", in.ID, "error", watched.err)
			panic(http.ErrAbortHandler) // so that nobody takes the part for the whole
		}
	}}, nil
}

// attachment says under which name a browser is to keep a file.
func attachment(name string, build int64) string {
	if text := mime.FormatMediaType("attachment", map[string]string{"filename": name}); text != "" {
		return text
	}
	return fmt.Sprintf("attachment; filename=\"weir-%d-artifact\"", build)
}
