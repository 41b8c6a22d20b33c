package components

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/web/static"
)

func html(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if err := componentsPage(newView(time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC))).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestShowsEveryKind makes sure that no kind of mark is missing on the page, and
// that no text on it is taken for HTML.
func TestShowsEveryKind(t *testing.T) {
	t.Parallel()
	text := html(t)
	for _, k := range page.Kinds() {
		if !strings.Contains(text, `href="#i-`+k.Kind+`"`) || !strings.Contains(text, `<path class="is-`+k.Kind+`"`) {
			t.Errorf("kind %s is not on the page", k.Kind)
		}
	}
	for _, bad := range []string{"<script", "<img", "javascript:", "\x00", "\u202e"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

// TestShowsEveryColour makes sure that the page shows the colours of the style.
func TestShowsEveryColour(t *testing.T) {
	t.Parallel()
	style, err := static.Style()
	if err != nil {
		t.Fatal(err)
	}
	root, _, _ := strings.Cut(string(style), "@media")
	text := html(t)
	found := regexp.MustCompile(`(--[a-z-]+): light-dark`).FindAllStringSubmatch(root, -1)
	if len(found) == 0 {
		t.Fatal("the style has no colours")
	}
	for _, m := range found {
		if !strings.Contains(text, "<code>"+m[1]+"</code>") {
			t.Errorf("colour %s is not on the page", m[1])
		}
	}
}

// TestColoursAreExplained makes sure that docs/design-language.md explains them all.
func TestColoursAreExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../docs/design-language.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range colours() {
		if !strings.Contains(string(text), "| `"+c+"` |") {
			t.Errorf("docs/design-language.md does not explain %s", c)
		}
	}
}
