package toml_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/detect/toml"
)

func TestRead(t *testing.T) {
	t.Parallel()
	doc := toml.Read(`# a project
[build-system]
requires = ["setuptools>=61", 'wheel'] # two
build-backend = "setuptools.build_meta"

[project]
name = "it's \"quoted\""
version = 1.0
readme = """
several
lines"""
[project.optional-dependencies]
"test-all" = [
  "pytest", # runs it
  "x[extra]; python_version < '3.9'",
]
[dependency-groups]
test = [{include-group = "base"}, "pytest>=7"]
[tool.pytest.ini_options]
addopts = "-ra --cov"
a.b.c = 'd'
[[tool.list]]
name = "one"
[[tool.list]]
name = "two"
[tool.list.deep]
x = true
`)
	for _, c := range []struct{ got, want any }{
		{doc.Texts("build-system", "requires"), []string{"setuptools>=61", "wheel"}},
		{doc.Text("project", "name"), `it's "quoted"`},
		{doc.Text("project", "version"), "1"},
		{doc.Text("project", "readme"), "several\nlines"},
		{doc.Texts("project", "optional-dependencies", "test-all"), []string{"pytest", "x[extra]; python_version < '3.9'"}},
		{doc.Texts("dependency-groups", "test"), []string{"pytest>=7"}},
		{doc.Has("dependency-groups", "test"), true},
		{doc.Has("dependency-groups", "dev"), false},
		{doc.Text("tool", "pytest", "ini_options", "a", "b", "c"), "d"},
		{len(doc.Table("tool")["list"].([]any)), 2},
		{doc.Table("nothing", "here").Has("x"), false},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("got %#v, want %#v", c.got, c.want)
		}
	}
}

func TestReadNonsense(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a =", "[project]\nname = 'x'\nbroken =\n", strings.Repeat("a=[", 1000), strings.Repeat("x", 2<<20), "a='\xff'", "[a]\n[a]\n"} {
		if doc := toml.Read(text); doc == nil || len(doc) > 0 {
			t.Errorf("%.40q is read as %v", text, doc)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"a=[[[[", "[a]\nb={c=[1,{d='e'}]}", `x="\"`, "[[a]]\n[a.b]\nc=1", "a='''x", strings.Repeat("[", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		doc := toml.Read(s)
		doc.Texts("a", "b")
		doc.Text("x")
	})
}
