package api

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/boards"
	"github.com/weir-ci/weir/internal/server/rest"
)

// boards adds the operations that answer with many builds at once.
func (h *handler) boards(a *rest.API) {
	rest.Register(a, get("matrix", "matrix", "What the projects say that are tested against an upstream: of each of its newest revisions, or on each platform"),
		func(ctx context.Context, in *matrixIn) (*body[boards.Matrix], error) {
			if err := oneOf("sort", in.Sort, "name"); err != nil {
				return nil, err
			}
			m, err := h.views.Boards.Matrix(ctx, boards.MatrixQuery{Upstream: in.Upstream, Branch: in.Branch, ByPlatform: in.By == "platform", ByName: in.Sort == "name",
				Changed: in.Changed, Every: in.Every, Until: in.Until, After: in.After})
			return &body[boards.Matrix]{m}, err
		})
	rest.Register(a, get("console", "console", "What builders say of each of a project's newest revisions"),
		func(ctx context.Context, in *consoleIn) (*body[boards.Console], error) {
			c, err := h.views.Boards.Console(ctx, boards.ConsoleQuery{Project: in.Project, Branch: in.Branch, Downstreams: in.Downstreams,
				Until: in.Until, After: weir.BuilderID(in.After)})
			return &body[boards.Console]{c}, err
		})
	rest.Register(a, get("waterfall", "waterfall", "What ran on each builder in a span of time"),
		func(ctx context.Context, in *waterfallIn) (*body[boards.Waterfall], error) {
			if in.Hours != 0 && !slices.Contains(boards.Hours(), in.Hours) {
				return nil, weir.Errorf(weir.Invalid, "a window of %d hours is asked for", in.Hours).WithHint("there are 6, 24 and 72")
			}
			w, err := h.views.Boards.Waterfall(ctx, boards.WaterfallQuery{Project: in.Project, Platform: in.Platform, Words: in.Words, Until: in.Until, Hours: in.Hours,
				Linear: in.Scale == "linear", After: weir.BuilderID(in.After)})
			return &body[boards.Waterfall]{w}, err
		})
}

type matrixIn struct {
	Upstream string `query:"upstream" maxLength:"100" doc:"the project that others are tested against; empty: the one that most are"`
	Branch   string `query:"branch" maxLength:"100" doc:"of the upstream; empty: its main one"`
	By       string `query:"by" maxLength:"20" doc:"platform: columns are platforms, and cells the newest builds; anything else: revisions"`
	Sort     string `query:"sort" maxLength:"20" doc:"name: rows by name; empty: the worst first"`
	Changed  bool   `query:"changed" doc:"only rows in which something changes"`
	Every    bool   `query:"every" doc:"revisions at which nothing was built, too"`
	Until    int64  `query:"until" minimum:"0" doc:"position of the newest revision; 0: the newest there is"`
	After    string `query:"after" maxLength:"100" doc:"the project behind which the rows begin: next of an earlier answer"`
}

type consoleIn struct {
	Project     string `query:"project" maxLength:"100" doc:"empty: the one that most others are tested against"`
	Branch      string `query:"branch" maxLength:"100" doc:"empty: the main one"`
	Downstreams bool   `query:"downstreams" doc:"with builders of projects that are tested against it"`
	Until       int64  `query:"until" minimum:"0" doc:"position of the newest revision; 0: the newest there is"`
	After       int64  `query:"after" minimum:"0" doc:"the builder behind which the columns begin: next of an earlier answer"`
}

type waterfallIn struct {
	Project  string    `query:"project" maxLength:"100" doc:"only builders of this project"`
	Platform string    `query:"platform" maxLength:"100" doc:"only builders of this platform"`
	Words    string    `query:"q" maxLength:"200" doc:"only builders with all of these words in their names"`
	Until    time.Time `query:"until" doc:"the end of the window; empty: now"`
	Hours    int       `query:"hours" doc:"how long the window is: 6, 24 or 72; 0: 24"`
	Scale    string    `query:"scale" maxLength:"20" doc:"linear: the positions of builds grow evenly with time; anything else: time in which nothing ran takes little room"`
	After    int64     `query:"after" minimum:"0" doc:"the builder behind which the columns begin: next of an earlier answer"`
}
