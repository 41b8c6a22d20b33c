package draft

import (
	"slices"
	"strings"
	"unicode"

	"github.com/weir-ci/weir"
)

// Axis is a dimension of a matrix.
type Axis struct {
	Name   string // of a variable
	Values []string
}

// Cells lists all combinations, the last axis changing fastest; ok is false if
// there are more than MaxCells.
func Cells(axes []Axis) (cells []weir.Cell, ok bool) {
	cells = []weir.Cell{{}}
	for _, a := range axes {
		if len(cells)*len(a.Values) > MaxCells {
			return nil, false
		}
		var next []weir.Cell
		for _, c := range cells {
			for _, v := range a.Values {
				next = append(next, weir.Cell{Vars: append(slices.Clone(c.Vars), weir.EnvVar{Name: a.Name, Value: v})})
			}
		}
		cells = next
	}
	return cells, true
}

// Value is what a cell has on an axis.
func Value(c weir.Cell, axis string) (string, bool) {
	for _, v := range c.Vars {
		if v.Name == axis {
			return v.Value, true
		}
	}
	return "", false
}

// Finish names cells by their values, and leaves out those that cannot be named:
// values are parts of names. What only some cells have becomes a variable of
// theirs, if names stay apart without it, and else an axis on which the others
// are "none". The second result says how many were left out.
func Finish(cells []weir.Cell) (out []weir.Cell, lost int) {
	in := map[string]int{}
	var axes []string
	for _, c := range cells {
		for _, v := range c.Vars {
			if in[v.Name]++; in[v.Name] == 1 {
				axes = append(axes, v.Name)
			}
		}
	}
	common := slices.DeleteFunc(slices.Clone(axes), func(a string) bool { return in[a] < len(cells) })
	if len(common) > 0 && len(common) < len(axes) {
		if out, lost = named(cells, common); lost == 0 {
			return out, 0
		}
	}
	return named(cells, axes)
}

// named makes cells with these axes.
func named(cells []weir.Cell, axes []string) (out []weir.Cell, lost int) {
	seen := map[string]bool{}
	for _, c := range cells {
		full := make([]weir.EnvVar, len(axes))
		values := make([]string, len(axes))
		good := len(axes) > 0
		for i, a := range axes {
			value, ok := Value(c, a)
			if !ok || value == "" {
				value = "none"
			}
			good = good && cellValue(value)
			full[i], values[i] = weir.EnvVar{Name: a, Value: value}, value
		}
		for _, v := range c.Vars {
			if !slices.Contains(axes, v.Name) {
				c.Env = append(c.Env[:len(c.Env):len(c.Env)], v)
			}
		}
		slices.SortFunc(c.Env, func(a, b weir.EnvVar) int { return strings.Compare(a.Name, b.Name) })
		c.Vars, c.Name = full, strings.Join(values, ",")
		if !good || len(c.Name) > 120 || seen[c.Name] || len(out) >= MaxCells {
			lost++
			continue
		}
		seen[c.Name] = true
		out = append(out, c)
	}
	return out, lost
}

// cellValue reports whether a value can be a part of a cell's name.
func cellValue(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool {
		return r == ',' || !unicode.IsPrint(r) || r == unicode.ReplacementChar
	})
}

// AxisName makes the name of a variable of the name of an axis: python-version
// becomes PYTHON_VERSION.
func AxisName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, s)
	if s == "" || s[0] >= '0' && s[0] <= '9' || !IsVariable(s) {
		s = "AXIS_" + s
	}
	switch strings.ToLower(s) {
	case "platforms", "labels", "env", "timeout", "include", "exclude", "allow_failure":
		s = "MATRIX_" + s
	}
	return s[:min(len(s), 60)]
}

// Platform finds what another service means by the name of a machine.
func Platform(name string) weir.Platform {
	s := strings.ToLower(name)
	arm := strings.Contains(s, "arm64") || strings.Contains(s, "aarch64") || strings.HasSuffix(s, "-arm")
	arch := "amd64"
	if arm {
		arch = "arm64"
	}
	switch {
	case strings.HasPrefix(s, "ubuntu"), strings.HasPrefix(s, "debian"), strings.HasPrefix(s, "linux"), strings.HasPrefix(s, "saas-linux"):
		return weir.Platform("linux/" + arch)
	case strings.HasPrefix(s, "windows"), strings.HasPrefix(s, "saas-windows"):
		return weir.Platform("windows/" + arch)
	case strings.HasPrefix(s, "macos-10"), strings.HasPrefix(s, "macos-11"), strings.HasPrefix(s, "macos-12"), strings.HasPrefix(s, "macos-13"),
		strings.HasPrefix(s, "macos") && strings.HasSuffix(s, "-intel"):
		return "darwin/amd64"
	case strings.HasPrefix(s, "macos"), strings.HasPrefix(s, "darwin"), strings.HasPrefix(s, "saas-macos"), s == "osx":
		return "darwin/arm64"
	}
	return ""
}
