package jobs

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on a matrix.
const (
	maxCells    = 256
	maxAxes     = 8
	maxAxis     = 256 // values of one axis
	maxCellName = 128 // bytes
)

// The keys of a matrix that are no axes.
const (
	includeKey = "include"
	excludeKey = "exclude"
)

// OverrideKeys lists what an entry of include may hold besides values of axes.
func OverrideKeys() strict.Keys {
	return strict.Keys{Known: []string{"platforms", "labels", "env", "timeout", "allow_failure"}}
}

// axis is a dimension of a matrix.
type axis struct {
	name   string
	values []string
}

// matrix reads the axes of a job and writes them out as cells: every
// combination, without those that exclude names, changed and extended by include.
func (r reader) matrix(n *yaml.Node, what string) []weir.Cell {
	what = "matrix of " + what
	var axes []axis
	var include, exclude strict.Entry
	count, tried := 1, false
	for _, e := range r.Entries(n, what) {
		switch e.Name {
		case includeKey:
			include = e
		case excludeKey:
			exclude = e
		default:
			tried = true
			if a, ok := r.axis(e, what); ok {
				axes = append(axes, a)
				count *= len(a.values)
			}
		}
		if len(axes) > maxAxes || count > maxCells {
			r.Problem(n, "%s has more than %d axes or %d cells", what, maxAxes, maxCells).
				Hint("exclude does not help here: make several jobs of it, or list the cells under include")
			return nil
		}
	}
	if !tried {
		axes = r.listed(include)
	}
	if len(axes) == 0 {
		if strict.Target(n).Kind == yaml.MappingNode && !tried {
			r.Problem(n, "%s has no axes", what).Hint("write matrix: {PYTHON: [\"3.12\", \"3.13\"]}")
		}
		return nil
	}
	cells := product(axes)
	if exclude.Key != nil {
		cells = r.exclude(exclude.Value, what, axes, cells)
	}
	if include.Key != nil {
		cells = r.include(include.Value, what, axes, cells)
	}
	return r.named(n, what, cells)
}

// axis reads one axis.
func (r reader) axis(e strict.Entry, what string) (axis, bool) {
	switch {
	case slices.Contains(OverrideKeys().Known, e.Name):
		r.Problem(e.Key, "an axis of %s cannot be called %s", what, strict.Show(e.Name)).
			Hint("overrides stand in an entry of include; an axis needs another name, such as %s", strings.ToUpper(e.Name))
		return axis{}, false
	case !envForm.MatchString(e.Name) || strings.HasPrefix(strings.ToUpper(e.Name), "WEIR_"):
		r.Problem(e.Key, "an axis of %s cannot be called %s", what, strict.Show(e.Name)).
			Hint("steps find it as a variable: use letters, digits and underscores, and not WEIR_ in front")
		return axis{}, false
	}
	a := axis{name: e.Name}
	a.values = r.Unique(e.Value, "axis "+e.Name, maxAxis, func(n *yaml.Node) string { return r.cellValue(n, e.Name) })
	return a, len(a.values) > 0
}

// cellValue reads a value of an axis, which is a part of the cell's name.
func (r reader) cellValue(n *yaml.Node, axis string) string {
	s, ok := r.value(n, axis)
	if !ok {
		return ""
	}
	bad := func(c rune) bool { return c == ',' || !unicode.IsPrint(c) }
	if s == "" || len(s) > maxCellName || strings.TrimSpace(s) != s || !utf8.ValidString(s) || strings.ContainsFunc(s, bad) {
		r.Problem(strict.Target(n), "%s cannot be a value of axis %s", strict.Show(s), axis).
			Hint("it is a part of a name: use one line without commas, and put other things into env of an entry of include")
		return ""
	}
	return s
}

// listed makes axes of the cells that include lists, if there are no others.
func (r reader) listed(include strict.Entry) (axes []axis) {
	if include.Key == nil || strict.Target(include.Value).Kind != yaml.SequenceNode {
		return nil
	}
	for _, item := range strict.Target(include.Value).Content {
		t := strict.Target(item)
		if t.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(t.Content); i += 2 {
			name := t.Content[i].Value
			known := slices.ContainsFunc(axes, func(a axis) bool { return a.name == name })
			if envForm.MatchString(name) && !strings.HasPrefix(strings.ToUpper(name), "WEIR_") && !known &&
				!slices.Contains(OverrideKeys().Known, name) && len(axes) < maxAxes {
				axes = append(axes, axis{name: name})
			}
		}
	}
	return axes
}

// product lists every combination, the last axis changing fastest.
func product(axes []axis) []weir.Cell {
	cells := []weir.Cell{{}}
	for _, a := range axes {
		var next []weir.Cell
		for _, c := range cells {
			for _, v := range a.values {
				next = append(next, weir.Cell{Vars: append(slices.Clone(c.Vars), weir.EnvVar{Name: a.name, Value: v})})
			}
		}
		cells = next
	}
	return cells
}

// choice is what an entry of include or exclude names, by axis.
type choice map[string]string

func (c choice) fits(cell weir.Cell) bool {
	for _, v := range cell.Vars {
		if want, ok := c[v.Name]; ok && want != v.Value {
			return false
		}
	}
	return true
}

// choose reads the values of axes in an entry. extend says that new values are fine.
func (r reader) choose(n *yaml.Node, what string, axes []axis, further []string, extend bool) (choice, strict.Fields) {
	names := make([]string, len(axes))
	for i, a := range axes {
		names[i] = a.name
	}
	f := r.Fields(n, what, strict.Keys{Known: append(names, further...)})
	c := choice{}
	for _, a := range axes {
		f.With(a.name, func(n *yaml.Node) {
			s := r.cellValue(n, a.name)
			if s == "" {
				return
			}
			if !extend && !slices.Contains(a.values, s) {
				r.Unknown(strict.Target(n), "value", s, " of axis "+a.name, a.values)
				return
			}
			c[a.name] = s
		})
	}
	return c, f
}

// exclude takes away the cells that have all the values of an entry.
func (r reader) exclude(n *yaml.Node, what string, axes []axis, cells []weir.Cell) []weir.Cell {
	r.List(n, "exclude in "+what, func(_ int, n *yaml.Node) {
		c, f := r.choose(n, "an entry of exclude", axes, nil, false)
		if len(c) == 0 || len(c) < len(f) {
			return // reported
		}
		before := len(cells)
		cells = slices.DeleteFunc(cells, c.fits)
		if len(cells) == before {
			r.Problem(n, "an entry of exclude fits no cell of the %s", what).Hint("remove it; another entry may have taken its cells away")
		}
	})
	return cells
}

// include changes the cells that have all the values of an entry; if there are
// none and it has a value for each axis, it adds the cell.
func (r reader) include(n *yaml.Node, what string, axes []axis, cells []weir.Cell) []weir.Cell {
	r.List(n, "include in "+what, func(_ int, n *yaml.Node) {
		c, f := r.choose(n, "an entry of include", axes, OverrideKeys().Known, true)
		if strict.Target(n).Kind != yaml.MappingNode {
			return
		}
		over := r.overrides(f)
		found := false
		for i := range cells {
			if c.fits(cells[i]) {
				found = true
				override(&cells[i], over)
			}
		}
		switch {
		case found:
		case len(c) < len(axes):
			r.Problem(n, "an entry of include fits no cell, and does not have a value for each axis").
				Hint("a new cell needs all of %s", axisNames(axes))
		case len(cells) == maxCells:
			r.Problem(n, "%s has more than %d cells", what, maxCells)
		default:
			cell := weir.Cell{}
			for _, a := range axes {
				cell.Vars = append(cell.Vars, weir.EnvVar{Name: a.name, Value: c[a.name]})
			}
			override(&cell, over)
			cells = append(cells, cell)
		}
	})
	return cells
}

func axisNames(axes []axis) string {
	names := make([]string, len(axes))
	for i, a := range axes {
		names[i] = a.name
	}
	return strings.Join(names, ", ")
}

// overrides reads what cells have in place of the job's own.
func (r reader) overrides(f strict.Fields) (c weir.Cell) {
	f.With("platforms", func(n *yaml.Node) { c.Platforms = Platforms(r.Reader, n, "platforms of a cell") })
	f.With("labels", func(n *yaml.Node) { c.Labels = Labels(r.Reader, n, "labels of a cell") })
	f.With("env", func(n *yaml.Node) { c.Env = r.env(n, "env of a cell") })
	f.With("timeout", func(n *yaml.Node) { c.Timeout = r.Duration(n, "timeout", minTimeout, maxTimeout) })
	f.With("allow_failure", func(n *yaml.Node) { c.AllowFailure = r.Boolean(n, "allow_failure") })
	return c
}

func override(cell *weir.Cell, with weir.Cell) {
	if with.Platforms != nil {
		cell.Platforms = with.Platforms
	}
	if with.Labels != nil {
		cell.Labels = with.Labels
	}
	for _, v := range with.Env {
		i, ok := slices.BinarySearchFunc(cell.Env, v, func(a, b weir.EnvVar) int { return cmp.Compare(a.Name, b.Name) })
		if ok {
			cell.Env = slices.Clone(cell.Env)
			cell.Env[i] = v
		} else {
			cell.Env = slices.Insert(slices.Clone(cell.Env), i, v)
		}
	}
	cell.Timeout = cmp.Or(with.Timeout, cell.Timeout)
	cell.AllowFailure = cell.AllowFailure || with.AllowFailure
}

// named gives cells their names.
func (r reader) named(n *yaml.Node, what string, cells []weir.Cell) []weir.Cell {
	if len(cells) == 0 {
		r.Problem(n, "%s has no cells", what).Hint("exclude leaves nothing over")
	}
	for i := range cells {
		values := make([]string, len(cells[i].Vars))
		for j, v := range cells[i].Vars {
			values[j] = v.Value
		}
		cells[i].Name = strings.Join(values, ",")
		if len(cells[i].Name) > maxCellName {
			r.Problem(n, "a cell of %s has a name of more than %d bytes: %s", what, maxCellName, strict.Show(cells[i].Name)).
				Hint("use shorter values, and set what is long in env of an entry of include")
			return cells
		}
	}
	return cells
}
