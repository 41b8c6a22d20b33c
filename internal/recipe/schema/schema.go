package schema

import (
	"bytes"
	"encoding/json"
	"maps"

	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Path is where a server publishes the schema.
const Path = "/schema/weir.json"

// node is a part of a schema.
type node map[string]any

// mapping is an object with known keys.
type mapping struct {
	name  string // in $defs
	about string
	keys  strict.Keys
	props map[string]node
	// required keys; scratch says that keys beginning with x- are left alone.
	required []string
	scratch  bool
	one      []string // keys of which it has exactly one
}

// JSON is the schema of everything that can be a farm file or a recipe in a
// repository, indented.
func JSON() ([]byte, error) {
	defs := node{}
	for _, m := range mappings() {
		defs[m.name] = m.schema()
	}
	has := func(key string) node { return node{"required": []string{key}} }
	root := node{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Weir",
		"description": "A farm file, weir.yaml, or the recipe of a repository, .weir.yaml",
		"type":        "object",
		"if":          has("jobs"),
		"then":        ref("recipe"),
		"else":        node{"if": has("steps"), "then": ref("alone"), "else": ref("farmFile")},
		"$defs":       defs,
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// schema is the mapping as a schema: its keys, and those by which they went before.
func (m mapping) schema() node {
	props := node{}
	for name, p := range m.props {
		props[name] = p
	}
	for old, name := range m.keys.Renamed {
		p := maps.Clone(m.props[name])
		p["deprecated"] = true
		p["description"] = "Now called " + name + "."
		props[old] = p
	}
	out := node{"type": "object", "properties": props, "additionalProperties": false}
	if m.about != "" {
		out["description"] = m.about
	}
	if m.scratch {
		out["patternProperties"] = node{"^x-": node{"description": "Left alone: a place for anchors."}}
	}
	if len(m.required) > 0 {
		out["required"] = m.required
	}
	if len(m.one) > 0 {
		var options []node
		for _, key := range m.one {
			options = append(options, node{"required": []string{key}})
		}
		out["oneOf"] = options
	}
	return out
}

func ref(name string) node { return node{"$ref": "#/$defs/" + name} }

// about adds what a key means.
func (n node) about(text string) node {
	out := maps.Clone(n)
	out["description"] = text
	return out
}

// text is a text; numbers and dates are taken as they are written.
func text(about string) node { return node{"type": []string{"string", "number"}, "description": about} }

// prose is a text that cannot be a number.
func prose(about string) node { return node{"type": "string", "description": about} }

func pattern(about, form string) node {
	return node{"type": "string", "pattern": form, "description": about}
}

func boolean(about string) node { return node{"type": "boolean", "description": about} }

func number(about string, low, high int) node {
	return node{"type": "integer", "minimum": low, "maximum": high, "description": about}
}

func duration(about string) node {
	return pattern(about, `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`)
}

func choice[T ~string](about string, words ...T) node {
	return node{"enum": words, "description": about}
}

func list(about string, item node) node {
	return node{"type": "array", "minItems": 1, "items": item, "description": about}
}

// named is a mapping whose keys are names.
func named(about string, value node) node {
	return node{"type": "object", "additionalProperties": value, "description": about}
}

func either(about string, options ...node) node {
	return node{"anyOf": options, "description": about}
}

// titled is a mapping whose keys are names of projects or jobs.
func titled(about string, value node) node {
	out := named(about, value)
	out["propertyNames"] = node{"pattern": `^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$`}
	return out
}

const variableForm = `^[A-Z][A-Z0-9_]{0,63}$`

func platforms(about string) node {
	return list(about, node{"type": "string", "pattern": `^[a-z0-9]+/[a-z0-9]+$`})
}

func labels(about string) node { return list(about, text("")) }

func env(about string) node {
	return named(about, node{"type": []string{"string", "number", "boolean"}})
}

func secrets(about string) node {
	return list(about, node{"type": "string", "pattern": variableForm})
}
