package diff

import (
	"reflect"
	"slices"
	"strings"
)

// nested are fields that are mappings in a file, by the keys that they have
// there: what differs within them is told key by key.
var nested = []string{"Source", "Checkout", "Watch", "Pulls", "Start", "Worker", "Mail"}

// flat are those of them whose keys stand beside the others in a file.
var flat = []string{"Checkout", "Watch", "Start"}

// differing lists the keys of two structs of one type whose values differ,
// sorted. Fields with the given names are left out.
func differing(before, after reflect.Value, except ...string) []string {
	keys := fields(before, after, "", except)
	slices.Sort(keys)
	return keys
}

func fields(before, after reflect.Value, prefix string, except []string) (keys []string) {
	t := before.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || slices.Contains(except, f.Name) {
			continue
		}
		a, b := before.Field(i), after.Field(i)
		if alike(a, b) {
			continue
		}
		if key := prefix + keyOf(f); f.Type.Kind() == reflect.Struct && slices.Contains(nested, f.Name) {
			inner := key + "."
			if slices.Contains(flat, f.Name) {
				inner = prefix
			}
			keys = append(keys, fields(a, b, inner, nil)...)
		} else {
			keys = append(keys, key)
		}
	}
	return keys
}

// alike takes an empty list for none at all.
func alike(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Slice, reflect.Map:
		if a.Len() == 0 && b.Len() == 0 {
			return true
		}
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// keyOf is what a field is called in a file: its name in JSON, or else its own
// in lower case, with underscores between its words.
func keyOf(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
		return name
	}
	var b strings.Builder
	for i, c := range f.Name {
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && f.Name[i-1] >= 'a' && f.Name[i-1] <= 'z' {
			b.WriteByte('_')
		}
		if upper {
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
