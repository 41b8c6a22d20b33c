package page

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/session"
)

// plainHost matches what may stand in a command without quotes.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.\-]{1,200}(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:]{2,45}\](:[0-9]{1,5})?$`)

// Origin is the address of the farm as the reader of a page sees it; empty if the
// reader's browser says something that is no address.
func Origin(req *http.Request) string {
	if !plainHost.MatchString(req.Host) {
		return ""
	}
	if session.Encrypted(req) {
		return "https://" + req.Host
	}
	return "http://" + req.Host
}

// BuildURL is the page of a build.
func BuildURL(id weir.BuildID) string { return fmt.Sprintf("/builds/%d", id) }

// RegressionURL is the page of a regression.
func RegressionURL(id weir.RegressionID) string { return fmt.Sprintf("/regressions/%d", id) }

// RevisionURL is what was built of a revision, at a position of a branch of its
// project, and of those before it. Without a branch it is the project's first.
func RevisionURL(project, branch string, position int64) string {
	q := url.Values{"project": {project}, "until": {fmt.Sprint(position)}}
	if branch != "" {
		q.Set("branch", branch)
	}
	return "/console?" + q.Encode()
}

// ProjectURL is the page of a project.
func ProjectURL(name string) string { return "/projects/" + url.PathEscape(name) }

// BuilderURL is the page of a builder.
func BuilderURL(id weir.BuilderID) string { return fmt.Sprintf("/builders/%d", id) }

// RunURL is the page of a run.
func RunURL(id weir.RunID) string { return fmt.Sprintf("/runs/%d", id) }

// TestURL is the page of a test: its history on all builders of the job.
func TestURL(b weir.Builder, id weir.TestID) string {
	q := url.Values{"project": {b.Project}, "job": {b.Job}, "name": {id.Name}}
	if id.Suite != "" {
		q.Set("suite", id.Suite)
	}
	return "/tests?" + q.Encode()
}
