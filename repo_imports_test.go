package weir_test

import (
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const architecture = "docs/architecture.md"

// importRow is one row of the table of packages.
type importRow struct {
	pattern string // a package, or PREFIX/... for the packages below PREFIX
	may     []string
	any     bool
	line    int
	used    bool
}

// matches reports whether a package is meant by a pattern: by its name, or by
// a prefix and /... for what lies below it.
func matches(pattern, name string) bool {
	prefix, wild := strings.CutSuffix(pattern, "/...")
	return name == pattern || wild && strings.HasPrefix(name, prefix+"/")
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// importTable reads the table under "| package |".
func importTable(t *testing.T) []*importRow {
	t.Helper()
	var rows []*importRow
	inside := false
	for i, line := range readLines(t, architecture) {
		if strings.HasPrefix(line, "| package |") {
			inside = true
			continue
		}
		if !strings.HasPrefix(line, "|") {
			inside = false
		}
		if !inside || strings.HasPrefix(line, "|--") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 3 {
			t.Errorf("%s:%d: want three cells: package, one line, may import", architecture, i+1)
			continue
		}
		allowed := spans(cells[2])
		anything := strings.Contains(cells[2], "anything")
		if len(allowed) == 0 && !anything && !strings.Contains(cells[2], "nothing") {
			t.Errorf("%s:%d: say which packages it may import, in backquotes, or nothing, or anything", architecture, i+1)
		}
		for _, pattern := range spans(cells[0]) {
			rows = append(rows, &importRow{pattern: pattern, may: allowed, any: anything, line: i + 1})
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s: no table that begins with | package |", architecture)
	}
	return rows
}

func spans(cell string) []string {
	var out []string
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// rowOf finds the row that fits a package best: its own, or else that of the
// longest prefix.
func rowOf(rows []*importRow, name string) *importRow {
	var best *importRow
	for _, r := range rows {
		if matches(r.pattern, name) && (best == nil || r.pattern == name || best.pattern != name && len(r.pattern) > len(best.pattern)) {
			best = r
		}
	}
	return best
}

func (r *repo) checkImports(t *testing.T) {
	rows := importTable(t)
	for _, p := range r.packages {
		row := rowOf(rows, p.name)
		if row == nil {
			t.Errorf("%s: package %s has no row: add one to the table of packages", architecture, p.name)
			continue
		}
		row.used = true
		for _, f := range p.files {
			if f.test || row.any {
				continue
			}
			for _, spec := range f.syntax.Imports {
				target := shortName(importPath(spec))
				if target == "" || slices.ContainsFunc(row.may, func(m string) bool { return matches(m, target) }) {
					continue
				}
				t.Errorf("%s: %s may not import %s (%s:%d): move the code to where it belongs, or change the row and say why",
					f.at(spec), p.name, target, architecture, row.line)
			}
		}
	}
	for _, row := range rows {
		if !row.used {
			t.Errorf("%s:%d: there is no package %s: remove the row or mend its name", architecture, row.line, row.pattern)
		}
	}
}

func importPath(spec *ast.ImportSpec) string {
	s, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
	return s
}

// checkDrivers holds for whatever the table says: a package that names a
// database cannot be used with the other one.
func (r *repo) checkDrivers(t *testing.T) {
	drivers := []string{"internal/store/sqlite", "internal/store/postgres"}
	for _, p := range r.packages {
		if p.name == "internal/app" || slices.Contains(drivers, p.name) {
			continue
		}
		for _, f := range p.files {
			for _, spec := range f.syntax.Imports {
				if !f.test && slices.Contains(drivers, shortName(importPath(spec))) {
					t.Errorf("%s: only internal/app and tests name a database: take a port of internal/store instead", f.at(spec))
				}
			}
		}
	}
}

// checkRoot makes sure that the vocabulary holds nothing that acts.
func (r *repo) checkRoot(t *testing.T) {
	forbidden := []string{"net", "net/http", "os", "os/exec", "os/signal", "database/sql", "io/fs", "io/ioutil", "log", "log/slog", "sync", "syscall", "unsafe"}
	for _, p := range r.packages {
		if p.name != rootName {
			continue
		}
		for _, f := range p.own() {
			for _, spec := range f.syntax.Imports {
				name := importPath(spec)
				first, _, _ := strings.Cut(name, "/")
				if strings.Contains(first, ".") || slices.Contains(forbidden, name) || strings.HasPrefix(name, "net/") {
					t.Errorf("%s: the root package is vocabulary and may not import %s: put what acts into a package under internal/", f.at(spec), name)
				}
			}
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok {
					t.Errorf("%s: the root package starts a goroutine: put what acts into a package under internal/", f.at(g))
				}
				return true
			})
		}
	}
}

func readLines(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
}

func itoa(n int) string { return strconv.Itoa(n) }
