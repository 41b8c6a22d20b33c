package browsertest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/web"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// grown is a farm that has lived for a week, and stands still since.
type grown struct {
	*farm.Farm
	*setup.Keeper
	url    string
	routes []page.Route
}

// grow makes a farm that has lived, and serves it. Who works on the pages may keep
// it from one run to the next, in the directory WEIR_FARM.
func grow(t *testing.T, evil bool) *grown {
	t.Helper()
	dir, w := t.TempDir(), newWorld(evil)
	if kept := os.Getenv("WEIR_FARM"); kept != "" {
		dir = filepath.Join(kept, map[bool]string{false: "grown", true: "evil"}[evil])
	}
	if _, err := os.Stat(filepath.Join(dir, "weir.db")); err != nil {
		must(t, os.MkdirAll(dir, 0o755))
		raise(t, dir, w)
	}
	return reopen(t, dir, w)
}

// reopen opens the farm that lies in a directory, and serves it.
func reopen(t *testing.T, dir string, w *world) *grown {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "weir.db"))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	blobs, err := blob.NewDir(filepath.Join(dir, "blobs"))
	must(t, err)
	board, f := new(setup.Board), new(grown)
	f.Farm = farm.New(farm.Options{Store: db, Blobs: blobs, Sources: w, Now: died, Host: "linux/amd64", Lease: weir.LeaseTime, Setup: board})
	f.Keeper = setup.NewKeeper(setup.Options{Farm: config(), Target: f.Farm, Board: board, Store: db, Host: "linux/amd64", Now: died})
	must(t, f.Keeper.Start(t.Context()))
	v := views.New(views.Options{Store: db, Blobs: blobs, Now: died, Setup: board.Status, Version: "1.0.0"})
	h, err := server.New(server.Options{Farm: f, Name: "Riverside", Version: "1.0.0", Dev: true, Now: died, Views: v})
	must(t, err)
	f.url = serve(t, h)
	// The same pages once more, to ask which there are.
	site, err := web.New(web.Options{Farm: f, Views: v, Now: died, Dev: true, API: http.NotFoundHandler(), Document: func() ([]byte, error) { return []byte("{}"), nil }})
	must(t, err)
	f.routes = site.List()
	return f
}

// found is what the farm has that pages are about.
type found struct {
	located, searching weir.Regression
	failed, running    weir.Build
	passed             weir.Build // of the builder of failed, before it
	victim             weir.Victim
}

func (f *grown) find(t *testing.T) found {
	t.Helper()
	o, err := f.Overview(t.Context())
	must(t, err)
	var v found
	for _, r := range o.Regressions {
		if r.State == weir.Located && len(r.Victims) > len(v.located.Victims) {
			v.located = r
		}
		if r.State == weir.Searching {
			v.searching = r
		}
	}
	if v.located.ID == 0 || len(o.Running) == 0 {
		t.Fatalf("the farm has not become what it should: %d regressions, %d builds run", len(o.Regressions), len(o.Running))
	}
	i := slices.IndexFunc(v.located.Victims, func(x weir.Victim) bool { return x.Test.Suite != weir.StepSuite })
	v.victim, v.running = v.located.Victims[max(i, 0)], o.Running[0]
	builds, err := f.Builds(t.Context(), farm.BuildQuery{Builder: v.victim.Builder.ID, Limit: 100})
	must(t, err)
	for _, b := range builds {
		if b.ID == v.victim.Build {
			v.failed = b
		}
		if b.Outcome == weir.Passed && b.ID < v.victim.Build && v.passed.ID == 0 {
			v.passed = b
		}
	}
	return v
}

// samples are addresses of every page, by its pattern: each page has at least one.
func (v found) samples() map[string][]string {
	test := url.Values{"project": {v.victim.Builder.Project}, "job": {v.victim.Builder.Job}, "suite": {v.victim.Test.Suite}, "name": {v.victim.Test.Name}}.Encode()
	id := func(n weir.BuilderID) string { return fmt.Sprint(n) }
	return map[string][]string{
		"/{$}":                      {"/", "/?q=mill"},
		"/projects":                 {"/projects"},
		"/projects/{project}":       {"/projects/mill"},
		"/projects/{project}/force": {"/projects/mill/force"},
		"/builders/{id}":            {"/builders/" + id(v.victim.Builder.ID)},
		"/runs/{id}":                {fmt.Sprintf("/runs/%d", v.failed.Run)},
		"/builds":                   {"/builds", "/builds?project=mill"},
		"/builds/{id}":              {fmt.Sprintf("/builds/%d", v.failed.ID), fmt.Sprintf("/builds/%d?tests=all", v.failed.ID), fmt.Sprintf("/builds/%d", v.running.ID)},
		"/compare":                  {fmt.Sprintf("/compare?a=%d&b=%d", v.passed.ID, v.failed.ID), "/compare"},
		"/tests":                    {"/tests?" + test},
		"/regressions":              {"/regressions"},
		"/regressions/{id}":         {fmt.Sprintf("/regressions/%d", v.located.ID), fmt.Sprintf("/regressions/%d", max(v.searching.ID, v.located.ID))},
		"/flaky":                    {"/flaky", "/flaky?project=ferry"},
		"/matrix":                   {"/matrix", "/matrix?project=mill"},
		"/console":                  {"/console", "/console?project=mill"},
		"/waterfall":                {"/waterfall", "/waterfall?project=mill"},
		"/compat":                   {"/compat", "/compat?q=mill+on+brook"},
		"/workers":                  {"/workers", "/workers?state=resting"},
		"/workers/{name}":           {"/workers/flint", "/workers/garnet", "/workers/quartz"},
		"/queue":                    {"/queue"},
		"/trends":                   {"/trends", "/trends?builder=" + id(v.victim.Builder.ID)},
		"/starts":                   {"/starts"},
		"/search":                   {"/search", "/search?q=mill", "/search?q=zzz"},
		"/admin":                    {"/admin"},
		"/admin/audit":              {"/admin/audit"},
		"/admin/reload":             {"/admin/reload"},
		"/signin":                   {"/signin", "/signin?code=abc&next=%2Fbuilds"},
		"/help/keys":                {"/help/keys"},
		"/help/api":                 {"/help/api"},
		"/dev/components":           {"/dev/components"},
	}
}
