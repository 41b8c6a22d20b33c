package page

import (
	"fmt"
	"net/url"

	"github.com/weir-ci/weir"
)

// BuildURL is the page of a build.
func BuildURL(id weir.BuildID) string { return fmt.Sprintf("/builds/%d", id) }

// RegressionURL is the page of a regression.
func RegressionURL(id weir.RegressionID) string { return fmt.Sprintf("/regressions/%d", id) }

// TestURL is the page of a test: its history on all builders of the job.
func TestURL(b weir.Builder, id weir.TestID) string {
	q := url.Values{"project": {b.Project}, "job": {b.Job}, "name": {id.Name}}
	if id.Suite != "" {
		q.Set("suite", id.Suite)
	}
	return "/tests?" + q.Encode()
}
