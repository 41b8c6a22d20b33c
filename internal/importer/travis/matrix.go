package travis

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/importer/draft"
)

// systemAxis is the variable that says on which system a cell is.
const systemAxis = "TRAVIS_OS_NAME"

// system is what Travis calls a platform.
func system(os, arch string) weir.Platform {
	name := map[string]string{"linux": "linux", "osx": "macos", "windows": "windows", "linux-ppc64le": "linux"}[os]
	if name == "" {
		return ""
	}
	if strings.HasPrefix(arch, "arm64") || strings.HasPrefix(arch, "aarch64") {
		return draft.Platform(name + "-arm64")
	}
	if name == "macos" { // Travis has Intel machines unless it is asked for others
		return "darwin/amd64"
	}
	return draft.Platform(name)
}

// cells lists all combinations of versions, variables and systems.
func (b *build) cells(env *yaml.Node) []weir.Cell {
	var axes []draft.Axis
	if b.lang.axis != "" {
		if versions := draft.Texts(draft.Get(b.root, b.lang.axis)); len(versions) > 0 {
			axes = append(axes, draft.Axis{Name: b.lang.variable, Values: versions})
		}
	}
	systems := draft.Texts(draft.Get(b.root, "os"))
	if len(systems) > 1 {
		axes = append(axes, draft.Axis{Name: systemAxis, Values: systems})
	}
	cells, ok := draft.Cells(axes)
	if !ok {
		b.Note(b.root, "the matrix has more than %d cells", draft.MaxCells)
		return nil
	}
	for i := range cells {
		if name, ok := draft.Value(cells[i], systemAxis); ok {
			b.place(&cells[i], name, "")
		} else if len(systems) == 1 {
			b.place(&cells[i], systems[0], draft.Text(draft.Get(b.root, "arch")))
		}
	}
	var sets [][]weir.EnvVar
	for _, item := range draft.Items(env) {
		if set := b.variables(item, nil); len(set) > 0 {
			sets = append(sets, set)
		}
	}
	if len(sets) == 0 || draft.IsMap(env) {
		return cells
	}
	var out []weir.Cell
	for _, c := range cells {
		for _, set := range sets {
			one := c
			one.Vars = append(append([]weir.EnvVar{}, c.Vars...), set...)
			if len(out) < draft.MaxCells {
				out = append(out, one)
			}
		}
	}
	return out
}

func (b *build) place(c *weir.Cell, os, arch string) {
	if p := system(os, arch); p != "" {
		c.Platforms = []weir.Platform{p}
		return
	}
	b.Note(draft.Get(b.root, "os"), "it is not known what platform %s is", draft.Title(os))
}

// cell makes a cell of an entry of include.
func (b *build) cell(n *yaml.Node) weir.Cell {
	c := weir.Cell{}
	if v := draft.Texts(draft.Get(n, b.lang.axis)); b.lang.axis != "" && len(v) > 0 {
		c.Vars = append(c.Vars, weir.EnvVar{Name: b.lang.variable, Value: v[0]})
	}
	if os := draft.Text(draft.Get(n, "os")); os != "" {
		c.Vars = append(c.Vars, weir.EnvVar{Name: systemAxis, Value: os})
		b.place(&c, os, draft.Text(draft.Get(n, "arch")))
	} else if arch := draft.Text(draft.Get(n, "arch")); arch != "" {
		b.place(&c, "linux", arch)
	}
	c.Vars = append(c.Vars, b.variables(draft.Get(n, "env"), nil)...)
	return c
}

// systems says on which system each cell is, if any cell says so.
func (b *build) systems(cells []weir.Cell) {
	said := func(c weir.Cell) bool { _, ok := draft.Value(c, systemAxis); return ok }
	if !slices.ContainsFunc(cells, said) {
		return
	}
	first := "linux"
	if s := draft.Texts(draft.Get(b.root, "os")); len(s) > 0 {
		first = s[0]
	}
	for i := range cells {
		if !said(cells[i]) {
			cells[i].Vars = append(cells[i].Vars[:len(cells[i].Vars):len(cells[i].Vars)], weir.EnvVar{Name: systemAxis, Value: first})
			b.place(&cells[i], first, "")
		}
	}
}

// fits reports whether a cell has all values of an entry.
func (b *build) fits(c weir.Cell, n *yaml.Node) bool {
	want := b.cell(n)
	for _, v := range want.Vars {
		if have, ok := draft.Value(c, v.Name); !ok || have != v.Value {
			return false
		}
	}
	return len(want.Vars) > 0
}
