package diff

import (
	"fmt"
	"strings"
)

// String is the diff as a list for people: a line for each change, its notes
// below it. It is empty if nothing differs and there is nothing to note.
func (d Diff) String() string {
	var b strings.Builder
	for _, c := range d.Changes {
		b.WriteString(c.String() + "\n")
		for _, n := range c.Notes {
			b.WriteString("           " + n + "\n")
		}
	}
	if d.Omitted > 0 {
		fmt.Fprintf(&b, "and %d more\n", d.Omitted)
	}
	for _, n := range d.Notes {
		b.WriteString("note: " + n + "\n")
	}
	return b.String()
}

// String is the change in one line, without its notes.
func (c Change) String() string {
	line := fmt.Sprintf("%-8s  %s %s", c.What, c.Kind, c.Name)
	if c.Was != "" {
		line += ", which was " + c.Was
	}
	if len(c.Keys) > 0 {
		line += ": " + strings.Join(c.Keys, ", ")
	}
	return line
}
