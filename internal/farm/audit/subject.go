package audit

import (
	"net/url"
	"strings"

	"github.com/weir-ci/weir"
)

// things are what acts are done to, as paths of pages and of the API call them.
var things = map[string]string{"builds": "build", "runs": "run", "regressions": "regression", "workers": "worker",
	"pulls": "pull", "projects": "project", "tokens": "token"}

// Subject says what a request with this escaped path is about, as in Act.On:
// "build 41" for /builds/41/cancel and for /api/v1/builds/41/cancel; empty if
// nothing in particular.
func Subject(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/api/v1"), "/admin")
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < 2 {
		return ""
	}
	name, err := url.PathUnescape(parts[1])
	thing := things[parts[0]]
	if thing == "" || err != nil || name == "" {
		return ""
	}
	return clean(thing+" "+name, maxOn)
}

// Code is how an error stands in an act; empty for nil.
func Code(err error) string {
	if err == nil {
		return ""
	}
	return string(weir.CodeOf(err))
}
