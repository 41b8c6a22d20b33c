package compat

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
)

// Limits of a matrix.
const (
	maxRows    = 60
	maxColumns = 16
)

// Matrix is a project on everything that it is built with: a row for each version
// of an upstream, a column for each platform.
type Matrix struct {
	Platforms []weir.Platform `json:"platforms"`
	Rows      []Row           `json:"rows"`
	More      int             `json:"more,omitempty"` // rows that are left out
}

// Row is one version.
type Row struct {
	Upstream string `json:"upstream,omitempty"` // empty: the project has none
	Version  string `json:"version"`
	Cell     string `json:"cell,omitempty"` // of the job's matrix
	Cells    []Cell `json:"cells"`          // as Matrix.Platforms
}

// Cell is what the newest build says that answers; of several builders the worst.
type Cell struct {
	Answer   Verdict      `json:"answer,omitempty"` // empty: nothing is built there
	Build    weir.BuildID `json:"build,omitempty"`
	Executed int          `json:"executed,omitempty"` // tests that ran
	Expected int          `json:"expected,omitempty"` // that the baseline knows
	At       time.Time    `json:"at,omitzero"`
}

// matrix makes the table of a project.
func matrix(ask Ask, rows []recent.Row, lines lines) Matrix {
	m := Matrix{Platforms: []weir.Platform{}, Rows: []Row{}}
	for _, row := range rows {
		if !slices.Contains(m.Platforms, row.Builder.Platform) && len(m.Platforms) < maxColumns {
			m.Platforms = append(m.Platforms, row.Builder.Platform)
		}
	}
	slices.Sort(m.Platforms)
	at := map[string]int{}
	newest := []weir.BuildID{} // of each row
	for _, row := range rows {
		column, ok := slices.BinarySearch(m.Platforms, row.Builder.Platform)
		if !ok {
			continue
		}
		for _, f := range found(ask, row, lines) {
			key := f.Upstream + "\x00" + f.Version + "\x00" + f.Cell
			k, ok := at[key]
			if !ok {
				k = len(m.Rows)
				at[key] = k
				m.Rows = append(m.Rows, Row{f.Upstream, f.Version, f.Cell, make([]Cell, len(m.Platforms))})
				newest = append(newest, 0)
			}
			newest[k] = max(newest[k], f.Cells[0].Build)
			if c := &m.Rows[k].Cells[column]; worse(f.Cells[0].Answer, c.Answer) {
				*c = f.Cells[0]
			}
		}
	}
	order := make([]int, len(m.Rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(strings.Compare(m.Rows[a].Upstream, m.Rows[b].Upstream), cmp.Compare(newest[b], newest[a]), strings.Compare(m.Rows[a].Cell, m.Rows[b].Cell))
	})
	sorted := make([]Row, 0, len(order))
	for _, i := range order {
		sorted = append(sorted, m.Rows[i])
	}
	m.More = max(0, len(sorted)-maxRows)
	m.Rows = sorted[:min(len(sorted), maxRows)]
	return m
}

// found lists what a builder says of each version: its newest build that answers,
// or the newest one if none does. Each row has one cell.
func found(ask Ask, row recent.Row, lines lines) (out []Row) {
	for _, b := range telling(row.Builds) {
		cell := Cell{Answer: says(b), Build: b.ID, At: b.Finished}
		cell.Executed, cell.Expected = b.Ledger.Tests(b.Counts)
		for _, r := range versionsOf(ask, row, b.Pins, lines) {
			k := slices.IndexFunc(out, func(o Row) bool { return o.Upstream == r.Upstream && o.Version == r.Version })
			switch {
			case k < 0 && len(out) < maxRows:
				r.Cells = []Cell{cell}
				out = append(out, r)
			case k >= 0 && out[k].Cells[0].Answer == Unknown && cell.Answer != Unknown:
				out[k].Cells[0] = cell
			}
		}
	}
	return out
}

// worse reports whether an answer takes the place of another one of its cell.
func worse(a, than Verdict) bool {
	rank := map[Verdict]int{"": 0, Unknown: 1, Yes: 2, No: 3}
	return rank[a] > rank[than]
}

// versionsOf lists the rows that a build belongs to: one for each upstream that is
// asked for, or one of its own if it has none.
func versionsOf(ask Ask, row recent.Row, pins weir.Pins, lines lines) (out []Row) {
	alone := true
	for _, project := range sorted(pins) {
		if project == ask.Project || ask.Upstream != "" && !is(project, ask.Upstream) {
			continue
		}
		alone = false
		if label := lines.label(project, pins[project]); label != "" {
			out = append(out, Row{Upstream: project, Version: label, Cell: row.Builder.Cell})
		}
	}
	if alone && ask.Upstream == "" {
		out = append(out, Row{Version: cmp.Or(row.Builder.Branch, "newest"), Cell: row.Builder.Cell})
	}
	return out
}
