package web

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTemplatesAreCurrent generates the templates again beside the committed ones.
func TestTemplatesAreCurrent(t *testing.T) {
	t.Parallel()
	for _, from := range []string{".", "builds", "findings", "front", "page"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			templatesAreCurrent(t, from)
		})
	}
}

func templatesAreCurrent(t *testing.T, from string) {
	dir := t.TempDir()
	templates, err := filepath.Glob(filepath.Join(from, "*.templ"))
	if err != nil || len(templates) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	for _, name := range templates {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "go", "tool", "templ", "generate", "-path", dir).CombinedOutput(); err != nil {
		t.Fatalf("templ: %v: %s", err, out)
	}
	for _, name := range templates {
		name = strings.TrimSuffix(name, ".templ") + "_templ.go"
		want, err := os.ReadFile(filepath.Join(dir, filepath.Base(name)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not current: run make generate", name)
		}
	}
}
