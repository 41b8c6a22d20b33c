package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// proof is a link to a test: its text is the name of a function in backquotes,
// or that of a subtest in quotes.
var proof = regexp.MustCompile("\\[(?:`(Test[A-Za-z0-9]+)`|\"([^\"\\]]+)\")\\]\\(([^)]+)\\)")

// TestDelivery makes sure that each test that stands for a promise is in the
// file that the page names, and that no promise is without one.
func TestDelivery(t *testing.T) {
	t.Parallel()
	const name = "docs/delivery.md"
	p := readPage(t, name)
	for _, m := range proof.FindAllStringSubmatch(p.text, -1) {
		data, err := os.ReadFile(filepath.Join(root, "docs", filepath.FromSlash(m[3])))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := "func " + m[1] + "("
		if m[1] == "" {
			want = `{"` + m[2] + `", `
		}
		if !strings.Contains(string(data), want) {
			t.Errorf("%s: there is no %s%s in %s", name, m[1], m[2], m[3])
		}
	}
	sections := strings.Split(p.text, "\n## ")[1:]
	for _, s := range sections {
		title, _, _ := strings.Cut(s, "\n")
		if !strings.Contains(s, "\n**") || !proof.MatchString(s) {
			t.Errorf("%s: the section %q has no promise, or no test that shows it", name, title)
		}
	}
	if len(sections) < 8 {
		t.Errorf("%s has only %d sections", name, len(sections))
	}
}
