package results

import (
	"regexp"
	"strings"
)

// Rule is one thing that is masked in names because it changes from run to
// run without meaning anything.
type Rule struct {
	Name    string // what it is, for people
	Pattern string // regular expression, RE2 syntax
	Replace string // what stands in its place
	// Example and Masked show the rule at work, and are tested.
	Example, Masked string
	pattern         *regexp.Regexp
	hint            []string // no match without one of these; saves the regular expression
}

// A path element: it ends at a separator, at white space and at quotes.
const element = `[^\s/\\:;,"'<>|()\[\]{}]+`

var rules = compileRules([]Rule{
	{
		Name:    "temporary directory of macOS",
		Pattern: `(?:/private)?/var/folders/` + element + `/` + element + `/[A-Z]/` + element + `(?:/[0-9]{3}\b)?`,
		Replace: "<tmp>", hint: []string{"/var/folders/"},
		Example: "TestLoad//var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/TestLoad123/001/a.txt",
		Masked:  "TestLoad/<tmp>/a.txt",
	},
	{
		Name:    "temporary directory of pytest",
		Pattern: `(?:/private)?(?:/var)?/tmp/pytest-of-` + element + `/pytest-[0-9]+`,
		Replace: "<tmp>", hint: []string{"/tmp/pytest-of-"},
		Example: "test_read[/tmp/pytest-of-user/pytest-12/data]",
		Masked:  "test_read[<tmp>/data]",
	},
	{
		Name:    "temporary directory of Unix, Go's t.TempDir among them",
		Pattern: `(?:/private)?(?:/var)?/tmp/` + element + `(?:/[0-9]{3}\b)?`,
		Replace: "<tmp>", hint: []string{"/tmp/"},
		Example: "TestTemp//tmp/TestTemp2488633178/001/out",
		Masked:  "TestTemp/<tmp>/out",
	},
	{
		Name: "temporary directory of Windows",
		Pattern: `(?i)[a-z]:[\\/]+(?:users[\\/]+[^\\/:*?"<>|]+[\\/]+appdata[\\/]+local|windows)[\\/]+temp[\\/]+` +
			element + `(?:[\\/]+[0-9]{3}\b)?`,
		Replace: "<tmp>", hint: []string{`:\`, ":/"},
		Example: `opens C:\Users\ann\AppData\Local\Temp\x1y2\file.txt`,
		Masked:  `opens <tmp>\file.txt`,
	},
	{
		Name:    "UUID",
		Pattern: `(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
		Replace: "<uuid>", hint: []string{"-"},
		Example: "deletes 123e4567-e89b-12d3-a456-426614174000",
		Masked:  "deletes <uuid>",
	},
	{
		Name:    "pointer: six or more hex digits behind 0x",
		Pattern: `0[xX][0-9a-fA-F]{6,}`,
		Replace: "<ptr>", hint: []string{"0x", "0X"},
		Example: "test_repr[<object at 0x7ffd1234abcd>]",
		Masked:  "test_repr[<object at <ptr>>]",
	},
})

func compileRules(rs []Rule) []Rule {
	for i := range rs {
		rs[i].pattern = regexp.MustCompile(rs[i].Pattern)
	}
	return rs
}

// Rules lists what is masked, in the order in which the rules are tried. A
// rule applies only where neither a letter nor a digit touches the match, so
// that names stay apart by every digit that their authors chose.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// Mask replaces what Rules lists. Mask of a masked name changes nothing.
func Mask(name string) (masked string) {
	if !hinted(name) {
		return name
	}
	// A replacement can free its neighbour, which the letter or digit in
	// between had held back. Every replacement makes the name shorter, so
	// this ends.
	for {
		before := name
		for i := range rules {
			name = rules[i].apply(name)
		}
		if name == before {
			return name
		}
	}
}

// hinted reports whether a name holds what at least one rule needs. Most names
// do not, and there may be millions.
func hinted(name string) bool {
	for i := range len(name) {
		switch name[i] {
		case '/', ':', '-':
			return true
		case 'x', 'X':
			if i > 0 && name[i-1] == '0' {
				return true
			}
		}
	}
	return false
}

func (r *Rule) apply(s string) string {
	hinted := false
	for _, h := range r.hint {
		hinted = hinted || strings.Contains(s, h)
	}
	if !hinted {
		return s
	}
	var b strings.Builder
	done := 0
	for _, m := range r.pattern.FindAllStringIndex(s, -1) {
		start, end := m[0], m[1]
		if start > 0 && alnum(s[start-1]) || end < len(s) && alnum(s[end]) {
			continue
		}
		b.WriteString(s[done:start])
		b.WriteString(r.Replace)
		done = end
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
