package builds

import (
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// RecipeLine says where the jobs of a project come from that its repository
// decides on.
type RecipeLine struct {
	Project string
	From    string // ".weir.yaml at 0123456789"; empty: there is no recipe yet
	Problem string // of a newer one; may be empty
	Read    page.When
}

// RecipeLines lists the recipes with problems, or that of one project.
func RecipeLines(s setup.Status, project string, now time.Time) (lines []RecipeLine) {
	for _, r := range s.Recipes {
		if project == "" && r.Problem == "" || project != "" && r.Project != project {
			continue
		}
		line := RecipeLine{Project: page.OneLine(r.Project, page.MaxName), Problem: page.OneLine(r.Problem, maxProblemShown), Read: page.At(r.Read, now)}
		if r.Revision != "" {
			line.From = page.OneLine(r.Origin+" at "+weir.ShortRevision(r.Revision), page.MaxName)
		}
		lines = append(lines, line)
	}
	return lines
}

// maxProblemShown limits one problem of a file on a page, in characters.
const maxProblemShown = 400
