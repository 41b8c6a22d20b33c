package weir_test

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The ceilings of CONTRIBUTING.md, in lines unless said otherwise.
const (
	maxFile      = 800
	maxMostFiles = 400 // 90 % of all files
	maxFunction  = 100
	maxPackage   = 3000 // without tests
	maxMethods   = 10   // of an interface, not counting embedded ones
	minDocShare  = 95   // per cent of exported names with a comment
)

func (r *repo) checkPackageComments(t *testing.T) {
	for _, p := range r.packages {
		own := p.own()
		if len(own) == 0 {
			continue
		}
		var docs []string
		for _, f := range own {
			if f.syntax.Doc != nil && strings.TrimSpace(f.syntax.Doc.Text()) != "" {
				docs = append(docs, f.path)
			}
		}
		switch want := "Package " + own[0].syntax.Name.Name + " "; {
		case len(docs) == 0:
			t.Errorf("%s:1: package %s has no comment: say above the package clause what it is for, beginning with %q", own[0].path, p.name, want)
		case len(docs) > 1:
			t.Errorf("%s: package %s has %d comments; leave one and put an empty line between the others and their package clause",
				strings.Join(docs, ", "), p.name, len(docs))
		}
	}
}

// undocumented collects exported names without a comment.
type undocumented struct {
	total   int
	missing []string
}

func (u *undocumented) note(f goFile, n ast.Node, name string, comments ...*ast.CommentGroup) {
	if !ast.IsExported(name[strings.LastIndex(name, ".")+1:]) {
		return
	}
	u.total++
	for _, c := range comments {
		if c != nil && strings.TrimSpace(c.Text()) != "" {
			return
		}
	}
	u.missing = append(u.missing, f.at(n)+": "+name+" has no comment")
}

func (u *undocumented) decl(f goFile, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			receiver := receiverName(d.Recv.List[0].Type)
			if !ast.IsExported(receiver) {
				return
			}
			name = receiver + "." + name
		}
		u.note(f, d, name, d.Doc)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				u.note(f, s, s.Name.Name, d.Doc, s.Doc, s.Comment)
				if i, ok := s.Type.(*ast.InterfaceType); ok && ast.IsExported(s.Name.Name) {
					for _, m := range i.Methods.List {
						for _, name := range m.Names {
							u.note(f, m, s.Name.Name+"."+name.Name, m.Doc, m.Comment)
						}
					}
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					u.note(f, s, name.Name, d.Doc, s.Doc, s.Comment)
				}
			}
		}
	}
}

func receiverName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiverName(x.X)
	case *ast.IndexExpr:
		return receiverName(x.X)
	case *ast.IndexListExpr:
		return receiverName(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

func (r *repo) checkDocComments(t *testing.T) {
	var u undocumented
	r.each(func(_ pkg, f goFile) {
		if f.test || f.syntax.Name.Name == "main" {
			return
		}
		for _, d := range f.syntax.Decls {
			u.decl(f, d)
		}
	})
	if documented := u.total - len(u.missing); documented*100 < u.total*minDocShare {
		t.Errorf("%d of %d exported names have a comment, want %d %%: say what the name means, its units, ranges and errors\n%s",
			documented, u.total, minDocShare, strings.Join(u.missing, "\n"))
	}
}

func (r *repo) checkSizes(t *testing.T) {
	var sizes []int
	packages := map[string]int{}
	r.each(func(p pkg, f goFile) {
		sizes = append(sizes, f.lines)
		if !f.test && !strings.HasSuffix(p.name, "test") { // storetest and the like are tests
			packages[p.name] += f.lines
		}
		if f.lines > maxFile {
			t.Errorf("%s:%d: the file has %d lines, at most %d: split it by what its parts are about", f.path, maxFile, f.lines, maxFile)
		}
	})
	slices.Sort(sizes)
	if most := sizes[(len(sizes)*9+9)/10-1]; most > maxMostFiles {
		t.Errorf("a tenth of the %d files have %d lines or more, want %d: split the large ones", len(sizes), most, maxMostFiles)
	}
	for name, lines := range packages {
		if lines > maxPackage {
			t.Errorf("%s: the package has %d lines without tests, at most %d: find the part that could stand alone", name, lines, maxPackage)
		}
	}
}

func (r *repo) checkFunctions(t *testing.T) {
	r.each(func(_ pkg, f goFile) {
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1; lines > maxFunction {
				t.Errorf("%s: %s has %d lines, at most %d: give its parts names", f.at(fn), fn.Name.Name, lines, maxFunction)
			}
		}
	})
}

func (r *repo) checkInterfaces(t *testing.T) {
	r.each(func(_ pkg, f goFile) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			i, ok := n.(*ast.InterfaceType)
			if !ok {
				return true
			}
			methods := 0
			for _, m := range i.Methods.List {
				methods += len(m.Names)
			}
			if methods > maxMethods {
				t.Errorf("%s: the interface has %d methods of its own, at most %d: split it by who asks for what", f.at(i), methods, maxMethods)
			}
			return true
		})
	})
}

// The marks are put together here so that this file does not hold them.
var (
	markWords = "(" + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "XX" + "X"}, "|") + ")"
	goMark    = regexp.MustCompile(`^(//|/\*)\s*` + markWords + `\b|\b` + markWords + `[:(]`)
	textMark  = regexp.MustCompile(`(//|#|--|/\*|<!--)\s*` + markWords + `([:(]|\s|$)`)
)

func (r *repo) checkMarks(t *testing.T) {
	const advice = "a mark for later: do it now, or write down in docs/ what falls short"
	for _, p := range r.packages {
		for _, f := range p.files {
			for _, group := range f.syntax.Comments {
				for _, c := range group.List {
					if goMark.MatchString(c.Text) {
						t.Errorf("%s: %s", f.at(c), advice)
					}
				}
			}
		}
	}
	for _, name := range r.files {
		// Markdown and test data may speak of such marks: TAP has them in its syntax.
		if slices.Contains([]string{".go", ".md"}, path.Ext(name)) || strings.Contains(name, "testdata/") || vendored(name) {
			continue
		}
		for i, line := range readLines(t, name) {
			if textMark.MatchString(line) {
				t.Errorf("%s:%d: %s", name, i+1, advice)
			}
		}
	}
}

// vendored reports whether a file was written by others.
func vendored(name string) bool { return strings.Contains(name, "/vendor/") || name == "LICENSE" }

func (r *repo) checkSleep(t *testing.T) {
	r.each(func(p pkg, f goFile) {
		if !f.test && !strings.HasSuffix(p.name, "test") {
			return
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || s.Sel.Name != "Sleep" {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
				t.Errorf("%s: a test sleeps: wait for what it waits for (a channel, testing/synctest)", f.at(s))
			}
			return true
		})
	})
}

func (r *repo) checkInit(t *testing.T) {
	r.each(func(_ pkg, f goFile) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: func init runs whether somebody wants it or not: make it a function that the composition root calls", f.at(fn))
			}
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
				for _, spec := range g.Specs {
					if i, ok := spec.(*ast.ImportSpec); ok && i.Name != nil && i.Name.Name == "." {
						t.Errorf("%s: a dot import hides where names come from: import the package by its name", f.at(i))
					}
				}
			}
		}
	})
}

// machinePath finds absolute paths of the machine that somebody develops on.
var machinePath = regexp.MustCompile(`(^|[\s"'` + "`" + `=(\[{<>:,;])/(work|root)/[A-Za-z0-9._]`)

func (r *repo) checkMachinePaths(t *testing.T) {
	for _, name := range r.files {
		if vendored(name) {
			continue
		}
		for i, line := range readLines(t, name) {
			if machinePath.MatchString(line) {
				t.Errorf("%s:%d: a path of somebody's machine: use a relative path, a temporary directory, or an invented one such as /srv/weir", name, i+1)
			}
		}
	}
}
