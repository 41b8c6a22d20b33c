package bench

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// Report is what was measured.
type Report struct {
	facts   []string
	samples map[string]map[string]Samples
	loads   map[string]string
	peers   bool
}

func (b *Bench) report(ctx context.Context) *Report {
	return &Report{facts: b.machine(ctx), samples: b.samples, loads: b.loads, peers: b.options.Peers}
}

// Name is the name of the marker between which the report belongs.
func (r *Report) Name() string {
	if r.peers {
		return "bench-peers"
	}
	return "bench"
}

// Markdown renders the report.
func (r *Report) Markdown() string {
	var s strings.Builder
	for _, fact := range r.facts {
		fmt.Fprintf(&s, "- %s\n", fact)
	}
	for _, g := range groups() {
		var columns []string
		for _, c := range g.columns {
			if slices.ContainsFunc(Rows(), func(row Row) bool { return row.group() == g.name && len(r.samples[row.ID][c]) > 0 }) {
				columns = append(columns, c)
			}
		}
		if len(columns) > 0 {
			fmt.Fprintf(&s, "\n`make %s ONLY=%s`, load average before it %s:\n\n", r.Name(), g.name, r.loads[g.name])
			r.table(&s, g.name, columns)
		}
	}
	return s.String()
}

func (row Row) group() string {
	name, _, _ := strings.Cut(row.ID, ".")
	return name
}

// table renders the rows of a group.
func (r *Report) table(s *strings.Builder, group string, columns []string) {
	head := append([]string{"figure"}, columns...)
	if r.peers {
		for _, c := range columns[:len(columns)-1] {
			head = append(head, strings.TrimPrefix(c, "Weir, ")+" : Buildbot")
		}
	}
	head = append(head, "goal")
	fmt.Fprintf(s, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range Rows() {
		if row.group() != group || len(r.samples[row.ID]) == 0 {
			continue
		}
		cells := []string{row.Name}
		for _, c := range columns {
			cells = append(cells, row.cell(r.samples[row.ID][c]))
		}
		if r.peers {
			peer := row.value(r.samples[row.ID][buildbotColumn])
			for _, c := range columns[:len(columns)-1] {
				cells = append(cells, ratio(row.value(r.samples[row.ID][c])/peer))
			}
		}
		cells = append(cells, r.verdicts(row, columns))
		fmt.Fprintf(s, "| %s |\n", strings.Join(cells, " | "))
	}
}

// value is the row's figure of the samples.
func (row Row) value(s Samples) float64 {
	if row.Quantile > 0 {
		return s.Quantile(row.Quantile)
	}
	return s.Median()
}

// cell is the figure, with its extremes if there are several samples.
func (row Row) cell(s Samples) string {
	text := row.Unit.Format(row.value(s))
	if row.Quantile == 0 && len(s) > 1 && len(s) <= 10 {
		low, high := row.Unit.Format(slices.Min(s)), row.Unit.Format(slices.Max(s))
		text += fmt.Sprintf(" (%s to %s)", low, high)
	}
	return text
}

// ratio writes a quotient as people say it.
func ratio(q float64) string {
	switch {
	case math.IsNaN(q) || math.IsInf(q, 0) || q <= 0:
		return "-"
	case q >= 1:
		return digits(q) + "×"
	}
	return "1/" + digits(1/q)
}

// verdicts says for each column of Weir's whether the goal is met.
func (r *Report) verdicts(row Row, columns []string) string {
	var parts []string
	for _, c := range columns {
		if c == buildbotColumn {
			continue
		}
		value, peer := row.value(r.samples[row.ID][c]), row.value(r.samples[row.ID][buildbotColumn])
		goal := row.Goal
		if c == postgresColumn && row.GoalPostgres != 0 {
			goal = row.GoalPostgres
		}
		if math.IsNaN(value) {
			continue
		}
		if row.Limit > 0 {
			parts = append(parts, fmt.Sprintf("at most %s: %s", row.Unit.Format(row.Limit), met(value <= row.Limit)))
		}
		if goal > 0 && r.peers && !math.IsNaN(peer) {
			good := value/peer <= goal
			if goal > 1 {
				good = value/peer >= goal
			}
			parts = append(parts, fmt.Sprintf("%s: %s", ratio(goal), met(good)))
		}
	}
	return strings.Join(parts, "; ")
}

func met(yes bool) string {
	if yes {
		return "met"
	}
	return "**missed**"
}

// Write puts the report between its markers in a file.
func (r *Report) Write(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+r.Name()+": begin -->\n", "<!-- "+r.Name()+": end -->"
	head, rest, ok1 := strings.Cut(string(data), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no place for the report: it lies between %q and %q", path, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(path, []byte(head+begin+"\n"+r.Markdown()+"\n"+end+tail), 0o644)
}
