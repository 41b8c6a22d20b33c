package cache

import (
	"strings"

	"github.com/weir-ci/weir"
)

// Expand fills in a key's template: what stands in braces. {hash:PATTERN} is
// what hash says of the pattern; any other {NAME} is what look knows under the
// name. Braces that are not closed, and names that are not known, are Invalid.
func Expand(template string, look func(name string) (string, bool), hash func(pattern string) (string, error)) (string, error) {
	var b strings.Builder
	rest := template
	for {
		before, behind, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			break
		}
		name, after, ok := strings.Cut(behind, "}")
		if !ok {
			return "", weir.Errorf(weir.Invalid, "the key %.200q has a { without its }", template)
		}
		if pattern, ok := strings.CutPrefix(name, "hash:"); ok {
			sum, err := hash(strings.TrimSpace(pattern))
			if err != nil {
				return "", err
			}
			b.WriteString(sum)
		} else {
			value, ok := look(name)
			if !ok {
				return "", weir.Errorf(weir.Invalid, "the key %.200q names {%.100s}, which is no variable of the job", template, name)
			}
			b.WriteString(value)
		}
		rest = after
	}
	if b.Len() > MaxKey {
		return "", weir.Errorf(weir.Invalid, "the key that %.200q makes is longer than %d bytes", template, MaxKey)
	}
	return b.String(), nil
}
