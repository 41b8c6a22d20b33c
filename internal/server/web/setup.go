package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Configured tells how the farm stands with its configuration.
type Configured interface {
	Setup() setup.Status
}

// banner is what all pages say of the farm file.
func banner(s setup.Status, now time.Time) page.Banner {
	var b page.Banner
	file := page.OneLine(s.File, page.MaxName)
	if s.Bad() {
		b.Head = fmt.Sprintf("%s has %s and is not in force: the farm goes on with what it said before.", file, page.Count(s.Errors, "mistake", "mistakes"))
		b.Lines = problemLines(s.Problems)
		b.More = s.Errors - len(s.Problems)
		b.Read, b.Check = page.At(s.Read, now), "weir check "+file
	}
	b.Notes = problemLines(s.Warnings)
	var parts []string
	if n := len(s.Warnings); n > 0 {
		parts = append(parts, page.Count(n, "warning", "warnings"))
	}
	if n := len(s.Restart); n > 0 {
		parts = append(parts, page.Count(n, "key waits", "keys wait")+" for the next start")
		b.Notes = append(b.Notes, "new values that only a start of the server puts in force: "+page.OneLine(strings.Join(s.Restart, ", "), page.MaxSubject))
	}
	if len(parts) > 0 {
		b.Note = file + ": " + strings.Join(parts, ", ")
	}
	return b
}

func problemLines(list []setup.Problem) []string {
	lines := make([]string, len(list))
	for i, p := range list {
		line := p.String()
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		lines[i] = page.OneLine(line, maxProblemShown)
	}
	return lines
}

// maxProblemShown limits one problem of a file on a page, in characters.
const maxProblemShown = 400
