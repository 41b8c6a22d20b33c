package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir/internal/recipe"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("weir.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("weir.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestKeys walks both ways between the tables of the reader and the schema.
func TestKeys(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range append(mappings(), overrides()) {
		if seen[m.name] {
			t.Errorf("%s is described twice", m.name)
		}
		seen[m.name] = true
		for _, key := range m.keys.Known {
			if _, ok := m.props[key]; !ok {
				t.Errorf("the schema of %q lacks the key %s", m.name, key)
			}
		}
		for key := range m.props {
			if !slices.Contains(m.keys.Known, key) {
				t.Errorf("the schema of %q has the key %s, which the reader does not know", m.name, key)
			}
		}
		for _, key := range m.required {
			if !slices.Contains(m.keys.Known, key) {
				t.Errorf("the schema of %q wants the key %s, which the reader does not know", m.name, key)
			}
		}
		props := m.schema()["properties"].(node)
		for old := range m.keys.Renamed {
			if p, ok := props[old].(node); !ok || p["deprecated"] != true {
				t.Errorf("the schema of %q does not say that %s is an old name", m.name, old)
			}
		}
		for name, p := range m.props {
			_, refers := p["$ref"]
			if about, _ := p["description"].(string); about == "" && !refers {
				t.Errorf("the schema of %q says nothing about %s", m.name, name)
			}
		}
	}
	// Whatever is referred to is there.
	data, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`#/\$defs/(\w+)`).FindAllStringSubmatch(string(data), -1) {
		if !seen[m[1]] {
			t.Errorf("nothing describes %s", m[1])
		}
	}
}

// plain makes of YAML what a JSON document would hold, as editors do.
func plain(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(t, n.Content[0])
	case yaml.AliasNode:
		return plain(t, n.Alias)
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			out = append(out, plain(t, c))
		}
		return out
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].ShortTag() == "!!merge" {
				sources := []any{plain(t, n.Content[i+1])}
				if list, ok := sources[0].([]any); ok {
					sources = list
				}
				for _, s := range sources {
					merged, _ := s.(map[string]any)
					for k, v := range merged {
						if _, own := out[k]; !own {
							out[k] = v
						}
					}
				}
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].ShortTag() != "!!merge" {
				out[n.Content[i].Value] = plain(t, n.Content[i+1])
			}
		}
		return out
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return json.Number(n.Value)
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	}
	return n.Value
}

func load(t *testing.T, data []byte) (any, bool) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil || len(doc.Content) == 0 {
		return nil, false
	}
	return plain(t, &doc), true
}

func files(t *testing.T, patterns ...string) []string {
	t.Helper()
	var out []string
	for _, p := range patterns {
		names, err := filepath.Glob(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, names...)
	}
	return out
}

// TestFine holds every file that the reader takes against the schema.
func TestFine(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	all := files(t, "../testdata/valid/*.yaml", "../testdata/repository/*.yaml", "../template.yaml", "../../../examples/*/*.yaml")
	if len(all) < 9 {
		t.Fatalf("only %d files", len(all))
	}
	for _, file := range all {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, ok := load(t, data)
		if !ok {
			t.Errorf("%s is no YAML", file)
			continue
		}
		if err := s.Validate(doc); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for name, text := range map[string]string{
		"one job": "steps: [make]\nmatrix: {A: [1, b]}\nx-y: 1\n", "jobs": "jobs: {a: {steps: [{script: x}]}}",
		"an old name": "jobs: {a: {steps: [x], dir: y}}",
	} {
		if doc, ok := load(t, []byte(text)); !ok || s.Validate(doc) != nil {
			t.Errorf("%s: %v", name, s.Validate(doc))
		}
	}
}

// TestBroken holds broken files against the schema: it finds those whose form is
// wrong, and stumbles over none.
func TestBroken(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	found := 0
	var missed []string
	for _, file := range files(t, "../testdata/broken/*.yaml") {
		if strings.Contains(file, "bomb") || strings.Contains(file, "itself") {
			continue // endless, written out
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, ok := load(t, data)
		if !ok {
			continue
		}
		if s.Validate(doc) != nil {
			found++
			continue
		}
		missed = append(missed, filepath.Base(file))
	}
	if found < 33 {
		t.Errorf("the schema finds only %d of the broken files; not %s", found, missed)
	}
	for _, must := range []string{"unknown-key.yaml", "unknown-top-key.yaml", "wrong-type.yaml", "no-source.yaml", "no-steps.yaml", "bad-duration.yaml", "many.yaml"} {
		if slices.Contains(missed, must) {
			t.Errorf("the schema finds nothing in %s", must)
		}
	}
}

// TestAgree makes sure that the reader takes what the schema takes, where keys are concerned.
func TestAgree(t *testing.T) {
	t.Parallel()
	data, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(data) || strings.Contains(string(data), `\u003c`) {
		t.Error("the schema is no readable JSON")
	}
	_, problems := recipe.Parse("weir.yaml", []byte("projects: {a: {source: none, jobs: {t: {steps: [x], nonsense: 1}}}}"))
	if problems.Err() == nil {
		t.Error("the reader takes unknown keys")
	}
}

// TestDocumented makes sure that the page about the file explains every key.
func TestDocumented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../docs/recipe.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mappings() {
		for _, key := range m.keys.Known {
			if !regexp.MustCompile("[`.{]" + regexp.QuoteMeta(key) + "[`:]").Match(data) {
				t.Errorf("docs/recipe.md says nothing of the key %s in %q", key, m.name)
			}
		}
		for old, name := range m.keys.Renamed {
			if !strings.Contains(string(data), "`"+old+"`") || !strings.Contains(string(data), "`"+name+"`") {
				t.Errorf("docs/recipe.md does not say that %s is now called %s", old, name)
			}
		}
	}
}
