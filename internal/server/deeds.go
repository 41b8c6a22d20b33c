package server

import (
	"context"

	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// recorder is what keeps a record of acts; nil if nothing does, which is fine for
// those who use it.
func recorder(v *views.Views) *audit.Recorder {
	if v == nil {
		return nil
	}
	return v.Audit
}

// deeds records what is done on pages.
func deeds(r *audit.Recorder) func(context.Context, page.Deed) {
	return func(ctx context.Context, d page.Deed) {
		r.Record(ctx, audit.Act{Who: d.Who, Via: audit.ViaPage, From: d.From, Verb: d.Verb, On: audit.Subject(d.On), Note: d.Note, Code: audit.Code(d.Err)})
	}
}
