// Package openapi reads the OpenAPI document of a farm, as far as it is used: for
// the page that explains the API, for the command line that lists it, and to tell
// whether a new document keeps what an old one promised (Broken).
package openapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Doc is an OpenAPI 3.1 document.
type Doc struct {
	Info struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	} `json:"info"`
	Paths      map[string]map[string]*Operation `json:"paths"` // by path, then by method in lower case
	Components struct {
		Schemas map[string]*Schema `json:"schemas"`
	} `json:"components"`
}

// Operation is one method of one path.
type Operation struct {
	ID          string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Description string                `json:"description"`
	Tags        []string              `json:"tags"`
	Parameters  []Parameter           `json:"parameters"`
	Body        *Body                 `json:"requestBody"`
	Responses   map[string]*Response  `json:"responses"`
	Security    []map[string][]string `json:"security"` // empty: everybody may
}

// Parameter is a part of a path or a query, or a header.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"` // path, query, header
	Description string  `json:"description"`
	Required    bool    `json:"required"`
	Schema      *Schema `json:"schema"`
}

// Body is the body of a request.
type Body struct {
	Required bool             `json:"required"`
	Content  map[string]Media `json:"content"` // by content type
}

// Response is an answer.
type Response struct {
	Description string           `json:"description"`
	Content     map[string]Media `json:"content"`
}

// Media is what a body holds.
type Media struct {
	Schema *Schema `json:"schema"`
}

// Schema is the form of a value. Of a document it is given by Doc.Resolve.
type Schema struct {
	Ref         string             `json:"$ref"`
	Type        Types              `json:"type"`
	Format      string             `json:"format"`
	Description string             `json:"description"`
	Enum        []any              `json:"enum"`
	Default     any                `json:"default"`
	Properties  map[string]*Schema `json:"properties"`
	Required    []string           `json:"required"`
	Items       *Schema            `json:"items"`
	// Values is the form of the values of a map; nil: it is none.
	Values    *Schema  `json:"-"`
	Minimum   *float64 `json:"minimum"`
	Maximum   *float64 `json:"maximum"`
	MinLength *int     `json:"minLength"`
	MaxLength *int     `json:"maxLength"`
}

// Types are the names of the types that a value may have.
type Types []string

// UnmarshalJSON reads one name or a list of them.
func (t *Types) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte{'"'}) {
		*t = make(Types, 1)
		return json.Unmarshal(text, &(*t)[0])
	}
	return json.Unmarshal(text, (*[]string)(t))
}

// UnmarshalJSON reads a schema; additionalProperties may be true, false or a schema.
func (s *Schema) UnmarshalJSON(text []byte) error {
	type plain Schema
	var more struct {
		Values json.RawMessage `json:"additionalProperties"`
	}
	if err := json.Unmarshal(text, (*plain)(s)); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &more); err != nil {
		return err
	}
	if bytes.HasPrefix(bytes.TrimSpace(more.Values), []byte{'{'}) {
		s.Values = new(Schema)
		return json.Unmarshal(more.Values, s.Values)
	}
	return nil
}

// Parse reads a document; Invalid if it is none.
func Parse(text []byte) (*Doc, error) {
	var d Doc
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, weir.Errorf(weir.Invalid, "this is not an OpenAPI document").WithCause(err)
	}
	return &d, nil
}

const schemaPrefix = "#/components/schemas/"

// Resolve follows the reference of a schema, and gives its name; empty if it has
// none. What refers to nothing is a schema that says nothing.
func (d *Doc) Resolve(s *Schema) (*Schema, string) {
	if s == nil {
		return &Schema{}, ""
	}
	name, ok := strings.CutPrefix(s.Ref, schemaPrefix)
	if !ok {
		return s, ""
	}
	if found := d.Components.Schemas[name]; found != nil {
		return found, name
	}
	return &Schema{}, name
}

// Call is an operation and where it is.
type Call struct {
	Method, Path string // "GET", "/api/v1/builds/{id}"
	*Operation
}

// methodOrder is the order of methods of one path.
var methodOrder = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// Calls lists the operations by path and method.
func (d *Doc) Calls() []Call {
	var list []Call
	for path, methods := range d.Paths {
		for method, op := range methods {
			if op != nil && op.ID != "" {
				list = append(list, Call{strings.ToUpper(method), path, op})
			}
		}
	}
	slices.SortFunc(list, func(a, b Call) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), slices.Index(methodOrder, a.Method)-slices.Index(methodOrder, b.Method))
	})
	return list
}

// JSONType is the content type of bodies.
const JSONType = "application/json"

// Answer is the form of an operation's good answer as JSON; nil if it has none.
func (o *Operation) Answer() *Schema {
	for code, r := range o.Responses {
		if strings.HasPrefix(code, "2") && r != nil {
			if m, ok := r.Content[JSONType]; ok {
				return m.Schema
			}
		}
	}
	return nil
}

// Sends is the form of the JSON that an operation takes; nil if it takes none.
func (o *Operation) Sends() *Schema {
	if o.Body == nil {
		return nil
	}
	return o.Body.Content[JSONType].Schema
}
