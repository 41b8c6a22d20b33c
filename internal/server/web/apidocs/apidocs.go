// Package apidocs is the page that explains the REST API to people: every
// operation with who may, what it takes and what it answers, made from the same
// OpenAPI document that programs read.
package apidocs

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/weir-ci/weir/internal/server/rest/openapi"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Path is where the page is.
const Path = "/help/api"

// Register adds the page. Document gives the OpenAPI document as JSON; it is asked
// once, since it does not change while a server runs.
func Register(routes *page.Routes, document func() ([]byte, error)) {
	read := sync.OnceValues(func() (View, error) {
		text, err := document()
		if err != nil {
			return View{}, err
		}
		doc, err := openapi.Parse(text)
		if err != nil {
			return View{}, err
		}
		return NewView(doc), nil
	})
	routes.Show(page.Route{Pattern: Path}, func(*http.Request) (page.Shown, error) {
		v, err := read()
		return page.Shown{Title: "API", Content: docsPage(v)}, err
	})
}

// View is the page.
type View struct {
	Title, Version string
	Groups         []Group
	Forms          []Form
}

// Group is the operations on one kind of thing.
type Group struct {
	Name, Anchor string
	Calls        []CallView
}

// CallView is one operation.
type CallView struct {
	ID, Method, Path, Summary string
	// Needs is who may: empty for everybody.
	Needs   string
	Params  []Field // of the path and the query
	Sends   []Field // of the body
	Answers Kind
	Example string // for a shell
}

// Form is the form of a thing that several operations answer or take.
type Form struct {
	Name   string
	Fields []Field
}

// Field is a parameter or a part of a body.
type Field struct {
	Name, Text string
	Kind       Kind
	Where      string // "path" or "query"; empty in a body
	Required   bool
	Limits     string // "0 to 1000", "at most 64 characters"
}

// Kind is the type of a value in words, with the form that it refers to.
type Kind struct {
	Text string // "list of", "integer"
	Form string // name of a form; empty: none
}

// NewView makes the page of a document.
func NewView(doc *openapi.Doc) View {
	v := View{Title: doc.Info.Title, Version: doc.Info.Version}
	groups := map[string]*Group{}
	for _, call := range doc.Calls() {
		name, _, _ := strings.Cut(strings.TrimPrefix(call.Path, page.APIPrefix), "/")
		g := groups[name]
		if g == nil {
			g = &Group{Name: name, Anchor: "g-" + name}
			groups[name] = g
		}
		g.Calls = append(g.Calls, newCall(doc, call))
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		v.Groups = append(v.Groups, *groups[name])
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		if s := doc.Components.Schemas[name]; len(s.Properties) > 0 {
			v.Forms = append(v.Forms, Form{Name: name, Fields: fields(doc, s)})
		}
	}
	return v
}

func newCall(doc *openapi.Doc, call openapi.Call) CallView {
	v := CallView{ID: call.ID, Method: call.Method, Path: call.Path, Summary: call.Summary, Needs: needs(call.Security)}
	for _, p := range call.Parameters {
		f := field(doc, p.Name, p.Schema)
		f.Where, f.Required, f.Text = p.In, p.Required, cmp.Or(p.Description, f.Text)
		v.Params = append(v.Params, f)
	}
	if s := call.Sends(); s != nil {
		s, _ = doc.Resolve(s)
		v.Sends = fields(doc, s)
	}
	v.Answers = kind(doc, call.Answer())
	if v.Answers.Text == "" && v.Answers.Form == "" {
		v.Answers.Text = other(call)
	}
	v.Example = example(call)
	return v
}

// other names the content type of an answer that is no JSON.
func other(call openapi.Call) string {
	for _, code := range slices.Sorted(maps.Keys(call.Responses)) {
		if r := call.Responses[code]; strings.HasPrefix(code, "2") && r != nil {
			for _, t := range slices.Sorted(maps.Keys(r.Content)) {
				return t
			}
		}
	}
	return "a file"
}

// needs says what a request needs.
func needs(security []map[string][]string) string {
	var parts []string
	for _, one := range security {
		for _, scheme := range slices.Sorted(maps.Keys(one)) {
			rights := strings.Join(one[scheme], ", ")
			parts = append(parts, cmp.Or(rights, scheme))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, " or ")
}

// example is how a shell asks for it.
func example(call openapi.Call) string {
	var b strings.Builder
	b.WriteString("weir api ")
	if call.Method != http.MethodGet {
		fmt.Fprintf(&b, "--method %s ", call.Method)
	}
	path := strings.TrimPrefix(call.Path, page.APIPrefix)
	for _, p := range call.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", strings.ToUpper(p.Name))
		}
	}
	b.WriteString(path)
	for _, p := range call.Parameters {
		if p.In == "query" && p.Required {
			fmt.Fprintf(&b, " %s=%s", p.Name, strings.ToUpper(p.Name))
		}
	}
	return b.String()
}

// fields lists the fields of a form, required ones first.
func fields(doc *openapi.Doc, s *openapi.Schema) []Field {
	var list []Field
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		f := field(doc, name, s.Properties[name])
		f.Required = slices.Contains(s.Required, name)
		list = append(list, f)
	}
	slices.SortStableFunc(list, func(a, b Field) int { return rank(a) - rank(b) })
	return list
}

func rank(f Field) int {
	if f.Required {
		return 0
	}
	return 1
}

func field(doc *openapi.Doc, name string, s *openapi.Schema) Field {
	f := Field{Name: name, Kind: kind(doc, s)}
	if s != nil {
		f.Text, f.Limits = s.Description, limits(s)
	}
	return f
}

// kind is the type of a value in words.
func kind(doc *openapi.Doc, s *openapi.Schema) Kind {
	if s == nil {
		return Kind{}
	}
	target, name := doc.Resolve(s)
	if name != "" && len(target.Properties) > 0 {
		return Kind{Form: name}
	}
	types := slices.DeleteFunc(slices.Clone(target.Type), func(t string) bool { return t == "null" })
	switch {
	case slices.Contains(types, "array"):
		k := kind(doc, target.Items)
		k.Text = strings.TrimSpace("list of " + k.Text)
		return k
	case target.Values != nil:
		k := kind(doc, target.Values)
		k.Text = strings.TrimSpace("by name: " + k.Text)
		return k
	case target.Format == "date-time":
		return Kind{Text: "time (RFC 3339)"}
	case len(types) == 0:
		return Kind{Text: "anything"}
	}
	return Kind{Text: strings.Join(types, " or ")}
}

// limits says what a value may be.
func limits(s *openapi.Schema) string {
	var parts []string
	if len(s.Enum) > 0 {
		words := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			words[i] = fmt.Sprint(v)
		}
		parts = append(parts, "one of "+strings.Join(words, ", "))
	}
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		parts = append(parts, fmt.Sprintf("%.0f to %.0f", *s.Minimum, *s.Maximum))
	case s.Minimum != nil:
		parts = append(parts, fmt.Sprintf("%.0f or more", *s.Minimum))
	case s.Maximum != nil:
		parts = append(parts, fmt.Sprintf("%.0f at most", *s.Maximum))
	}
	if s.MaxLength != nil {
		parts = append(parts, fmt.Sprintf("at most %d characters", *s.MaxLength))
	}
	if s.Default != nil {
		parts = append(parts, fmt.Sprintf("%v if left out", s.Default))
	}
	return strings.Join(parts, "; ")
}
