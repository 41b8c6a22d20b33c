package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/weir-ci/weir"
)

// Products hands out what builds made.
type Products interface {
	// Product opens the packed product of a build; NotFound if it made none.
	Product(ctx context.Context, id weir.BuildID) (weir.Product, io.ReadSeekCloser, error)
}

// product streams the product of a build. It is asked for by build and not by
// digest, so that nothing but products can be had.
func (h *handler) product(ctx context.Context, in *byBuild) (*huma.StreamResponse, error) {
	p, content, err := h.farm.Product(ctx, weir.BuildID(in.ID))
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer content.Close() // it was only read
		r, w := humago.Unwrap(hctx)
		header := w.Header()
		header.Set("Content-Type", "application/zstd")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="weir-%d-product.tar.zst"`, in.ID))
		header.Set("ETag", `"`+p.Digest.Hex()+`"`)
		watched := &reading{ReadSeeker: content}
		http.ServeContent(steady{w}, r, "", time.Time{}, watched)
		if watched.err != nil {
			h.log.DebugContext(ctx, "product not sent to its end", "build", in.ID, "error", watched.err)
			panic(http.ErrAbortHandler) // so that nobody takes the part for the whole
		}
	}}, nil
}
