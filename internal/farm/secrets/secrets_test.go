package secrets_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/secrets"
	"github.com/weir-ci/weir/internal/recipe"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) recipe.SecretFrom {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return recipe.SecretFrom{File: at}
	}
	t.Setenv("WEIR_TEST_SECRET", "from the environment")
	farm := &recipe.Farm{Secrets: map[string]recipe.SecretFrom{
		"FILE":  file("file", "s3cret\r\n"),
		"LINES": file("lines", "one\ntwo\n"),
		"EMPTY": file("empty", "\n"),
		"LARGE": file("large", strings.Repeat("x", secrets.MaxValue+1)),
		"GONE":  {File: filepath.Join(dir, "gone")},
		"ENV":   {Env: "WEIR_TEST_SECRET"},
		"UNSET": {Env: "WEIR_TEST_SECRET_THAT_IS_NOT_SET"},
	}}
	for name, want := range map[string]string{"FILE": "s3cret", "LINES": "one\ntwo", "ENV": "from the environment"} {
		if got, err := secrets.Find(farm, name); got != want || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]weir.Code{"EMPTY": weir.Invalid, "LARGE": weir.Invalid, "GONE": weir.Unavailable, "UNSET": weir.Unavailable, "OTHER": weir.NotFound} {
		if _, err := secrets.Find(farm, name); weir.CodeOf(err) != want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
