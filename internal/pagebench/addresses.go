package pagebench

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/store"
)

// Address is where a page is asked for, or what it says as JSON.
type Address struct {
	Pattern string // of the page
	Path    string // with the query
	JSON    bool
}

// Addresses gives each page at least one address, and one of its JSON if it has a
// twin. The error names pages for which none is known, and queries of pages that are not there.
func (f *Farm) Addresses(ctx context.Context, pages []page.Route) (list []Address, err error) {
	values, err := f.values(ctx)
	if err != nil {
		return nil, err
	}
	needed, queries, heavy := f.needed(values), f.queries(values), f.heavy(values)
	var unknown []string
	for _, p := range pages {
		path, ok := pathOf(p.Pattern, values)
		if !ok {
			unknown = append(unknown, p.Pattern)
			continue
		}
		ask := append([]string{needed[p.Pattern]}, queries[p.Pattern]...)
		for _, query := range ask {
			if needed[p.Pattern] != "" && query != needed[p.Pattern] {
				query = needed[p.Pattern] + strings.Replace(query, "?", "&", 1)
			}
			list = append(list, Address{Pattern: p.Pattern, Path: path + query})
		}
		if p.Twin == "" {
			continue
		}
		if path == "/" {
			path = "/index"
		}
		for _, query := range append([]string{needed[p.Pattern]}, heavy[p.Pattern]...) {
			list = append(list, Address{Pattern: p.Pattern, Path: path + ".json" + query, JSON: true})
		}
	}
	for _, known := range []map[string][]string{queries, heavy} {
		for pattern := range known {
			if !slices.ContainsFunc(pages, func(p page.Route) bool { return p.Pattern == pattern }) {
				unknown = append(unknown, pattern)
			}
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("nobody knows an address of the pages %s, or there is no such page: mend what (*Farm).values or (*Farm).queries say", strings.Join(unknown, ", "))
	}
	return list, nil
}

// pathOf puts a value in the place of a pattern's wildcard; false if none is known.
func pathOf(pattern string, values map[string]string) (string, bool) {
	path := strings.TrimSuffix(pattern, "{$}")
	at := strings.IndexByte(path, '{')
	if at < 0 {
		return path, true
	}
	value, ok := values[path]
	if !ok {
		value, ok = values[path[at:]]
	}
	return path[:at] + value + path[at+strings.IndexByte(path[at:], '}')+1:], ok
}

// values are what stands for the wildcards of paths: by the whole pattern, or by
// what it ends with.
func (f *Farm) values(ctx context.Context) (map[string]string, error) {
	open, err := f.db.Regressions(ctx, store.RegressionFilter{Limit: 1})
	if err != nil {
		return nil, err
	}
	newest, err := f.db.Lately(ctx, nil, min(f.Size.Builds, 20))
	if err != nil {
		return nil, err
	}
	bad := slices.IndexFunc(newest, func(b store.BoardBuild) bool { return b.Outcome == weir.Failed && b.Changes != weir.VerdictCounts{} })
	if len(open) == 0 || bad < 0 {
		return nil, fmt.Errorf("the farm has %d regressions, and no bad build", len(open))
	}
	b := newest[bad]
	builder := f.builder(b.Builder)
	other := newest[0]
	for _, o := range newest {
		if o.Builder == b.Builder && o.ID < b.ID {
			other = o
			break
		}
	}
	return map[string]string{
		"/builds/{id}":      fmt.Sprint(b.ID),
		"/builders/{id}":    fmt.Sprint(b.Builder),
		"/runs/{id}":        fmt.Sprint(b.Run),
		"/regressions/{id}": fmt.Sprint(open[0].ID),
		"{project}":         builder.Project, "{project}/force": builder.Project,
		"{name}":  "worker-001",
		"earlier": fmt.Sprint(other.ID), "cell": url.QueryEscape(builder.Name()), "builder": fmt.Sprint(b.Builder), "project": builder.Project,
		"build": fmt.Sprint(b.ID),
		// The past as boards ask for it: at the edge of what is in memory, and far behind it.
		"edge": fmt.Sprint(max(1, f.Size.Builds*7/10)), "past": fmt.Sprint(max(1, f.Size.Builds*3/10)),
		"long ago": newest[0].Created.Add(-step * time.Duration(f.Size.Builds*6/10)).UTC().Format(time.RFC3339),
	}, nil
}

// needed are the queries without which a page says nothing.
func (f *Farm) needed(v map[string]string) map[string]string {
	return map[string]string{
		"/compare": fmt.Sprintf("?a=%s&b=%s", v["earlier"], v["build"]),
		"/tests":   fmt.Sprintf("?project=%s&suite=%s&name=%s", v["project"], url.QueryEscape(test(7).Suite), url.QueryEscape(test(7).Name)),
	}
}

// queries are more ways in which pages are asked for.
func (f *Farm) queries(v map[string]string) map[string][]string {
	first, second := projectName(0), projectName(1)
	return map[string][]string{
		"/{$}":         {"?q=" + second},
		"/projects":    {"?q=proj1", "?group=platform"},
		"/search":      {"?q=fold", "?q=text+fold+000123", "?q=" + projectName(7), "?q=sharp+s", "?q=nothing+at+all"},
		"/builds":      {"?project=" + projectName(3), "?outcome=failed&since=1h"},
		"/builds/{id}": {"?tab=tests", "?tab=tests&status=bad", "?tab=files", "?tab=environment"},
		"/matrix": {"?upstream=" + first, "?upstream=" + first + "&by=platform", "?upstream=" + first + "&changed=true",
			"?until=" + v["edge"], "?until=" + v["past"], "?by=platform&until=" + v["past"], "?changed=true&until=" + v["past"]},
		"/console": {"?project=" + first, "?project=" + first + "&downstreams=true",
			"?until=" + v["past"], "?downstreams=true&until=" + v["edge"], "?downstreams=true&until=" + v["past"]},
		"/waterfall": {"?project=" + second, "?as=table", "?hours=24",
			"?hours=6&until=" + v["long ago"], "?hours=24&until=" + v["long ago"], "?hours=72&until=" + v["long ago"]},
		"/trends": {"?project=" + second + "&job=test", "?project=" + second + "&job=test&metric=coverage"},
		"/compat": {"?q=" + second + "+on+" + first + "+on+linux", "?project=" + second},
		"/flaky":  {"?project=" + second},
	}
}

// heavy are queries of which the JSON is asked for too.
func (f *Farm) heavy(v map[string]string) map[string][]string {
	return map[string][]string{
		"/matrix":    {"?until=" + v["past"]},
		"/console":   {"?downstreams=true", "?downstreams=true&until=" + v["past"]},
		"/waterfall": {"?hours=24&until=" + v["long ago"]},
	}
}
