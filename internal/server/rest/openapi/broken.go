package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Broken lists what programs that were written for the old document would miss or
// be refused by a server with the new one, sorted. These are the rules of version 1
// of the API:
//
//   - An operation stays: its path, its method, its id.
//   - What a request may hold it may hold for ever: no parameter and no field goes,
//     becomes required, takes less, or changes its type.
//   - What an answer holds it holds for ever: no field goes or changes its type.
//     Fields and values of enumerations may come: who reads passes over those that
//     it does not know.
func Broken(was, is *Doc) []string {
	c := comparison{was: was, is: is}
	now := map[string]Call{}
	for _, call := range is.Calls() {
		now[call.Method+" "+call.Path] = call
	}
	for _, old := range was.Calls() {
		name := old.Method + " " + old.Path
		call, ok := now[name]
		if !ok {
			c.say("%s is gone", name)
			continue
		}
		if old.ID != call.ID {
			c.say("%s was called %s and is called %s", name, old.ID, call.ID)
		}
		c.parameters(name, old.Parameters, call.Parameters)
		switch {
		case old.Sends() == nil && call.Sends() != nil && call.Body.Required:
			c.say("%s needs a body now", name)
		case old.Sends() != nil && call.Sends() == nil:
			c.say("%s takes no body any more", name)
		default:
			c.schema(name+" takes", old.Sends(), call.Sends(), request, nil)
		}
		if old.Answer() != nil && call.Answer() == nil {
			c.say("%s answers no JSON any more", name)
		} else {
			c.schema(name+" answers", old.Answer(), call.Answer(), answer, nil)
		}
	}
	slices.Sort(c.found)
	return slices.Compact(c.found)
}

// direction is who makes a value.
type direction int

const (
	request direction = iota // a client, for the server
	answer                   // the server, for a client
)

type comparison struct {
	was, is *Doc
	found   []string
}

func (c *comparison) say(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

func (c *comparison) parameters(name string, was, is []Parameter) {
	same := func(a Parameter) func(Parameter) bool {
		return func(b Parameter) bool { return a.In == b.In && a.Name == b.Name }
	}
	for _, old := range was {
		i := slices.IndexFunc(is, same(old))
		if i < 0 {
			c.say("%s has no parameter %s in its %s any more", name, old.Name, old.In)
			continue
		}
		if is[i].Required && !old.Required {
			c.say("%s needs the parameter %s now", name, old.Name)
		}
		c.schema(name+" takes "+old.Name, old.Schema, is[i].Schema, request, nil)
	}
	for _, p := range is {
		if p.Required && p.In != "path" && !slices.ContainsFunc(was, same(p)) {
			c.say("%s needs the new parameter %s", name, p.Name)
		}
	}
}

// pair is two schemas that have been compared; forms may hold themselves.
type pair struct{ was, is *Schema }

func (c *comparison) schema(where string, was, is *Schema, d direction, seen []pair) {
	if was == nil || is == nil {
		return
	}
	was, _ = c.was.Resolve(was)
	is, _ = c.is.Resolve(is)
	if slices.Contains(seen, pair{was, is}) {
		return
	}
	seen = append(slices.Clip(seen), pair{was, is})
	if a, b := kinds(was), kinds(is); a != b {
		c.say("%s: was %s and is %s", where, a, b)
		return
	}
	if d == request {
		c.narrowed(where, was, is)
	}
	for _, name := range slices.Sorted(maps.Keys(was.Properties)) {
		field := where + "." + name
		now, ok := is.Properties[name]
		if !ok {
			c.say("%s is gone", field)
			continue
		}
		c.schema(field, was.Properties[name], now, d, seen)
	}
	if d == request {
		for _, name := range is.Required {
			if !slices.Contains(was.Required, name) {
				c.say("%s.%s is required now", where, name)
			}
		}
	}
	c.schema(where+"[]", was.Items, is.Items, d, seen)
	c.schema(where+"{}", was.Values, is.Values, d, seen)
}

// kinds names what a value may be, but for null, which may come and go: a list that
// was null is empty now.
func kinds(s *Schema) string {
	list := slices.DeleteFunc(slices.Clone(s.Type), func(t string) bool { return t == "null" })
	slices.Sort(list)
	if s.Format != "" {
		list = append(list, "("+s.Format+")")
	}
	return strings.Join(list, " ")
}

// narrowed tells what a value may not be any more.
func (c *comparison) narrowed(where string, was, is *Schema) {
	if len(is.Enum) > 0 {
		if len(was.Enum) == 0 {
			c.say("%s: only some values are left", where)
		}
		for _, v := range was.Enum {
			if !slices.Contains(is.Enum, v) {
				c.say("%s: %v is not taken any more", where, v)
			}
		}
	}
	if is.Maximum != nil && (was.Maximum == nil || *is.Maximum < *was.Maximum) {
		c.say("%s: takes less than before", where)
	}
	if is.Minimum != nil && (was.Minimum == nil || *is.Minimum > *was.Minimum) {
		c.say("%s: takes only more than before", where)
	}
	if is.MaxLength != nil && (was.MaxLength == nil || *is.MaxLength < *was.MaxLength) {
		c.say("%s: takes only shorter text than before", where)
	}
	if is.MinLength != nil && *is.MinLength > 0 && (was.MinLength == nil || *is.MinLength > *was.MinLength) {
		c.say("%s: takes only longer text than before", where)
	}
}
