package findings

import (
	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// CheckedLine is one thing that was looked at before somebody was named.
type CheckedLine struct {
	Text  string
	Build weir.BuildID // that shows it; 0: no single one
	URL   string       // of the build; empty if there is none
}

func checkedLines(r weir.Regression) []CheckedLine {
	var out []CheckedLine
	for _, line := range blame.Checked(r) {
		c := CheckedLine{Text: page.OneLine(line.Text, maxSentence), Build: line.Build}
		if line.Build != 0 {
			c.URL = page.BuildURL(line.Build)
		}
		out = append(out, c)
	}
	return out
}
