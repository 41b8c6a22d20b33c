package sqltx

import (
	"strconv"
	"strings"
)

// Where collects conditions of a query and their parameters. The zero value
// has none.
type Where struct {
	conditions []string
	args       []any
}

// Args are the parameters so far, in the order of their placeholders.
func (w *Where) Args() []any { return w.args }

// Arg adds a parameter and returns its placeholder.
func (w *Where) Arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

// And adds a condition; each ? in it stands for the value.
func (w *Where) And(condition string, v any) {
	w.conditions = append(w.conditions, strings.ReplaceAll(condition, "?", w.Arg(v)))
}

// Always adds a condition without parameters.
func (w *Where) Always(condition string) { w.conditions = append(w.conditions, condition) }

// WhereIn adds the condition that a column has one of the values, if there are any.
func WhereIn[T ~string](w *Where, column string, values []T) {
	if len(values) == 0 {
		return
	}
	first := len(w.args) + 1
	for _, v := range values {
		w.args = append(w.args, string(v))
	}
	w.conditions = append(w.conditions, column+` IN (`+Placeholders(first, len(values))+`)`)
}

// String renders the WHERE clause; empty if there are no conditions.
func (w *Where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// Limits on most lists, in rows.
const (
	StandardList = 100
	LongestList  = 1000
)

// Limit bounds a wish for rows: 0 or less is the standard.
func Limit(wish, standard, most int) int {
	if wish <= 0 {
		return standard
	}
	return min(wish, most)
}

// Placeholders renders $first, $first+1, ... for n parameters.
func Placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return b.String()
}
