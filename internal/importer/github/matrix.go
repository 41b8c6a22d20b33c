package github

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/importer/draft"
)

// cells is a matrix with the names that its axes have in the file.
type cells struct {
	at   *yaml.Node
	list []weir.Cell
}

// matrix reads strategy.matrix: every combination of the axes, without those that
// exclude names, changed and extended by include.
func (w *workflow) matrix(n *yaml.Node, title string) *cells {
	if n == nil {
		return nil
	}
	if !draft.IsMap(n) {
		w.Note(n, "job %s: its matrix is only known while the workflow runs", title)
		return nil
	}
	var axes []draft.Axis
	for _, e := range draft.Entries(n) {
		if e.Name == "include" || e.Name == "exclude" {
			continue
		}
		a := draft.Axis{Name: draft.AxisName(e.Name)}
		for _, item := range draft.Items(e.Value) {
			if v := draft.Text(item); v != "" {
				a.Values = append(a.Values, v)
			} else {
				w.Note(item, "job %s: a value of the axis %s is no plain text", title, draft.Title(e.Name))
			}
		}
		if len(a.Values) == 0 || strings.Contains(a.Values[0], "${{") {
			w.Note(e.Key, "job %s: the axis %s is only known while the workflow runs", title, draft.Title(e.Name))
			continue
		}
		axes = append(axes, a)
	}
	list, ok := draft.Cells(axes)
	if !ok {
		w.Note(n, "job %s: its matrix has more than %d cells", title, draft.MaxCells)
		return nil
	}
	if len(axes) == 0 {
		list = nil
	}
	for _, item := range draft.Items(draft.Get(n, "exclude")) {
		var kept []weir.Cell
		for _, c := range list {
			if !matches(c, item) {
				kept = append(kept, c)
			}
		}
		list = kept
	}
	return &cells{n, include(list, axes, draft.Items(draft.Get(n, "include")))}
}

// matches reports whether a cell has all values of an entry.
func matches(c weir.Cell, entry *yaml.Node) bool {
	all := draft.Entries(entry)
	for _, e := range all {
		if v, ok := draft.Value(c, draft.AxisName(e.Name)); !ok || v != draft.Text(e.Value) {
			return false
		}
	}
	return len(all) > 0
}

// include extends the cells that have an entry's values on the axes, and adds a
// cell if there are none.
func include(list []weir.Cell, axes []draft.Axis, entries []*yaml.Node) []weir.Cell {
	original := len(list)
	for _, item := range entries {
		found := false
		all := draft.Entries(item)
		for i := range list[:original] {
			fits := true
			for _, a := range axes {
				for _, e := range all {
					if draft.AxisName(e.Name) == a.Name {
						v, _ := draft.Value(list[i], a.Name)
						fits = fits && v == draft.Text(e.Value)
					}
				}
			}
			if !fits {
				continue
			}
			found = true
			for _, e := range all {
				if _, ok := draft.Value(list[i], draft.AxisName(e.Name)); !ok {
					list[i].Vars = append(list[i].Vars[:len(list[i].Vars):len(list[i].Vars)],
						weir.EnvVar{Name: draft.AxisName(e.Name), Value: draft.Text(e.Value)})
				}
			}
		}
		if found || len(list) >= draft.MaxCells {
			continue
		}
		c := weir.Cell{}
		for _, e := range all {
			if _, twice := draft.Value(c, draft.AxisName(e.Name)); !twice {
				c.Vars = append(c.Vars, weir.EnvVar{Name: draft.AxisName(e.Name), Value: draft.Text(e.Value)})
			}
		}
		if len(c.Vars) > 0 {
			list = append(list, c)
		}
	}
	return list
}

// finish names the cells.
func (m *cells) finish(d *draft.Draft, title string) []weir.Cell {
	if m == nil || len(m.list) == 0 {
		return nil
	}
	out, lost := draft.Finish(m.list)
	if lost > 0 {
		d.Note(m.at, "job %s: %d cells of its matrix cannot be named, or are there twice", title, lost)
	}
	return out
}

var matrixRef = regexp.MustCompile(`^\$\{\{\s*matrix\.([A-Za-z0-9_-]+)\s*\}\}$`)

// machine turns runs-on into platforms, of the job or of each cell.
func (w *workflow) machine(n *yaml.Node, title string, m *cells, j *weir.Job) {
	labels := draft.Texts(n)
	if len(labels) == 1 && m != nil {
		if ref := matrixRef.FindStringSubmatch(labels[0]); ref != nil {
			for i := range m.list {
				v, _ := draft.Value(m.list[i], draft.AxisName(ref[1]))
				p := draft.Platform(v)
				if p == "" {
					w.Note(n, "job %s: it is not known what platform %s is", title, draft.Title(v))
					continue
				}
				m.list[i].Platforms = []weir.Platform{p}
			}
			return
		}
	}
	for _, l := range labels {
		switch p := draft.Platform(l); {
		case p != "" && len(j.Platforms) == 0:
			j.Platforms = []weir.Platform{p}
		case strings.EqualFold(l, "self-hosted"), strings.EqualFold(l, "x64"):
		case strings.Contains(l, "${{"):
			w.Note(n, "job %s: runs-on %s is only known while the workflow runs", title, draft.Title(l))
		case weir.ValidName(l) && len(j.Labels) < 10:
			j.Labels = append(j.Labels, l)
		default:
			w.Note(n, "job %s: it is not known what platform %s is", title, draft.Title(l))
		}
	}
	if len(j.Platforms) > 0 && j.Platforms[0].OS() == "windows" {
		j.Shell = weir.ShellPowerShell
	}
}
