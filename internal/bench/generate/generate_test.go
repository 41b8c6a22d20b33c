package generate_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/bench/generate"
)

// TestLog holds the generated log against what it should be like.
func TestLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := generate.Log(path, 10_000); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "\n"); n != 10_000 || math.Abs(float64(len(data))/10_000-generate.LineBytes) > 1 {
		t.Errorf("%d lines, %d bytes", n, len(data))
	}
}
