package bisectsim

import (
	"fmt"
	"io"
	"strings"
)

// Table is one table of the report.
type Table struct {
	Title string
	Text  string // what is to be known before it is read; may be empty
	Head  []string
	Rows  [][]string
}

// Write prints the table in Markdown.
func (t Table) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", t.Title)
	if t.Text != "" {
		fmt.Fprintf(&b, "%s\n\n", t.Text)
	}
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(t.Head)
	b.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, r := range t.Rows {
		row(r)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) add(cells ...any) {
	var row []string
	for _, c := range cells {
		switch c := c.(type) {
		case float64:
			row = append(row, fmt.Sprintf("%.2f", c))
		default:
			row = append(row, fmt.Sprint(c))
		}
	}
	t.Rows = append(t.Rows, row)
}

// percent prints a share with as many digits as it takes to tell it from all.
func percent(share float64) string {
	s := fmt.Sprintf("%.2f", 100*share)
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	if share < 1 && s == "100" {
		s = "99.99"
	}
	return s + " %"
}
